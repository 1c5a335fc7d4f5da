"""Whether a line is in its language, all of it, and the Chinese one in simplified characters.

A line is judged by share: its Chinese characters against its other words, for a name of the
paper, however long, is one word. What the paper itself holds in another script may be quoted.
"""

import functools
import re
from collections.abc import Iterator
from itertools import groupby, islice
from typing import TYPE_CHECKING

from pipeline.checks.rules import Found, Rules, Span
from pipeline.records import Language, Lines, Paper
from pipeline.wording import HAN

if TYPE_CHECKING:
    from opencc import OpenCC


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


HAN_RUN = re.compile(f"{HAN.pattern}+")
WORD = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff][\w.+-]*", re.ASCII)
BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
LETTERS = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]+")

FOREIGN = {
    "Japanese kana": r"\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fd-\u30ff\u31f0-\u31ff"
    r"\uff66-\uff9d",
    "Hangul": r"\u1100-\u11ff\u3131-\u318e\uac00-\ud7af",
    "Cyrillic": r"\u0400-\u052f",
    "Arabic": r"\u0620-\u06ff\u0750-\u077f",
    "Hebrew": r"\u05d0-\u05ea",
    "Devanagari": r"\u0900-\u097f",
    "Bengali": r"\u0980-\u09ff",
    "Tamil": r"\u0b80-\u0bff",
    "Thai": r"\u0e01-\u0e5b",
    "Georgian": r"\u10a0-\u10ff",
    "Armenian": r"\u0531-\u0587",
}
"""Scripts that neither line is written in; Greek is not here, since formulas use it."""

SINGLE = frozenset({"Cyrillic", "Hebrew"})
"""Scripts of which mathematics uses single letters: Ш and א."""

SCRIPTS = tuple(FOREIGN)
OTHER_SCRIPT = re.compile("|".join(f"([{letters}]+)" for letters in FOREIGN.values()))
ANY_OTHER = re.compile(f"[{''.join(FOREIGN.values())}]")
"""Whether a line has any of them: many times faster than telling which."""

WRONG_CHINESE = 0.4
"""Chinese characters by all characters and words of a Chinese line, below which it is none."""

MIXED_CHINESE = 0.6
"""The same, below which it is mixed: of 2,724 lines by deployed models none has less than 0.77."""

WRONG_ENGLISH = 0.3
"""The same of an English line, above which it is Chinese; between 0 and this it is mixed."""

WRONG_SCRIPT = 0.2
"""Letters of another script by all letters of a line: Japanese has more kana than that."""

SHORTEST_FOREIGN = 8
"""Words from which the function words of an English line say that it is none."""

ENGLISH_WORDS = _words(
    "the of and with for to is are by that from at this we which as an it using than while can "
    "its their be not has have into on in a or"
)
FOREIGN_WORDS = _words(
    "der die das und für mit eine einer ist auf den dem von zu werden le la les des et une pour "
    "dans est sur avec du que par el los las del con una un se il lo della delle di per che gli "
    "nel sono os um uma não com da dos de het een voor van en yang dan untuk dengan dari ve bir "
    "bu ile için na och att är som på av ett og til af"
)
"""Function words of other languages in Latin script that are no English ones."""

RIGHT = re.compile(
    r"薹|拚|毕昇|昇(?=[腾思])|二噁|噁(?=[唑嗪烷二英草])|苧(?=烯)|袷(?=袢)|甚夥|(?<=幺)麽|宫商角徵羽"
)
"""Where a character that OpenCC takes for a traditional one is right in Simplified Chinese: of
its own meaning there (蒜薹, 拚, 二噁英, 噁唑, 苧烯), or in a name (毕昇, 昇腾, 昇思)."""

ASIDE = re.compile(r"[（(][^（）()]*[）)]|[“「『《][^“”「」『』《》]*[”」』》]|\"[^\"]*\"|`[^`]*`")
"""What stands in brackets or quotation marks: the term in English, or words quoted."""

RUNNING = re.compile(
    r"[a-z](?<![\w.\-/\\@^{}$:~=][a-z])[a-z]*(?:-[a-z]+)*"
    r"(?: [a-z]+(?:-[a-z]+)*)*(?![\w.\-/\\@^{}$=])",
    re.ASCII,
)
"""Lower-case words side by side that are no part of a name, a formula, a path or a program."""

LETTERS_OF_PHRASE = 14
"""Letters from which lower-case words side by side are a phrase: `proxy tuning`, a method in
a line by an editor, has 11, `pinching antenna`, left as it was by a model, 15."""

ORDINARY = re.compile(
    r"[a-z]{3,}(?:[ts]ions?|ness|ments?|it(?:y|ies)|ships?|[ae]nces?|isms?|istics?|ical|ological|"
    r"[abu]ly|ously|ively|ally|ful|[ai]ble|ians?|[^aeiou]ed|ated|ors|ists?|ysis|yses)"
)
"""Shapes of English words that say what they are without a list: -tion, -ness, -ity."""

PLAIN = _words(
    "answer answers approach approaches baseline baselines because before better between both "
    "challenge challenges children clinical complex control dataset datasets different during "
    "effect effects efficient enough evidence existing experts failure features framework "
    "frameworks graphs health human humans images improve improved improves including input "
    "inputs knowledge language languages learning methods metric metrics model models modeling "
    "multiple network networks neural noisy observed output outputs patient patients people "
    "performance policy problem problems quality question questions random recent research "
    "result results robust sample samples scheme sentence sentences several signal signals "
    "single source sources speech strong student students summary support system systems target "
    "theory through toward towards training underwater unknown various videos weather where "
    "whether which within without workflow worker workers"
)
"""Ordinary words of abstracts that no ending shows."""

KEPT_IN_ENGLISH = _words(
    "attention backbone benchmark embedding embeddings harness logits softmax surprisal "
    "tokenization transformers diffusers tensors tensor torchvision vectors"
)
"""Terms and libraries that Chinese texts keep in English."""

LONE = 6
"""Letters from which an ordinary lower-case word that stands alone is reported."""

PARTS_NAMED = 20
"""Parts of one line that a message names."""


def check(paper: Paper, lines: Lines, rules: Rules) -> Iterator[Found]:  # noqa: ARG001
    """`language-wrong`, `language-mixed` and `traditional`, at most one of each for a script."""
    if "en" in lines:
        yield from _english(paper, lines["en"])
    if "zh" in lines:
        yield from _chinese(paper, lines["zh"])


def _english(paper: Paper, line: str) -> Iterator[Found]:
    scripts = list(_other_scripts(paper, line, "en"))
    yield from scripts
    if any(found.code == "language-wrong" for found in scripts):
        return
    runs = [] if line.isascii() else list(HAN_RUN.finditer(line))
    words = WORD.findall(line)
    han = sum(run.end() - run.start() for run in runs)
    if han and han / (han + len(words)) > WRONG_ENGLISH:
        yield Found("language-wrong", "the English line is Chinese", "en", (0, len(line)))
    elif not words:
        if line.strip():
            yield Found("language-wrong", "the English line has no word", "en", (0, len(line)))
    elif unquoted := _unquoted([run.span() for run in runs], line, paper):
        named = ", ".join(line[slice(*span)] for span in unquoted)
        yield Found("language-mixed", f"{named} is Chinese in the English line", "en", unquoted[0])
    elif len(words) >= SHORTEST_FOREIGN:
        yield from _other_latin(line, words)


def _other_latin(line: str, words: list[str]) -> Iterator[Found]:
    """Another language in Latin script shows by its function words, and the lack of English."""
    lower = [word.rstrip(".").lower() for word in words]
    foreign = [word for word in lower if word in FOREIGN_WORDS]
    if len(foreign) < 2:
        return
    if len(foreign) > sum(word in ENGLISH_WORDS for word in lower):
        shown = ", ".join(dict.fromkeys(foreign[:PARTS_NAMED]))
        yield Found(
            "language-wrong",
            f"the English line is in another language: it has the words {shown}",
            "en",
            (0, len(line)),
        )


def _chinese(paper: Paper, line: str) -> Iterator[Found]:
    scripts = list(_other_scripts(paper, line, "zh"))
    yield from scripts
    if any(found.code == "language-wrong" for found in scripts):
        return
    han = sum(map(len, HAN_RUN.findall(line)))
    words = sum(word not in paper.categories for word in WORD.findall(line))
    if not han:
        if line.strip():
            message = f"the Chinese line {'is not Chinese' if words else 'has no Chinese'}"
            yield Found("language-wrong", message, "zh", (0, len(line)))
        return
    share = han / (han + words)
    message = f"the Chinese line has {words} other words to {han} Chinese characters"
    if share < WRONG_CHINESE:
        yield Found("language-wrong", message, "zh", (0, len(line)))
    else:
        running = _running_english(paper, line)
        if running:
            yield running
        elif share < MIXED_CHINESE:
            yield Found("language-mixed", message, "zh", (0, len(line)))
    yield from _traditional(paper, line)


def _other_scripts(paper: Paper, line: str, language: Language) -> Iterator[Found]:
    """Each script that the line should not have: the whole line's, or a part's."""
    if line.isascii() or not ANY_OTHER.search(line):
        return
    letters: dict[str, list[re.Match[str]]] = {}
    for run in OTHER_SCRIPT.finditer(line):
        letters.setdefault(SCRIPTS[(run.lastindex or 1) - 1], []).append(run)
    name = "English" if language == "en" else "Chinese"
    own = sum(map(len, HAN_RUN.findall(line))) + sum(map(len, LETTERS.findall(line)))
    foreign = sum(len(run[0]) for runs in letters.values() for run in runs)
    if foreign / (own + foreign) > WRONG_SCRIPT:
        most = max(letters, key=lambda script: sum(len(run[0]) for run in letters[script]))
        message = f"the {name} line is written in {most}"
        yield Found("language-wrong", message, language, (0, len(line)))
        return
    for script, runs in letters.items():
        spans = [r.span() for r in runs if not (script in SINGLE and _is_symbol(r, line))]
        if unquoted := _unquoted(spans, line, paper):
            named = ", ".join(line[slice(*span)] for span in unquoted)
            message = f"{named} is {script} in the {name} line"
            yield Found("language-mixed", message, language, unquoted[0])


def _is_symbol(run: re.Match[str], line: str) -> bool:
    """Whether it is one letter that stands alone: in a Latin word it only looks like one."""
    around = line[max(0, run.start() - 1) : run.start()] + line[run.end() : run.end() + 1]
    return len(run[0]) == 1 and LETTERS.search(around) is None


@functools.lru_cache(maxsize=2)
def english_runs(line: str) -> tuple[tuple[str, Span], ...]:
    """Lower-case English words side by side in a Chinese line, and where; two are remembered.

    Not what stands in brackets or quotation marks, nor what is explained so somewhere in
    the line: `sandbagging` behind 故意低绩效（sandbagging）.
    """
    if RUNNING.search(line) is None:
        return ()
    asides: list[str] = []

    def blank(aside: re.Match[str]) -> str:
        asides.append(aside[0].lower())
        # Chinese in brackets explains what stands before it.
        return ("（" if aside[0][0] in "（(" and HAN.search(aside[0]) else "\0") * len(aside[0])

    outside = ASIDE.sub(blank, line)
    explained = set(re.findall(r"[a-z-]+", " ".join(asides)))
    runs = []
    for run in RUNNING.finditer(outside):
        words = run[0].split(" ")
        if outside[run.end() : run.end() + 2].lstrip().startswith("（"):
            explained.update(words)
        elif not explained.issuperset(words):
            runs.append((run[0], run.span()))
    return tuple(runs)


def _running_english(paper: Paper, line: str) -> Found | None:
    """English words that should have been translated, all in one finding."""
    found = [
        (phrase, span)
        for phrase, span in islice(filter(_untranslated, english_runs(line)), PARTS_NAMED)
        if not _named(phrase, paper)
    ]
    if not found:
        return None
    named = ", ".join(dict.fromkeys(phrase for phrase, _ in found))
    message = f"{named} is English in the Chinese line, untranslated"
    return Found("language-mixed", message, "zh", found[0][1])


def _untranslated(run: tuple[str, Span]) -> bool:
    phrase, _ = run
    words = phrase.split(" ")
    if len(words) > 1:
        return len(phrase) - len(words) >= LETTERS_OF_PHRASE - 1 or any(map(_ordinary, words))
    return _ordinary(phrase)


def _ordinary(word: str) -> bool:
    if len(word) < LONE or word in KEPT_IN_ENGLISH:
        return word in PLAIN and word not in KEPT_IN_ENGLISH
    return word in PLAIN or ORDINARY.fullmatch(word) is not None


def _named(word: str, paper: Paper) -> bool:
    r"""Whether the abstract sets it apart as a name, in quotation marks or \texttt."""
    marks = (f"\\texttt{{{word}}}", f"`{word}`", f"``{word}''", f'"{word}"', f"'{word}'")
    return any(mark in paper.abstract for mark in marks)


def _traditional(paper: Paper, line: str) -> Iterator[Found]:
    # A lone surrogate, which OpenCC refuses, becomes one character too.
    simplified = _converter().convert(line.encode("utf-8", "replace").decode())
    if simplified == line:
        return
    right = {at for word in RIGHT.finditer(line) for at in range(*word.span())}
    pairs = enumerate(zip(line, simplified, strict=False))
    changed = [
        at for at, (a, b) in pairs if a != b and at not in right and not "\ud800" <= a <= "\udfff"
    ]
    runs = []
    for _, group in groupby(enumerate(changed), key=lambda numbered: numbered[1] - numbered[0]):
        places = [at for _, at in group]
        runs.append((places[0], places[-1] + 1))
    if unquoted := _unquoted(runs, line, paper):
        named = ", ".join(f"{line[a:b]} ({simplified[a:b]})" for a, b in unquoted)
        message = f"traditional characters, in brackets the simplified ones: {named}"
        yield Found("traditional", message, "zh", unquoted[0])


def _unquoted(spans: list[Span], line: str, paper: Paper) -> list[Span]:
    """Of these parts of a line, the first that the paper does not hold: each text once."""
    texts = {line[start:end]: (start, end) for start, end in reversed(spans)}
    held = f"{paper.title}\n{paper.abstract}\n{paper.comments}"
    if not held.isascii():  # what it may hold of them is short
        held = " ".join(BEYOND_ASCII.findall(held))
        texts = {text: span for text, span in texts.items() if text not in held}
    return sorted(texts.values())[:PARTS_NAMED]


@functools.cache
def _converter() -> "OpenCC":
    """Made when first needed: its dictionaries take some milliseconds to load."""
    from opencc import OpenCC

    return OpenCC("t2s")

"""The form of a line: number of sentences, length, quotation marks around it, opening."""

import functools
import re
from collections.abc import Iterator, Mapping

from pipeline import sentences
from pipeline.checks.rules import Found, Rules
from pipeline.records import Language, Lines, Paper
from pipeline.text import amount
from pipeline.wording import HAN

MARKS = re.compile(r"[.!?。！？](?!(?<=\.)[A-Za-z0-9])")
"""What may end a sentence: a point before a letter or a digit does not."""

QUOTES = {'"': '"', "“": "”", "'": "'", "‘": "’", "「": "」", "『": "』", "«": "»"}
STOPS = "。！？.!?"

JOINED = re.compile(
    rf"[.!?](?<=[\w%)\]][.!?])(?:(?=[A-Z][a-z]*\s[a-z])|(?<=[A-Za-z0-9%)\]]\.)(?={HAN.pattern}))"
)
"""A full stop with no blank before the next sentence: `SSM.It beats`, `SSM.准确率`."""
ABBREVIATION = re.compile(
    r"(?:\.\w+|(?<!\w)(?:\w|[Ss]t|[Mm]t|[Dd]rs?|[Mm]rs?|[Nn]os?|[Ff]igs?|[Ee]qs?|[Ss]ec|[Rr]efs?|[Vv]ol|vs|al|cf"
    r"|ca|etc|Prof|Inc|Ltd|Co|Corp|Jr|Sr|Ft|Univ|Dept|approx|resp|sp|spp|subsp|var))\.$"
)
LONGEST_ABBREVIATION = 8

LONGEST = 2000
"""Characters of a line whose sentences are counted; a longer one has another fault."""

LATIN_RUN = re.compile(r"\s+|[\x21-\x7e\u00a1-\u2017\u2070-\u2e7f]+")
"""White space, or a Latin word or a number with the marks in and at it."""

UNITS: dict[Language, str] = {"en": "word", "zh": "character"}


def check(paper: Paper, lines: Lines, rules: Rules) -> Iterator[Found]:
    """More sentences than asked for, a line too long or short, in quotes, or with an opening.

    Lines that are sentences of the abstract by design are as long as they are, and their
    Chinese is a list of terms.
    """
    for language, line in lines.items():
        text = line.strip()
        yield from _sentences(language, line, rules.form.sentences, paper)
        yield from _quoted(language, line, text)
        if not rules.extractive:
            yield from _length(language, line, rules.form.length)
            yield from _opening(language, line, text, rules.openings)


def length(language: Language, line: str) -> int:
    """Words of English; of Chinese, characters as word processors count them.

    English words are what blanks set apart. In Chinese every character and every full-width
    mark is one, a Latin word or a number with what is joined to it is one (`GPT-4o`,
    `35%–43%`), and blanks are none.
    """
    if language == "en":
        return len(line.split())
    return len(LATIN_RUN.sub(lambda run: "" if run[0].isspace() else "x", line))


def _sentences(language: Language, line: str, most: int, paper: Paper) -> Iterator[Found]:
    text = line[:LONGEST]
    joined = [end.end() for end in JOINED.finditer(text) if _ends(text, end.end(), paper)]
    if not joined and len(MARKS.findall(text)) <= most and MARKS.search(text[-2:]):
        return  # each mark ends one at most, and nothing follows the last
    found = sentences.spans(text)
    starts = sorted([*(start for start, _ in found), *joined])
    if len(starts) > most:
        message = f"{len(starts)} sentences where the prompt asks for {most}"
        yield Found("sentences", message, language, (starts[most], found[-1][1]))


def _ends(text: str, place: int, paper: Paper) -> bool:
    """Whether a stop that no blank follows ends a sentence, and is none of a name."""
    if ABBREVIATION.search(text, max(0, place - LONGEST_ABBREVIATION), place):
        return False
    before, after = text[:place].rpartition(" ")[2], text[place:].partition(" ")[0]
    return f"{before}{after}" not in paper.abstract


def _length(
    language: Language, line: str, bounds: Mapping[Language, tuple[int, int]]
) -> Iterator[Found]:
    least, most = bounds.get(language, (0, len(line)))
    if least * 8 <= len(line) <= most:  # no word of so many characters on average
        return
    count = length(language, line)
    unit = UNITS[language]
    if count > most:
        yield Found("too-long", f"{amount(count, unit)}, at most {most} are asked for", language)
    elif count < least:
        yield Found("too-short", f"{amount(count, unit)}, at least {least} are asked for", language)


def _quoted(language: Language, line: str, text: str) -> Iterator[Found]:
    closing = QUOTES.get(text[:1])
    if closing is None or len(text) < 2:
        return
    inside = text.rstrip(STOPS)
    if not inside.endswith(closing) or len(inside) < 2:
        return
    if closing in inside[1:-1] or text[0] in inside[1:-1]:
        return
    start = line.index(text)
    message = f"quotation marks around the whole line: {text[0]}…{closing}"
    yield Found("quoted", message, language, (start, start + len(text)))


def _opening(
    language: Language, line: str, text: str, openings: tuple[str, ...]
) -> Iterator[Found]:
    known, longest = _openings(openings, language)
    if not known:
        return
    start = line.find(text)
    head = text[: longest + 1].lower()
    for opening in known:
        if head.startswith(opening) and not _goes_on(head[len(opening) - 1 : len(opening) + 1]):
            message = f'the line opens with "{text[: len(opening)]}", which says nothing'
            yield Found("boilerplate", message, language, (start, start + len(opening)))
            return


def _goes_on(pair: str) -> bool:
    """Whether a Latin word goes on behind the opening: `We present` in `We presently`."""
    return len(pair) == 2 and pair.isascii() and pair.isalnum()


@functools.lru_cache(maxsize=64)
def _openings(openings: tuple[str, ...], language: Language) -> tuple[tuple[str, ...], int]:
    """Those in the line's own script, the longest first, and the length of the longest."""
    own = [o.lower() for o in openings if o and bool(HAN.search(o)) == (language == "zh")]
    own.sort(key=len, reverse=True)
    return tuple(own), len(own[0]) if own else 0

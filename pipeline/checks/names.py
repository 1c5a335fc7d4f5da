"""Names of a line that the paper does not have, or spells differently.

In a Chinese line every Latin word counts but plain lower-case ones; in an English line what
looks like a name: inner capitals, digits, a capital that does not begin a sentence. A name
is known if the paper has it in any case, number or hyphenation, in parts, as an acronym of
words side by side or written out; a country is, if any of its names is there. Quantities
are for the check of numbers.
"""

import functools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from rapidfuzz import process
from rapidfuzz.distance import OSA

from pipeline.checks.abbreviations import ALWAYS, COUNTRIES, LONG_FORMS, ORDINARY, VARIANTS
from pipeline.checks.rules import Found, Rules, Span
from pipeline.checks.topics import common_words, stem
from pipeline.checks.vocabulary import DIGITS, NAME, Vocabulary, fold, vocabulary
from pipeline.records import Language, Lines, Paper
from pipeline.wording import HAN

MOST_UNKNOWN = 8
"""Unknown names of one line that are reported; a line with more is beyond a list of them."""

SEARCHED = 2_000
"""Characters of a line that are searched for names; a longer one is `too-long` anyway."""

COMPARED = 2_000
"""Names of the paper that an unknown one is compared with."""

POSSESSIVE = re.compile(r"['’]s?$")
QUANTITY = re.compile(
    r"[0-9.]+(?:k|x|fps|[kmgt]?hz|dbm?|[munp]?s|[munck]?m|[kmgt]b|[kmgt]?bps|[kmu]g|[kmg]?w"
    r"|[kmg]wh|[km]?v|[kmgt]?ev|pp|px|p|h|min|[kmgtp]?flops|st|nd|rd|th|bits?|qa|t|°?c)?"
)
SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)b")
SIZE_FOLLOWS = re.compile(
    r"(?:(?:to|and|or|vs|versus|billion|b|[0-9.]+b?) )*?(?:b|billion|[0-9.]+b) "
)
NUMBER = re.compile(r"[0-9.]+")
JOINERS = re.compile(r"[-\u2010-\u2013_&'’]|\.(?![0-9])")
ENDINGS = "i?ans?|ese|ish|ics?|als?|ed|ing|es|ies|ations?|ive|ity|ments?|ers?|ly|ness"
ENDING = re.compile(rf"(?:{ENDINGS})$")
VOWEL = re.compile(r"(?:[aey]s?|s)$")
DIGIT = re.compile("[0-9\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089]")
VARIABLES = frozenset("NKMTDPQXYZnkmtdpqxyz")
"""Letters that stand for a number in a compound: N-shot, K-means."""

LATEX = frozenset("$\\{}")
SENTENCE_END = re.compile(r"(?:^|[.!?:;])[\s\"'“”‘(]*$")
OPENING = frozenset("\"'“‘")
GOES_ON = re.compile(r" [a-z]")
"""What follows the first word of a sentence in quotation marks, and seldom a name in them."""

OFTEN = 3.3
"""Bits that a shared word tells at most of which 8 % of abstracts or more have a form."""


def check(paper: Paper, lines: Lines, rules: Rules) -> Iterator[Found]:
    """`name-unknown` and `name-misspelled`."""
    del rules  # names are the same whatever the prompt
    known = vocabulary(paper)
    for language, line in lines.items():
        yield from _unknown(paper, known, language, line)


def _unknown(paper: Paper, known: Vocabulary, language: Language, line: str) -> Iterator[Found]:
    told: set[str] = set()
    for name, span in names_in(line):
        if name in told or is_known(name, known) or is_passed_over(line, span):
            continue
        told.add(name)
        yield _found(paper, known, language, name, span)
        if len(told) == MOST_UNKNOWN:
            return


def names_in(line: str) -> Iterator[tuple[str, Span]]:
    """What looks like a name in a line, and where, in order; the possessive 's is left out."""
    chinese = bool(HAN.search(line))
    for match in NAME.finditer(line, 0, SEARCHED):
        written, start = match[0], match.start()
        if written.islower() and written.isalpha():
            continue
        if looks_like_a_name(written, line, start, chinese=chinese):
            name = POSSESSIVE.sub("", written)
            yield name, (start, start + len(name))


def is_passed_over(line: str, span: Span) -> bool:
    """Whether it may be there though no paper has it: a part of LaTeX, an ordinary English word."""
    name = line[slice(*span)]
    return _in_latex(line, span) or (_is_common(name) and not HAN.search(line))


def looks_like_a_name(written: str, line: str, start: int, *, chinese: bool) -> bool:
    """Whether the word that begins there in the line is to be looked up."""
    if len(written) == 1 or _is_word(written) or not any(map(str.isalpha, written)):
        return False
    rest = written[1:]
    if chinese or rest != rest.lower() or DIGIT.search(rest):
        return True
    if line[start - 1 : start] in OPENING and GOES_ON.match(line, start + len(written)):
        return False
    return written[0].isupper() and not SENTENCE_END.search(line[max(0, start - 6) : start])


def _is_title(name: str) -> bool:
    """Whether it has one capital and it comes first, as any word has in a heading."""
    return name[1:].islower() and name.isalpha()


def _is_common(name: str) -> bool:
    """Whether it is a word of many abstracts with a capital: Can, Towards."""
    told = common_words("en").get(stem(name.lower()))
    return told is not None and told.shared < OFTEN and _is_title(name)


def _in_latex(line: str, span: Span) -> bool:
    """Whether it is a part of a name that is written in LaTeX, which another check reports."""
    start, end = span
    around = line[max(0, start - 1) : start] + line[end : end + 1]
    return not LATEX.isdisjoint(around)


def _found(paper: Paper, known: Vocabulary, language: Language, name: str, span: Span) -> Found:
    right = nearest(name, known)
    if right is None:
        return Found("name-unknown", f"{name} is not in the paper", language, span)
    start = paper.abstract.find(right)
    where = "the abstract" if start >= 0 else "the paper"
    return Found(
        "name-unknown" if f" {fold(right).strip()} " in fold(name) else "name-misspelled",
        f"{name} is not in the paper; {where} has {right}",
        language,
        span,
        (start, start + len(right)) if start >= 0 else None,
    )


def is_known(name: str, known: Vocabulary) -> bool:
    """Whether the paper has the name, or it follows from what the paper has."""
    if f" {name.lower()} " in known.text:
        return True
    key = " ".join(fold(name).split())
    if QUANTITY.fullmatch(key) or f" {key.lstrip('0123456789.')} " in known.text:
        return True
    return _has(name, key, known) or _has_parts(name, known)


def _has(name: str, key: str, known: Vocabulary) -> bool:
    """Whether the paper has the name, which is `key` when folded, as a whole."""
    text = known.text
    if not key or f" {key} " in text or key in ALWAYS:
        return True
    one = key if name.isupper() or key.endswith("ss") else key.removesuffix("s") or key
    if f" {one} " in text or any(f" {form}" in text for form in LONG_FORMS.get(one, ())):
        return True
    return (
        (f"{name}s" in known.raw and f" {key}s " in text)
        or _continues(one, text)
        or (_is_title(name) and (key in ORDINARY or _is_inflected(key, text)))
        or any(_says(form, known) for each in (key, one) for form in _country(each))
        or _is_size(key, text)
        or not known.joined.isdisjoint((key.replace(" ", ""), one.replace(" ", "")))
        or _is_acronym(key, known)
    )


def _has_parts(name: str, known: Vocabulary) -> bool:
    """Whether all parts are there; a number belongs to the part before it.

    A lower-case part of a compound with another is a word, not a name: `24B-parameter`.
    """
    parts = [part for part in JOINERS.split(name) if part]
    if len(parts) < 2:
        return False
    if "_" in name and max(map(len, parts)) == 1:
        return True  # a variable: T_n
    initials = "".join(part[0] for part in parts).lower()
    if len(initials) > 2 and f" {initials} " in known.text:
        return True
    groups = [parts[0]]
    for part in parts[1:]:
        if NUMBER.fullmatch(part):
            groups[-1] += f" {part}"
        else:
            groups.append(part)
    if QUANTITY.fullmatch(parts[0].lower()):
        del groups[0]
    if not all(map(_is_word, parts)):
        groups = [group for group in groups if not _is_word(group)]
    return groups != [name] and all(_has_part(group, known) for group in groups)


def _is_word(part: str) -> bool:
    return part.islower() and part.isalpha() and part not in VARIANTS


def _has_part(part: str, known: Vocabulary) -> bool:
    return part in VARIABLES or _has(part, " ".join(fold(part).split()), known)


def _continues(key: str, text: str) -> bool:
    """Whether the paper has it as the family of a name (Qwen of Qwen3), as its number, or in
    numbers: H100 of 8xH100.
    """
    if key[0].isdigit():
        at = text.find(f"{key} ")
        return at > 0 and text[at - 1].isalpha()
    at = text.find(f" {key}") + len(key) + 1
    if at > len(key) and key[-1].isalpha() and text[at].isdigit():
        return True
    at = text.find(f"x{key} ")
    return at > 0 and text[at - 1].isdigit()


def _is_inflected(key: str, text: str) -> bool:
    """Whether the word is there with another ending: China for Chinese, Germany for German."""
    stems = {key, ENDING.sub("", key), VOWEL.sub("", key)}
    beginnings = "|".join(re.escape(each) for each in stems if len(each) > 3)
    if not beginnings:
        return False
    return bool(re.search(rf" (?:{beginnings})(?:{ENDINGS}|[aey]?s?) ", text))


@functools.cache
def _countries() -> Mapping[str, tuple[str, ...]]:
    """The words for each country, and what shows that a paper has it."""
    found: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    for forms in (country.split(",") for country in COUNTRIES):
        for word in {fold(part) for form in forms for part in form.split(" ")}:
            found[word.replace(" ", "")] += tuple(forms)
    return found


def _country(key: str) -> tuple[str, ...]:
    return _countries().get(key.replace(" ", ""), ())


def _says(form: str, known: Vocabulary) -> bool:
    if form.islower():
        return f" {form}" in known.text
    return bool(re.search(rf"\b{re.escape(form)}\b", known.raw))


def _is_acronym(key: str, known: Vocabulary) -> bool:
    """Whether it is the initials of words side by side, and not nearly what the paper says."""
    forms = [
        form
        for form in (key, key.removesuffix("s"))
        if 2 < len(form) < 9 and form.isalpha() and form in known.initials
    ]
    return bool(forms) and not any(_closest(form, known, 1) for form in forms)


def _is_size(key: str, text: str) -> bool:
    """Whether `1b` is written as 1 billion, as a part of 1-3B, or as 1000 million."""
    size = SIZE.fullmatch(key)
    if size is None:
        return False
    millions = f" {float(size[1]) * 1000:g}"
    if f"{millions} million " in text or f"{millions}m " in text:
        return True
    at = text.find(f" {size[1]} ")
    return at >= 0 and bool(SIZE_FOLLOWS.match(text, at + len(key) + 1))


def nearest(name: str, known: Vocabulary) -> str | None:
    """The paper's name that this one must be a misspelling of, as the paper writes it."""
    key = fold(name).replace(" ", "")
    letters = DIGITS.sub("", key)
    if letters != key and letters in known.letters:
        return known.letters[letters]
    if len(key) < 4:
        return None
    return _closest(key, known, 1 if len(key) < 8 else 2 if len(key) < 13 else 3)


def _closest(key: str, known: Vocabulary, farthest: int) -> str | None:
    candidates = known.keys[:COMPARED]
    best = process.extractOne(key, candidates, scorer=OSA.distance, score_cutoff=farthest)
    return known.names[best[0]] if best else None

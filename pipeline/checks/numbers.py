"""Every quantity of a line is in the paper, or follows from one there.

A line is held against abstract, title, comments and venue. What follows by rounding or by
another way of writing (0.851 as 85.1%, 1.2 billion as 12 亿, twofold as 2 倍) is right; what
follows by a complement, a difference or a sum is a note. Where both languages are there,
they quote the same quantities.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

from pipeline.checks.derived import Derivations
from pipeline.checks.known import WORDS, Known, Source
from pipeline.checks.labels import misnamed
from pipeline.checks.matching import Relation, relation, shift
from pipeline.checks.quantities import Quantity, fractions, in_digits, plain
from pipeline.checks.rules import Found, Rules, Span
from pipeline.checks.units import COUNTS, PERCENT, TIMES
from pipeline.checks.written import in_characters, in_words
from pipeline.records import Language, Lines, Paper

MOST_NAMED = 5
"""Quantities that only one line has which a message names."""

LONGEST_LINE, MOST_JUDGED = 2_000, 30
"""Characters of a line, and quantities in them, that are looked at: a line with more is too long.

Of 2,727 lines by models the longest has 497, and the fullest 28.
"""

SMALL = frozenset(range(3, 13))
"""Counts that a writer may have counted in the abstract: three methods, 五个方面."""

EXEMPT = (0, 1, 2)
"""Counts that, in words, say no more than none, a and both."""

MANY = 100
"""Below it whole numbers are met so often that the same number says little."""

WEIGHTY = max(SMALL) + 1
"""From here on a bare number is quoted in both languages or in none."""

OVER = (
    r"over|above|than|least|exceed(?:s|ing)?|surpass(?:es|ing)?|beyond|[>≥]"
    r"|超过?|逾|多于|至少|[大高]于|突破"
)
UNDER = (
    r"nearly|almost|under|below|most|within|approaching|[<≤]"
    r"|接?近|将近|不[到足]|[低少小]于|至多"
)
ABOUT = r"about|around|roughly|approximately|approx\.?|some|[~≈∼～]|大?约为?|大概"
BEFORE = re.compile(
    rf"(?:(?P<over>{OVER})|(?P<under>{UNDER})|(?P<about>{ABOUT}))\s{{0,3}}$", re.IGNORECASE
)
BEHIND = re.compile(
    r"\s?(?:(?P<more>余|多)|(?P<over>\+|以上)|(?P<under>以内|以下)|(?P<about>左右|上下))"
)
MORE = re.compile(r"[余多+]")
LOOK_BACK = 16
"""Characters before a quantity in which a word such as `approximately` is looked for."""

SCALE_WORDS: dict[Language, tuple[tuple[int, str], ...]] = {
    "en": ((12, "trillion"), (9, "billion"), (6, "million")),
    "zh": ((12, "万亿"), (8, "亿"), (4, "万")),
}
"""Powers of ten that a language has words for, the largest first."""

OTHER_LINE = {"en": "English", "zh": "Chinese"}


def check(paper: Paper, lines: Lines, rules: Rules) -> Iterator[Found]:
    """The quantities that are not the paper's, and those that only one line quotes.

    A sentence and a list of terms, as they are extracted, need not quote the same.
    """
    known = Known(paper)
    texts = {language: plain(line[:LONGEST_LINE]) for language, line in lines.items()}
    quoted = {language: quantities(text, language) for language, text in texts.items()}
    reported: set[tuple[Language, Span | None]] = set()
    for language, found in quoted.items():
        for finding in _of_line(texts[language], language, found, known):
            reported.add((language, finding.span))
            yield finding
    for language, other in () if rules.extractive else itertools.permutations(quoted, 2):
        line = texts[language]
        missing = _missing(quoted[language], quoted[other], line)
        if alone := [one for one in missing if (language, one.span) not in reported]:
            told = ", ".join(dict.fromkeys(one.quoted(line) for one in alone[:MOST_NAMED]))
            verb = "is" if len(alone) == 1 else "are"
            message = f"{told} {verb} not in the {OTHER_LINE[other]} line"
            yield Found("number-differs", message, language, alone[0].span)


def quantities(text: str, language: Language) -> list[Quantity]:
    """The quantities that a `plain` line quotes, those inside names too, in order."""
    found = in_digits(text, most=MOST_JUDGED)
    written = in_words(text) if language == "en" else in_characters(text)
    more = list(itertools.islice(written, MOST_JUDGED))
    if not more:
        return found
    taken = {place for one in found for place in range(*one.span)}
    found += (one for one in more if one.span[0] not in taken)
    return sorted(found, key=lambda quantity: quantity.span)[:MOST_JUDGED]


def shares(line: str, found: Sequence[Quantity], known: Known) -> Iterator[Quantity]:
    """What two neighbours in a line make that the paper has as one: `1/10` for 10%."""
    for fraction in fractions(found, line):
        best, _ = _best(fraction, [*known.digits, *known.words], "")
        if best <= Relation.ROUNDED:
            yield fraction


def bound_of(line: str, span: Span) -> str:
    """What the line says of a quantity: over, under, about, more (30 余, below 40), or nothing."""
    start, end = span
    before = BEFORE.search(line[max(0, start - LOOK_BACK) : start])
    behind = BEHIND.match(line, end)
    if behind is None and MORE.search(line, start, end):
        return "over" if "+" in line[start:end] else "more"
    return next((found.lastgroup or "" for found in (before, behind) if found), "")


def said(quantity: Quantity, language: Language) -> str:
    """The quantity as a line of that language would write it: 1.2e9 is 12 亿, or 1.2 billion."""
    unit = {PERCENT: "%", TIMES: "×" if language == "en" else " 倍"}.get(quantity.unit, "")
    for power, word in SCALE_WORDS[language]:
        if quantity.value >= 10**power:
            return f"{_digits(quantity.value.scaleb(-power))} {word}{unit}"
    return f"{_digits(quantity.value)}{unit}"


def _digits(value: Decimal) -> str:
    return f"{value.normalize():,f}"


def _of_line(
    line: str, language: Language, found: Sequence[Quantity], known: Known
) -> Iterator[Found]:
    if not found:
        return
    named = list(misnamed(line, language, found, known.texts))
    yield from named
    settled = [finding.span for finding in named if finding.span]
    derivations = Derivations(known)
    settled += [share.span for share in shares(line, found, known)]
    for quantity in found:
        start = quantity.span[0]
        if not quantity.inside and not any(first <= start < end for first, end in settled):
            yield from _judged(quantity, line, language, known, derivations)


def _judged(
    quantity: Quantity, line: str, language: Language, known: Known, derivations: Derivations
) -> Iterator[Found]:
    text = quantity.quoted(line)
    if _is_plainly_there(quantity, text, line, known):
        return
    bound = bound_of(line, quantity.span)
    best, source = _best(quantity, known.digits, bound)
    if best <= Relation.ROUNDED:
        return
    best, source = min((best, source), _best(quantity, known.words, bound), key=_relation)
    if best <= Relation.ROUNDED:
        return
    countable = is_countable(quantity)
    if best >= Relation.SCALE and (derived := derivations.told(line, quantity)):
        message = f"{text} is not in the paper; it would follow from {derived}"
        yield Found("number-derived", message, language, quantity.span)
    elif source is not None and not (countable and best >= Relation.SCALE):
        code, message = _told(best, text, quantity, source, language)
        yield Found(code, message, language, quantity.span, source.span)
    elif countable:
        if known.hint_of(int(quantity.value)) is None:
            message = f"{text} is not stated in the paper: count again"
            yield Found("number-counted", message, language, quantity.span)
    elif not known.has_beyond(text):
        message = f"{text} is neither in the abstract nor in title, comments or venue"
        yield Found("number-unknown", message, language, quantity.span)


def _is_plainly_there(quantity: Quantity, text: str, line: str, known: Known) -> bool:
    """Whether the paper has the very same, or it is too small a count to say anything."""
    if is_exempt(quantity):
        return True
    worded = quantity.value in WORDS and _is_ordinal(line, quantity.span)
    if (worded or is_countable(quantity)) and known.writes(int(quantity.value)):
        return True
    if quantity.vague:
        return False
    quoted = not quantity.written and known.quotes(text, quantity.unit)
    return quoted or (quantity.value, quantity.unit) in known.exact


def _relation(pair: tuple[Relation, Source | None]) -> Relation:
    return pair[0]


def _best(
    quantity: Quantity, sources: Sequence[Source], bound: str
) -> tuple[Relation, Source | None]:
    """The closest relation to any of the sources, and the first source that has it."""
    best = Relation.NONE
    chosen: Source | None = None
    for source in sources:
        found = relation(quantity, source.quantity, bound)
        nearer = chosen and found == Relation.SCALE and _is_nearer(quantity, source, chosen)
        if found < best or (found == best and nearer):
            best, chosen = found, source
        if best == Relation.SAME:
            break
    return best, chosen


def _is_nearer(quantity: Quantity, source: Source, other: Source) -> bool:
    return shift(quantity, source.quantity) < shift(quantity, other.quantity)


def _told(
    best: Relation, text: str, quantity: Quantity, source: Source, language: Language
) -> tuple[str, str]:
    """Code and message for a quantity that is nearly one of the paper's."""
    given = f'the paper has "{source.text}"'
    if best == Relation.POINTS:
        return "number-points", f"{text}, but {given}: percent are no percentage points"
    if best == Relation.MISROUNDED:
        return "number-rounding", f"{text} is rounded wrongly; {given}"
    if best == Relation.UNIT:
        if _may_be_chance(quantity, source.quantity):
            return "number-unit", f'{text} is not in the paper; perhaps it is "{source.text}" there'
        return "number-unit", f"{text} has another unit than in the paper; {given}"
    right = said(source.quantity, language)
    which = "" if source.text.startswith(right) else f", which is {right}"
    return "number-scale", f"{text} is at another scale; {given}{which}"


def _may_be_chance(quantity: Quantity, source: Quantity) -> bool:
    """Whether nothing but a small whole number makes one of both: 4 倍, 4 GB."""
    value = quantity.value
    whole = value < MANY and value == value.to_integral_value()
    return whole and quantity.unit.name != source.unit.name


def is_exempt(quantity: Quantity) -> bool:
    """Whether it is one of the counts that no paper need state."""
    return quantity.written and quantity.unit in COUNTS and quantity.value in EXEMPT


def is_countable(quantity: Quantity) -> bool:
    """Whether a writer may have counted it in the paper."""
    return quantity.value in SMALL and quantity.unit in COUNTS and not quantity.vague


def _is_ordinal(line: str, span: Span) -> bool:
    start, end = span
    return line.endswith(("第", "第 "), 0, start) or line.endswith(("st", "nd"), start, end)


def _weighty(quantity: Quantity) -> bool:
    """Whether a line that leaves it out says something else: no small count, no word, no name."""
    if quantity.vague or quantity.written or quantity.inside:
        return False
    whole = quantity.value == quantity.value.to_integral_value()
    return quantity.unit not in COUNTS or not whole or quantity.value >= WEIGHTY


def _missing(
    found: Sequence[Quantity], others: Sequence[Quantity], line: str
) -> Iterator[Quantity]:
    """The weighty quantities of a line that the other line has in no form."""
    same = {(other.value, other.unit) for other in others if not other.vague}
    for quantity in found:
        if _weighty(quantity) and (quantity.value, quantity.unit) not in same:
            bound = bound_of(line, quantity.span)
            if all(_apart(quantity, other, bound) for other in others):
                yield quantity


def _apart(quantity: Quantity, other: Quantity, bound: str) -> bool:
    return all(
        relation(one, another, bound) > Relation.POINTS
        for one, another in ((quantity, other), (other, quantity))
    )

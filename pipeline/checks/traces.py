"""Where the abstract has the quantities and names of a line, for an editor who compares both.

What counts as the same is what `numbers.py` and `names.py` take for it: a trace without a
place is what they look for in vain, or find in comments, venue or authors alone.
"""

import functools
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Literal, NamedTuple

from pipeline.checks.known import LONGEST_TEXT, Known, Source
from pipeline.checks.labels import misnamed
from pipeline.checks.matching import Relation, relation
from pipeline.checks.names import JOINERS, is_known, is_passed_over, names_in
from pipeline.checks.numbers import (
    LONGEST_LINE,
    bound_of,
    is_countable,
    is_exempt,
    quantities,
    shares,
)
from pipeline.checks.quantities import Quantity, plain
from pipeline.checks.rules import Rules, Span
from pipeline.checks.vocabulary import NAME, NAME_LETTERS, Vocabulary, fold, vocabulary
from pipeline.records import Language, Paper

MOST_NAMES = 30
"""Names of a line that are looked for; a line of 60 words has no more."""

WIDEST = 80
"""Characters of a name's place: a form written out has that many, parts far apart have more."""

FEW_WORDS, OVERLAP = 32, 8
"""Words of a text that are searched one by one, and those that two halves of a longer one share."""

LONGEST_RUN = 4
"""Words side by side that may be one name, as in `Vocabulary.joined`."""

NEXT_WORD = re.compile(r"\W{1,3}([A-Za-z]{4})")
"""How the word behind a quantity begins: five datasets are none of the five models."""


class Trace(NamedTuple):
    """A quantity or a name of a line, and what says the same.

    `span` is in the line, `source_span` in the abstract, None where that has none;
    `in_title`: the title alone has it.
    """

    kind: Literal["quantity", "name"]
    span: Span
    source_span: Span | None
    in_title: bool


def traces(paper: Paper, language: Language, line: str, rules: Rules) -> list[Trace]:
    """The quantities and names of a line, in its order; no two overlap.

    A number inside a name that the paper has belongs to the name. Counts and names that no
    paper need have (one, both, AI) are there only where it has them.
    """
    del rules  # quantities and names are the same whatever the prompt
    numbers = _apart(_quantities(paper, language, line))
    starts = {place: trace.span[0] for trace in numbers for place in range(*trace.span)}
    names = [trace for trace in _names(paper, line) if _prevails(trace, starts)]
    taken = {place for trace in names for place in range(*trace.span)}
    numbers = [trace for trace in numbers if taken.isdisjoint(range(*trace.span))]
    return sorted([*numbers, *names], key=lambda trace: trace.span)


def _prevails(name: Trace, starts: Mapping[int, int]) -> bool:
    """Whether a name stands although quantities begin at `starts`, by place, inside it.

    `Kettle-2-7B` is a name that has a quantity, `7B-scale` a quantity.
    """
    inside = [starts[place] for place in range(*name.span) if place in starts]
    found = name.source_span is not None or name.in_title
    return not inside or (found and name.span[0] < min(inside))


def _apart(found: Iterable[Trace]) -> list[Trace]:
    """Of those that overlap the first, and of those that begin together the longest."""
    kept: list[Trace] = []
    for trace in sorted(found, key=lambda trace: (trace.span[0], -trace.span[1])):
        if not kept or trace.span[0] >= kept[-1].span[1]:
            kept.append(trace)
    return kept


def _quantities(paper: Paper, language: Language, line: str) -> Iterator[Trace]:
    known, text = _known(paper), plain(line[:LONGEST_LINE])
    title = plain(paper.title[:LONGEST_TEXT])
    found = quantities(text, language)
    wrong = [one.span for one in misnamed(text, language, found, known.texts) if one.span]
    yield from (Trace("quantity", span, None, in_title=False) for span in wrong)
    whole = list(shares(text, found, known))
    settled = wrong + [share.span for share in whole]
    single = [
        one
        for one in found
        if not (one.inside or any(first <= one.span[0] < end for first, end in settled))
    ]
    used: Counter[Span] = Counter()
    for quantity in whole + single:
        source = _source(quantity, text, known, title, used)
        span = source.span if source else None
        in_title = source is not None and span is None and source.where == title
        if span or in_title or not is_exempt(quantity):
            yield Trace("quantity", quantity.span, span, in_title)
        used.update([span] if span else ())


def _source(
    quantity: Quantity, line: str, known: Known, title: str, used: Counter[Span]
) -> Source | None:
    """What the paper has that is the same, or the same rounded: the abstract's, if it has any.

    Of several the nearest, then one of the same unit, then one before the same word, then one
    in words or in digits as well, then one that the line has used less often, then the first.
    """
    bound, behind = bound_of(line, quantity.span), _word_behind(line, quantity)

    def rank(pair: tuple[Relation, Source]) -> tuple[int | Span, ...]:
        near, source = pair
        known = source.quantity
        return (
            not source.in_abstract,
            source.where != title,
            near,
            known.unit != quantity.unit,
            behind not in ("", _word_behind(source.where, known)),
            known.written != quantity.written,
            used[known.span],
            known.span,
        )

    related = (
        (relation(quantity, source.quantity, bound), source)
        for source in (*known.digits, *known.words)
    )
    same = [(near, source) for near, source in related if near <= Relation.ROUNDED]
    return min(same, key=rank)[1] if same else _as_text(quantity, line, known)


def _word_behind(text: str, quantity: Quantity) -> str:
    found = NEXT_WORD.match(text, quantity.span[1])
    return found[1].lower() if found else ""


def _as_text(quantity: Quantity, line: str, known: Known) -> Source | None:
    """What the paper has word for word, or a small count inside another word of it."""
    place = None
    if not (quantity.vague or quantity.written):
        place = known.quoted_at(quantity.quoted(line), quantity.unit)
    if place is None and is_countable(quantity):
        place = known.hint_of(int(quantity.value))
    if place is None:
        return None
    number, span = place
    return Source(quantity._replace(span=span), known.texts[number], in_abstract=not number)


def _names(paper: Paper, line: str) -> Iterator[Trace]:
    found = (pair for pair in names_in(line) if not is_passed_over(line, pair[1]))
    known = vocabulary(paper)
    for name, span in islice(found, MOST_NAMES):
        if not is_known(name, known):
            yield Trace("name", span, None, in_title=False)
            continue
        source = place_of(name, paper.abstract[:LONGEST_TEXT])
        in_title = source is None and place_of(name, paper.title[:LONGEST_TEXT]) is not None
        if source or in_title or not is_known(name, NOTHING):
            yield Trace("name", span, source, in_title)


@functools.lru_cache(maxsize=512)
def place_of(name: str, text: str) -> Span | None:
    """Where a text has a name: as it is written, else with other hyphens, blanks and capitals,
    else the narrowest words by which it is known.

    What is remembered is what a line is made of while it is being edited.
    """
    if not is_known(name, _vocabulary(text)):
        return None
    exactly = re.search(rf"(?<![{NAME_LETTERS}]){re.escape(name)}(?![{NAME_LETTERS}])", text)
    if exactly:
        return exactly.span()
    key = _joined(name)
    if key and (span := _runs(text).get(key)):
        return span
    if is_known(name, NOTHING):
        return None
    span = _narrowest(name, text)
    if span is None:  # its parts stand apart
        parts = [part for part in JOINERS.split(name) if part and part != name]
        places = (place_of(part, text) for part in sorted(parts, key=len, reverse=True))
        return next(filter(None, places), None)
    return span


def _joined(name: str) -> str:
    return fold(name).replace(" ", "")


@functools.lru_cache(maxsize=4)
def _runs(text: str) -> Mapping[str, Span]:
    """Every word, and up to `LONGEST_RUN` side by side, folded into one, and its first place."""
    words = [(*word.span(), _joined(word[0])) for word in NAME.finditer(text)]
    found: dict[str, Span] = {}
    for at, (start, _, _) in enumerate(words):
        run = ""
        for _, end, word in words[at : at + LONGEST_RUN]:
            run += word
            found.setdefault(run, (start, end))
    return found


def _narrowest(name: str, text: str) -> Span | None:
    """The first place in which the name is known by itself; None where that is a wide one."""
    words = [word.span() for word in NAME.finditer(text)]

    def has(some: list[Span]) -> bool:
        return bool(some) and is_known(name, Vocabulary(text[some[0][0] : some[-1][1]]))

    while len(words) > FEW_WORDS:
        middle = len(words) // 2
        halves = words[: middle + OVERLAP // 2], words[middle - OVERLAP // 2 :]
        half = next(filter(has, halves), None)
        if half is None:
            return None
        words = half
    ends = range(1, len(words) + 1)
    last = bisect_left(ends, True, key=lambda end: has(words[:end])) + 1
    starts = range(1, last + 1)
    length = bisect_left(starts, True, key=lambda count: has(words[last - count : last])) + 1
    some = words[max(0, last - length) : last]
    return (some[0][0], some[-1][1]) if has(some) and some[-1][1] - some[0][0] <= WIDEST else None


NOTHING = Vocabulary("")
"""A paper that has no word: what is known there as well, every reader knows."""


@functools.lru_cache(maxsize=4)
def _vocabulary(text: str) -> Vocabulary:
    return Vocabulary(text)


@functools.lru_cache(maxsize=2)
def _known(paper: Paper) -> Known:
    return Known(paper)

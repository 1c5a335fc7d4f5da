"""Papers, candidates and findings -> rows and totals; pure."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from pipeline.checks.codes import is_opinion
from pipeline.checks.form import length
from pipeline.checks.numerals import ENGLISH_SCALES, ORDINALS, SMALL, TENS
from pipeline.comparison.answer import Cell, Comparison, Likeness, Row, Total
from pipeline.contenders import Contender
from pipeline.preferences import Score, Tally, tally
from pipeline.records import (
    LANGUAGES,
    Finding,
    Language,
    Lines,
    Paper,
    Preference,
    Severity,
    Summary,
    Usage,
)
from pipeline.word_differences import Part, parts, share_of

NEAR_IDENTICAL = 0.1
"""Lines that differ in no more than this share of their characters are near-identical.

In a sentence of 25 words that is one or two of them. One is enough to say the opposite, which
no share of characters tells: only reading does.
"""

NUMBER_WORDS = re.compile(
    rf"\b(?:{'|'.join([*SMALL, *TENS, *ORDINALS, *ENGLISH_SCALES])})(?:fold|s|th)?\b",
    re.IGNORECASE,
)
CHINESE_AMOUNTS = "两倍半"
"""Characters of a number that Unicode does not call numeric, or not always."""

WITHDRAWN = "the paper is withdrawn, so no model is asked about it"
NEVER_ASKED = "no line yet"
NO_EARLIER = "no line before the newest one"


@dataclass(frozen=True)
class Side:
    """One contender with its candidates by paper.

    `earlier_text` are the ids of those that the prompt's present text did not write; `reasons`,
    by paper, why a model that was asked gave none; `paid` and `note` as in `Total`.
    """

    contender: Contender
    candidates: Mapping[str, Summary]
    earlier_text: Collection[str] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    paid: Usage | None = None
    note: str | None = None

    def to_ask(self, papers: Sequence[Paper]) -> list[Paper]:
        """The papers whose line is missing or by an earlier text, in digest order."""
        if self.contender.back:
            return []
        return [
            paper
            for paper in papers
            if paper.status != "withdrawn"
            and (
                paper.id not in self.candidates or self.candidates[paper.id].id in self.earlier_text
            )
        ]


def compared(  # noqa: PLR0913  what is compared, and what is known of it
    topic: str,
    snapshot: str,
    papers: Sequence[Paper],
    sides: Sequence[Side],
    findings: Mapping[str, Sequence[Finding]],
    preferences: Sequence[Preference] = (),
    summaries: Iterable[Summary] = (),
) -> Comparison:
    """The sides, which are two or more, over `papers` in digest order.

    `findings` by candidate; `preferences`, oldest first, between any two of `summaries`.
    """
    rows = [_row(paper, sides, findings) for paper in papers]
    chosen = tally(preferences, summaries)
    totals = [
        _total(side, [row.cells[place] for row in rows], rows, _choices(side, sides, chosen))
        for place, side in enumerate(sides)
    ]
    return Comparison(
        topic=topic,
        snapshot=snapshot,
        contenders=tuple(totals),
        rows=tuple(sorted(rows, key=_place)),
    )


def near_identical(pieces: Sequence[Part]) -> bool:
    """Whether two lines differ in few characters, and in no number, in digits or in words."""
    changed = [text for part in pieces if part.changed for text in part]
    return share_of(pieces) <= NEAR_IDENTICAL and not any(map(_counts, changed))


def _counts(text: str) -> bool:
    """Whether there is a number in it."""
    numeric = any(each.isnumeric() or each in CHINESE_AMOUNTS for each in text)
    return numeric or NUMBER_WORDS.search(text) is not None


def _place(row: Row) -> tuple[bool, bool, float]:
    """By how much the lines differ; what is missing comes last. Sorting keeps digest order."""
    return row.withdrawn, not row.complete, -(row.difference or 0.0) if row.complete else 0.0


def _row(paper: Paper, sides: Sequence[Side], findings: Mapping[str, Sequence[Finding]]) -> Row:
    base = sides[0].candidates.get(paper.id)
    first = base.lines if base else {}
    cells = [_cell(paper, side, {} if side is sides[0] else first, findings) for side in sides]
    there = [name for name in LANGUAGES if any(name in cell.lines for cell in cells)]
    cells = [_lacking(cell, there) for cell in cells]
    whole = not any(cell.missing or cell.lacking for cell in cells)
    differences = [_difference(cell) for cell in cells if cell.parts]
    pieces = [found for cell in cells for found in cell.parts.values()]
    return Row(
        paper=paper.id,
        version=paper.version,
        title=paper.title,
        withdrawn=paper.status == "withdrawn",
        difference=max(differences, default=None),
        near_identical=whole and bool(pieces) and all(map(near_identical, pieces)),
        cells=tuple(cells),
    )


def _cell(
    paper: Paper, side: Side, first: Lines, findings: Mapping[str, Sequence[Finding]]
) -> Cell:
    found = side.candidates.get(paper.id)
    if found is None:
        return Cell(missing=_missing(paper, side))
    both = [name for name in LANGUAGES if name in first and name in found.lines]
    return Cell(
        summary=found.id,
        model=found.model,
        lines=found.lines,
        earlier_text=found.id in side.earlier_text,
        parts={name: tuple(parts(first[name], found.lines[name])) for name in both},
        findings=tuple(findings.get(found.id, ())),
        usage=found.usage,
    )


def _lacking(cell: Cell, languages: Sequence[Language]) -> Cell:
    lacking = () if cell.missing else tuple(n for n in languages if n not in cell.lines)
    return cell.but(lacking=lacking) if lacking else cell


def _missing(paper: Paper, side: Side) -> str:
    if paper.status == "withdrawn":
        return WITHDRAWN
    if side.contender.back:
        return NO_EARLIER
    return side.reasons.get(paper.id, NEVER_ASKED)


def _difference(cell: Cell) -> float:
    return fmean(share_of(pieces) for pieces in cell.parts.values())


def _total(
    side: Side, cells: Sequence[Cell], rows: Sequence[Row], score: dict[Language, Score]
) -> Total:
    there = [cell for cell in cells if cell.missing is None]
    found = [finding for cell in there for finding in cell.findings]
    usage = Usage()
    for cell in there:
        usage = usage.plus(cell.usage)
    lacking = [row for row, cell in zip(rows, cells, strict=True) if cell.missing]
    codes = Counter(finding.code for finding in found)
    severities: Counter[Severity] = Counter(
        finding.severity for finding in found if not is_opinion(finding.code)
    )
    without = Counter(name for cell in there for name in cell.lacking)
    return Total(
        name=str(side.contender),
        prompt=side.contender.prompt,
        model=side.contender.model,
        back=side.contender.back,
        lines=len(there),
        missing=sum(not row.withdrawn for row in lacking),
        withdrawn=sum(row.withdrawn for row in lacking),
        earlier_text=sum(cell.earlier_text for cell in there),
        lacking={name: without[name] for name in LANGUAGES if without[name]},
        findings=dict(sorted(codes.items())),
        severities=dict(severities),
        length=_lengths(there),
        usage=usage,
        paid=side.paid,
        likeness=_likeness(there),
        choices=score,
        note=side.note,
    )


def _lengths(cells: Sequence[Cell]) -> dict[Language, float]:
    made: dict[Language, float] = {}
    for name in LANGUAGES:
        lengths = [length(name, cell.lines[name]) for cell in cells if name in cell.lines]
        if lengths:
            made[name] = fmean(lengths)
    return made


def _likeness(cells: Sequence[Cell]) -> dict[Language, Likeness]:
    made: dict[Language, Likeness] = {}
    for name in LANGUAGES:
        found = [cell.parts[name] for cell in cells if name in cell.parts]
        if found:
            made[name] = Likeness(
                lines=len(found),
                differing=sum(any(part.changed for part in pieces) for pieces in found),
                near_identical=sum(map(near_identical, found)),
            )
    return made


def _choices(side: Side, sides: Sequence[Side], chosen: Tally) -> dict[Language, Score]:
    """The score against all other sides, in the languages in which anything was chosen.

    One line may stand for two of them, as before and after a change that altered nothing.
    """
    made: dict[Language, Score] = {}
    others = [other for other in sides if other is not side]
    for language in LANGUAGES:
        met: set[tuple[str, str | None, str, str | None]] = set()
        for other in others:
            rivals = {}
            for paper, rival in other.candidates.items():
                known = paper, rival.prompt, rival.model, rival.lines.get(language)
                if known not in met:
                    met.add(known)
                    rivals[paper] = rival
            score = chosen.between(side.candidates, rivals)[language]
            made[language] = made.get(language, Score()).plus(score)
    return {name: score for name, score in made.items() if score.choices}

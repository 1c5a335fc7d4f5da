"""How a comparison is said: the measures of its totals, on the page and in the terminal alike."""

from collections.abc import Iterator
from typing import NamedTuple

from pipeline.checks.codes import is_opinion
from pipeline.comparison.answer import Cell, Comparison, Row, Total
from pipeline.comparison.rows import NEAR_IDENTICAL
from pipeline.records import LANGUAGES, Language, Severity, Usage

NAMES: dict[Language, str] = {"en": "English", "zh": "Chinese"}
UNITS: dict[Language, str] = {"en": "English words", "zh": "Chinese characters"}
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
HEADINGS: dict[Severity, str] = {"error": "Errors", "warning": "Warnings", "note": "Notes"}
NONE = "–"
NEAR = (
    f"at most {NEAR_IDENTICAL:.0%} of their characters differ, and none of a number; "
    "whether they say the same only reading tells"
)
OPINIONS = "Second opinions (active lines only)"


class Measure(NamedTuple):
    """One line of the totals: a value for each contender; `inner` ones are parts of the last."""

    name: str
    values: tuple[str, ...]
    inner: bool = False


def measures(compared: Comparison) -> list[Measure]:
    """The totals, of which those that say nothing of any contender are left out."""
    totals = compared.contenders
    made = [Measure("Papers with a line", tuple(f"{t.lines:,}" for t in totals))]
    for name, counts in (
        ("Missing", [t.missing for t in totals]),
        ("Withdrawn papers", [t.withdrawn for t in totals]),
        *(
            (f"Without a line in {NAMES[n]}", [t.lacking.get(n, 0) for t in totals])
            for n in LANGUAGES
        ),
        ("By an earlier text of the prompt", [t.earlier_text for t in totals]),
    ):
        if any(counts):
            made.append(Measure(name, tuple(f"{count:,}" for count in counts)))
    return [*made, *_findings(compared), *_lengths(totals), *_cost(totals), *_likeness(totals)]


def _findings(compared: Comparison) -> Iterator[Measure]:
    totals = compared.contenders
    kinds = {f.code: f.severity for row in compared.rows for c in row.cells for f in c.findings}
    for severity in SEVERITIES:
        counts = [total.severities.get(severity, 0) for total in totals]
        yield Measure(HEADINGS[severity], tuple(f"{count:,}" for count in counts))
        codes = [code for code, kind in kinds.items() if kind == severity]
        yield from _codes(totals, [code for code in codes if not is_opinion(code)])
    if opinions := [*filter(is_opinion, kinds)]:
        sums = [sum(total.findings.get(code, 0) for code in opinions) for total in totals]
        yield Measure(OPINIONS, tuple(f"{count:,}" for count in sums))
        yield from _codes(totals, opinions)


def _codes(totals: tuple[Total, ...], codes: list[str]) -> Iterator[Measure]:
    for code in sorted(codes):
        counts = [total.findings.get(code, 0) for total in totals]
        yield Measure(code, tuple(f"{count:,}" for count in counts), inner=True)


def _lengths(totals: tuple[Total, ...]) -> Iterator[Measure]:
    for language in LANGUAGES:
        lengths = [total.length.get(language) for total in totals]
        if any(lengths):
            told = (NONE if mean is None else f"{mean:.1f}" for mean in lengths)
            yield Measure(f"Mean length, {UNITS[language]}", tuple(told))


def _cost(totals: tuple[Total, ...]) -> Iterator[Measure]:
    yield Measure("Prompt tokens", tuple(f"{t.usage.prompt_tokens:,}" for t in totals))
    yield Measure("Completion tokens", tuple(f"{t.usage.completion_tokens:,}" for t in totals))
    yield Measure("Cost", tuple(dollars(total.usage) for total in totals))
    paid = (NONE if total.paid is None else dollars(total.paid) for total in totals)
    yield Measure("Paid in all, other tries included", tuple(paid), inner=True)


def _likeness(totals: tuple[Total, ...]) -> Iterator[Measure]:
    for language in LANGUAGES:
        likeness = [total.likeness.get(language) for total in totals]
        if any(likeness):
            told = [f"{e.differing:,} of {e.lines:,}" if e else NONE for e in likeness]
            yield Measure(f"{NAMES[language]} lines that differ from the first", tuple(told))
            shares = [f"{each.share:.0%}" if each else NONE for each in likeness]
            yield Measure("near-identical by characters", tuple(shares), inner=True)
    for language in LANGUAGES:
        scores = [total.choices.get(language) for total in totals]
        if any(scores):
            told = [f"{s.won} / {s.lost} / {s.tied}" if s else NONE for s in scores]
            yield Measure(f"Blind choices, {NAMES[language]}: won / lost / tied", tuple(told))


def dollars(usage: Usage) -> str:
    """The cost, in words."""
    return "unknown" if usage.usd is None else f"${usage.usd:.4f}"


def spent(cell: Cell) -> str:
    """Tokens and cost of one answer."""
    usage = cell.usage
    return (
        f"{usage.prompt_tokens:,} + {usage.completion_tokens:,} tokens, "
        f"{'cost unknown' if usage.usd is None else dollars(usage)}"
    )


def unread(total: Total) -> str:
    """That a prompt cannot be read, and why."""
    return f"{total.name} is shown from its lines alone: {total.note}"


def differs(row: Row) -> str:
    """How much the lines of a paper differ, in words."""
    if row.difference is None:
        return "nothing to compare"
    if row.difference == 0:
        return "identical"
    return f"{max(row.difference, 0.01):.0%} different"

"""Cuts a paper's lines and its abstract into segments that a template shows as they are.

A mark says what concerns a place: a quantity or a name that is traced, or a finding. What
belongs together has one number on both sides, so that pointing at one lights up the other.
"""

import itertools
from collections.abc import Sequence
from typing import Literal, NamedTuple

from pipeline.checks.rules import Rules, Span
from pipeline.checks.traces import traces
from pipeline.records import LANGUAGES, Finding, Language, Lines, Paper, Severity

WORST_FIRST: tuple[Severity, ...] = ("error", "warning", "note")


class Mark(NamedTuple):
    """What concerns the characters of `span`.

    `number` is that of the trace or of the finding, each from 1 for one paper; `severity` is
    a finding's alone. `found`: a trace has a counterpart, in the abstract or in the title.
    """

    span: Span
    kind: Literal["quantity", "name", "finding"]
    number: int
    severity: Severity | None = None
    found: bool = True


class Segment(NamedTuple):
    """A part of a text, in all of which the same marks hold; none, for most of them."""

    text: str
    marks: tuple[Mark, ...]

    @property
    def classes(self) -> str:
        """CSS classes: `quantity`, `name`, `unmatched`, and `f-` with the worst severity."""
        kinds = [mark.kind for mark in self.marks if mark.kind != "finding"]
        unmatched = [] if all(mark.found for mark in self.marks) else ["unmatched"]
        severities = {mark.severity for mark in self.marks}
        worst = [f"f-{severity}" for severity in WORST_FIRST if severity in severities][:1]
        return " ".join(dict.fromkeys([*kinds, *unmatched, *worst]))

    @property
    def numbers(self) -> str:
        """What the segment belongs to, for a data attribute: `t3 f1` is trace 3 and finding 1."""
        each = (f"{'f' if mark.kind == 'finding' else 't'}{mark.number}" for mark in self.marks)
        return " ".join(dict.fromkeys(each))


class Marked(NamedTuple):
    """One paper's lines and its abstract, cut; the findings count from 1 as they were given."""

    lines: dict[Language, list[Segment]]
    abstract: list[Segment]


def segments(text: str, marks: Sequence[Mark]) -> list[Segment]:
    """The parts of a text, which together are the text, cut wherever a mark begins or ends.

    Marks keep their order; what of one lies beyond the text is cut off.
    """
    clipped = [(max(0, mark.span[0]), min(len(text), mark.span[1]), mark) for mark in marks]
    inside = [(start, end, mark) for start, end, mark in clipped if start < end]
    cuts = {0, len(text)} | {place for start, end, _ in inside for place in (start, end)}
    return [
        Segment(
            text[first:last],
            tuple(
                mark._replace(span=(start, end))
                for start, end, mark in inside
                if start <= first and last <= end
            ),
        )
        for first, last in itertools.pairwise(sorted(cuts))
    ]


def marked(paper: Paper, lines: Lines, findings: Sequence[Finding], rules: Rules) -> Marked:
    """The lines, English first, and the abstract, with their traces and findings.

    Traces count through both lines. A finding without a place marks nothing, and has its
    number all the same.
    """
    on_lines: dict[Language, list[Mark]] = {name: [] for name in LANGUAGES if name in lines}
    on_abstract: list[Mark] = []
    counted = itertools.count(1)
    for language, marks in on_lines.items():
        for trace in traces(paper, language, lines[language], rules):
            source = trace.source_span
            found = source is not None or trace.in_title
            mark = Mark(trace.span, trace.kind, next(counted), found=found)
            marks.append(mark)
            on_abstract += [mark._replace(span=source)] if source else []
    for number, finding in enumerate(findings, 1):
        if finding.span and finding.language in on_lines:
            mark = Mark(finding.span, "finding", number, finding.severity)
            on_lines[finding.language].append(mark)
        if finding.source_span:
            on_abstract.append(Mark(finding.source_span, "finding", number, finding.severity))
    return Marked(
        lines={name: segments(lines[name], marks) for name, marks in on_lines.items()},
        abstract=segments(paper.abstract, on_abstract),
    )

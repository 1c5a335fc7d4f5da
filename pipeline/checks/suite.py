"""All checks together: a candidate or a digest -> findings, with the severities that hold."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from pipeline.checks import (
    copying,
    digest,
    ending,
    failures,
    form,
    injection,
    kinship,
    language,
    links,
    markup,
    names,
    numbers,
    orders,
    phrases,
    terms,
    typesetting,
)
from pipeline.checks.codes import CODES
from pipeline.checks.rules import Found, Rules
from pipeline.records import LANGUAGES, Finding, Paper, Severity, Summary
from pipeline.text import one_line, shortened

CHECKS = (
    numbers.check,
    names.check,
    kinship.check,
    language.check,
    terms.check,
    form.check,
    ending.check,
    markup.check,
    failures.check,
    phrases.check,
    copying.check,
    typesetting.check,
    links.check,
    orders.check,
    injection.check,
)
"""Each: a paper, lines and rules -> what was found."""

LONGEST_MESSAGE = 400
"""Characters of a finding's message: what it quotes comes from outside, and may be long."""

Severities = Mapping[str, Severity | Literal["off"]]
"""By code, where another severity holds than that of `codes.py`."""


def of_candidate(
    paper: Paper, summary: Summary, rules: Rules, severities: Severities
) -> list[Finding]:
    """What the checks find in a candidate: the English line's first, from left to right."""
    found = [one for check in CHECKS for one in check(paper, summary.lines, rules)]
    made = with_severity(found, severities, paper=paper.id, summary=summary.id)
    return sorted(made, key=_place)


def of_digest(
    shown: Sequence[tuple[Paper, Summary]], rules: Rules, severities: Severities
) -> list[Finding]:
    """What is wrong between the candidates that a digest shows, in its order."""
    return [
        finding
        for paper, one in digest.check(shown, rules)
        for finding in with_severity([one], severities, paper=paper, summary=None)
    ]


def with_severity(
    found: Iterable[Found], severities: Severities, *, paper: str, summary: str | None
) -> Iterator[Finding]:
    """Findings of what was found; a code that is switched off gives none."""
    for one in found:
        severity = severities.get(one.code, CODES[one.code].severity)
        if severity != "off":
            yield Finding(
                summary=summary,
                paper=paper,
                language=one.language,
                code=one.code,
                severity=severity,
                message=shortened(one_line(one.message), LONGEST_MESSAGE),
                span=one.span,
                source_span=one.source_span,
            )


def _place(finding: Finding) -> tuple[int, tuple[int, int], str]:
    languages = len(LANGUAGES) if finding.language is None else LANGUAGES.index(finding.language)
    return languages, finding.span or (0, 0), finding.code

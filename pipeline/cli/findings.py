"""What the checks found, as a table for a terminal."""

from collections import Counter
from collections.abc import Iterator, Sequence

from pipeline import candidates
from pipeline.records import Finding, Severity
from pipeline.snapshot import Snapshot
from pipeline.text import amount

ORDER: tuple[Severity, ...] = ("error", "warning", "note")


def listed(snapshot: Snapshot, findings: Sequence[Finding]) -> Iterator[str]:
    """The findings about the active candidates, errors first, then a line that sums up."""
    summaries = snapshot.summaries()
    shown = {summary.id for summary in candidates.active(snapshot.run(), summaries).values()}
    about = [f for f in findings if f.summary is None or f.summary in shown]
    code = max((len(finding.code) for finding in about), default=0)
    for finding in sorted(about, key=lambda finding: ORDER.index(finding.severity)):
        where = f"{finding.paper:<12} {finding.language or '':<2}"
        yield f"{finding.severity:<7} {where} {finding.code:<{code}}  {finding.message}"
    counts = Counter(finding.severity for finding in about)
    told = ", ".join(amount(counts[severity], severity) for severity in ORDER)
    rest = len(findings) - len(about)
    more = f"; {amount(rest, 'finding')} on other candidates in 3-findings.jsonl" if rest else ""
    yield f"{snapshot}: {amount(len(summaries), 'candidate')} checked, {told}{more}"

"""What the checks found, as a table for a terminal."""

from collections import Counter
from collections.abc import Iterator, Sequence

from pipeline import composition
from pipeline.records import Finding, Severity
from pipeline.settings import Settings
from pipeline.snapshot import Snapshot
from pipeline.stages.assemble import gathered
from pipeline.text import amount

ORDER: tuple[Severity, ...] = ("error", "warning", "note")


def listed(settings: Settings, snapshot: Snapshot, findings: Sequence[Finding]) -> Iterator[str]:
    """The findings about the lines that a digest shows now, errors first, then a line that sums up.

    That is what `findings`, which were just written, say of it.
    """
    summaries = snapshot.summaries()
    about = composition.digest(gathered(settings, snapshot)).findings
    code = max((len(finding.code) for finding in about), default=0)
    for finding in sorted(about, key=lambda finding: ORDER.index(finding.severity)):
        where = f"{finding.paper:<12} {finding.language or '':<2}"
        yield f"{finding.severity:<7} {where} {finding.code:<{code}}  {finding.message}"
    counts = Counter(finding.severity for finding in about)
    told = ", ".join(amount(counts[severity], severity) for severity in ORDER)
    rest = len(findings) - len(about)
    more = f"; {amount(rest, 'finding')} on other candidates in 3-findings.jsonl" if rest else ""
    yield f"{snapshot}: {amount(len(summaries), 'candidate')} checked, {told}{more}"

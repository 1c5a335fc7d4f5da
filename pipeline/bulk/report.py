"""What a bulk run did, as `paperline bulk --json` answers it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.bulk.months import Made
from pipeline.errors import UnbalancedBooks
from pipeline.records import Count, Failure, Record, Usage
from pipeline.text import amount


class BulkReport(Record, frozen=True, kw_only=True):
    """What is in OUT now, and what this run did for it.

    Of the dump's `read` lines, `rejected` ones are no papers (`_books` in OUT names them),
    `left_out` ones are not asked for, and `duplicates` came again later; the others are
    `found`, and among the `papers` of the `months` that the dump touches, of which `unchanged`
    ones stood as they were. `asked` papers went to the model or the cache, `from_cache` were
    there. `gaps` are for want of a model's line, `withdrawn` papers have none. `findings` by
    severity. `usage` is what was paid now. `stopped`: why `left` months were not finished; the
    same command goes on.
    """

    out: str
    read: Count
    rejected: Count
    left_out: Count
    duplicates: Count
    found: Count
    months: Count
    unchanged: Count
    left: Count
    papers: Count
    new: Count
    revised: Count
    asked: Count
    from_cache: Count
    gaps: Count
    withdrawn: Count
    findings: dict[str, int]
    usage: Usage
    seconds: float
    stopped: Failure | None = None

    @property
    def complete(self) -> bool:
        """Whether every paper has what it should have."""
        return self.stopped is None and not self.gaps and not self.rejected


SUMMED = (
    *("found", "duplicates", "papers", "new", "revised"),
    *("asked", "from_cache", "gaps", "withdrawn"),
)
"""What a month and the report count alike."""


@dataclass
class Account:
    """What is summed up while months and parts of the dump are done."""

    counts: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    stopped: Failure | None = None

    def add(self, made: Made) -> None:
        """Count a month."""
        self.counts["months"] += 1
        self.counts["unchanged"] += made.unchanged
        self.counts["left"] += made.stopped is not None
        self.stopped = self.stopped or made.stopped
        for name in SUMMED:
            self.counts[name] += getattr(made, name)
        self.findings.update(made.findings)

    def leave(self, months: Iterable[str]) -> None:
        """Count months that were not begun."""
        count = len(list(months))
        self.counts.update(months=count, left=count)

    def balance(self) -> None:
        """Raise `UnbalancedBooks` where a line that was read is in no month."""
        read, counts = self.counts["read"], self.counts
        others = {name: counts[name] for name in ("found", "duplicates", "left_out", "rejected")}
        if read != sum(others.values()):
            told = " + ".join(f"{count} {name}" for name, count in others.items())
            raise UnbalancedBooks(
                f"the books do not balance: {read} lines read, but {told}",
                next_step="Run the same command again: what is finished stays",
            )

    def report(self, out: str, usage: Usage, seconds: float) -> BulkReport:
        """The whole."""
        return BulkReport(
            out=out,
            **{name: self.counts[name] for name in ("read", "rejected", "left_out", *SUMMED)},
            **{name: self.counts[name] for name in ("months", "unchanged", "left")},
            findings=dict(sorted(self.findings.items())),
            usage=usage,
            seconds=round(seconds, 1),
            stopped=self.stopped,
        )


def told(made: Made) -> str:
    """A month that was finished, in a line."""
    if made.unchanged:
        return f"{made.month}: {amount(made.papers, 'paper')}, nothing new"
    parts = [
        amount(made.papers, "paper"),
        f"{made.new} new",
        f"{made.revised} revised" if made.revised else "",
        f"{made.asked} asked about, {made.from_cache} of them in the cache",
        amount(made.gaps, "gap") if made.gaps else "",
    ]
    return f"{made.month}: {', '.join(filter(None, parts))}"

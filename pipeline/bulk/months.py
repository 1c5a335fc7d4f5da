"""One month: what stands in its partition, what the dump has, and the partition that follows.

Rows come in the order of their ids, as a stream: kept as they are, checked anew, or made by the
executor. Where a model is down or the budget reached, the month is left as it was.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline import glossary as glossaries
from pipeline import prompts, rulebook
from pipeline.bulk.folder import BulkFolder, Origin, Partition, Selection
from pipeline.bulk.rows import Row
from pipeline.bulk.sorting import Part, Sorted
from pipeline.bulk.withdrawal import says_withdrawn
from pipeline.checks import suite
from pipeline.exchange import Executor, Job, Outcome, Paid
from pipeline.executors.embedded import lines as embedded_lines
from pipeline.ledger import is_withdrawn
from pipeline.ordering import InOrder
from pipeline.records import (
    EMBEDDED,
    Count,
    Failure,
    Finding,
    Paper,
    Record,
    Summary,
    Usage,
    fingerprint,
)
from pipeline.settings import Settings
from pipeline.sources.dump_entry import DumpEntry
from pipeline.version import VERSION
from pipeline.wanted import Wanted, job_for

TOPIC = "bulk"
"""Under which the books have what a bulk run paid."""

NO_LINE = Failure(kind="content", reason="no line")

STOPS = frozenset({"budget", "unavailable", "refused"})
"""Kinds of failure after which further papers would fail the same way."""


@dataclass(frozen=True)
class Plan:
    """What one pass is to do, as every process of it must know it.

    `prompts` are the texts in prompts/ by file name; `prompt` is the name of the one that is
    used. `parts` are of the file or folder `dump`. `started` is when the pass began, whoever
    goes on with it.
    """

    settings: Settings
    prompts: Mapping[str, str]
    prompt: str
    selection: Selection
    dump: str
    parts: tuple[Part, ...]
    out: str
    started: datetime

    @property
    def name(self) -> str:
        """The pass in the books, as a snapshot would be named."""
        return f"{self.started.astimezone(self.settings.zone):%Y%m%d_%H%M}"


class Made(Record, frozen=True, kw_only=True):
    """What became of a month.

    Of its `papers`, `new` and `revised` ones were not there before, and `asked` were given to
    the executor, which had `from_cache` answers; `unchanged`: nothing was written. The dump has
    `found` papers of it, and `duplicates` are lines that a later one with the same id replaced.
    `stopped` is why it was left as it was.
    """

    month: str
    found: Count
    papers: Count = 0
    new: Count = 0
    revised: Count = 0
    asked: Count = 0
    from_cache: Count = 0
    gaps: Count = 0
    withdrawn: Count = 0
    duplicates: Count = 0
    findings: dict[str, int] = {}
    unchanged: bool = False
    stopped: Failure | None = None


class Maker:
    """Makes months by one plan, one after the other, with one executor."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        executor: Executor,
        paid: Paid,
        advance: Callable[[], None] = lambda: None,
    ) -> None:
        """`folder` holds the plan's prompts; `advance` is told of each row that is there.

        Raises `PromptError`.
        """
        self.plan = plan
        self.out = BulkFolder(plan.out)
        self.executor = executor
        self.paid = paid
        self.advance = advance
        settings, glossary = plan.settings, glossaries.load(folder)
        self.prompt = prompts.load(folder, plan.prompt)
        if settings.model.embedded:
            self.wanted = Wanted(None, glossary, EMBEDDED)
        else:
            others = tuple(each.name for each in settings.model.fallback)
            self.wanted = Wanted(self.prompt, glossary, settings.model.name, others)
        self.stand_in = Wanted(None, glossary, EMBEDDED)
        self.rules, _ = rulebook.rules_for(folder, settings.check, {self.prompt.name})
        marks = rulebook.marks(self.rules, settings.check)
        self.rules_mark = fingerprint([VERSION, sorted(marks.items())])

    def make(self, month: str, found: Iterable[Sorted]) -> Made:
        """Bring a month's partition up to date with what the dump has of it.

        Raises `OutputError`, `DamagedFile`, `ClusterUnavailable`.
        """
        lines, duplicates = _newest(found)
        came: dict[str, Any] = {"found": len(lines), "duplicates": duplicates}
        origin, stood = self._origin(lines), self.out.origin(month)
        if (marker := self._unchanged(month, origin, stood)) is not None:
            for _ in range(marker.papers):
                self.advance()
            return _told(marker, **came, unchanged=True)
        trusted = stood is not None and stood.rules == origin.rules
        try:
            with self.out.writing(month, origin) as add:
                making = _Making(self, add, trusted=trusted)
                making.work(self._merged(month, lines, stood))
        except _StoppedError as stop:
            return Made(month=month, **came, stopped=stop.failure)
        marker = Partition(month=month, inputs=origin.inputs, **making.tally.counted())
        self.out.commit(marker)
        return _told(marker, **came, **making.done)

    def to_ask(self, month: str, found: Iterable[Sorted]) -> Iterator[Paper]:
        """The papers that `make` would ask about, in the order of their ids. Raises as it does."""
        lines, _ = _newest(found)
        stood = self.out.origin(month)
        if self._unchanged(month, self._origin(lines), stood) is None:
            making = _Making(self, lambda _: None, trusted=True)
            yield from making.to_ask(self._merged(month, lines, stood))

    def job(self, paper: Paper) -> Job:
        """The question about a paper. Raises `PromptError` where the prompt fails on it."""
        plan = self.plan
        return job_for(plan.settings, TOPIC, plan.name, self.prompt, paper)

    def _origin(self, lines: Iterable[bytes]) -> Origin:
        wanted = [self.wanted.name, self.wanted.fingerprint, self.wanted.model, self.rules_mark]
        digest = hashlib.sha256(fingerprint(wanted).encode())
        for line in lines:
            digest.update(line + b"\n")
        return Origin(digest.hexdigest(), self.rules_mark)

    def _unchanged(self, month: str, origin: Origin, stood: Origin | None) -> Partition | None:
        """The marker of a month whose rows would be made just as they stand."""
        marker = self.out.partition(month)
        if marker is None or stood != origin or marker.inputs != origin.inputs or marker.gaps:
            return None
        return marker

    def _merged(
        self, month: str, lines: list[bytes], stood: Origin | None
    ) -> Iterator[tuple[Paper | None, Row | None]]:
        papers = (DumpEntry(line).paper() for line in lines)
        return _merged(papers, self.out.rows(month) if stood else iter(()))


class _StoppedError(Exception):
    """No further paper can have a line in this run."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


@dataclass
class _Tally:
    """What is in the rows."""

    papers: int = 0
    lines: Counter[str] = field(default_factory=Counter)
    gaps: int = 0
    withdrawn: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    usage: Usage = field(default_factory=Usage)

    def count(self, row: Row) -> None:
        self.papers += 1
        self.gaps += row.failure is not None
        self.withdrawn += row.summary is None
        self.findings.update(finding.severity for finding in row.findings)
        if row.summary is not None:
            self.lines[row.summary.model] += 1
            self.usage = self.usage.plus(row.summary.usage)

    def counted(self) -> dict[str, Any]:
        return {
            **vars(self),
            "lines": dict(sorted(self.lines.items())),
            "findings": dict(sorted(self.findings.items())),
        }


class _Making:
    """The rows of one month, as they come."""

    def __init__(self, maker: Maker, add: Callable[[Row], None], *, trusted: bool) -> None:
        """`trusted`: the findings that stand are by the rules that hold."""
        self._maker = maker
        self._add = add
        self._trusted = trusted
        self._in_order = InOrder(self._put)
        self._under_way: dict[str, tuple[int, Paper]] = {}
        self._stopped: Failure | None = None
        self.tally = _Tally()
        self.done: Counter[str] = Counter()

    def work(self, merged: Iterable[tuple[Paper | None, Row | None]]) -> None:
        """Have all rows put. Raises `_StoppedError`."""
        self._maker.executor.run(self._jobs(merged), self._deliver, paid=self._maker.paid)
        if self._stopped is not None:
            raise _StoppedError(self._stopped)

    def _jobs(self, merged: Iterable[tuple[Paper | None, Row | None]]) -> Iterator[Job]:
        """The questions to ask; what needs none is put as it is met."""
        for position, (found, row) in enumerate(merged):
            if self._stopped is not None:
                return
            paper = self._paper(found, row)
            if (standing := self._standing(paper, row)) is not None:
                self._in_order.put(position, standing)
            else:
                self._under_way[paper.id] = position, paper
                self.done["asked"] += 1
                yield self._maker.job(paper)

    def to_ask(self, merged: Iterable[tuple[Paper | None, Row | None]]) -> Iterator[Paper]:
        """The papers that `work` would ask about."""
        for found, row in merged:
            paper = self._paper(found, row)
            if self._standing(paper, row) is None:
                yield paper

    def _standing(self, paper: Paper, row: Row | None) -> Row | None:
        """The row of a paper that nobody need be asked about."""
        if paper.status == "withdrawn":
            return Row(paper=paper)
        if row is not None and self._stands(paper, row):
            return self._kept(paper, row)
        return None

    def _paper(self, found: Paper | None, row: Row | None) -> Paper:
        """What the row is about: the dump's paper, unless the one that is there is newer."""
        if found is None or (row is not None and row.paper.version > found.version):
            assert row is not None  # noqa: S101  one of the two is there
            return row.paper
        if is_withdrawn(found) or says_withdrawn(found.abstract):
            return found.but(status="withdrawn")
        if row is None:
            self.done["new"] += 1
            return found
        if row.paper.version < found.version or row.paper.status == "withdrawn":
            self.done["revised"] += 1
            return found.but(status="revised")
        return found.but(status=row.paper.status)

    def _stands(self, paper: Paper, row: Row) -> bool:
        """Whether a row has the lines that are wanted for just this paper."""
        wanted, summary = self._maker.wanted, row.summary
        if summary is None or row.failure is not None or row.paper != paper:
            return False
        models = (wanted.model, *wanted.fallbacks)
        right = summary.prompt_fingerprint == wanted.fingerprint_for(paper)
        return right and summary.prompt == wanted.name and summary.model in models

    def _kept(self, paper: Paper, row: Row) -> Row:
        if self._trusted or row.summary is None:
            return row
        return row.but(findings=self._findings(paper, row.summary))

    def _deliver(self, outcome: Outcome) -> None:
        position, paper = self._under_way.pop(outcome.paper)
        failure = outcome.failure
        if failure is not None and failure.kind in STOPS:
            self._stopped = failure
            return
        self.done["from_cache"] += outcome.from_cache
        if outcome.lines is None:
            stand_in, failure = self._maker.stand_in, failure or NO_LINE
            made = outcome.but(model=EMBEDDED, created=self._maker.plan.started)
            summary = stand_in.candidate(paper, embedded_lines(paper, stand_in.glossary), made)
        else:
            summary = self._maker.wanted.candidate(paper, outcome.lines, outcome)
        row = Row(
            paper=paper,
            summary=summary,
            findings=self._findings(paper, summary),
            failure=failure,
        )
        self._in_order.put(position, row)

    def _findings(self, paper: Paper, summary: Summary) -> tuple[Finding, ...]:
        rules = self._maker.rules[summary.prompt]
        severities = self._maker.plan.settings.check.severity
        return tuple(suite.of_candidate(paper, summary, rules, severities))

    def _put(self, row: Row) -> None:
        self.tally.count(row)
        self._add(row)
        self._maker.advance()


def _newest(found: Iterable[Sorted]) -> tuple[list[bytes], int]:
    """Each paper's last line, in the order of ids; and how many lines that leaves out.

    Lines are kept rather than what is in them, which takes three times the memory.
    """
    newest: dict[str, Sorted] = {}
    read = 0
    for each in found:
        read += 1
        id_ = DumpEntry(each.line).record.id
        known = newest.get(id_, each)
        newest[id_] = max(known, each, key=lambda one: (one.number, one.place))
    return [newest[id_].line for id_ in sorted(newest)], read - len(newest)


def _merged(
    papers: Iterator[Paper], rows: Iterator[Row]
) -> Iterator[tuple[Paper | None, Row | None]]:
    """Papers and rows with the same id together; both come, and it goes, in the order of ids."""
    paper, row = next(papers, None), next(rows, None)
    while paper is not None or row is not None:
        if row is None or (paper is not None and paper.id < row.paper.id):
            yield paper, None
            paper = next(papers, None)
        elif paper is None or row.paper.id < paper.id:
            yield None, row
            row = next(rows, None)
        else:
            yield paper, row
            paper, row = next(papers, None), next(rows, None)


def _told(partition: Partition, **more: Any) -> Made:
    return Made(
        month=partition.month,
        papers=partition.papers,
        gaps=partition.gaps,
        withdrawn=partition.withdrawn,
        findings=partition.findings,
        **more,
    )

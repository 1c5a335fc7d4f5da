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
from pipeline.bulk.folder import BulkFolder, Partition, Selection
from pipeline.bulk.rows import Row
from pipeline.bulk.sorting import Sorted
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
    used. `started` is when the pass began, whoever goes on with it.
    """

    settings: Settings
    prompts: Mapping[str, str]
    prompt: str
    selection: Selection
    dump: str
    out: str
    started: datetime

    @property
    def name(self) -> str:
        """The pass in the books, as a snapshot would be named."""
        return f"{self.started.astimezone(self.settings.zone):%Y%m%d_%H%M}"


class Made(Record, frozen=True, kw_only=True):
    """What became of a month.

    Of its `papers`, `new` and `revised` ones were not there before, and `asked` were given to
    the executor, which had `from_cache` answers; `unchanged`: nothing was written. `duplicates`
    are lines that a later one with the same id replaced. `stopped` is why it was left as it was.
    """

    month: str
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
        before = self.out.partition(month)
        inputs = self._inputs(lines)
        if before and before.inputs == inputs and not before.gaps:
            for _ in range(before.papers):
                self.advance()
            return _told(before, duplicates=duplicates, unchanged=True)
        generation = before.generation + 1 if before else 1
        stood = self.out.rows(before) if before else iter(())
        trusted = before is not None and before.rules == self.rules_mark
        try:
            with self.out.writing(month, generation) as (file, add):
                making = _Making(self, add, trusted=trusted)
                making.work(_merged((DumpEntry(line).paper() for line in lines), stood))
        except _StoppedError as stop:
            return Made(month=month, duplicates=duplicates, stopped=stop.failure)
        partition = Partition(
            month=month,
            generation=generation,
            file=file,
            inputs=inputs,
            rules=self.rules_mark,
            **making.tally.counted(),
        )
        self.out.commit(partition)
        return _told(
            partition,
            duplicates=duplicates,
            new=making.news["new"],
            revised=making.news["revised"],
            asked=making.asked,
            from_cache=making.from_cache,
        )

    def to_ask(self, month: str, found: Iterable[Sorted]) -> Iterator[Paper]:
        """The papers that `make` would ask about, in the order of their ids. Raises as it does."""
        lines, _ = _newest(found)
        before = self.out.partition(month)
        if before is None or before.inputs != self._inputs(lines) or before.gaps:
            stood = self.out.rows(before) if before else iter(())
            papers = (DumpEntry(line).paper() for line in lines)
            yield from _Making(self, lambda _: None, trusted=True).to_ask(_merged(papers, stood))

    def job(self, paper: Paper) -> Job:
        """The question about a paper. Raises `PromptError` where the prompt fails on it."""
        plan = self.plan
        return job_for(plan.settings, TOPIC, plan.name, self.prompt, paper)

    def _inputs(self, lines: Iterable[bytes]) -> str:
        wanted = [self.wanted.name, self.wanted.fingerprint, self.wanted.model, self.rules_mark]
        digest = hashlib.sha256(fingerprint(wanted).encode())
        for line in lines:
            digest.update(line)
        return digest.hexdigest()


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
        self.news: Counter[str] = Counter()
        self.asked = self.from_cache = 0

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
                self.asked += 1
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
        if is_withdrawn(found):
            return found.but(status="withdrawn")
        if row is None:
            self.news["new"] += 1
            return found
        if row.paper.version < found.version:
            self.news["revised"] += 1
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
        self.from_cache += outcome.from_cache
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
    ordered = sorted(found, key=lambda each: (each.number, each.place))
    lines = {DumpEntry(each.line).record.id: each.line for each in ordered}
    return [lines[id_] for id_ in sorted(lines)], len(ordered) - len(lines)


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

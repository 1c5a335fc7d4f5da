"""What the nightly job says: of each topic one line on standard output, however it ended."""

from types import TracebackType
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import MISSING, counted, fail
from pipeline.text import amount, one_line, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from pipeline.report import Report
    from pipeline.settings import Settings

LONGEST_REASON = 300
"""Characters of what is missing, or of an error, in the line of a topic."""

AGAIN = "Run the same command again: it goes on, and what was paid for is kept"

DEFECT = "Report it with the output of paperline --debug run; what is done so far is kept"


class Outcomes:
    """Tells what came of each topic, in `runs.jsonl` too; a context manager around all of them.

    An error or an interruption that ends the block is the outcome of every topic that has none,
    and goes on; `interruption` says which exit code Ctrl-C, or what stands for it, will have.
    With `as_json` all are told at the end.
    """

    def __init__(
        self,
        settings: "Settings",
        topics: "Sequence[str]",
        now: "datetime",
        *,
        as_json: bool,
        interruption: "Callable[[], int]" = lambda: 1,
    ) -> None:
        from pipeline.run_journal import RunJournal

        self._topics = topics
        self._now = now
        self._as_json = as_json
        self._interruption = interruption
        self._journal = RunJournal(settings, now)
        self._told: dict[str, Report] = {}

    @property
    def run(self) -> str:
        """The run's name."""
        return self._journal.run

    @property
    def code(self) -> int:
        """The exit code of all topics: what needs somebody most comes first."""
        codes = {report.exit_code for report in self._told.values()}
        return next((code for code in (2, 1, 75, MISSING) if code in codes), 0)

    def begin(self, topic: str) -> None:
        """The work for a topic begins."""
        self._journal.begin(topic)

    def finished(self, report: "Report") -> None:
        """It is done as far as could be."""
        self._tell(report.but(run=self.run, exit_code=MISSING if report.missing else 0))

    def failed(self, topic: str, error: Exception) -> None:
        """It ended with an error, of ours or a defect, or never came to its turn for one."""
        from pipeline.errors import PaperlineError

        what, next_step, code = f"{type(error).__name__}: {error}", DEFECT, 1
        if isinstance(error, PaperlineError):
            what = f"{error.where}: {error.what}" if error.where else error.what
            next_step, code = error.next_step, error.exit_code
        self._broke_off(topic, what, next_step, exit_code=code, code=type(error).__name__)

    def _interrupted(self, topic: str, exit_code: int) -> None:
        """Somebody stopped the run while it worked on a topic, or before."""
        from pipeline.run_journal import INTERRUPTED

        under_way = topic in self._journal.under_way()
        what = f"stopped before it {'was done' if under_way else 'began'}"
        if under_way:
            fail(f"{topic}: interrupted. {AGAIN}")
        self._broke_off(topic, what, AGAIN, exit_code=exit_code, code=INTERRUPTED)

    def _broke_off(
        self, topic: str, what: str, next_step: str, *, exit_code: int, code: str
    ) -> None:
        from pipeline.records import utc
        from pipeline.report import Report

        self._tell(
            Report(
                topic=topic,
                at=utc(self._now),
                snapshot=None,
                made=False,
                run=self.run,
                exit_code=exit_code,
                error=one_line(what),
                next_step=one_line(next_step) or None,
                code=code,
            )
        )

    def _tell(self, report: "Report") -> None:
        self._told[report.topic] = report
        self._journal.end(report)
        if not self._as_json:
            click.echo(sentence(report))

    def __enter__(self) -> "Outcomes":
        """Nothing has begun."""
        return self

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        """Every topic has its outcome, and its line."""
        untold = [topic for topic in self._topics if topic not in self._told]
        if isinstance(error, Exception):
            for topic in untold:
                self.failed(topic, error)
        elif error is not None:
            ended = error.code if isinstance(error, SystemExit) else None
            for topic in untold:
                self._interrupted(topic, ended if isinstance(ended, int) else self._interruption())
        if self._as_json:
            import msgspec

            click.echo(msgspec.json.encode(list(self._told.values())).decode())


def sentence(report: "Report") -> str:
    """What came of a topic, in one line without anything that a terminal obeys."""
    return one_line(_failure(report) if report.error else _work(report) + _missing(report))


def _failure(report: "Report") -> str:
    from pipeline.run_journal import INTERRUPTED

    if report.code == INTERRUPTED:
        return f"{report.topic}: interrupted; next: {report.next_step}"
    word = "not finished" if report.exit_code == 75 else "failed"
    told = shortened(report.error or "", LONGEST_REASON)
    return f"{report.topic}: {word}: {told}; next: {report.next_step or 'Run paperline doctor'}"


def _work(report: "Report") -> str:
    from pipeline.progress import cost

    late, still = _late(report), _still_waiting(report)
    if report.snapshot is None:
        return f"{report.topic}: nothing new, and no digest yet{late}"
    spent = cost(report.usage)
    healed = f", {report.healed} of {report.asked_again} gaps healed" if report.asked_again else ""
    state = f"waiting for {_decisions(report.waiting_for)}: {report.page or 'no digest yet'}"
    if report.published:
        state = f"published: {report.site or 'not on the site yet'}"
    elif report.taken_back:
        state = f"withdrawn: {report.page}"
    if not report.made:
        told = f"{report.topic}: nothing new{healed}{late}, {spent}"
        return f"{told}; {report.snapshot} {state}{still}"
    other = "".join(
        f", {count} {what}"
        for count, what in ((report.withdrawn, "withdrawn"), (report.seen, "shown before"))
        if count
    )
    return (
        f"{report.topic}/{report.snapshot}: {report.new} new, {report.revised} revised{other}, "
        f"{report.model_lines} lines by a model, {report.gaps} gaps{_flagged(report)}"
        f"{healed}{late}, {spent}; {state}{still}"
    )


def _missing(report: "Report") -> str:
    """What could not be done; the rest of it is in the warning and in the digest."""
    if not report.missing:
        return ""
    told = counted(missing.reason for missing in report.missing)
    return f"; missing: {shortened(one_line(told), LONGEST_REASON)}"


def _decisions(count: int) -> str:
    return amount(count, "decision") if count else "somebody to publish it"


def _still_waiting(report: "Report") -> str:
    """Every digest that waits for its editors for longer than it should."""
    told = []
    for reminder in report.reminders:
        hours = int((report.at - reminder.since).total_seconds() // 3600)
        age = amount(hours // 24, "day") if hours >= 48 else amount(hours, "hour")
        told.append(f"{reminder.snapshot} for {age} for {_decisions(reminder.waiting_for)}")
    return f"; still waiting: {', '.join(told)}" if told else ""


def _flagged(report: "Report") -> str:
    """What the checks found in the lines."""
    counts = ((report.errors, "error"), (report.warnings, "warning"))
    return "".join(f", {amount(number, what)}" for number, what in counts if number)


def _late(report: "Report") -> str:
    """How many papers are over the limit, and for how long the first of them is."""
    if not report.waiting or report.waiting_since is None:
        return ""
    wait = "1 paper waits" if report.waiting == 1 else f"{report.waiting} papers wait"
    days = (report.at - report.waiting_since).days
    since = f", the longest for {days} {'day' if days == 1 else 'days'}" if days else ""
    return f", {wait} for room{since}"

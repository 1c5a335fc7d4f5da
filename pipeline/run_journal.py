"""What becomes of a run, topic by topic: kept in `runs.jsonl` while it happens.

A run that was killed has begun there, and not ended. Nothing depends on the file: what is wrong
with it is a warning, and costs no night.
"""

import logging
import secrets
from datetime import UTC, datetime
from functools import cached_property

from pipeline.books import Invocation
from pipeline.errors import PaperlineError
from pipeline.outputs import Outputs
from pipeline.records import Usage, utc
from pipeline.report import Report
from pipeline.settings import Settings
from pipeline.version import VERSION

USAGE = 2
"""The exit code of what the command line or the settings got wrong."""

RESULTS = {0: "done", 3: "missing", 75: "unfinished"}
"""By exit code; all others are `failed`, but for what was `INTERRUPTED`."""

INTERRUPTED = "Interrupted"
"""The `code` of what somebody broke off."""

COUNTED = (
    "papers",
    "new",
    "revised",
    "withdrawn",
    "seen",
    "model_lines",
    "gaps",
    "asked_again",
    "healed",
    "errors",
    "warnings",
    "waiting",
    "waiting_for",
)
"""What `Invocation.counts` has of a report, under the same names; none that is 0."""

log = logging.getLogger(__name__)


class RunJournal:
    """One run's lines: of each topic that it began, and what came of it. `run` is its name."""

    def __init__(self, settings: Settings, now: datetime) -> None:
        begun = datetime.now(UTC)
        self.run = f"{begun:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        self._root = settings.outputs
        self._at = utc(now)
        self._begun: dict[str, Invocation] = {}
        self._trouble: PaperlineError | None = None

    @cached_property
    def _outputs(self) -> Outputs:
        """Raises where nothing of it can be used, which is for the run to tell."""
        return Outputs(self._root)

    def begin(self, topic: str) -> None:
        """It is on disk when this returns that the run of a topic begins."""
        begun = utc(datetime.now(UTC))
        line = Invocation(run=self.run, topic=topic, at=self._at, begun=begun, version=VERSION)
        self._begun[topic] = line
        self._append(line)

    def under_way(self) -> list[str]:
        """The topics that have begun and not ended."""
        return list(self._begun)

    def end(self, report: Report) -> None:
        """What came of a topic, which has begun or never came to it.

        A mistake in the settings that keeps a run from beginning leaves no line.
        """
        if report.topic not in self._begun:
            if report.exit_code == USAGE:
                return
            self.begin(report.topic)
        begun = self._begun.pop(report.topic)
        told = f"{report.error}. {report.next_step}" if report.next_step else report.error
        result = RESULTS.get(report.exit_code, "failed")
        counts = {name: getattr(report, name) for name in COUNTED if getattr(report, name)}
        self._append(
            begun.but(
                ended=utc(datetime.now(UTC)),
                result="interrupted" if report.code == INTERRUPTED else result,
                exit_code=report.exit_code,
                snapshot=report.snapshot,
                made=report.made,
                published=report.published,
                counts=counts,
                usage=self._paid(begun) if report.error else report.usage,
                error=told,
                code=report.code,
            )
        )
        if self._trouble and not report.error:  # else whatever is wrong there is told already
            log.warning("what came of the run is not written down: %s", self._trouble)
            self._trouble = None

    def _paid(self, begun: Invocation) -> Usage:
        """What was booked for the topic meanwhile, where the run cannot tell itself."""
        whole = Usage()
        try:
            for spend in self._outputs.spent_since(begun.begun):
                whole = whole.plus(spend.usage) if spend.topic == begun.topic else whole
        except PaperlineError as error:
            log.info("%s: its cost is not known: %s", begun.topic, error)
        return whole

    def _append(self, line: Invocation) -> None:
        try:
            self._outputs.append_invocation(line)
        except PaperlineError as error:
            self._trouble = error

"""What is kept of the work itself: what was found, asked, paid and done, and what is missing."""

from datetime import date
from typing import Literal

from pipeline.records import (
    FORMAT,
    ArxivId,
    Count,
    Failure,
    Filled,
    Paper,
    Present,
    Record,
    SnapshotName,
    Usage,
    Utc,
    utc_text,
)
from pipeline.text import one_line


class Waiting(Record, frozen=True, kw_only=True):
    """One line of `waiting.jsonl`: a paper found but not yet in a snapshot.

    `since` is the night that found it. `reason`: `limit` (there was no room), `by hand`
    (somebody asked for it), or `unfinished` while its snapshot is being made.
    `query` is what it was found by, if by one.
    """

    paper: Paper
    reason: Literal["limit", "by hand", "unfinished"]
    since: Utc
    query: str | None = None


class Fetch(Record, frozen=True, kw_only=True):
    """One line of `fetches.jsonl`: what one fetch of a topic found, quiet nights included.

    `since`: how far back it asked (None: as far as there was room). `complete`: all that
    was announced arrived. `wide`: it was the weekly one, which looks back further and at
    papers that were shown. `backfill`: it was of past days, of which only `missed` and
    `unreadable` are told. `filtered`: ids by the rule that left them out. `missed` says what
    did not arrive, `unreadable` names the entries that are no papers, with the reason.
    """

    at: Utc
    query: str
    since: Utc | None
    complete: bool
    wide: bool = False
    backfill: bool = False
    snapshot: SnapshotName | None = None
    counts: dict[str, int] = {}
    filtered: dict[str, tuple[str, ...]] = {}
    missed: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()


class Spend(Record, frozen=True, kw_only=True):
    """One line of `spend.jsonl`: what one answer cost.

    Of two lines with the same `id` one counts: a run that was killed books its last
    answers again.
    """

    id: Filled
    at: Utc
    topic: str
    snapshot: SnapshotName
    paper: ArxivId
    model: str
    usage: Usage
    stage: Literal["summarize", "check"] = "summarize"


class Notice(Record, frozen=True, kw_only=True):
    """One line of `notices.jsonl`: that an event is told to a channel, and what came of it.

    `event` is its kind and what it is about; `channel` is a digest of the address, which stands
    nowhere, `service` its scheme. `begun` is written before anything is sent, the result after
    it: with `begun` alone the process was killed in between, and nobody knows.
    """

    event: Filled
    channel: Filled
    service: Filled
    at: Utc
    result: Literal["begun", "sent", "failed"] = "begun"

    def same(self, other: "Notice") -> bool:
        """Whether both are about the same event and the same channel."""
        return (self.event, self.channel) == (other.event, other.channel)


class Invocation(Record, frozen=True, kw_only=True):
    """One line of `runs.jsonl`: that a run of a topic began, or what came of it.

    Both have the same `run` and `topic`; where the second one lacks, the process was killed, or
    still works. `at` is what stood for "now", `begun` and `ended` are real times. `exit_code` is
    the topic's: 0 done, 3 missing, 75 unfinished, 1 or 2 failed, 1 or 143 interrupted; None while
    it runs. `snapshot` is the topic's newest, which the run may not have `made`;
    `counts` are of its digest, and of this run: gaps that were asked for again and healed,
    papers that wait for room. `usage` is what the run paid. `error` says in one line what
    happened and what to do, `code` which kind of error it is.
    """

    run: Filled
    topic: Filled
    at: Utc
    begun: Utc
    ended: Utc | None = None
    result: Literal["begun", "done", "missing", "failed", "unfinished", "interrupted"] = "begun"
    exit_code: int | None = None
    snapshot: SnapshotName | None = None
    made: bool = False
    published: bool = False
    counts: dict[str, Count] = {}
    usage: Usage = Usage()
    error: str | None = None
    code: str | None = None
    version: str

    def sentence(self) -> str:
        """What it says, in one line."""
        if self.ended is None:
            begun = utc_text(self.begun)
            return f"last run: begun {begun} and not ended: if it runs no more, run it again"
        told = f": {self.error}" if self.error else ""
        return one_line(f"last run: ended {utc_text(self.ended)} {self.result}{told}")


class Stage(Record, frozen=True, kw_only=True):
    """What one stage did, the last time it ran on a snapshot.

    `counts` are of that time; `usage` and `models` (the same by model) are of all times, also
    of runs that were killed.

    `inputs` and `outputs` are fingerprints of what it read and wrote, by name; `settings` of
    what it obeyed;
    `seconds` is wall time. `left_out` names what came from outside and could not be
    used, with the reason; `complete` is false where anything was.
    """

    complete: bool
    inputs: dict[str, str] = {}
    outputs: dict[str, str] = {}
    settings: str = ""
    counts: dict[str, int] = {}
    left_out: tuple[str, ...] = ()
    usage: Usage = Usage()
    models: dict[str, Usage] = {}
    started: Utc
    seconds: float
    versions: dict[str, str] = {}


class Pass(Record, frozen=True, kw_only=True):
    """One time that lines were asked for: which prompt and model they came from, and what it took.

    `prompt` is None for the embedded model; `prompt_fingerprint` is the prompt's of that time,
    `prompts` that of the whole folder. Of the papers `wanted`, `kept` had their line already;
    the others were asked for, and `from_cache` of them were answered and paid for before.
    `hit_rate` is the share of `wanted` that cost nothing for these two reasons, None where
    nothing was wanted. `lines` are the papers that got one, by the model that wrote it;
    `failed` got none. `term_tokens` of what was paid are the glossary's terms. `complete` is
    false while it goes on, and stays so where it was killed and never taken up again; `usage`
    and `requests` are what the books have beyond the answers that were `booked_before`, killed
    runs included. `redo`: papers that had a line were asked about anew.
    """

    prompt: str | None
    prompt_fingerprint: str
    prompts: str
    model: str
    complete: bool
    activated: bool = False
    redo: bool = False
    wanted: Count = 0
    kept: Count = 0
    from_cache: Count = 0
    requests: Count = 0
    failed: Count = 0
    hit_rate: float | None = None
    term_tokens: Count = 0
    lines: dict[str, tuple[ArxivId, ...]] = {}
    usage: Usage = Usage()
    booked_before: Count = 0
    started: Utc
    seconds: float = 0.0


class Gap(Record, frozen=True, kw_only=True):
    """A paper of a snapshot for which a model was asked and gave no line.

    `nights` are those, as dates in the snapshot's zone, on which its answers were unusable.
    """

    failure: Failure
    nights: tuple[date, ...] = ()


class Run(Record, frozen=True, kw_only=True):
    """`run.json`: what was done to one snapshot.

    `papers_sha256` is that of `1-papers.jsonl`, which never changes; `prompt` and `model`
    are the active ones, None before the first summarize; lines by the models in `fallbacks`
    stand where the active model gave none. `prompt_fingerprint` covers all that the active
    prompt says; `template_fingerprint` leaves the glossary out, of which `terms` are those
    that occur in these papers. `passes`: every time that lines were asked for, oldest first.
    `backfilled`: it was made later than its day.
    """

    format: Present = FORMAT
    topic: str
    snapshot: SnapshotName
    instant: Utc
    time_zone: str
    backfilled: bool = False
    papers_sha256: str = ""
    prompt: str | None = None
    prompt_fingerprint: str | None = None
    template_fingerprint: str | None = None
    terms: dict[str, str] = {}
    model: str | None = None
    fallbacks: tuple[str, ...] = ()
    stages: dict[str, Stage] = {}
    passes: tuple[Pass, ...] = ()
    gaps: dict[str, Gap] = {}

"""What a run did for one topic, as `paperline run --json` answers it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pipeline.decisions import waited_for
from pipeline.records import Count, Record, SnapshotName, Usage, Utc, utc
from pipeline.settings import Settings
from pipeline.snapshot import Snapshot


class Missing(Record, frozen=True, kw_only=True):
    """One thing that a finished run could not do, and why.

    Without `paper` it concerns the snapshot, without `snapshot` the night's fetch or
    the site.
    """

    snapshot: SnapshotName | None = None
    paper: str | None = None
    reason: str


class Reminder(Record, frozen=True, kw_only=True):
    """A digest that has waited for its editors since `since`, longer than it should.

    `waiting_for` papers keep its gate shut; none where it waits to be published.
    """

    snapshot: SnapshotName
    since: Utc
    waiting_for: Count


class Report(Record, frozen=True, kw_only=True):
    """What a run as of `at` did for one topic: the answer of `paperline run --json`.

    `snapshot` is None when there was nothing new; `made` tells whether this run worked
    on it. `papers` are the digest's, of which `new`, `revised`, `withdrawn` and `seen`
    (shown before). Of `asked_again` gaps of earlier nights, `healed` were closed.
    `errors` and `warnings` count what the checks found in its lines. `waiting_for` counts the
    papers that keep the gate shut; `taken_back`: it was published, and withdrawn as a whole.
    `page` is the digest's HTML file, `site` the published page, if any. `waiting` papers are
    over the limit, the first of them since `waiting_since`. Tokens and cost are this run's.
    `reminders`: digests that wait for longer than `[review] remind_after`, the oldest first.
    `run` names the run, also in the log and in `runs.jsonl`; `exit_code` is this topic's share
    in the command's. Where the run failed, is not finished or was interrupted, `error` says what
    happened and where, `next_step` what to do, and `code` which kind of error it is, such as
    `Busy`; nothing is known of the digest then.
    """

    topic: str
    at: Utc
    snapshot: SnapshotName | None
    made: bool
    new: Count = 0
    revised: Count = 0
    withdrawn: Count = 0
    seen: Count = 0
    papers: Count = 0
    model_lines: Count = 0
    gaps: Count = 0
    asked_again: Count = 0
    healed: Count = 0
    errors: Count = 0
    warnings: Count = 0
    waiting_for: Count = 0
    published: bool = False
    taken_back: bool = False
    usage: Usage = Usage()
    page: str | None = None
    site: str | None = None
    waiting: Count = 0
    waiting_since: Utc | None = None
    missing: tuple[Missing, ...] = ()
    reminders: tuple[Reminder, ...] = ()
    run: str | None = None
    exit_code: int = 0
    error: str | None = None
    next_step: str | None = None
    code: str | None = None


def described(report: Report, settings: Settings, snapshot: Snapshot) -> Report:
    """The report with the digest of `snapshot` as it stands now."""
    digest = snapshot.digest()
    if digest is None:
        return report.but(snapshot=snapshot.name)
    releases = snapshot.publications()
    site = settings.outputs / "site" / snapshot.topic / f"{snapshot.name}.html"
    statuses = [entry.paper.status for entry in digest.papers]
    severities = [finding.severity for finding in digest.findings]
    origins = [{line.origin for line in entry.lines.values()} for entry in digest.papers]
    gaps = {
        Missing(snapshot=snapshot.name, paper=e.paper.id, reason=e.gap.reason): None
        for e in digest.gaps
        if e.gap
    }
    return report.but(
        snapshot=snapshot.name,
        new=statuses.count("new"),
        revised=statuses.count("revised"),
        withdrawn=statuses.count("withdrawn"),
        seen=statuses.count("seen"),
        papers=len(statuses),
        model_lines=sum("model" in found for found in origins),
        gaps=len(digest.gaps),
        errors=severities.count("error"),
        warnings=severities.count("warning"),
        waiting_for=len(waited_for(digest, digest.policy)),
        published=digest.status == "published",
        taken_back=bool(releases) and releases[-1].why is not None,
        page=str(snapshot.digest_html),
        site=str(site) if site.is_file() else None,
        missing=tuple(gaps | dict.fromkeys(report.missing)),
    )


def overdue(settings: Settings, snapshots: Sequence[Snapshot], now: datetime) -> list[Reminder]:
    """The snapshots, given oldest first, whose digests wait for longer than they should."""
    longest = timedelta(hours=settings.review.remind_after)
    found = []
    for snapshot in snapshots:
        if not snapshot.may_wait():
            continue
        run, digest = snapshot.run(), snapshot.digest()
        # A day of the past that is filled in today waits from today on.
        begun = run.stages["fetch"].started if run.backfilled else run.instant
        if digest is None or digest.status == "published" or now - begun <= longest:
            continue
        releases = snapshot.publications()
        if releases and releases[-1].why is not None:  # withdrawn: nobody waits for it
            continue
        if releases:  # a correction waits since it was begun
            published = releases[-1].at
            later = (d.at for d in snapshot.decisions() if d.at > published)
            begun = min(later, default=published)
            if now - begun <= longest:
                continue
        waiting = len(waited_for(digest, digest.policy))
        found.append(Reminder(snapshot=snapshot.name, since=utc(begun), waiting_for=waiting))
    return found

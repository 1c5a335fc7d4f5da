"""Where each topic stands, read from the files alone; fast, since people ask often."""

from collections import Counter
from collections.abc import Mapping, Sequence

from pipeline.books import Invocation, Pass
from pipeline.decisions import waited_for
from pipeline.outputs import Outputs
from pipeline.records import Count, Digest, Publication, Record, SnapshotName, Utc
from pipeline.settings import Settings
from pipeline.site_folder import SiteFolder
from pipeline.snapshot import PUBLISHED, Snapshot
from pipeline.staleness import Stale, stale
from pipeline.text import amount


class PaperStatus(Record, frozen=True, kw_only=True):
    """One paper of a digest: the action in force on it, if any, and its gap's reason.

    `errors` and `warnings` count what the checks found in the lines that are shown.
    """

    id: str
    title: str
    decision: str | None
    gap: str | None
    errors: Count = 0
    warnings: Count = 0


class SnapshotStatus(Record, frozen=True, kw_only=True):
    """One snapshot; an entry of the answer of `paperline status --json`.

    `state`: `unfinished` before the digest exists, else `draft`, `ready` (it passes its gate and
    waits to be published), `published`, `correcting` (published, and changed since by decisions
    that are not complete or not published yet), or `withdrawn`.
    `papers` include those that an editor left out.
    `command` is the next thing to run, or None when nothing is to be done. `stale` is what has
    changed since it was made, each with the command that renews it; `passes` is every time that
    lines were asked for, oldest first, with its cost, time and share from the cache. The first
    snapshot of a topic has its `last_run`, where one was written down.
    """

    topic: str
    snapshot: SnapshotName
    instant: Utc
    state: str
    prompt: str | None
    model: str | None
    gaps: Count
    waiting_for: Count
    command: str | None
    papers: tuple[PaperStatus, ...]
    stale: tuple[Stale, ...] = ()
    passes: tuple[Pass, ...] = ()
    last_run: Invocation | None = None

    @property
    def errors(self) -> int:
        """What the checks found wrong in all lines that are shown."""
        return sum(paper.errors for paper in self.papers)

    @property
    def warnings(self) -> int:
        """What an editor should look at, in all lines that are shown."""
        return sum(paper.warnings for paper in self.papers)

    def sentence(self) -> str:
        """The state in one line."""
        name = f"{self.topic}/{self.snapshot}"
        gaps = f", {amount(self.gaps, 'gap')}" if self.gaps else ""
        waiting = (
            f", waiting for {amount(self.waiting_for, 'decision')}" if self.waiting_for else ""
        )
        next_step = f"; next: {self.command}" if self.command else ""
        counts = ((self.errors, "error"), (self.warnings, "warning"))
        found = "".join(f", {amount(number, what)}" for number, what in counts if number)
        return f"{name}: {self.state}, {len(self.papers)} papers{gaps}{found}{waiting}{next_step}"


def overview(settings: Settings) -> list[SnapshotStatus]:
    """The newest snapshot of each topic, and every older one that is not published."""
    outputs = Outputs(settings.outputs)
    states = []
    for topic in outputs.topics():
        newest = outputs.newest(topic)
        looked_at = {s.name: s for s in (newest, *_unsettled(settings, topic)) if s}
        found = [(snapshot, snapshot_status(snapshot)) for snapshot in looked_at.values()]
        found.sort(key=lambda each: (each[1].instant, each[0].name), reverse=True)
        states += [
            state.but(stale=stale(settings, snapshot))
            for snapshot, state in found
            if state.state != "published" or (newest and snapshot.name == newest.name)
        ]
    return states


def last_runs(settings: Settings) -> dict[str, Invocation]:
    """What is known of the last run of each topic, also of one without a snapshot.

    Raises `DamagedFile`, `OutputError`.
    """
    outputs = Outputs(settings.outputs)
    topics = dict.fromkeys((*outputs.topics(), *(topic.name for topic in settings.topic)))
    found = outputs.last_runs([*topics])
    return {topic: found[topic] for topic in topics if topic in found}


def with_runs(
    states: Sequence[SnapshotStatus], runs: Mapping[str, Invocation]
) -> list[SnapshotStatus]:
    """The same, the first of each topic with its last run."""
    first = {state.topic: state for state in reversed(states)}
    return [
        state.but(last_run=runs.get(state.topic)) if state is first[state.topic] else state
        for state in states
    ]


def _unsettled(settings: Settings, topic: str) -> list[Snapshot]:
    """The topic's snapshots of which it is not known, without reading them, that they stand."""
    outputs = Outputs(settings.outputs)
    standing = SiteFolder(settings.outputs).standing(topic, outputs.stamps(topic, PUBLISHED))
    times = outputs.times(topic).items()
    return [outputs.snapshot(topic, n) for n, at in times if at.may_wait or n not in standing]


def detailed(settings: Settings, snapshot: Snapshot) -> SnapshotStatus:
    """The state of one snapshot, and what of it is stale. Raises `DamagedFile`."""
    return snapshot_status(snapshot).but(stale=stale(settings, snapshot))


def snapshot_status(snapshot: Snapshot) -> SnapshotStatus:
    """The state of one snapshot, without what is stale. Raises `DamagedFile`."""
    run, digest = snapshot.run(), snapshot.digest()
    name = str(snapshot)
    if digest is None:
        return SnapshotStatus(
            topic=run.topic,
            snapshot=run.snapshot,
            instant=run.instant,
            state="unfinished",
            prompt=run.prompt,
            model=run.model,
            gaps=len(run.gaps),
            waiting_for=0,
            command=f"paperline run {run.topic}",
            papers=tuple(
                PaperStatus(id=p.id, title=p.title, decision=None, gap=None)
                for p in snapshot.papers()
            ),
            passes=run.passes,
        )
    waiting = waited_for(digest, digest.policy)
    state = state_of(digest, snapshot.publications())
    titles = {p.id: p.title for p in snapshot.papers()} if digest.excluded else {}
    command = "paperline review" if waiting and state != "withdrawn" else None
    if state in ("ready", "correcting") and not waiting:
        command = f"paperline publish {name}"
    if snapshot.lags():  # a kill or a full disk came before its release
        command = f"paperline publish {name}"
    if waiting and any(finding.code == "judge-missing" for finding in digest.findings):
        command = f"paperline check {name}"
    return SnapshotStatus(
        topic=run.topic,
        snapshot=run.snapshot,
        instant=run.instant,
        state=state,
        prompt=run.prompt,
        model=run.model,
        gaps=len(digest.gaps),
        waiting_for=len(waiting),
        command=command,
        papers=_papers(digest, titles),
        passes=run.passes,
    )


def state_of(digest: Digest, releases: Sequence[Publication]) -> str:
    """Where a digest stands, as in `SnapshotStatus.state`; `releases` are its own."""
    if digest.status == "published":
        return "published"
    if releases and releases[-1].why is not None:
        return "withdrawn"
    if releases:
        return "correcting"
    return "draft" if waited_for(digest, digest.policy) else "ready"


def _papers(digest: Digest, titles: dict[str, str]) -> tuple[PaperStatus, ...]:
    """The papers of a digest, then those that an editor left out, whose titles are given."""
    found = Counter((finding.paper, finding.severity) for finding in digest.findings)
    shown = (
        PaperStatus(
            id=e.paper.id,
            title=e.paper.title,
            decision=e.decision.action if e.decision else None,
            gap=e.gap.reason if e.gap else None,
            errors=found[e.paper.id, "error"],
            warnings=found[e.paper.id, "warning"],
        )
        for e in digest.papers
    )
    excluded = (
        PaperStatus(id=d.paper, title=titles[d.paper], decision=d.action, gap=None)
        for d in digest.excluded
        if d.paper is not None
    )
    return (*shown, *excluded)

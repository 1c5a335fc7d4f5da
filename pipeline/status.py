"""Where each topic stands, read from the files alone; fast, since people ask often."""

from pipeline.decisions import waited_for
from pipeline.outputs import Outputs
from pipeline.records import Count, Record, SnapshotName, Utc
from pipeline.snapshot import Snapshot


class PaperStatus(Record, frozen=True, kw_only=True):
    """One paper of a digest: the action in force on it, if any, and its gap's reason."""

    id: str
    title: str
    decision: str | None
    gap: str | None


class SnapshotStatus(Record, frozen=True, kw_only=True):
    """One snapshot; an entry of the answer of `paperline status --json`.

    `state`: `unfinished` before the digest exists, else `draft`, `published`, or
    `correcting`: published, and changed since by decisions that are not complete.
    `papers` include those that an editor left out.
    `command` is the next thing to run, or None when nothing is to be done.
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

    def sentence(self) -> str:
        """The state in one line."""
        name = f"{self.topic}/{self.snapshot}"
        gaps = f", {self.gaps} gaps" if self.gaps else ""
        count = "1 decision" if self.waiting_for == 1 else f"{self.waiting_for} decisions"
        waiting = f", waiting for {count}" if self.waiting_for else ""
        next_step = f"; next: {self.command}" if self.command else ""
        return f"{name}: {self.state}, {len(self.papers)} papers{gaps}{waiting}{next_step}"


def overview(outputs: Outputs) -> list[SnapshotStatus]:
    """The newest snapshot of each topic, and every older one that is not published."""
    states = []
    for topic in outputs.topics():
        snapshots = outputs.snapshots(topic)[::-1]
        for position, snapshot in enumerate(snapshots):
            state = snapshot_status(snapshot)
            if position == 0 or state.state != "published":
                states.append(state)
    return states


def snapshot_status(snapshot: Snapshot) -> SnapshotStatus:
    """The state of one snapshot. Raises `DamagedFile`."""
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
        )
    waiting = waited_for(digest, digest.policy)
    state = "correcting" if digest.status == "draft" and snapshot.publications() else digest.status
    titles = {p.id: p.title for p in snapshot.papers()} if digest.excluded else {}
    command = f"paperline decide {name} {waiting[0].paper.id} approve" if waiting else None
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
        papers=tuple(
            PaperStatus(
                id=e.paper.id,
                title=e.paper.title,
                decision=e.decision.action if e.decision else None,
                gap=e.gap.reason if e.gap else None,
            )
            for e in digest.papers
        )
        + tuple(
            PaperStatus(id=d.paper, title=titles[d.paper], decision=d.action, gap=None)
            for d in digest.excluded
        ),
    )

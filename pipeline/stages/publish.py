"""5-digest -> 6-published: what was released, when, why, and on whose word."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from pipeline.decisions import ON_LINES
from pipeline.differences import alike, differing, in_another_order, introduced_alike, same
from pipeline.errors import UsageError
from pipeline.ledger import noticed
from pipeline.records import Decision, Digest, Publication, Reason, Withdrawal, utc
from pipeline.snapshot import Snapshot
from pipeline.text import one_line

ARRANGING = ("move", "pin", "unpin")

LONGEST_REASON = 2_000
"""Characters of the reason for which a digest is withdrawn."""


def record(snapshot: Snapshot, digest: Digest, now: datetime, *, by: str | None = None) -> bool:
    """Append the release of `digest`, unless what readers are shown is the same already.

    `by` asked for it, if anybody did. Hold `snapshot.releasing()`; the gate is the caller's.
    Returns whether it was appended.
    """
    releases = snapshot.publications()
    last = releases[-1] if releases else None
    if last is not None and last.why is None and same(last.digest, digest):
        return False
    taken = snapshot.decisions()
    publication = Publication(
        at=utc(now),
        reason=_reason(last, digest),
        who=_who(taken, last, digest),
        digest=digest,
        by=one_line(by or "") or None,
        decisions=len(taken),
    )
    snapshot.append_publication(publication)
    return True


def take_back(snapshot: Snapshot, why: str, *, editor: str, now: datetime) -> None:
    """Append that the digest is withdrawn, and why; its page becomes a tombstone.

    Hold `snapshot.releasing()`. Nothing brings it back but somebody who asks for it. Raises
    `UsageError` where it is not published, or the reason is none or too long.
    """
    reason, releases = one_line(why), snapshot.publications()
    if not reason:
        raise UsageError("a digest is withdrawn for a reason", next_step="Say it: readers see it")
    if len(reason) > LONGEST_REASON:
        raise UsageError(
            f"the reason has {len(reason)} characters, and may have {LONGEST_REASON}",
            next_step="Shorten it: readers see it",
        )
    if not releases or releases[-1].why is not None:
        raise UsageError(
            f"{snapshot} is not published", next_step=f"See paperline status {snapshot}"
        )
    who = (one_line(editor),) if editor.strip() else ()
    # A release of its own says by whom; what was decided since is none of it.
    gone = releases[-1].but(at=utc(now), reason="withdrawn", who=who, why=reason, by=None)
    snapshot.append_publication(gone)


def record_withdrawals(
    snapshot: Snapshot, withdrawals: Mapping[str, Withdrawal], now: datetime
) -> bool:
    """Append a release with notices of the withdrawn papers, by id, that the last one lacks.

    No line changes, so no gate is asked. Hold `snapshot.releasing()`. Returns whether one was
    appended: none is where nothing was released, or the digest was taken back.
    """
    releases = snapshot.publications()
    if not releases or releases[-1].why is not None:
        return False
    last = releases[-1].digest
    papers = tuple(entry.but(withdrawn=noticed(entry, withdrawals)) for entry in last.papers)
    if papers == last.papers:
        return False
    marked = last.but(papers=papers)
    snapshot.append_publication(
        releases[-1].but(at=utc(now), reason="withdrawn", who=(), digest=marked, by=None)
    )
    return True


def _who(taken: Sequence[Decision], last: Publication | None, digest: Digest) -> tuple[str, ...]:
    """The digest's editors; for a later release, those whose decisions changed it."""
    if last is None or last.why is not None:
        return digest.editors
    named = _who_decided(taken, last.digest, digest)
    if not introduced_alike(last.digest, digest):
        named += [d.editor for d in taken if d.paper is None][-1:]
    if in_another_order(last.digest, digest):
        named += [d.editor for d in taken[last.decisions :] if d.action in ARRANGING]
    return tuple(dict.fromkeys(named))


def _who_decided(taken: Sequence[Decision], before: Digest, after: Digest) -> list[str]:
    """The editors of the decisions that changed papers, without those of a model or of arXiv."""
    then = {entry.paper.id: entry for entry in before.papers}
    now = {entry.paper.id: entry for entry in after.papers}
    left_out = {decision.paper: decision for decision in after.excluded}
    on_lines = {decision.paper: decision for decision in taken if decision.action in ON_LINES}
    pins = {decision.paper: decision for decision in taken if decision.action in ("pin", "unpin")}
    found: list[Decision | None] = []
    for id_ in differing(before, after):
        old, new = then.get(id_), now.get(id_)
        if new is None:
            found.append(left_out.get(id_))
            continue
        if old is None or not alike(old.but(pinned=new.pinned, withdrawn=new.withdrawn), new):
            taken_back = on_lines.get(id_) if old is None or old.settled else None
            found.append(new.decision if new.settled else taken_back)
        if new.pinned != (old.pinned if old else False):
            found.append(pins.get(id_))
    return [decision.editor for decision in found if decision is not None]


def _reason(last: Publication | None, digest: Digest) -> Reason:
    if last is None:
        return "first"
    before = {entry.paper.id: entry for entry in last.digest.papers}
    after = {entry.paper.id: entry for entry in digest.papers}
    changed = differing(last.digest, digest)
    if (
        last.why is not None
        or not introduced_alike(last.digest, digest)
        or in_another_order(last.digest, digest)
        or not all(id_ in before and id_ in after for id_ in changed)
    ):
        return "correction"
    pairs = [(before[id_], after[id_]) for id_ in changed]
    if pairs and all(alike(then.but(withdrawn=now.withdrawn), now) for then, now in pairs):
        return "withdrawn"
    healed = pairs and all(then.gap and not now.gap and not now.settled for then, now in pairs)
    return "heal" if healed else "correction"

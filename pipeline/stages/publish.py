"""5-digest -> 6-published -> the site, which is built from 6-published alone."""

from collections.abc import Mapping
from datetime import datetime

from pipeline.differences import differing, in_another_order, same
from pipeline.errors import UsageError
from pipeline.ledger import noticed
from pipeline.outputs import Outputs
from pipeline.records import Digest, Publication, Reason, Withdrawal, utc
from pipeline.settings import Settings
from pipeline.site.build import pages
from pipeline.snapshot import Snapshot
from pipeline.text import one_line


def record(snapshot: Snapshot, digest: Digest, now: datetime) -> bool:
    """Append the release of `digest`, unless what readers are shown is the same already.

    Hold `snapshot.releasing()`; the gate is the caller's. Returns whether it was appended.
    """
    releases = snapshot.publications()
    last = releases[-1] if releases else None
    if last is not None and last.why is None and same(last.digest, digest):
        return False
    publication = Publication(
        at=utc(now), reason=_reason(last, digest), who=_who(snapshot, last, digest), digest=digest
    )
    snapshot.append_publication(publication)
    return True


def take_back(snapshot: Snapshot, why: str, *, editor: str, now: datetime) -> None:
    """Append that the digest is withdrawn, and why; its page becomes a tombstone.

    Hold `snapshot.releasing()`. Nothing brings it back but somebody who asks for it. Raises
    `UsageError` where it is not published, or no reason is given.
    """
    reason, releases = one_line(why), snapshot.publications()
    if not reason:
        raise UsageError("a digest is withdrawn for a reason", next_step="Say it: readers see it")
    if not releases or releases[-1].why is not None:
        raise UsageError(
            f"{snapshot} is not published", next_step=f"See paperline status {snapshot}"
        )
    who = (one_line(editor),) if editor.strip() else ()
    last = releases[-1].digest
    snapshot.append_publication(
        Publication(at=utc(now), reason="withdrawn", who=who, digest=last, why=reason)
    )


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
    snapshot.append_publication(
        Publication(at=utc(now), reason="withdrawn", who=(), digest=last.but(papers=papers))
    )
    return True


def build_site(settings: Settings) -> list[str]:
    """Bring `outputs/site/` up to date; returns the paths that changed."""
    outputs = Outputs(settings.outputs)
    with outputs.publishing():
        released = {}
        for topic in outputs.topics():
            of_topic = [s.publications() for s in outputs.snapshots(topic)]
            if of_topic := [publications for publications in of_topic if publications]:
                released[topic] = of_topic
        return outputs.write_site(pages(released, settings.site)) if released else []


def _who(snapshot: Snapshot, last: Publication | None, digest: Digest) -> tuple[str, ...]:
    """The digest's editors; for a later release, those whose decisions changed it."""
    if last is None or last.why is not None:
        return digest.editors
    known = [*(entry.decision for entry in last.digest.papers), *last.digest.excluded]
    changed = differing(last.digest, digest)
    newest = {d.paper: d for d in snapshot.decisions() if d.paper in changed}
    named = [d.editor for d in newest.values() if d not in known]
    if digest.introduction and digest.introduction != last.digest.introduction:
        named.append(digest.introduction.editor)
    if in_another_order(last.digest, digest):
        moves = [d for d in snapshot.decisions() if d.action in ("move", "pin", "unpin")]
        named += [d.editor for d in moves if d.at >= last.at]
    return tuple(dict.fromkeys(named))


def _reason(last: Publication | None, digest: Digest) -> Reason:
    if last is None:
        return "first"
    before = {entry.paper.id: entry for entry in last.digest.papers}
    changed = [e for e in digest.papers if before.get(e.paper.id) != e]
    whole = (last.digest.excluded, last.digest.introduction)
    if (
        last.why is not None
        or whole != (digest.excluded, digest.introduction)
        or in_another_order(last.digest, digest)
        or not all(e.paper.id in before for e in changed)
    ):
        return "correction"
    pairs = [(before[entry.paper.id], entry) for entry in changed]
    if all(then.but(withdrawn=now.withdrawn) == now for then, now in pairs):
        return "withdrawn"
    healed = all(then.gap and not now.gap and not now.decision for then, now in pairs)
    return "heal" if healed else "correction"

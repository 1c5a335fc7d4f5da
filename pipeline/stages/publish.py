"""5-digest -> 6-published -> the site, which is built from 6-published alone."""

from collections.abc import Mapping
from datetime import datetime

from pipeline.ledger import noticed
from pipeline.outputs import Outputs
from pipeline.records import Digest, Publication, Reason, Withdrawal, utc
from pipeline.settings import Settings
from pipeline.site.build import pages
from pipeline.snapshot import Snapshot


def record(snapshot: Snapshot, digest: Digest, now: datetime) -> bool:
    """Append the release of `digest`, unless the same papers and lines were released last.

    Hold `snapshot.releasing()`; the gate is the caller's. Returns whether it was appended.
    """
    releases = snapshot.publications()
    last = releases[-1].digest if releases else None
    if last is not None and (last.papers, last.excluded) == (digest.papers, digest.excluded):
        return False
    publication = Publication(
        at=utc(now), reason=_reason(last, digest), who=_who(snapshot, last, digest), digest=digest
    )
    snapshot.append_publication(publication)
    return True


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


def _who(snapshot: Snapshot, last: Digest | None, digest: Digest) -> tuple[str, ...]:
    """The digest's editors; for a later release, those whose decisions changed it."""
    if last is None:
        return digest.editors
    known = [*(entry.decision for entry in last.papers), *last.excluded]
    before = {entry.paper.id: entry for entry in last.papers}
    after = {entry.paper.id: entry for entry in digest.papers}
    changed = {paper for paper in before | after if before.get(paper) != after.get(paper)}
    newest = {d.paper: d for d in snapshot.decisions() if d.paper in changed}
    return tuple(dict.fromkeys(d.editor for d in newest.values() if d not in known))


def _reason(last: Digest | None, digest: Digest) -> Reason:
    if last is None:
        return "first"
    before = {entry.paper.id: entry for entry in last.papers}
    changed = [e for e in digest.papers if before.get(e.paper.id) != e]
    if last.excluded != digest.excluded or not all(e.paper.id in before for e in changed):
        return "correction"
    pairs = [(before[entry.paper.id], entry) for entry in changed]
    if all(then.but(withdrawn=now.withdrawn) == now for then, now in pairs):
        return "withdrawn"
    healed = all(then.gap and not now.gap and not now.decision for then, now in pairs)
    return "heal" if healed else "correction"

"""Releasing: the gate, the digest, the publication, the site; and taking back, and making up.

Everything that decides whether readers see something goes through here: the nightly run, the
commands and the review app.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from pipeline import composition, ledger, logs, proofs
from pipeline.books import Run
from pipeline.decisions import waited_for
from pipeline.errors import DamagedFile, OutputError, UsageError
from pipeline.outputs import Outputs
from pipeline.records import Digest, Policy
from pipeline.report import Missing
from pipeline.settings import Settings
from pipeline.site_folder import SiteFolder
from pipeline.snapshot import Snapshot
from pipeline.stages import check as checks
from pipeline.stages.assemble import assemble, gathered, is_stale
from pipeline.stages.build import Built, build_site
from pipeline.stages.publish import record, record_withdrawals, take_back
from pipeline.text import one_line

log = logging.getLogger(__name__)


@logs.stage("publish")
def release(  # noqa: PLR0913  who asks, for what
    settings: Settings,
    snapshot: Snapshot,
    now: datetime,
    *,
    asked_under: Policy | None = None,
    by: str | None = None,
    site: bool = True,
) -> Digest:
    """Assemble the digest and publish it as far as the gate allows; harmless when repeated.

    The gate is the policy that the digest was first assembled under. Where somebody asks for it
    to be published (`by` name), it is the one that they ask under, which then stays with it;
    unasked one that was taken back stays so, and `[review] publish` may let it wait. Without
    `site` the caller brings the site up to date. A damaged digest is set aside first. Raises
    `UsageError` where the snapshot was never summarized, `DamagedFile` also where decisions or
    releases are gone that were there before: nothing is built on what is left.
    """
    if not summarized(snapshot):
        raise UsageError(
            "there are no lines yet",
            where=str(snapshot),
            next_step=f"Run paperline summarize {snapshot}",
        )

    def through_gate(draft: Digest) -> Digest:
        policy = asked_under or draft.policy
        wanted = asked_under is not None or releases_itself(settings, snapshot)
        if not wanted or waited_for(draft, policy):
            return draft
        if _waits_for_lost_lines(snapshot, draft):
            return draft
        passed = draft.but(status="published", policy=policy)
        record(snapshot, passed, now, by=by)
        return passed

    with snapshot.releasing():
        proofs.refuse_losses(snapshot)
        snapshot.set_damaged_digest_aside()
        digest = assembled(settings, snapshot, through_gate)
    carried = _carry_on(settings, snapshot, now)
    if site and "published" in (digest.status, carried):
        show(settings)
    return digest


def make_up(settings: Settings, lagging: Iterable[Snapshot], now: datetime) -> list[Missing]:
    """Release what lags behind its decisions, whatever its age: a kill or a full disk came first.

    The caller brings the site up to date. What is damaged is left, and told.
    """
    missing = []
    for snapshot in lagging:
        try:
            if summarized(snapshot):
                release(settings, snapshot, now, site=False)
        except (DamagedFile, OutputError) as error:
            if not snapshot.has(error):
                raise
            missing.append(Missing(snapshot=snapshot.name, reason=str(error)))
    return missing


def lost_lines(run: Run) -> list[str]:
    """The papers whose lines a repair took away as damaged, and which are asked for again."""
    return [paper for paper, gap in run.gaps.items() if gap.failure.kind == "pending"]


def _waits_for_lost_lines(snapshot: Snapshot, draft: Digest) -> bool:
    """Whether a digest that passes its gate has to wait for lines that were damaged; logged."""
    lost = lost_lines(snapshot.run()) or _unattributed(snapshot, draft)
    if lost:
        log.warning(
            "%s is not released: the lines of %s were damaged, and are not back. Run "
            "paperline summarize %s, or decide on them again",
            snapshot,
            ", ".join(lost),
            snapshot,
        )
    return bool(lost)


def _unattributed(snapshot: Snapshot, draft: Digest) -> list[str]:
    """The papers that were decided on with a candidate that is lost.

    What they show would be called an editor's, though a model, or its stand-in, wrote it.
    """
    known = {summary.id for summary in snapshot.each_summary()}
    return [
        entry.paper.id
        for entry in draft.papers
        if entry.settled
        and entry.summary is not None
        and entry.summary not in known
        and any(line.origin == "editor" for line in entry.lines.values())
    ]


def releases_itself(settings: Settings, snapshot: Snapshot) -> bool:
    """Whether a digest that passes its gate is published without being asked for."""
    releases = snapshot.publications()
    taken_back = bool(releases) and releases[-1].why is not None
    return settings.review.publish == "settled" and not taken_back


@logs.stage("publish")
def withdraw(
    settings: Settings, snapshot: Snapshot, why: str, *, editor: str, now: datetime
) -> Built:
    """Take a published digest back: its page on the site says so, and why.

    Asked for the same reason again it goes on where it was cut off. Returns what that did to
    the site. Raises `UsageError` where the digest is not published.
    """
    with snapshot.releasing():
        releases = snapshot.publications()
        begun = bool(releases) and releases[-1].why == one_line(why)
        if not (begun and SiteFolder(settings.outputs).behind([snapshot])):
            take_back(snapshot, why, editor=editor, now=now)
        assembled(settings, snapshot)
    return build_site(settings)


def show(settings: Settings) -> None:
    """Bring the site up to date, and log what is not shown as it should be."""
    log_troubles(build_site(settings))


def log_troubles(built: Built) -> None:
    """Say what is not shown as it should be."""
    for trouble in built.troubles:
        log.warning("%s", trouble)


@logs.stage("assemble")
def assembled(
    settings: Settings,
    snapshot: Snapshot,
    released: Callable[[Digest], Digest] = lambda digest: digest,
) -> Digest:
    """As `assemble`, after what was never checked has been. Hold `snapshot.releasing()`."""
    if checks.is_stale(settings, snapshot):
        checks.renew(settings, snapshot)
    return assemble(settings, snapshot, released)


def give_notice(
    settings: Settings,
    topic: str,
    now: datetime,
    *,
    since: datetime,
    missing: list[Missing] | None = None,
) -> bool:
    """Say of papers that readers have seen that they were withdrawn, where they have seen them.

    For withdrawals that the newest snapshot shows, or one from `since` on. The caller brings
    the site up to date afterwards. What is damaged is left, and told in `missing`, or raised
    where that is not wanted. Returns whether there was any.
    """
    outputs = Outputs(settings.outputs)
    newest = outputs.newest(topic)
    if newest is None:
        return False
    earliest = min(outputs.instant(newest), since) - timedelta(seconds=1)
    with ledger.opened(settings.cache, outputs, topic, despite_damage=True) as shown:
        told = shown.withdrawals_after(earliest)
        places = {name for paper in told for name, _ in shown.versions_of(paper)}
    for name in sorted(places):
        snapshot = outputs.snapshot(topic, name)
        try:
            with snapshot.releasing():
                proofs.refuse_losses(snapshot)
                record_withdrawals(snapshot, told, now)
            if summarized(snapshot) and is_stale(settings, snapshot):
                release(settings, snapshot, now, site=False)
        except (DamagedFile, OutputError) as error:
            if missing is None or not snapshot.has(error):
                raise
            missing.append(Missing(snapshot=name, reason=str(error)))
    return bool(places)


def summarized(snapshot: Snapshot) -> bool:
    """Whether lines were ever asked for."""
    return "summarize" in snapshot.run().stages


def drafted(settings: Settings, snapshot: Snapshot) -> Digest:
    """The digest as it stands now, of which nothing is written. Raises `DamagedFile`."""
    return composition.digest(gathered(settings, snapshot))


def passing(settings: Settings, snapshot: Snapshot) -> Digest | None:
    """The digest as `release` would publish it unasked, and nothing is; None where it waits.

    Hold `snapshot.releasing()`. Raises `DamagedFile`.
    """
    if not summarized(snapshot) or not releases_itself(settings, snapshot):
        return None
    if checks.is_stale(settings, snapshot):
        checks.renew(settings, snapshot)
    draft = drafted(settings, snapshot)
    if waited_for(draft, draft.policy) or _waits_for_lost_lines(snapshot, draft):
        return None
    return draft.but(status="published")


def unreleased(settings: Settings, snapshot: Snapshot) -> bool:
    """Whether a digest's files lag behind what is known, or it passes its gate unpublished."""
    if is_stale(settings, snapshot):
        return True
    digest = snapshot.digest()
    if digest is None:
        return True
    waits = digest.status == "published" or waited_for(digest, digest.policy)
    return not waits and releases_itself(settings, snapshot)


def _carry_on(settings: Settings, snapshot: Snapshot, now: datetime) -> str | None:
    """Release the next snapshot anew where decisions on this one carry over to it.

    Its status then, None where none did. The caller brings the site up to date.
    """
    later = Outputs(settings.outputs).after(snapshot)
    if later is None or later.digest() is None or not summarized(later):
        return None
    return release(settings, later, now, site=False).status if is_stale(settings, later) else None

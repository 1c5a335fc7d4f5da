"""What of `6-published` is damaged: the good lines stay, and readers keep seeing what they saw.

Nothing that readers were shown changes without a line that says so: what they saw last is put
on record again where the digest, or the site's own list, still tells of it, and else the release
before it stands as a correction of today. A digest that was taken back stays taken back.
"""

import re
from datetime import datetime
from typing import NamedTuple

import msgspec

from pipeline import files
from pipeline.damage import Sorted, sort_lines, told
from pipeline.differences import same
from pipeline.records import Decision, Digest, Publication, utc
from pipeline.settings import Settings
from pipeline.site.catalogue import Listed
from pipeline.site_folder import SiteFolder
from pipeline.snapshot import DECISIONS, PUBLISHED, Snapshot

WHY = re.compile(rb'"why":("(?:[^"\\]|\\.)+")')
"""Why a digest was taken back, in a line of which the rest may be damaged."""

UNKNOWN = "The record of the reason was damaged. 撤回原因的记录已损坏。"
"""What readers are told where the reason is lost, in both of their languages."""

RESTORED = "paperline repair"
"""Who asked for a release that was put on record again."""


class _Seen(NamedTuple):
    """All that tells what readers saw last: good releases, damaged lines, the digest, the site."""

    good: list[Publication]
    lines: Sorted
    digest: Digest | None
    listed: Listed | None

    @property
    def last(self) -> Publication | None:
        return self.good[-1] if self.good else None

    @property
    def gone(self) -> bool:
        """Whether the site shows a later release than the last good one."""
        newest = max((release.at for release in self.good), default=None)
        return self.listed is not None and (newest is None or newest < self.listed.changed)

    @property
    def torn_off(self) -> bool:
        """Whether the last line is a damaged one."""
        return len(self.lines.good) + len(self.lines.bad) in self.lines.bad

    @property
    def published(self) -> Digest | None:
        """The digest, where it says that it is what was published."""
        return self.digest if self.digest and self.digest.status == "published" else None

    def taken_back(self) -> str | None:
        """Why the digest was taken back last, as far as that is known; None where it was not."""
        damaged = [line for line, _ in self.lines.bad.values()] if self.torn_off else []
        reason = WHY.search(damaged[-1]) if damaged else None
        last = self.last.digest if self.last else None
        draft = self.digest if self.digest and self.digest.status == "draft" else None
        # As assembled, a draft that readers are shown already is one that was taken back.
        as_shown = last is not None and draft is not None and same(last, draft)
        listed = self.listed is not None and self.listed.withdrawn and self.gone
        if not (reason or listed or as_shown):
            return None
        try:
            return msgspec.json.decode(reason[1], type=str) if reason else UNKNOWN
        except msgspec.DecodeError:
            return UNKNOWN


def releases_again(
    settings: Settings, snapshot: Snapshot, now: datetime, *, lost: bool
) -> tuple[str, bool] | None:
    """Mend a snapshot's releases; what was done and whether it is well, None where nothing was.

    `lost`: the file is not what it was when the digest was assembled last. Hold
    `snapshot.releasing()`; the digest is to be assembled anew afterwards.
    """
    path = snapshot.folder / PUBLISHED
    found = sort_lines(path, Publication)
    good = [Publication.from_json(line.decode("utf-8"), where="") for line in found.good]
    seen = _Seen(good, found, snapshot.digest(), _listed(settings, snapshot))
    unsaid = seen.last is None and seen.published is not None
    if not (found.bad or lost or unsaid or seen.gone):
        return None
    what = told(found.bad) if found.bad else "lacks releases that readers were shown"
    if path.exists() and (found.bad or lost):
        aside = files.copy_aside(path, path.read_bytes())
        files.replace(path, b"".join(found.good).decode("utf-8"))
        what += f"; the file as it was is {aside.name}"
    if not (seen.torn_off or seen.gone or unsaid or (lost and not found.bad)):
        then, well = "what readers are shown stays, its history is shorter", True
    else:
        then, well = _on_record(snapshot, seen, now)
    _forget_proof(snapshot)
    return f"{what}; {then}", well


def _on_record(snapshot: Snapshot, seen: _Seen, now: datetime) -> tuple[str, bool]:
    """Append what readers saw last, where that is not the last release left."""
    at = max(utc(now), seen.listed.changed) if seen.listed else utc(now)
    why, last = seen.taken_back(), seen.last
    base = last.digest if last else seen.digest
    if base is None:
        return "nothing tells what they were: only a backup restores them", False
    if why is not None and (last is None or last.why is None):
        taken = Publication(at=at, reason="withdrawn", who=(), digest=base, why=why)
        snapshot.append_publication(taken)
    elif seen.published is not None:
        return _as_published(snapshot, seen, seen.published, at)
    elif last is None:
        what = "the page stays as it is until the digest passes its gate, or a backup restores them"
        return what, False
    elif last.why is None:
        snapshot.append_publication(last.but(at=at, reason="correction", by=RESTORED))
        return "the release before is shown, as a correction", True
    elif seen.gone:
        snapshot.append_publication(last.but(at=at))
    return "the digest stays taken back", True


def _as_published(
    snapshot: Snapshot, seen: _Seen, digest: Digest, at: datetime
) -> tuple[str, bool]:
    """Append the digest that says it was published, at the time at which readers saw it first."""
    last = seen.last
    if last and last.why is None and same(last.digest, digest) and not seen.gone:
        return "what readers are shown stays", True
    snapshot.append_publication(
        Publication(
            at=seen.listed.changed if seen.listed and seen.gone else at,
            reason="correction" if seen.good else "first",
            who=digest.editors,
            digest=digest,
            by=RESTORED,
            decisions=len(sort_lines(snapshot.folder / DECISIONS, Decision).good),
        )
    )
    return "what readers are shown is on record again", True


def _forget_proof(snapshot: Snapshot) -> None:
    """Let `run.json` no longer say how the file began; the next assembly says it anew."""
    run = snapshot.run()
    stage = run.stages.get("assemble")
    if stage and PUBLISHED in stage.outputs:
        outputs = {name: of for name, of in stage.outputs.items() if name != PUBLISHED}
        snapshot.write_run(run.but(stages={**run.stages, "assemble": stage.but(outputs=outputs)}))


def _listed(settings: Settings, snapshot: Snapshot) -> Listed | None:
    """How the site lists it, which is what readers saw last."""
    known = SiteFolder(settings.outputs).catalogue()
    here = snapshot.topic, snapshot.name
    of_all = known.listed if known else ()
    return next((one for one in of_all if (one.topic, one.snapshot) == here), None)

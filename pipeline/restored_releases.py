"""What of `6-published` is damaged: the good lines stay, and readers keep seeing what they saw.

Nothing that readers were shown changes without a line that says so: what they saw last is put
on record again where the digest, or the site's own list, still tells of it. Where it is certain
that the digest was not taken back, what is assembled now or the release before stands as a
correction of today. Else the file is left as it is, and nothing is released on top of it: a
digest that was taken back stays taken back.
"""

import re
from datetime import datetime
from typing import NamedTuple

import msgspec

from pipeline import files, proofs, releasing
from pipeline.books import Run
from pipeline.damage import of_another, sort_lines, told
from pipeline.differences import same
from pipeline.errors import DamagedFile, NewerFormat
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


class _Lines(NamedTuple):
    """The lines of the file; the bad ones are told by number.

    `foreign`: how many of them are whole releases of another snapshot, which tell nothing of
    this one. `broken` is the last of its own lines, where that is a bad one; `tail` is what
    follows the last newline.
    """

    good: list[bytes]
    bad: dict[int, tuple[bytes, str]]
    foreign: int
    broken: bytes
    tail: bytes


class _Seen(NamedTuple):
    """All that tells what readers saw last: good releases, damaged lines, the digest, the site.

    `lost`: the file is not what it was when the digest was assembled last.
    """

    good: list[Publication]
    lines: _Lines
    digest: Digest | None
    listed: Listed | None
    lost: bool

    @property
    def last(self) -> Publication | None:
        return self.good[-1] if self.good else None

    @property
    def newest(self) -> datetime | None:
        return max((release.at for release in self.good), default=None)

    @property
    def gone(self) -> bool:
        """Whether the site shows a later release than the last good one."""
        newest = self.newest
        return self.listed is not None and (newest is None or newest < self.listed.changed)

    @property
    def torn(self) -> bytes:
        """The last line where that is damaged; what was never acknowledged is none."""
        return (
            self.lines.tail if self.lines.tail and (self.lost or self.gone) else self.lines.broken
        )

    @property
    def published(self) -> Digest | None:
        """The digest, where it says that it is what was published."""
        return self.digest if self.digest and self.digest.status == "published" else None

    @property
    def unsaid(self) -> bool:
        """Whether the digest was published, and no release is left."""
        return self.last is None and self.published is not None

    @property
    def unknown(self) -> bool:
        """Whether nothing tells what readers saw last, or whether it was taken back since."""
        if self.taken_back() is not None or self.published is not None:
            return False
        return self.last is None or (self.last.why is None and self.listed is None)

    def taken_back(self) -> str | None:
        """Why the digest was taken back last, as far as that is known; None where it was not."""
        reason = WHY.search(self.torn)
        last = self.last.digest if self.last else None
        draft = self.digest if self.digest and self.digest.status == "draft" else None
        # As assembled, a draft that readers are shown already is one that was taken back.
        as_shown = last is not None and draft is not None and same(last, draft)
        newest, one = self.newest, self.listed
        listed = one is not None and one.withdrawn and (newest is None or newest <= one.changed)
        if not (reason or listed or as_shown):
            return None
        try:
            return msgspec.json.decode(reason[1], type=str) if reason else UNKNOWN
        except msgspec.DecodeError:
            return UNKNOWN

    def stays(self) -> str:
        """What is said where readers are shown what the last good release has; else nothing."""
        if self.torn or self.gone or self.unsaid or (self.lost and not self.lines.bad):
            return ""
        if not self.lines.bad:
            return "its last line lacked its end alone, and is whole again"
        if self.lost and self.listed is None:
            return ""
        if not self.lost and self.lines.foreign == len(self.lines.bad):
            return "no release of its own is missing"
        return "what readers are shown stays, its history is shorter"


def releases_again(
    settings: Settings, snapshot: Snapshot, now: datetime, *, decided: bool
) -> tuple[str, bool] | None:
    """Mend a snapshot's releases; what was done and whether it is well, None where nothing was.

    `decided`: whether all decisions are there. Hold `snapshot.releasing()`. Where it is well the
    digest is to be assembled anew afterwards; else nothing may be released on top of it.
    """
    path, run = snapshot.folder / PUBLISHED, snapshot.run()
    before = _seen(settings, snapshot, lost=proofs.lost_releases(snapshot, run) is not None)
    if not (before.lines.bad or before.lost or before.unsaid or before.gone):
        return None
    bad = before.lines.bad
    what = told(bad) if bad else "lacks releases that readers were shown"
    if before.lines.foreign and run.topic != snapshot.topic:
        return f"{what}. Give the topic's folder the name {run.topic} again", False
    seen = _completed(snapshot, run, before)
    stays = seen.stays()
    if not stays and seen.unknown:
        return f"{what}; {_for_a_person(snapshot, seen)}", False
    if path.exists() and (bad or before.lost or before.lines.tail):
        aside = files.copy_aside(path, path.read_bytes())
        files.replace(path, b"".join(seen.lines.good).decode("utf-8"))
        what += f"; the file as it was is {aside.name}"
    done = stays or _on_record(settings, snapshot, seen, now, decided=decided)
    if not done:
        return f"{what}; repair again when the other files are restored, or restore it too", False
    _forget_proof(snapshot)
    return f"{what}; {done}", True


def _seen(settings: Settings, snapshot: Snapshot, *, lost: bool) -> _Seen:
    path = snapshot.folder / PUBLISHED
    found = sort_lines(path, Publication, of_another(snapshot))
    garbled = sort_lines(path, Publication).bad
    foreign = found.bad.keys() - garbled.keys()
    numbers = range(1, len(found.good) + len(found.bad) + 1)
    last = max((number for number in numbers if number not in foreign), default=0)
    broken = garbled[last][0] if last in garbled else b""
    good = [Publication.from_json(line.decode("utf-8"), where="") for line in found.good]
    lines = _Lines(found.good, found.bad, len(foreign), broken, found.torn)
    return _Seen(good, lines, snapshot.digest(), _listed(settings, snapshot), lost)


def _completed(snapshot: Snapshot, run: Run, seen: _Seen) -> _Seen:
    """With the last line, where one is missing that lacks its newline alone."""
    try:
        last = Publication.from_json(seen.torn.decode("utf-8"), where="")
    except NewerFormat:
        raise
    except (UnicodeDecodeError, DamagedFile):
        return seen
    if of_another(snapshot)(last):
        return seen
    good = [*seen.lines.good, seen.lines.tail + b"\n"]
    lines = seen.lines._replace(good=good, broken=b"", tail=b"")
    lost = seen.lost and not proofs.as_noted(run, PUBLISHED, b"".join(good))
    return seen._replace(good=[*seen.good, last], lines=lines, lost=lost)


def _for_a_person(snapshot: Snapshot, seen: _Seen) -> str:
    """What only a person can decide, who knows more."""
    lost = "came after the last one that is left" if seen.last else "they were"
    lines = "delete the damaged lines in an editor, then " if seen.lines.bad else ""
    then = "" if seen.last else f" and paperline publish {snapshot}"
    return (
        f"left as it is, and nothing is released, since nothing tells what {lost}. Restore the "
        f"file from a backup; to go on without, {lines}run paperline assemble {snapshot}{then}"
    )


def _on_record(
    settings: Settings, snapshot: Snapshot, seen: _Seen, now: datetime, *, decided: bool
) -> str:
    """Append what readers saw last, where that is not the last release left; nothing if unsure."""
    at = max(utc(now), seen.listed.changed) if seen.listed else utc(now)
    why, last = seen.taken_back(), seen.last
    stays = "the digest stays taken back"
    if why is not None and (last is None or last.why is None):
        base = last.digest if last else seen.digest or _drafted(settings, snapshot)
        if base is None:
            return ""
        taken = Publication(at=at, reason="withdrawn", who=(), digest=base, why=why, by=RESTORED)
        snapshot.append_publication(taken)
        return stays
    if last is not None and last.why is not None and not _shown_again(seen):
        if seen.gone:
            snapshot.append_publication(last.but(at=at, who=(), by=RESTORED))
        return stays
    if seen.published is not None:
        return _as_published(snapshot, seen, seen.published, at)
    if last is None:
        return ""
    passing = _passing(settings, snapshot) if decided else None
    _append(snapshot, passing or last.digest, at, first=False)
    return f"{'what is decided' if passing else 'the release before'} is shown, as a correction"


def _shown_again(seen: _Seen) -> bool:
    """Whether the site shows a digest again that was taken back before."""
    shown = seen.listed is not None and not seen.listed.withdrawn and seen.gone
    return shown and seen.published is not None and seen.taken_back() is None


def _passing(settings: Settings, snapshot: Snapshot) -> Digest | None:
    try:
        return releasing.passing(settings, snapshot)
    except DamagedFile:
        return None


def _drafted(settings: Settings, snapshot: Snapshot) -> Digest | None:
    try:
        return releasing.drafted(settings, snapshot)
    except DamagedFile:
        return None


def _as_published(snapshot: Snapshot, seen: _Seen, digest: Digest, at: datetime) -> str:
    """Append the digest that says it was published, at the time at which readers saw it first."""
    last = seen.last
    if last and last.why is None and same(last.digest, digest) and not seen.gone:
        return "what readers are shown stays"
    then = seen.listed.changed if seen.listed and seen.gone else at
    _append(snapshot, digest, then, first=not seen.good)
    return "what readers are shown is on record again"


def _append(snapshot: Snapshot, digest: Digest, at: datetime, *, first: bool) -> None:
    """Put a release on record; of a correction by a machine no editor is named."""
    snapshot.append_publication(
        Publication(
            at=at,
            reason="first" if first else "correction",
            who=digest.editors if first else (),
            digest=digest,
            by=RESTORED,
            decisions=len(sort_lines(snapshot.folder / DECISIONS, Decision).good),
        )
    )


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

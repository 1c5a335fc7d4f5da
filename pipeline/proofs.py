"""What a digest was assembled from and into, to the byte: by it loss and damage are noticed.

Decisions and releases are only ever appended to, so what was there when a digest was assembled
is the beginning of what is there now. A file that begins otherwise has lost, or changed, what
a person decided or what readers were shown.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from pipeline import candidates, files
from pipeline.books import Run
from pipeline.errors import DamagedFile
from pipeline.snapshot import DECISIONS, PUBLISHED, Snapshot, sha256

APPENDED = {
    DECISIONS: "decisions that were taken",
    PUBLISHED: "releases that readers were shown",
}
"""The files that only grow, and what is gone where one does not begin as it did."""


def of(snapshot: Snapshot) -> dict[str, str]:
    """Fingerprints of what the digest rests on and of its three forms, by the files' names.

    Take them when all are written. Hold `snapshot.releasing()`.
    """
    grown = {name: _beginning(snapshot.folder / name) for name in APPENDED}
    return grown | {path.name: sha256(path) for path in _forms(snapshot)}


def has_forms(snapshot: Snapshot, run: Run) -> bool:
    """Whether the digest's files are what was written, as far as that was noted."""
    written = run.stages["assemble"].outputs if "assemble" in run.stages else {}
    known = ((path, written[path.name]) for path in _forms(snapshot) if path.name in written)
    return all(path.is_file() and sha256(path) == noted for path, noted in known)


def losses(snapshot: Snapshot, run: Run) -> Iterator[DamagedFile]:
    """What is gone, or not what it was: decisions, releases, and candidates that were checked."""
    yield from filter(None, (_shortened(snapshot, run, name) for name in APPENDED))
    stage, summaries = run.stages.get("check"), list(snapshot.each_summary())
    if stage and stage.counts.get("candidates") and not candidates.checked(run, summaries):
        path = snapshot.folder / "2-summaries.jsonl"
        yield _lost(snapshot, path, "lacks candidates that were checked")


def lost_releases(snapshot: Snapshot, run: Run) -> DamagedFile | None:
    """As `losses`, of releases alone: nothing else is read."""
    return _shortened(snapshot, run, PUBLISHED)


def as_noted(run: Run, name: str, data: bytes) -> bool:
    """Whether `data` are all whole lines that a file had when the digest was assembled last."""
    noted = run.stages["assemble"].outputs if "assemble" in run.stages else {}
    return noted.get(name) == f"{len(data)} {hashlib.sha256(data).hexdigest()}"


def _shortened(snapshot: Snapshot, run: Run, name: str) -> DamagedFile | None:
    noted = run.stages["assemble"].outputs if "assemble" in run.stages else {}
    path = snapshot.folder / name
    if name not in noted or _begins(path, noted[name]):
        return None
    return _lost(snapshot, path, f"lacks {APPENDED[name]}, or has others in their place")


def refuse_losses(snapshot: Snapshot) -> None:
    """Raise the first of `losses`, if there is any: nothing may be released on top of it."""
    for loss in losses(snapshot, snapshot.run()):
        raise loss


def _lost(snapshot: Snapshot, path: Path, what: str) -> DamagedFile:
    remedy = f"Run paperline repair {snapshot}, which mends it or says what will"
    return DamagedFile(what, where=str(path), next_step=remedy)


def _forms(snapshot: Snapshot) -> tuple[Path, ...]:
    return snapshot.digest_json, snapshot.digest_md, snapshot.digest_html


def _beginning(path: Path, size: int | None = None) -> str:
    """The size and SHA-256 of a file's whole lines, or of its first `size` bytes."""
    with files.translated(path):
        data = path.read_bytes() if path.is_file() else b""
    # What follows the last newline was never acknowledged.
    return _told(data[: data.rfind(b"\n") + 1] if size is None else data[:size])


def _told(data: bytes) -> str:
    return f"{len(data)} {hashlib.sha256(data).hexdigest()}"


def begins(data: bytes, noted: str) -> bool:
    """Whether what a file may hold begins as one of `APPENDED` was noted to, by `of`."""
    size = noted.partition(" ")[0]
    return size.isdecimal() and _told(data[: int(size)]) == noted


def _begins(path: Path, noted: str) -> bool:
    size = noted.partition(" ")[0]
    return size.isdecimal() and _beginning(path, int(size)) == noted

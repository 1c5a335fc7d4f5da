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
    return all(path.exists() and sha256(path) == noted for path, noted in known)


def losses(snapshot: Snapshot, run: Run) -> Iterator[DamagedFile]:
    """What is gone, or not what it was: decisions, releases, and candidates that were checked."""
    noted = run.stages["assemble"].outputs if "assemble" in run.stages else {}
    for name, what in APPENDED.items():
        path = snapshot.folder / name
        if name in noted and not _begins(path, noted[name]):
            yield _lost(snapshot, path, f"lacks {what}, or has others in their place")
    stage, summaries = run.stages.get("check"), list(snapshot.each_summary())
    if stage and stage.counts.get("candidates") and not candidates.checked(run, summaries):
        path = snapshot.folder / "2-summaries.jsonl"
        yield _lost(snapshot, path, "lacks candidates that were checked")


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
        data = path.read_bytes() if path.exists() else b""
    # What follows the last newline was never acknowledged.
    told = data[: data.rfind(b"\n") + 1] if size is None else data[:size]
    return f"{len(told)} {hashlib.sha256(told).hexdigest()}"


def _begins(path: Path, noted: str) -> bool:
    size = noted.partition(" ")[0]
    return size.isdecimal() and _beginning(path, int(size)) == noted

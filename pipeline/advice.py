"""What a repair leaves to people, and what they can do: their own decisions, another snapshot."""

from collections.abc import Iterator
from pathlib import Path

from pipeline import files, proofs, releasing
from pipeline.damage import OF_A_SNAPSHOT, PREFERENCES, is_no_file, sort_data, told
from pipeline.errors import PaperlineError
from pipeline.outputs import Outputs
from pipeline.records import Record
from pipeline.settings import Settings
from pipeline.snapshot import DECISIONS, Snapshot
from pipeline.stages.assemble import is_stale

MARK = b"\xef\xbb\xbf"
"""The byte order mark that some editors put before UTF-8."""

SAVED_ANEW = (
    "nothing is lost: an editor saved the file in another form. Save it as UTF-8 without a byte "
    "order mark, each line with LF at its end, and without empty lines"
)


def by_people(snapshot: Snapshot) -> Iterator[tuple[Path, str]]:
    """What is damaged of a person's work, which is left as it is, and what to do about it.

    `run.json` and the candidates can be read. Raises `OutputError`.
    """
    run = snapshot.run()
    noted = run.stages["assemble"].outputs if "assemble" in run.stages else {}
    lost = {loss.where: loss.what for loss in proofs.losses(snapshot, run)}
    for name in (DECISIONS, PREFERENCES):
        path, kind = snapshot.folder / name, OF_A_SNAPSHOT[name]
        if is_no_file(path):
            yield path, f"{files.NO_FILE}; move it away, and restore the file from a backup"
            continue
        with files.translated(path):
            data = path.read_bytes() if path.is_file() else b""
        bad = sort_data(data, kind, path).bad
        if not bad and str(path) not in lost:
            continue
        if _saved_anew(data, kind, path, noted.get(name)):
            yield path, f"{told(bad) if bad else lost[str(path)]}; {SAVED_ANEW}"
        elif bad:
            what = f"{told(bad)}; left as it is. Restore the file from a backup, or decide "
            which = "that line" if len(bad) == 1 else "those lines"
            then = f", then run paperline assemble {snapshot}" if name == DECISIONS else ""
            yield path, f"{what}to do without {which}: delete it in an editor{then}"
        else:
            what = f"{lost[str(path)]}. Restore the file from a backup; to go on without them, run "
            yield path, f"{what}paperline assemble {snapshot}"


def _saved_anew(data: bytes, kind: type[Record], path: Path, noted: str | None) -> bool:
    """Whether only the form of the lines is another, so that nobody does without one of them.

    `noted` is how the file began when the digest was assembled last, where it is known.
    """
    lines = data.removeprefix(MARK).replace(b"\r\n", b"\n").split(b"\n")
    plain = b"".join(line + b"\n" for line in lines if line.strip())
    if plain == data or sort_data(plain, kind, path).bad:
        return False
    return noted is None or proofs.begins(plain, noted)


def of_the_next(settings: Settings, snapshot: Snapshot) -> PaperlineError | None:
    """What of the next snapshot keeps decisions from carrying over to it; None where nothing does.

    This one's digest was assembled.
    """
    later = Outputs(settings.outputs).after(snapshot)
    if later is None:
        return None
    try:
        if later.digest() and releasing.summarized(later) and is_stale(settings, later):
            proofs.refuse_losses(later)
    except PaperlineError as error:
        return error if error.where.startswith(str(later.folder)) else None
    return None

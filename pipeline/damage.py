"""What of a snapshot, and of what stands beside it, is damaged; read only, and never raising.

`repair.py` mends it, `doctor` tells of it.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from pipeline import files, proofs
from pipeline.books import Fetch, Invocation, Notice, Spend, Waiting
from pipeline.errors import DamagedFile, NewerFormat, PaperlineError
from pipeline.outputs import Outputs
from pipeline.records import (
    Decision,
    Preference,
    Publication,
    Record,
    Summary,
    summary_id,
)
from pipeline.snapshot import DECISIONS, PAPERS, PUBLISHED, Snapshot, sha256

SUMMARIES = "2-summaries.jsonl"
PREFERENCES = "4-preferences.jsonl"

BESIDE: dict[str, type[Record]] = {"fetches.jsonl": Fetch, "waiting.jsonl": Waiting}
"""The files of a topic that stand beside its snapshots, and what their lines are."""

JOURNALS: dict[str, type[Record]] = {
    "spend.jsonl": Spend,
    "notices.jsonl": Notice,
    "runs.jsonl": Invocation,
}
"""The files of all topics."""

OF_A_SNAPSHOT: dict[str, type[Record]] = {
    SUMMARIES: Summary,
    DECISIONS: Decision,
    PREFERENCES: Preference,
    PUBLISHED: Publication,
}


FILES = (
    PAPERS,
    SUMMARIES,
    "3-findings.jsonl",
    DECISIONS,
    PREFERENCES,
    "5-digest.json",
    "5-digest.md",
    "5-digest.html",
    PUBLISHED,
    "run.json",
    "batch.json",
)
"""All files of a snapshot that anything reads."""

REPLACED = (Waiting, Summary)
"""What stands in files that are only ever replaced, so that no kill leaves half a line."""


class Damage(NamedTuple):
    """One damaged file, and the command that mends it or says what only a person can do."""

    path: Path
    what: str
    command: str


class Sorted(NamedTuple):
    """The whole lines of a file, with their newlines; `bad` by their number, with the reason.

    `torn` is what follows the last newline where that is no damage.
    """

    good: list[bytes]
    bad: dict[int, tuple[bytes, str]]
    torn: bytes = b""


def sort_lines(
    path: Path, kind: type[Record], fault: Callable[[Record], str] | None = None
) -> Sorted:
    """The lines of a JSON Lines file by whether they hold what they should.

    `fault` says what is wrong with a record that decodes. A torn last line is bad only where
    the file is never appended to, but replaced as a whole. Raises `OutputError`, `NewerFormat`.
    """
    with files.translated(path):
        data = path.read_bytes() if path.is_file() else b""
    return sort_data(data, kind, path, fault)


def sort_data(
    data: bytes, kind: type[Record], path: Path, fault: Callable[[Record], str] | None = None
) -> Sorted:
    """As `sort_lines`, of what the file at `path` holds, or may hold."""
    good: list[bytes] = []
    bad: dict[int, tuple[bytes, str]] = {}
    *whole, torn = data.split(b"\n")
    for number, text in enumerate(whole, 1):
        line, why = text + b"\n", ""
        try:
            record = kind.from_json(text.decode("utf-8"), where=str(path))
            why = fault(record) if fault else ""
        except UnicodeDecodeError:
            why = "is not UTF-8"
        except NewerFormat:
            raise
        except DamagedFile as damage:
            why = damage.what
        if why:
            bad[number] = line, why
        else:
            good.append(line)
    if torn and kind in REPLACED:
        bad[len(whole) + 1] = torn + b"\n", "ends in the middle of a line"
        torn = b""
    return Sorted(good, bad, torn)


def another_text(record: Record) -> str:
    """Why a candidate is not what was written, told by its id; empty where it is."""
    if not isinstance(record, Summary):
        return ""
    parts = record.paper, record.version, record.origin, record.model
    if summary_id(*parts, record.prompt_fingerprint, record.lines) == record.id:
        return ""
    return "is not the text that its id stands for"


def of_another(snapshot: Snapshot) -> Callable[[Record], str]:
    """As `another_text`, and whose release one is that is not this snapshot's."""

    def fault(record: Record) -> str:
        if isinstance(record, Publication):
            of = record.digest
            if (of.topic, of.snapshot) != (snapshot.topic, snapshot.name):
                return f"is a release of {of.topic}/{of.snapshot}"
        return another_text(record)

    return fault


def in_snapshot(snapshot: Snapshot) -> list[Damage]:
    """The damaged files of a snapshot, in the order in which they are written."""
    command = f"paperline repair {snapshot}"
    newer: list[Damage] = []
    found = [Damage(path, files.NO_FILE, command) for path in not_files(snapshot)]
    if any(not each.path.is_dir() for each in found):
        return found  # whoever opens a pipe waits
    found += [Damage(path, what, command) for path, what in _in_lines(snapshot)]
    looks: tuple[Callable[[], object], ...] = (
        snapshot.run,
        lambda: sum(1 for _ in snapshot.each_paper()),
        snapshot.digest,
        snapshot.batch,
        snapshot.publications,
        lambda: proofs.refuse_losses(snapshot),
        lambda: _refuse_lost_digest(snapshot),
        lambda: _refuse_lost_releases(snapshot),
    )
    for look in looks:
        try:
            look()
        except NewerFormat as error:
            what = f"{error.what}. {error.next_step}"
            newer.append(Damage(_path(error, snapshot.folder), what, ""))
        except DamagedFile as damage:
            found.append(Damage(_path(damage, snapshot.folder), damage.what, command))
        except PaperlineError as error:  # a folder in a file's place, no permission
            found.append(Damage(snapshot.folder, str(error), ""))
    seen: dict[Path, Damage] = {}
    for each in (*newer, *found):  # of a newer format is no other finding about a file
        seen.setdefault(each.path, each)
    return sorted(seen.values(), key=lambda each: (each.path.name == "run.json", each.path.name))


def not_files(snapshot: Snapshot) -> list[Path]:
    """The paths of a snapshot's files where something else stands."""
    paths = (snapshot.folder / name for name in FILES)
    return [path for path in paths if is_no_file(path)]


def is_no_file(path: Path) -> bool:
    """Whether something stands there that is neither a file nor a link to one."""
    return path.exists() and not path.is_file()


def anything_in(snapshot: Snapshot) -> bool:
    """Whether a look that takes a moment finds what no run has written; `in_snapshot` says what.

    Whether `run.json`, the digest and the releases can be read, the papers are those that were
    fetched, and candidates, decisions and releases begin as they did when the digest was assembled
    last.
    """
    try:
        if not_files(snapshot):
            return True
        run, digest, papers = snapshot.run(), snapshot.digest(), snapshot.folder / PAPERS
        if digest is None and "assemble" in run.stages:
            return True
        if not papers.exists() or run.papers_sha256 not in ("", sha256(papers)):
            return True
        published = digest is not None and digest.status == "published"
        releases = sort_lines(snapshot.folder / PUBLISHED, Publication, of_another(snapshot))
        if releases.bad or (published and not releases.good):
            return True
        return next(proofs.losses(snapshot, run), None) is not None
    except PaperlineError:
        return True


def _in_lines(snapshot: Snapshot) -> Iterator[tuple[Path, str]]:
    for name, kind in OF_A_SNAPSHOT.items():
        path = snapshot.folder / name
        try:
            bad = sort_lines(path, kind, of_another(snapshot)).bad
        except PaperlineError:
            continue  # it is told where the file is looked at as a whole
        if bad:
            yield path, told(bad)


def _refuse_lost_digest(snapshot: Snapshot) -> None:
    if "assemble" in snapshot.run().stages and not snapshot.digest_json.exists():
        raise DamagedFile("is missing", where=str(snapshot.digest_json))


def _refuse_lost_releases(snapshot: Snapshot) -> None:
    """Raise where the digest says that it was published, and no release is there."""
    digest = snapshot.digest()
    if digest and digest.status == "published" and not snapshot.publications():
        path = snapshot.folder / PUBLISHED
        raise DamagedFile("lacks releases that readers were shown", where=str(path))


def _path(damage: DamagedFile, folder: Path) -> Path:
    """The file that an error is about, which may name a line of it."""
    name = Path(damage.where).name.partition(":")[0]
    return folder / name


def told(bad: dict[int, tuple[bytes, str]]) -> str:
    """Which lines are damaged, and why the first of them is."""
    numbers = ", ".join(map(str, list(bad)[:5])) + (", ..." if len(bad) > 5 else "")
    why = next(iter(bad.values()))[1]
    return f"{'line' if len(bad) == 1 else 'lines'} {numbers}: {why}"


def beside(outputs: Outputs, topic: str) -> list[Damage]:
    """The damaged files beside a topic's snapshots."""
    command = f"paperline repair {topic}/latest"
    return [*_of_files(outputs.topic_folder(topic), BESIDE, command)]


def in_journals(outputs: Outputs) -> list[Damage]:
    """The damaged files of all topics; the command names the newest snapshot of one."""
    topic = next((t for t in outputs.topics() if outputs.names(t)), None)
    command = f"paperline repair {topic}/latest" if topic else ""
    return [*_of_files(outputs.root, JOURNALS, command)]


def _of_files(folder: Path, kinds: dict[str, type[Record]], command: str) -> Iterator[Damage]:
    for name, kind in kinds.items():
        path = folder / name
        if is_no_file(path):
            yield Damage(path, files.NO_FILE, command)
            continue
        try:
            bad = sort_lines(path, kind).bad
        except PaperlineError as error:
            yield Damage(path, str(error), "")
            continue
        if bad:
            yield Damage(path, told(bad), command)

"""Mending what is damaged: made again where that is certain, else set aside; and what is left.

What is set aside keeps its bytes under another name beside the file, which nothing reads. A
person's work, `4-decisions` and `4-preferences`, is never written here, not even to drop a line
that nobody can read.
"""

import contextlib
import logging
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from pipeline import advice, candidates, damage, files, papers_again, proofs, releasing, restoring
from pipeline.books import Fetch, Gap, Run, Waiting
from pipeline.damage import SUMMARIES, sort_lines
from pipeline.errors import DamagedFile, NewerFormat, OutputError, PaperlineError
from pipeline.outputs import Outputs
from pipeline.records import Failure, Record, Summary
from pipeline.restored_releases import releases_again
from pipeline.settings import Settings
from pipeline.snapshot import DECISIONS, PAPERS, PUBLISHED, SHORT_WAIT, Snapshot, sha256
from pipeline.stages.build import build_site
from pipeline.stages.fetch import look_back, make_up_for_waiting, named_before
from pipeline.text import amount

log = logging.getLogger(__name__)

CONSEQUENCES = {
    "waiting.jsonl": "the next fetch looks back 60 days or more, and finds again what waited "
    "there; only a backup has papers that were asked for by hand",
    "fetches.jsonl": "the next fetch may look further back",
    "spend.jsonl": "the day's budget may count too little",
    "notices.jsonl": "what was told lately may be told once more",
    "runs.jsonl": "nothing depends on it",
}
"""What follows where a damaged line is set aside."""

AGAIN = Failure(kind="pending", reason="its line was damaged, and is asked for again")

BACKUP = "only a backup restores it"


class Mended(NamedTuple):
    """One file, what was done about it, and whether it is well now."""

    path: Path
    what: str
    well: bool = True


def repair(settings: Settings, snapshot: Snapshot, now: datetime) -> Iterator[Mended]:
    """Mend what can be mended of a snapshot and beside it, and say it file by file.

    Harmless when repeated. What cannot be used at all is left, and told, and keeps nothing else
    from being mended. Holds the topic's lock until the last line was taken. Raises `Busy`,
    `OutputError` where nothing can be looked at, `NewerFormat`.
    """
    outputs = Outputs(settings.outputs)
    with outputs.working_on(snapshot.topic):
        yield from beside(settings, snapshot.topic)
        if snapshot.is_there():
            yield from _or_left(snapshot.folder, _within(settings, snapshot, now))
        elif snapshot.folder.is_dir():
            what = "holds neither papers nor run.json: restore it from a backup, or move it away"
            yield Mended(snapshot.folder, what, well=False)
        yield from _or_left(outputs.site, _site(settings))


def mend_for_tonight(
    settings: Settings, newest: Snapshot | None, topic: str, now: datetime
) -> None:
    """Mend what a night can by itself, for certain and without a loss, and say it in the log.

    The papers of the newest snapshot, and what is damaged of `fetches.jsonl`, without which
    arXiv is read further back. Hold the topic's lock. Raises `OutputError`, `NewerFormat`.
    """
    done: list[Mended] = []
    with contextlib.suppress(DamagedFile):
        run = newest.run() if newest else None
        done += _papers_again(settings, newest, run) if newest and run else ()
    outputs = Outputs(settings.outputs)
    try:
        look_back(outputs, topic, now)
        named_before(outputs, topic, now)
    except NewerFormat:
        raise
    except DamagedFile:
        fetches = outputs.topic_folder(topic) / "fetches.jsonl"
        done += _lines_aside(outputs, topic, fetches, Fetch)
    for each in done:
        log.info("%s: %s", each.path, each.what)


def _or_left(path: Path, found: Iterator[Mended]) -> Iterator[Mended]:
    """What was mended; where a file cannot be used at all, it is left, and the rest goes on."""
    try:
        yield from found
    except OutputError as error:
        which = Path(error.where) if error.where else path
        yield Mended(which, f"{error.what}. {error.next_step}", well=False)


def beside(settings: Settings, topic: str) -> Iterator[Mended]:
    """Set the damaged lines of the files aside that stand beside a topic's snapshots.

    Hold the topic's lock.
    """
    outputs = Outputs(settings.outputs)
    folders = (outputs.topic_folder(topic), damage.BESIDE), (outputs.root, damage.JOURNALS)
    for folder, kinds in folders:
        for name, kind in kinds.items():
            path = folder / name
            yield from _or_left(path, _lines_aside(outputs, topic, path, kind))


def _lines_aside(outputs: Outputs, topic: str, path: Path, kind: type[Record]) -> Iterator[Mended]:
    name = path.name
    lock = files.locked(path.with_name(f".{path.stem}.lock"), timeout=SHORT_WAIT, holder=name)
    with lock if path.parent == outputs.root else contextlib.nullcontext():
        found = sort_lines(path, kind)
        if damage.is_no_file(path):
            what = f"{files.NO_FILE}; set aside as {files.set_aside(path).name}"
        elif found.bad:
            what = f"{damage.told(found.bad)}; set aside in {_keep_good(path, found).name}"
        else:
            return
        if kind is Waiting:
            kept = [Waiting.from_json(t.decode(), where=name) for t in found.good]
            make_up_for_waiting(outputs, topic, kept)
        yield Mended(path, f"{what}: {CONSEQUENCES[name]}")


def _keep_good(path: Path, found: damage.Sorted) -> Path:
    """Leave the good lines in a file, and the others in one of their own beside it; that path."""
    aside = files.copy_aside(path, b"".join(line for line, _ in found.bad.values()) + found.torn)
    _write(path, b"".join(found.good))
    return aside


def _write(path: Path, data: bytes) -> None:
    files.replace(path, data.decode("utf-8"))


def _within(settings: Settings, snapshot: Snapshot, now: datetime) -> Iterator[Mended]:
    """The files of the snapshot, in the order in which one needs the other."""
    done: list[Mended] = []
    with snapshot.releasing():
        done += _or_left(snapshot.folder, _no_files(snapshot))
        done += _or_left(snapshot.folder, _run(settings, snapshot))
        if not _has_papers(snapshot):
            yield from (*done, *_unmendable(snapshot))
            return
        for step in (_summaries, _batch, _by_people, _digest_aside):
            done += _or_left(snapshot.folder, step(snapshot))
        decided = all(each.well or each.path.name != DECISIONS for each in done)
        done += _or_left(snapshot.folder, _releases(settings, snapshot, now, decided=decided))
    yield from done
    if not any(not each.well and each.path.name in (DECISIONS, PUBLISHED) for each in done):
        yield from _digest(settings, snapshot, now, mended=bool(done))


def _no_files(snapshot: Snapshot) -> Iterator[Mended]:
    """Move folders and the like out of the places of files, but for those of people."""
    for path in damage.not_files(snapshot):
        if path.name not in (DECISIONS, damage.PREFERENCES, "batch.json"):  # see the steps
            yield Mended(path, f"{files.NO_FILE}; set aside as {files.set_aside(path).name}")


def _run(settings: Settings, snapshot: Snapshot) -> Iterator[Mended]:
    path = snapshot.folder / "run.json"
    try:
        run = snapshot.run()
    except NewerFormat:
        raise
    except DamagedFile as lost:
        made = restoring.run_of(settings, snapshot)
        if made is None:
            yield Mended(path, f"{lost.what}; without whole papers {BACKUP}", well=False)
            return
        aside = _copied(path)
        snapshot.write_run(made)
        yield Mended(path, f"{lost.what}{aside}; made again from what is known")
        return
    yield from _papers(settings, snapshot, run)


def _papers(settings: Settings, snapshot: Snapshot, run: Run) -> Iterator[Mended]:
    path = snapshot.folder / PAPERS
    if path.is_file() and sha256(path) == run.papers_sha256:
        return
    if again := [*_papers_again(settings, snapshot, run)]:
        yield from again
        return
    if papers_again.papers_agree(snapshot, run):
        snapshot.write_run(run.but(papers_sha256=sha256(path)))
        what = "had another checksum of the papers, which are those of the digest; put right"
        yield Mended(snapshot.folder / "run.json", what)
        return
    yield Mended(path, f"is not what was fetched; {BACKUP}", well=False)


def _papers_again(settings: Settings, snapshot: Snapshot, run: Run) -> Iterator[Mended]:
    """Write `1-papers.jsonl` again where it is damaged and other files know all of it."""
    path = snapshot.folder / PAPERS
    if path.is_file() and sha256(path) == run.papers_sha256:
        return
    data = papers_again.papers_of(Outputs(settings.outputs), snapshot, run.papers_sha256)
    if data is None:
        return
    no_file = damage.is_no_file(path)
    aside = f"; set aside as {files.set_aside(path).name}" if no_file else _copied(path)
    _write(path, data)
    yield Mended(path, f"is not what was fetched{aside}; made again, with the checksum that it had")


def _copied(path: Path) -> str:
    """Keep a file as it is beside itself, before it is replaced, in words; nothing where none is.

    It is no move: a repair that is killed in between finds what it needs.
    """
    if not path.exists():
        return ""
    with files.translated(path):
        data = path.read_bytes()
    return f"; set aside as {files.copy_aside(path, data).name}"


def _has_papers(snapshot: Snapshot) -> bool:
    try:
        snapshot.papers()
    except (DamagedFile, OutputError):
        return False
    return True


def _unmendable(snapshot: Snapshot) -> Iterator[Mended]:
    """What else is damaged where the papers are: to be mended when they are back."""
    told = (PAPERS, "run.json")
    for each in damage.in_snapshot(snapshot):
        if each.path.name not in told:
            what = f"{each.what}; repair again when {' and '.join(told)} are restored"
            yield Mended(each.path, what, well=False)


def _summaries(snapshot: Snapshot) -> Iterator[Mended]:
    """Leave the good candidates; the papers whose line is gone are asked for by the next run."""
    path, run = snapshot.folder / SUMMARIES, snapshot.run()
    papers = {paper.id: paper for paper in snapshot.each_paper()}

    def fault(record: Record) -> str:
        if isinstance(record, Summary) and record.paper not in papers:
            return f"is about {record.paper}, which is none of the papers"
        return damage.another_text(record)

    found = sort_lines(path, Summary, fault)
    lost = any(loss.where == str(path) for loss in _losses(snapshot)) if not found.bad else True
    if not found.bad and not lost:
        return
    what = "lacks candidates that were checked"
    if found.bad:
        aside = _keep_good(path, found)
        what = f"{damage.told(found.bad)}; set aside in {aside.name}"
    stages = {name: stage for name, stage in run.stages.items() if name != "check"}
    good = [Summary.from_json(line.decode("utf-8"), where=str(path)) for line in found.good]
    again = _to_ask_again(snapshot, run, good) if "summarize" in run.stages else []
    none = Gap(failure=AGAIN)
    gaps = run.gaps | {paper: run.gaps.get(paper, none).but(failure=AGAIN) for paper in again}
    snapshot.write_run(run.but(stages=stages, gaps=gaps))
    told = ""
    if again:
        told = (
            f"; {amount(len(again), 'paper')} to be asked for again, for nothing where the cache "
            f"has the answer: by the next run, after a week by paperline summarize {snapshot}"
        )
    yield Mended(path, what + told)


def _to_ask_again(snapshot: Snapshot, run: Run, good: list[Summary]) -> list[str]:
    """The papers without the line that was active, or with a decision on one that is gone."""
    active, ids = candidates.active(run, good), {summary.id for summary in good}
    try:
        decided = snapshot.decisions()
    except DamagedFile:
        decided = []
    on_lost = {d.paper for d in decided if d.summary is not None and d.summary not in ids}
    return [
        paper.id
        for paper in snapshot.each_paper()
        if paper.status != "withdrawn"
        and (paper.id in on_lost or (paper.id not in active and paper.id not in run.gaps))
    ]


def _losses(snapshot: Snapshot) -> list[DamagedFile]:
    """As `proofs.losses`; none where the candidates cannot be read."""
    try:
        return [*proofs.losses(snapshot, snapshot.run())]
    except DamagedFile:
        return []


def _batch(snapshot: Snapshot) -> Iterator[Mended]:
    path = snapshot.folder / "batch.json"
    try:
        snapshot.batch()
    except NewerFormat:
        raise
    except DamagedFile as lost:
        aside = files.set_aside(path).name
        what = f"{lost.what}; set aside as {aside}: what the provider still has may be paid twice"
        yield Mended(path, what)


def _by_people(snapshot: Snapshot) -> Iterator[Mended]:
    return (Mended(path, what, well=False) for path, what in advice.by_people(snapshot))


def _digest_aside(snapshot: Snapshot) -> Iterator[Mended]:
    if snapshot.set_damaged_digest_aside():
        yield Mended(snapshot.digest_json, "was damaged; set aside")


def _releases(
    settings: Settings, snapshot: Snapshot, now: datetime, *, decided: bool
) -> Iterator[Mended]:
    if done := releases_again(settings, snapshot, now, decided=decided):
        yield Mended(snapshot.folder / PUBLISHED, *done)


def _digest(
    settings: Settings, snapshot: Snapshot, now: datetime, *, mended: bool
) -> Iterator[Mended]:
    """Make the findings and the digest again where they are not what they should be.

    And say each time where another snapshot's damage keeps decisions from carrying over to it.
    """
    made = Mended(snapshot.digest_json, "made again, with what was found in its lines")
    try:
        if not releasing.summarized(snapshot):
            return
        if mended or releasing.unreleased(settings, snapshot):
            releasing.release(settings, snapshot, now, site=False)
            yield made
    except PaperlineError as error:
        next_one = advice.of_the_next(settings, snapshot)
        if next_one is None or error.where != next_one.where:
            yield Mended(snapshot.digest_json, f"could not be made again: {error}", well=False)
            return
        yield made
    if next_one := advice.of_the_next(settings, snapshot):
        step = f". {next_one.next_step}" if next_one.next_step else ""
        what = f"{next_one.what}, so no decision on {snapshot} carries over to it yet{step}"
        yield Mended(Path(next_one.where), what, well=False)


def _site(settings: Settings) -> Iterator[Mended]:
    site = Outputs(settings.outputs).site
    built = build_site(settings)
    if built.changed:
        yield Mended(site, f"{amount(len(built.changed), 'file')} written again")
    for trouble in built.troubles:
        yield Mended(site, str(trouble), well=False)

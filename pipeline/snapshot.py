"""The files of one snapshot: reading gives records, writing replaces or appends whole.

Its folder is `outputs/<topic>/<YYYYMMDD_HHMM>/`; `outputs.py` finds and makes snapshots.
"""

import contextlib
import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline import files, formats
from pipeline.books import Run
from pipeline.errors import DamagedFile, NewerFormat, PaperlineError
from pipeline.exchange import BatchState
from pipeline.records import (
    RESTORE,
    Decision,
    Digest,
    Finding,
    Kind,
    Paper,
    Preference,
    Publication,
    Record,
    Summary,
    each_record,
    utc,
)
from pipeline.text import one_line

log = logging.getLogger(__name__)

PUBLISHED = "6-published.jsonl"
PAPERS = "1-papers.jsonl"
DECISIONS = "4-decisions.jsonl"
DIGEST = "5-digest.json"

SHORT_WAIT = 30.0
"""Seconds to wait for a lock that is held for moments: a decision, a release."""


class Times(NamedTuple):
    """When files of a snapshot were written last, in nanoseconds.

    0 stands for one that is not there or empty. They tell of thousands of snapshots where each
    stands, and none is read.
    """

    assembled: int
    decided: int
    published: int

    @property
    def may_wait(self) -> bool:
        """False where no editor is waited for; where it is true, `Snapshot.may_wait` knows more."""
        if not self.published:
            return bool(self.assembled)
        return self.published <= self.decided or self.assembled <= self.published

    def lags(self, behind: "Times | None" = None) -> bool:
        """Whether something was decided after the digest was assembled last.

        On this snapshot, or on the one before, from which decisions carry over.
        """
        decided = max(self.decided, behind.decided if behind else 0)
        return 0 < self.assembled < decided


class Snapshot:
    """The files of one snapshot. Reading gives records; writing replaces or appends whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.topic = folder.parent.name
        self.name = folder.name
        self.digest_json = folder / DIGEST
        self.digest_md = folder / "5-digest.md"
        self.digest_html = folder / "5-digest.html"
        self._papers = folder / PAPERS
        self._summaries = folder / "2-summaries.jsonl"
        self._findings = folder / "3-findings.jsonl"
        self._decisions = folder / DECISIONS
        self._preferences = folder / "4-preferences.jsonl"
        self._published = folder / PUBLISHED
        self._run = folder / "run.json"
        self._batch = folder / "batch.json"
        self._remedy = f"Run paperline repair {self}, which mends it or says what will"

    def __str__(self) -> str:
        return f"{self.topic}/{self.name}"

    def papers(self) -> list[Paper]:
        """The snapshot's papers in digest order. Raises `DamagedFile`, also where one is lost."""
        return list(self.each_paper())

    def each_paper(self) -> Iterator[Paper]:
        """As `papers`, one by one: the file is checked as a whole before the first."""
        fetched = self.run().papers_sha256  # of which the very first versions kept none
        if not self._papers.is_file() or fetched not in ("", sha256(self._papers)):
            raise DamagedFile(
                "is not what was fetched",
                where=str(self._papers),
                next_step=f"Restore it from a backup, or run paperline repair {self}",
            )
        lines = files.each_line(self._papers, self._remedy)
        yield from each_record(lines, Paper, where=str(self._papers), remedy=self._remedy)

    def summaries(self) -> list[Summary]:
        """All candidates, oldest first; empty before the first summarize."""
        return list(self.each_summary())

    def each_summary(self) -> Iterator[Summary]:
        """As `summaries`, one by one."""
        files.refuse_torn(self._summaries, self._remedy)
        where, lines = str(self._summaries), files.each_line(self._summaries, self._remedy)
        return each_record(lines, Summary, where=where, remedy=self._remedy)

    @contextlib.contextmanager
    def adding_summaries(self) -> Iterator[Callable[[Summary], None]]:
        """A function that adds candidates behind those that are there; one that is there stays.

        The file is replaced when the block ends, and stays as it was where it raises. Hold
        the topic's lock: nothing but summarize writes it.
        """
        known = set()
        with files.replacing(self._summaries) as file:
            for summary in self.each_summary():
                known.add(summary.id)
                file.write(summary.to_json() + "\n")

            def add(summary: Summary) -> None:
                if summary.id not in known:
                    known.add(summary.id)
                    file.write(summary.to_json() + "\n")

            yield add

    def findings(self, run: Run) -> list[Finding] | None:
        """What the checks found when they last ran; None where the file is not what they wrote.

        It is made again then, so that a lost or changed file opens no gate.
        """
        if not self.has_findings(run):
            return None
        return records_in(self._findings, Finding, self._remedy)

    def has_findings(self, run: Run) -> bool:
        """Whether the file is there, and is what the checks wrote."""
        written = run.stages["check"].outputs.get("findings") if "check" in run.stages else None
        return self._findings.is_file() and sha256(self._findings) == written

    def write_findings(self, findings: Iterable[Finding]) -> str:
        """Replace what the checks found; the file's SHA-256. Hold `releasing()`."""
        files.remake(self._findings, as_lines(findings))
        return sha256(self._findings)

    def decisions(self) -> list[Decision]:
        """Every decision, in the order in which they were taken."""
        return records_in(self._decisions, Decision, self._remedy)

    def decisions_stamp(self) -> dict[str, str]:
        """The part of `stamps` that a decision changes."""
        return {self._decisions.name: files.stamp(self._decisions)}

    def append_decisions(self, decisions: Iterable[Decision]) -> None:
        """Append all at once and sync. Hold `releasing()`."""
        files.append_lines(self._decisions, [decision.to_json() for decision in decisions])

    def preferences(self) -> list[Preference]:
        """Every choice between two candidates, in the order in which they were made."""
        return records_in(self._preferences, Preference, self._remedy)

    def preferences_stamp(self) -> str:
        """A text that changes when a choice is made, told without reading any."""
        return files.stamp(self._preferences)

    def append_preferences(self, preferences: Iterable[Preference]) -> None:
        """Append all at once and sync. Hold `releasing()`.

        They stand apart from the decisions: what is said of prompts makes no digest stale.
        """
        files.append_lines(self._preferences, [one.to_json() for one in preferences])

    def digest(self) -> Digest | None:
        """The digest as last assembled, or None. Raises `DamagedFile`."""
        if not self.digest_json.exists():
            return None
        remedy = f"Run paperline repair {self}, which makes it again"
        text = files.read_text(self.digest_json, remedy)
        return Digest.from_json(text, where=str(self.digest_json), remedy=remedy)

    def set_damaged_digest_aside(self) -> bool:
        """Whether the digest's file was damaged; then it is beside it, and can be made again.

        Hold `releasing()`.
        """
        try:
            self.digest()
        except NewerFormat:
            raise
        except DamagedFile as damage:
            aside = files.set_aside(self.digest_json)
            log.info("%s; it was moved to %s and is made again", damage.what, aside)
            return True
        return False

    def write_digest(self, digest: Digest, *, markdown: str, html: str) -> None:
        """Replace the three forms; the JSON last, so it vouches for the other two."""
        files.remake(self.digest_md, markdown)
        files.remake(self.digest_html, html)
        files.remake(self.digest_json, digest.to_json() + "\n")

    def publications(self) -> list[Publication]:
        """Every release, oldest first. Raises `DamagedFile`, also where one is another's."""
        releases = records_in(self._published, Publication, self._remedy)
        for of in (release.digest for release in releases):
            if (of.topic, of.snapshot) != (self.topic, self.name):
                raise DamagedFile(
                    f"holds the releases of {of.topic}/{of.snapshot}",
                    where=str(self._published),
                    next_step="Give the folder its name again, or move it out of outputs/; where "
                    f"only this file is another's, run paperline repair {self}",
                )
        return releases

    def publications_stamp(self) -> str:
        """A text that changes when something is released; nothing is read."""
        return files.stamp(self._published)

    def append_publication(self, publication: Publication) -> None:
        """Append and sync. Hold `releasing()`."""
        files.append_lines(self._published, [publication.to_json()])

    def times(self) -> Times:
        """When it was assembled, decided on and published last."""
        with files.translated(self.folder):
            return times(str(self.folder))

    def may_wait(self) -> bool:
        """Whether editors may be waited for, told by the files' times, of which none is read.

        They may where nothing was published as a whole, or something was decided since.
        """
        found = self.times()
        if not found.may_wait:
            return False
        if files.ends_whole(self._published):
            return found.published <= found.decided
        return found.assembled > 0

    def lags(self, behind: "Snapshot | None" = None) -> bool:
        """Whether something was decided after the digest was assembled last; see `Times`."""
        return self.times().lags(behind.times() if behind else None)

    def has(self, error: PaperlineError) -> bool:
        """Whether an error is damage, or about one of its files: no other has to wait for it."""
        return isinstance(error, DamagedFile) or Path(error.where).is_relative_to(self.folder)

    def is_there(self) -> bool:
        """Whether anything of what it was made with is: its papers, or `run.json`."""
        return self._papers.exists() or self._run.exists()

    def run(self) -> Run:
        """What was done to it. Raises `DamagedFile`, also where its folder has another's name."""
        if not self._run.exists():
            remedy = f"{self._remedy}; if nothing is left of it, move its folder away"
            raise DamagedFile("is missing", where=str(self._run), next_step=remedy)
        text = files.read_text(self._run, self._remedy)
        run = Run.from_json(text, where=str(self._run), remedy=self._remedy)
        if run.snapshot != self.name:
            raise DamagedFile(
                f"is that of {run.snapshot}, and the folder has another name",
                where=str(self._run),
                next_step=f"Name the folder {run.snapshot} again, or move it out of the topic's; "
                f"where only run.json is another's, run paperline repair {self}",
            )
        if fault := _fault(run):
            raise DamagedFile(fault, where=str(self._run), next_step=self._remedy)
        return run

    def instant(self) -> datetime:
        """When it was made. Raises `DamagedFile`."""
        return self.run().instant

    def told_instant(self, time_zone: str) -> datetime:
        """When it was made, where `run.json` does not say: as its digest or a release does.

        Else as its name does, if it is of that zone.
        """
        with contextlib.suppress(DamagedFile):
            if found := self.digest():
                return found.instant
        with contextlib.suppress(DamagedFile):
            if releases := self.publications():
                return releases[-1].digest.instant
        try:
            local = datetime.strptime(self.name, "%Y%m%d_%H%M").replace(tzinfo=ZoneInfo(time_zone))
        except (ValueError, ZoneInfoNotFoundError):  # a folder that somebody gave such a name
            return datetime.max.replace(tzinfo=UTC)
        return utc(local)

    def stamps(self) -> dict[str, str]:
        """By the names of the files that others than a desk write, what changes when they do."""
        written = (
            self._run,
            self._summaries,
            self._findings,
            self._decisions,
            self.digest_json,
            self._published,
        )
        return {path.name: files.stamp(path) for path in written}

    def write_run(self, run: Run) -> None:
        """Replace `run.json`."""
        files.replace(self._run, run.to_json() + "\n")

    def batch(self) -> BatchState | None:
        """What the snapshot has at a provider, or None. Raises `DamagedFile`."""
        if not self._batch.exists():
            return None
        text = files.read_text(self._batch, self._remedy)
        return BatchState.from_json(text, where=str(self._batch), remedy=self._remedy)

    def write_batch(self, state: BatchState | None) -> None:
        """Replace it, or remove it when nothing is at a provider any more."""
        if state is None:
            with files.translated(self._batch):
                self._batch.unlink(missing_ok=True)
        else:
            files.replace(self._batch, state.to_json() + "\n")

    @contextlib.contextmanager
    def releasing(self) -> Iterator[None]:
        """Hold the lock under which decisions are appended and digests released."""
        formats.mark(self.folder.parents[1])
        with files.locked(self.folder / ".lock", timeout=SHORT_WAIT, holder=f"snapshot {self}"):
            yield


STAGES = frozenset(("fetch", "summarize", "check", "assemble"))
"""The stages of which `run.json` tells."""


def _fault(run: Run) -> str:
    """What no run has written in a record that decodes; empty where all may be well."""
    if strange := sorted(run.stages.keys() - STAGES):
        return f"tells of a stage {one_line(strange[0])}"
    check = run.stages.get("check")
    if check and not (
        check.inputs.keys() >= {"summaries", "active"} and "candidates" in check.counts
    ):
        return "does not tell what was checked"
    try:
        ZoneInfo(run.time_zone)
    except (ValueError, ZoneInfoNotFoundError, OSError):
        return f"names no time zone that is known: {one_line(run.time_zone)}"
    return ""


def times(folder: str) -> Times:
    """The times of the snapshot in that folder."""
    return Times(
        _written(f"{folder}/{DIGEST}"),
        _written(f"{folder}/{DECISIONS}"),
        _written(f"{folder}/{PUBLISHED}"),
    )


def _written(path: str) -> int:
    try:
        found = os.stat(path)  # noqa: PTH116  it is asked of thousands of files
    except FileNotFoundError:
        return 0
    return max(found.st_mtime_ns, 1) if found.st_size else 0


def records_in(path: Path, kind: type[Kind], remedy: str = RESTORE) -> list[Kind]:
    """The records of a file; none where it is not there. Raises `DamagedFile`."""
    lines = files.whole_lines(path, remedy)
    return list(each_record(lines, kind, where=str(path), remedy=remedy))


def sha256(path: Path) -> str:
    """Of a file's content, in hexadecimal."""
    with files.translated(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def as_lines(records: Iterable[Record]) -> str:
    """Records as the text of a JSON Lines file."""
    return "".join(record.to_json() + "\n" for record in records)

"""Sole owner of `outputs/`: where each file is, reading it, and writing it whole.

Folder of a snapshot: `outputs/<topic>/<YYYYMMDD_HHMM>/`. A snapshot appears at once,
with its papers and its `run.json`, by renaming a finished folder into place.
"""

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from pipeline import files
from pipeline.errors import DamagedFile, UsageError
from pipeline.records import (
    TOPIC_NAME,
    Decision,
    Digest,
    Paper,
    Publication,
    Run,
    Spend,
    Summary,
    Waiting,
    decode_lines,
    utc,
)

TOPIC = re.compile(TOPIC_NAME)
SNAPSHOT = re.compile(r"\d{8}_\d{4}")
SHORT_WAIT = 30.0
"""Seconds to wait for a lock that is held for moments: a decision, a release."""


class Snapshot:
    """The files of one snapshot. Reading gives records; writing replaces or appends whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.topic = folder.parent.name
        self.name = folder.name
        self.digest_json = folder / "5-digest.json"
        self.digest_md = folder / "5-digest.md"
        self.digest_html = folder / "5-digest.html"
        self._papers = folder / "1-papers.jsonl"
        self._summaries = folder / "2-summaries.jsonl"
        self._decisions = folder / "4-decisions.jsonl"
        self._published = folder / "6-published.jsonl"
        self._run = folder / "run.json"

    def __str__(self) -> str:
        return f"{self.topic}/{self.name}"

    def papers(self) -> list[Paper]:
        """The snapshot's papers in digest order. Raises `DamagedFile`, also where one is lost."""
        if not self._papers.exists() or _sha256(self._papers) != self.run().papers_sha256:
            raise DamagedFile(
                "is not what was fetched",
                where=str(self._papers),
                next_step="Restore it from a backup",
            )
        return decode_lines(files.whole_lines(self._papers), Paper, where=str(self._papers))

    def summaries(self) -> list[Summary]:
        """All candidates, oldest first; empty before the first summarize."""
        return decode_lines(files.whole_lines(self._summaries), Summary, where=str(self._summaries))

    def write_summaries(self, summaries: Iterable[Summary]) -> None:
        """Replace the candidates."""
        files.replace(self._summaries, _as_lines(summaries))

    def decisions(self) -> list[Decision]:
        """Every decision, in the order in which they were taken."""
        return decode_lines(
            files.whole_lines(self._decisions), Decision, where=str(self._decisions)
        )

    def append_decision(self, decision: Decision) -> None:
        """Append and sync. Hold `releasing()`."""
        files.append_line(self._decisions, decision.to_json())

    def digest(self) -> Digest | None:
        """The digest as last assembled, or None. Raises `DamagedFile`."""
        if not self.digest_json.exists():
            return None
        return Digest.from_json(files.read_text(self.digest_json), where=str(self.digest_json))

    def write_digest(self, digest: Digest, *, markdown: str, html: str) -> None:
        """Replace the three forms; the JSON last, so it vouches for the other two."""
        files.replace(self.digest_md, markdown)
        files.replace(self.digest_html, html)
        files.replace(self.digest_json, digest.to_json() + "\n")

    def publications(self) -> list[Publication]:
        """Every release, oldest first."""
        return decode_lines(
            files.whole_lines(self._published), Publication, where=str(self._published)
        )

    def append_publication(self, publication: Publication) -> None:
        """Append and sync. Hold `releasing()`."""
        files.append_line(self._published, publication.to_json())

    def run(self) -> Run:
        """What was done to the snapshot. Raises `DamagedFile`."""
        if not self._run.exists():
            raise DamagedFile(
                "is missing",
                where=str(self._run),
                next_step="Restore it from a backup, or move the snapshot's folder away",
            )
        return Run.from_json(files.read_text(self._run), where=str(self._run))

    def write_run(self, run: Run) -> None:
        """Replace `run.json`."""
        files.replace(self._run, run.to_json() + "\n")

    @contextlib.contextmanager
    def releasing(self) -> Iterator[None]:
        """Hold the lock under which decisions are appended and digests released."""
        with files.locked(self.folder / ".lock", timeout=SHORT_WAIT, holder=f"snapshot {self}"):
            yield


class Outputs:
    """The whole of `outputs/`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.site = root / "site"
        self._spend = root / "spend.jsonl"

    def topic_folder(self, topic: str) -> Path:
        """Where the snapshots of `topic` are."""
        return self.root / topic

    def topics(self) -> list[str]:
        """Names of the topics that have a folder, in alphabetical order."""
        with files.translated(self.root):
            found = [p.name for p in self.root.iterdir()] if self.root.is_dir() else []
        # Other folders may stand there too: lost+found, a backup with a dot in its name.
        named = (name for name in found if TOPIC.fullmatch(name) and name != self.site.name)
        return sorted(name for name in named if self.topic_folder(name).is_dir())

    def snapshots(self, topic: str) -> list[Snapshot]:
        """The topic's snapshots, oldest first by their UTC instant."""
        folder = self.topic_folder(topic)
        if not folder.is_dir():
            return []
        with files.translated(folder):
            found = [Snapshot(p) for p in folder.iterdir() if SNAPSHOT.fullmatch(p.name)]
        return sorted(found, key=lambda s: (s.run().instant, s.name))

    def find(self, name: str) -> Snapshot:
        """The snapshot `topic/20260501_0405`, `topic/latest` or, where one topic has it, the id.

        Raises `UsageError` that says what there is.
        """
        topic, _, wanted = name.rpartition("/")
        if topic and topic not in self.topics():
            known = ", ".join(self.topics()) or "none yet"
            raise UsageError(
                f"there is no topic {topic!r} in {self.root}; there are: {known}",
                next_step="Check the name",
            )
        candidates = [s for t in ([topic] if topic else self.topics()) for s in self.snapshots(t)]
        if topic and wanted == "latest" and candidates:
            return candidates[-1]
        found = [s for s in candidates if s.name == wanted]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(
                f"snapshot {name} is in several topics: {', '.join(map(str, found))}",
                next_step="Name it with its topic",
            )
        near = ", ".join(str(s) for s in candidates[-3:]) or "none yet"
        raise UsageError(
            f"there is no snapshot {name!r}; the newest: {near}",
            next_step="Name it topic/YYYYMMDD_HHMM or topic/latest",
        )

    def free_name(self, topic: str, instant: datetime, zone: tzinfo) -> str:
        """`instant` in `zone` as YYYYMMDD_HHMM, or the next minute that is free."""
        local = instant.astimezone(zone)
        while (self.topic_folder(topic) / f"{local:%Y%m%d_%H%M}").exists():
            local += timedelta(minutes=1)
        return f"{local:%Y%m%d_%H%M}"

    def create_snapshot(self, run: Run, papers: Iterable[Paper]) -> Snapshot:
        """Make a new snapshot, whole: its folder appears with both files in it."""
        folder = self.topic_folder(run.topic)
        files.ensure_folder(folder)
        part = Path(tempfile.mkdtemp(dir=folder, prefix=".part-"))
        try:
            made = Snapshot(part)
            listed = made.folder / "1-papers.jsonl"
            files.replace(listed, _as_lines(papers))
            made.write_run(run.but(papers_sha256=_sha256(listed)))
            part.chmod(0o755)
            part.rename(folder / run.snapshot)
        except OSError as error:
            raise files.output_error(error, folder / run.snapshot) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return Snapshot(folder / run.snapshot)

    def waiting(self, topic: str) -> list[Waiting]:
        """Papers found but not yet in a snapshot, newest first."""
        path = self.topic_folder(topic) / "waiting.jsonl"
        return decode_lines(files.whole_lines(path), Waiting, where=str(path))

    def write_waiting(self, topic: str, waiting: Iterable[Waiting]) -> None:
        """Replace what waits; an empty list leaves an empty file, if any."""
        path = self.topic_folder(topic) / "waiting.jsonl"
        text = _as_lines(waiting)
        if text or path.exists():
            files.replace(path, text)

    def append_spend(self, spend: Spend) -> None:
        """Record what an answer cost. Lines are short enough to be appended at once."""
        files.append_line(self._spend, spend.to_json(), sync=False)

    def spent_on(self, day: datetime) -> float:
        """US dollars spent on the UTC day of `day`, over all commands, known prices only."""
        prefix = f"{utc(day):%Y-%m-%d}"
        spent = decode_lines(files.whole_lines(self._spend), Spend, where=str(self._spend))
        return sum(s.usage.usd or 0.0 for s in spent if f"{utc(s.at):%Y-%m-%d}" == prefix)

    @contextlib.contextmanager
    def working_on(self, topic: str) -> Iterator[None]:
        """Hold the topic's lock, as every stage does. Raises `Busy` at once when it is taken."""
        path = self.topic_folder(topic) / ".lock"
        with files.locked(path, timeout=0, holder=f"topic {topic}"):
            yield

    @contextlib.contextmanager
    def publishing(self) -> Iterator[None]:
        """Hold the lock of the site."""
        with files.locked(self.root / ".site.lock", timeout=SHORT_WAIT, holder="the site"):
            yield

    def write_site(self, pages: dict[str, str]) -> list[str]:
        """Write the pages that changed, in the order given. Hold `publishing()`.

        Keys are paths relative to the site. Files that are no page any more are
        removed. Returns the paths written.
        """
        written = []
        for name, text in pages.items():
            path = self.site / name
            if not path.is_file() or files.read_text(path) != text:
                files.replace(path, text)
                written.append(name)
        for path in sorted(self.site.rglob("*")) if self.site.is_dir() else []:
            if path.is_file() and path.relative_to(self.site).as_posix() not in pages:
                path.unlink()
        return written

    def wait_for_turn(self, key: str, delay: float) -> contextlib.AbstractContextManager[None]:
        """Hold the turn to use `key` (`arxiv`), at least `delay` seconds after the last one ended.

        One process at a time has the turn; the others wait for it, an hour at most.
        """
        return _turn(self.root / f".{key}.turn", delay)


@contextlib.contextmanager
def _turn(path: Path, delay: float) -> Iterator[None]:
    with files.locked(path.with_suffix(".lock"), timeout=3600.0, holder=path.stem.lstrip(".")):
        last = path.stat().st_mtime if path.exists() else 0.0
        pause = min(last + delay - time.time(), delay)
        if pause > 0:
            time.sleep(pause)
        try:
            yield
        finally:
            path.touch()
            os.utime(path)


def _sha256(path: Path) -> str:
    with files.translated(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _as_lines(
    records: Iterable[Paper] | Iterable[Summary] | Iterable[Waiting],
) -> str:
    return "".join(record.to_json() + "\n" for record in records)

"""Sole owner of `outputs/`: where each file is, reading it, and writing it whole.

Folder of a snapshot: `outputs/<topic>/<YYYYMMDD_HHMM>/`. A snapshot appears at once,
with its papers and its `run.json`, by renaming a finished folder into place.
"""

import contextlib
import functools
import itertools
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from pipeline import chronology, files, spending
from pipeline.books import Fetch, Notice, Run, Spend, Waiting
from pipeline.errors import UsageError
from pipeline.records import TOPIC_NAME, Paper, Usage
from pipeline.snapshot import (
    PAPERS,
    SHORT_WAIT,
    Snapshot,
    Times,
    as_lines,
    records_in,
    sha256,
    times,
)

TOPIC = re.compile(TOPIC_NAME)
SNAPSHOT = re.compile(r"[0-9]{8}_[0-9]{4}")
QUESTION = 600.0
"""Seconds to wait for an editor's question about one paper: a model's retries and timeouts."""

SECOND = 1_000_000_000
"""In nanoseconds."""

TICK = SECOND // 10
"""A folder changed twice within this time, in nanoseconds, may have one time for both changes."""

COARSE = 3 * SECOND
"""The same where a file system keeps times to the second, or to two of them."""


class Outputs:
    """The whole of `outputs/`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.site = root / "site"
        self._spend = root / "spend.jsonl"
        self._today = spending.DaySpending(self._spend)
        self._notices = root / "notices.jsonl"

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

    def names(self, topic: str) -> Sequence[str]:
        """The names of the topic's snapshots, in alphabetical order; none is opened."""
        folder, listing = self.topic_folder(topic), self.listing(topic)
        if listing == files.LOST:
            return ()
        with files.translated(folder):
            return _known_names(folder, listing) if listing else _names(folder)

    def listing(self, topic: str) -> str:
        """A text that changes when a snapshot comes, goes, or takes the place of another.

        It is told by the time of the topic's folder; empty where that is too recent to tell.
        """
        folder = self.topic_folder(topic)
        if not folder.is_dir():
            return files.LOST
        with files.translated(folder):
            found = folder.stat()
        fine = found.st_mtime_ns % SECOND
        age = time.time_ns() - found.st_mtime_ns
        return files.told(found) if age > (TICK if fine else COARSE) else ""

    def newest_first(self, topic: str) -> Iterator[Snapshot]:
        """The topic's snapshots by their UTC instants, the newest first, opened as asked for."""
        for name in chronology.newest_first(self.names(topic), self._instants(topic)):
            yield self.snapshot(topic, name)

    def snapshots(self, topic: str) -> list[Snapshot]:
        """The topic's snapshots, oldest first by their UTC instants; each is opened."""
        return list(self.newest_first(topic))[::-1]

    def newest(self, topic: str) -> Snapshot | None:
        """The topic's newest snapshot, if there is any."""
        return next(self.newest_first(topic), None)

    def before(self, snapshot: Snapshot) -> Iterator[Snapshot]:
        """The topic's snapshots before this one, the newest first, opened as asked for."""
        topic = snapshot.topic
        for name in chronology.before(self.names(topic), snapshot.name, self._instants(topic)):
            yield self.snapshot(topic, name)

    def after(self, snapshot: Snapshot) -> Snapshot | None:
        """The topic's next snapshot after this one, if there is any."""
        topic = snapshot.topic
        name = chronology.after(self.names(topic), snapshot.name, self._instants(topic))
        return self.snapshot(topic, name) if name else None

    def _instants(self, topic: str) -> Callable[[str], datetime]:
        folder = self.topic_folder(topic)

        def instant(name: str) -> datetime:
            with files.translated(folder / name):
                inode = (folder / name).stat().st_ino
            return _instant(folder / name, inode)

        return instant

    def times(self, topic: str) -> dict[str, Times]:
        """By the snapshots' names, in their order, when their files were written; none is read."""
        folder = str(self.topic_folder(topic))
        with files.translated(Path(folder)):
            return {name: times(f"{folder}/{name}") for name in self.names(topic)}

    def that_may_wait(self, topic: str, times: Mapping[str, Times]) -> list[Snapshot]:
        """Those snapshots of the topic whose editors may be waited for, by name; none is read."""
        named = (name for name, found in times.items() if found.may_wait)
        return [each for each in (self.snapshot(topic, n) for n in named) if each.may_wait()]

    def lagging(self, topic: str, times: Mapping[str, Times]) -> list[Snapshot]:
        """Those snapshots of the topic that lag behind decisions, by name; see `Times.lags`.

        None is read, so the one before is that by name.
        """
        found = list(times.items())
        pairs = zip(found, [None, *(each for _, each in found)], strict=False)
        return [self.snapshot(topic, name) for (name, one), behind in pairs if one.lags(behind)]

    def stamps(self, topic: str, file: str = PAPERS) -> dict[str, str]:
        """By the snapshots' names, a text that changes when that file does; none is read."""
        folder = str(self.topic_folder(topic))
        with files.translated(Path(folder)):
            return {name: files.stamp(f"{folder}/{name}/{file}") for name in self.names(topic)}

    def snapshot(self, topic: str, name: str) -> Snapshot:
        """The snapshot of exactly that name, whether it is there or not."""
        return Snapshot(self.topic_folder(topic) / name)

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
        topics = [topic] if topic else self.topics()
        if topic and wanted == "latest" and (newest := self.newest(topic)):
            return newest
        found = [self.snapshot(each, wanted) for each in topics if wanted in self.names(each)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(
                f"snapshot {name} is in several topics: {', '.join(map(str, found))}",
                next_step="Name it with its topic",
            )
        lately = [s for t in topics for s in [*itertools.islice(self.newest_first(t), 3)][::-1]]
        near = ", ".join(map(str, lately[-3:])) or "none yet"
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
        """Make a new snapshot, whole: its folder appears with both files in it.

        Hold the topic's lock.
        """
        folder = self.topic_folder(run.topic)
        files.ensure_folder(folder)
        for left_over in folder.glob(".part-*"):  # by a run that was killed
            shutil.rmtree(left_over, ignore_errors=True)
        part = Path(tempfile.mkdtemp(dir=folder, prefix=".part-"))
        try:
            made = Snapshot(part)
            listed = made.folder / PAPERS
            files.replace(listed, as_lines(papers))
            made.write_run(run.but(papers_sha256=sha256(listed)))
            part.chmod(0o755)
            part.rename(folder / run.snapshot)
        except OSError as error:
            raise files.output_error(error, folder / run.snapshot) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return Snapshot(folder / run.snapshot)

    def waiting(self, topic: str) -> list[Waiting]:
        """Papers found but not yet in a snapshot, newest first."""
        return records_in(self.topic_folder(topic) / "waiting.jsonl", Waiting)

    def write_waiting(self, topic: str, waiting: Iterable[Waiting]) -> None:
        """Replace what waits; an empty list leaves an empty file, if any."""
        path = self.topic_folder(topic) / "waiting.jsonl"
        text = as_lines(waiting)
        if text or path.exists():
            files.replace(path, text)

    def fetches(self, topic: str) -> Iterator[Fetch]:
        """What the topic's fetches found, the newest first, read as they are asked for."""
        path = self._fetches(topic)
        remedy = "Move the file away: the next fetch looks further back instead"
        return (
            Fetch.from_json(line, where=str(path), remedy=remedy)
            for line in files.lines_backwards(path)
        )

    def append_fetch(self, topic: str, fetched: Fetch) -> None:
        """Append and sync. Hold the topic's lock."""
        files.append_lines(self._fetches(topic), [fetched.to_json()])

    def _fetches(self, topic: str) -> Path:
        return self.topic_folder(topic) / "fetches.jsonl"

    def append_spend(self, spent: Iterable[Spend]) -> None:
        """Record what answers cost; it is on disk when this returns."""
        with files.locked(self.root / ".spend.lock", timeout=SHORT_WAIT, holder="spend.jsonl"):
            files.append_lines(self._spend, [spend.to_json() for spend in spent])

    def spent_since(self, moment: datetime) -> Iterator[Spend]:
        """What was spent since `moment`, the newest first, each answer once."""
        return spending.since(self._spend, moment)

    def spent_by(self, run: Run, stage: str) -> tuple[Usage, dict[str, Usage]]:
        """What a stage of a snapshot cost so far, killed runs included, and that by model."""
        whole, models = Usage(), dict[str, Usage]()
        for spend in self.answers_for(run, stage):
            whole = whole.plus(spend.usage)
            models[spend.model] = models.get(spend.model, Usage()).plus(spend.usage)
        return whole, models

    def answers_for(self, run: Run, stage: str) -> list[Spend]:
        """What a stage of a snapshot has paid for so far, the newest first."""
        begun = run.stages["fetch"].started if "fetch" in run.stages else run.instant
        of_stage = run.topic, run.snapshot, stage
        spent = self.spent_since(begun)
        return [s for s in spent if (s.topic, s.snapshot, s.stage) == of_stage]

    def recently_spent(self, model: str, most: int) -> list[Spend]:
        """The last `most` answers with lines of a model, the newest first."""
        spent = (
            Spend.from_json(line, where=str(self._spend))
            for line in files.lines_backwards(self._spend)
        )
        return list(
            itertools.islice(
                (s for s in spent if s.model == model and s.stage == "summarize"), most
            )
        )

    def spent_on(self, day: datetime) -> float:
        """US dollars spent on the UTC day of `day`, over all commands, known prices only."""
        return self._today.on(day)

    def notices(self) -> Iterator[Notice]:
        """What people were told, the newest first, read as it is asked for."""
        remedy = "Move the file away; what was told lately may be told once more"
        return (
            Notice.from_json(line, where=str(self._notices), remedy=remedy)
            for line in files.lines_backwards(self._notices)
        )

    def begin_notice(self, notice: Notice) -> bool:
        """Append and sync it, unless its event was begun for its channel; whether it was not.

        Of two processes that ask at once one is told so.
        """
        with self._noticing():
            if any(notice.same(earlier) for earlier in self.notices()):
                return False
            files.append_lines(self._notices, [notice.to_json()])
        return True

    def append_notice(self, notice: Notice) -> None:
        """Append and sync what came of one that was begun."""
        with self._noticing():
            files.append_lines(self._notices, [notice.to_json()])

    def _noticing(self) -> contextlib.AbstractContextManager[None]:
        path = self.root / ".notices.lock"
        return files.locked(path, timeout=SHORT_WAIT, holder="notices.jsonl")

    @contextlib.contextmanager
    def working_on(self, topic: str) -> Iterator[None]:
        """Hold the topic's lock, as every stage does. Raises `Busy` at once when it is taken.

        A single question is waited for, so that an editor's keeps no night from running.
        """
        with contextlib.ExitStack() as stack:
            with self._lock(topic, ".question.lock", wait=QUESTION):
                stack.enter_context(self._lock(topic, ".lock"))
            yield

    @contextlib.contextmanager
    def asking_in(self, topic: str) -> Iterator[None]:
        """The same for a single question of an editor. Raises `Busy` at once."""
        with self._lock(topic, ".question.lock"), self._lock(topic, ".lock"):
            yield

    def _lock(
        self, topic: str, name: str, wait: float = 0.0
    ) -> contextlib.AbstractContextManager[None]:
        path = self.topic_folder(topic) / name
        return files.locked(path, timeout=wait, holder=f"topic {topic}")

    @contextlib.contextmanager
    def publishing(self) -> Iterator[None]:
        """Hold the lock of the site."""
        with files.locked(self.root / ".site.lock", timeout=SHORT_WAIT, holder="the site"):
            yield


def _names(folder: Path) -> Sequence[str]:
    return tuple(sorted(filter(SNAPSHOT.fullmatch, os.listdir(folder))))  # noqa: PTH208  thousands


@functools.lru_cache(maxsize=20)
def _known_names(folder: Path, _listing: str) -> Sequence[str]:
    """The same, read once in a process as long as the listing does not change."""
    return _names(folder)


@functools.lru_cache(maxsize=100_000)
def _instant(folder: Path, _inode: int) -> datetime:
    """The snapshot's instant, which never changes, read once in a process."""
    return Snapshot(folder).instant()

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

from pipeline import chronology, files, formats, spending
from pipeline.books import Fetch, Invocation, Notice, Run, Spend, Waiting
from pipeline.errors import DamagedFile, UsageError
from pipeline.journals import Journal, last_of
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
    """The whole of `outputs/`; raises `NewerFormat` where a later version has written there."""

    def __init__(self, root: Path) -> None:
        formats.check(root)
        self.root = root
        self.site = root / "site"
        self._spend = Journal(root / "spend.jsonl", Spend, remedy=spending.REMEDY)
        self._today = spending.DaySpending(self._spend.path)
        told = f"{spending.REMEDY}; what was told lately may be told once more"
        self._notices = Journal(root / "notices.jsonl", Notice, remedy=told)
        self._runs = Journal(
            root / "runs.jsonl", Invocation, remedy="Move the file away: nothing depends on it"
        )

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

    def instant(self, snapshot: Snapshot) -> datetime:
        """When it was made, also where its `run.json` is damaged; see `Snapshot.told_instant`."""
        return self._instants(snapshot.topic)(snapshot.name)

    def _instants(self, topic: str) -> Callable[[str], datetime]:
        folder = self.topic_folder(topic)

        def instant(name: str) -> datetime:
            with files.translated(folder / name):
                inode = (folder / name).stat().st_ino
            try:
                return _instant(folder / name, inode)
            except DamagedFile:  # whoever needs more of it than its place in time is told
                return Snapshot(folder / name).told_instant(self._zone(topic))

        return instant

    def _zone(self, topic: str) -> str:
        """The zone of the topic's newest name that still tells one; UTC where none does."""
        for name in reversed(self.names(topic)):
            with contextlib.suppress(DamagedFile):
                return self.snapshot(topic, name).run().time_zone
        return "UTC"

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
        path = self.topic_folder(topic) / "waiting.jsonl"
        remedy = f"Run paperline repair {topic}/latest"
        files.refuse_torn(path, remedy)
        return records_in(path, Waiting, remedy)

    def write_waiting(self, topic: str, waiting: Iterable[Waiting]) -> None:
        """Replace what waits; an empty list leaves an empty file, if any."""
        path = self.topic_folder(topic) / "waiting.jsonl"
        text = as_lines(waiting)
        if text or path.exists():
            files.replace(path, text)

    def fetches(self, topic: str) -> Iterator[Fetch]:
        """What the topic's fetches found, the newest first, read as they are asked for."""
        path = self._fetches(topic)
        remedy = (
            f"Move the file away, or run paperline repair {topic}/latest: "
            "the next fetch looks further back instead"
        )
        return (
            Fetch.from_json(line, where=str(path), remedy=remedy)
            for line in files.lines_backwards(path, remedy)
        )

    def append_fetch(self, topic: str, fetched: Fetch) -> None:
        """Append and sync. Hold the topic's lock."""
        files.append_lines(self._fetches(topic), [fetched.to_json()])

    def _fetches(self, topic: str) -> Path:
        return self.topic_folder(topic) / "fetches.jsonl"

    def append_spend(self, spent: Iterable[Spend]) -> None:
        """Record what answers cost; it is on disk when this returns."""
        self._spend.append(spent)

    def spent_since(self, moment: datetime) -> Iterator[Spend]:
        """What was spent since `moment`, the newest first, each answer once."""
        return spending.since(self._spend.path, moment)

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

    def lost_costs(self, snapshots: Iterable[Snapshot]) -> DamagedFile | None:
        """What these snapshots say they have cost, and the books have no more; None where all is.

        A damaged snapshot says nothing.
        """
        runs = []
        for snapshot in snapshots:
            with contextlib.suppress(DamagedFile):
                runs.append(snapshot.run())
        return spending.lost(self._spend.path, runs)

    def recently_spent(self, model: str, most: int) -> list[Spend]:
        """The last `most` answers with lines of a model, the newest first."""
        spent = self._spend.newest_first()
        lines = (each for each in spent if each.model == model and each.stage == "summarize")
        return list(itertools.islice(lines, most))

    def spent_on(self, day: datetime) -> float:
        """US dollars spent on the UTC day of `day`, over all commands, known prices only."""
        return self._today.on(day)

    def notices(self) -> Iterator[Notice]:
        """What people were told, the newest first, read as it is asked for."""
        return self._notices.newest_first()

    def begin_notice(self, notice: Notice) -> bool:
        """Append and sync it, unless its event was begun for its channel; whether it was not.

        Of two processes that ask at once one is told so.
        """
        return self._notices.append_unless(notice.same, notice)

    def append_notice(self, notice: Notice) -> None:
        """Append and sync what came of one that was begun."""
        self._notices.append([notice])

    def append_invocation(self, invocation: Invocation) -> None:
        """Append and sync that a run of a topic began, or what came of it."""
        self._runs.append([invocation])

    def invocations(self) -> Iterator[Invocation]:
        """The lines of `runs.jsonl`, the newest first, read as they are asked for."""
        return self._runs.newest_first()

    def last_runs(self, topics: Sequence[str]) -> dict[str, Invocation]:
        """By topic, what is known of its last run. Raises `DamagedFile`, `OutputError`."""
        return last_of(self._runs, topics)

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
        formats.mark(self.root)
        path = self.topic_folder(topic) / name
        return files.locked(path, timeout=wait, holder=f"topic {topic}")

    @contextlib.contextmanager
    def publishing(self) -> Iterator[None]:
        """Hold the lock of the site."""
        formats.mark(self.root)
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

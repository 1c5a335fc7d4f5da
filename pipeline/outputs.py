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
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from pipeline import files
from pipeline.books import Fetch, Notice, Run, Spend, Waiting
from pipeline.errors import UsageError
from pipeline.records import TOPIC_NAME, Paper, Usage, utc
from pipeline.snapshot import PAPERS, SHORT_WAIT, Snapshot, as_lines, records_in, sha256

TOPIC = re.compile(TOPIC_NAME)
SNAPSHOT = re.compile(r"[0-9]{8}_[0-9]{4}")
QUESTION = 600.0
"""Seconds to wait for an editor's question about one paper: a model's retries and timeouts."""

OUT_OF_ORDER = timedelta(hours=1)
"""How far lines of several processes may stand out of the order of their times."""


class Outputs:
    """The whole of `outputs/`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.site = root / "site"
        self._spend = root / "spend.jsonl"
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

    def snapshots(self, topic: str) -> list[Snapshot]:
        """The topic's snapshots, oldest first by their UTC instant."""
        folder = self.topic_folder(topic)
        if not folder.is_dir():
            return []
        with files.translated(folder):
            found = [Snapshot(p) for p in folder.iterdir() if SNAPSHOT.fullmatch(p.name)]
            return sorted(found, key=lambda s: (_instant(s.folder, s.folder.stat().st_ino), s.name))

    def stamps(self, topic: str, file: str = PAPERS) -> dict[str, str]:
        """By the snapshots' names, a text that changes when that file does; none is read."""
        folder = self.topic_folder(topic)
        if not folder.is_dir():
            return {}
        with files.translated(folder):
            with os.scandir(folder) as found:
                names = [each.name for each in found if SNAPSHOT.fullmatch(each.name)]
            return {name: files.stamp(f"{folder}/{name}/{file}") for name in names}

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
        """What was spent since `moment`, the newest first, each answer once.

        Read from the end of the file, so that it takes no longer as the file grows.
        """
        enough, met = utc(moment) - OUT_OF_ORDER, set()
        for line in files.lines_backwards(self._spend):
            spend = Spend.from_json(line, where=str(self._spend))
            if spend.at < enough:
                break
            if spend.at >= utc(moment) and spend.id not in met:
                met.add(spend.id)
                yield spend

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
        start = utc(day).replace(hour=0, minute=0, second=0)
        spent = self.spent_since(start)
        return sum(s.usage.usd or 0.0 for s in spent if s.at < start + timedelta(days=1))

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


@functools.lru_cache(maxsize=100_000)
def _instant(folder: Path, _inode: int) -> datetime:
    """The snapshot's instant, which never changes, read once in a process."""
    return Snapshot(folder).run().instant

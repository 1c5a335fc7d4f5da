"""What was spent: the lines of `spend.jsonl`, each answer once, without reading it all again."""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from pipeline import files
from pipeline.books import Run, Spend
from pipeline.errors import DamagedFile
from pipeline.records import utc

OUT_OF_ORDER = timedelta(hours=1)
"""How far lines of several processes may stand out of the order of their times."""

REMEMBERED = 100_000
"""Lines among which an answer that was booked twice is noticed.

A killed run's last answers are booked again by the next command, so only what others booked
meanwhile stands between. A bulk run books millions, of which memory need not hold the ids.
"""


REMEDY = "Run paperline repair with any snapshot, which sets damaged lines aside"
"""What to do about a damaged line of a journal.

Until then nobody knows what the day's budget leaves.
"""


class _Met:
    """The ids of the last `REMEMBERED` answers."""

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._ids = OrderedDict.fromkeys(ids)  # a dict finds its first key ever more slowly

    def is_new(self, id_: str) -> bool:
        """Whether this one was not met lately; it is from now on."""
        if id_ in self._ids:
            return False
        self._ids[id_] = None
        if len(self._ids) > REMEMBERED:
            self._ids.popitem(last=False)
        return True


def since(path: Path, moment: datetime) -> Iterator[Spend]:
    """What was spent since `moment`, the newest first, each answer once.

    Read from the end of the file, so that it takes no longer as the file grows. Raises
    `DamagedFile`, `OutputError`.
    """
    enough, met = utc(moment) - OUT_OF_ORDER, _Met()
    for line in files.lines_backwards(path, REMEDY):
        spend = Spend.from_json(line, where=str(path), remedy=REMEDY)
        if spend.at < enough:
            break
        if spend.at >= utc(moment) and met.is_new(spend.id):
            yield spend


def lost(path: Path, runs: Iterable[Run]) -> DamagedFile | None:
    """What snapshots have cost, as their `run.json` say, and the books have no more, if anything.

    As in `since`, nothing from before their first fetch is read.
    """
    known = {(run.topic, run.snapshot): run.stages for run in runs if "fetch" in run.stages}
    began = min((stages["fetch"].started for stages in known.values()), default=None)
    booked: Counter[tuple[str, str, str]] = Counter()
    for spend in since(path, began) if began else ():
        booked[spend.topic, spend.snapshot, spend.stage] += spend.usage.tokens
    lacking: Counter[str] = Counter()
    for (topic, snapshot), stages in known.items():
        for name, stage in stages.items():
            less = stage.usage.tokens - booked[topic, snapshot, name]
            if less > 0:
                lacking[f"{topic}/{snapshot}"] += less
    if not lacking:
        return None
    return DamagedFile(
        f"lacks {lacking.total()} tokens that {', '.join(lacking)} cost, so that a day's budget "
        "may count too little",
        where=str(path),
        next_step="Put the lines of a backup before those that are there: what is there twice "
        "counts once",
    )


class DaySpending:
    """US dollars spent on a UTC day, known prices only; asked again, it reads what is new."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start: datetime | None = None  # of the day of which all up to `_read` is counted
        self._read = 0
        self._total = 0.0
        self._met = _Met()

    def on(self, day: datetime) -> float:
        """What all commands spent on the day of `day`. Raises as `since` does."""
        start = utc(day).replace(hour=0, minute=0, second=0)
        with files.translated(self._path):
            size = self._path.stat().st_size if self._path.exists() else 0
            going_on = start == self._start and size >= self._read
            self._start = None  # until all is read: a damaged line is met again at every call
            if going_on:
                self._go_on(start)
            else:
                self._begin(start, size)
        return self._total

    def _begin(self, start: datetime, size: int) -> None:
        self._read, self._total = size, 0.0
        newest: list[str] = []
        for spend in since(self._path, start):
            if len(newest) < REMEMBERED:
                newest.append(spend.id)
            self._count(spend, start)
        self._met = _Met(reversed(newest))
        if self._is_whole(size):  # else a line is being written, or torn
            self._start = start

    def _is_whole(self, size: int) -> bool:
        """Whether a line ends at byte `size`."""
        if size == 0:
            return False
        with self._path.open("rb") as file:
            file.seek(size - 1)
            return file.read(1) == b"\n"

    def _go_on(self, start: datetime) -> None:
        """Count the lines that were appended; one that was met, when this began, counts once."""
        with self._path.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # somebody is writing it
                self._read += len(line)
                text = line.decode("utf-8", "replace")
                spend = Spend.from_json(text, where=str(self._path), remedy=REMEDY)
                if self._met.is_new(spend.id):
                    self._count(spend, start)
        self._start = start

    def _count(self, spend: Spend, start: datetime) -> None:
        if start <= spend.at < start + timedelta(days=1):
            self._total += spend.usage.usd or 0.0

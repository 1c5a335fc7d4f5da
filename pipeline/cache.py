"""Sole owner of `cache/`: the answers that were paid for, and what models were found to take.

Kept by diskcache as JSON text, never evicted: answers under `FINGERPRINT:ATTEMPT`. diskcache
unpickles what it finds in its database (CVE-2025-69872), so its disk is narrowed here to
text: a row that claims to be a pickle is refused, never loaded.
"""

import itertools
import logging
import math
import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import diskcache
import msgspec
from diskcache.core import MODE_RAW, MODE_TEXT

from pipeline import databases, files
from pipeline.books import Spend
from pipeline.errors import DamagedFile, OutputError
from pipeline.exchange import Answer, Kept, Paid
from pipeline.records import Count, Record, Usage, utc, utc_text

log = logging.getLogger(__name__)

PATIENCE = 60
"""Seconds to wait for another process that writes."""

UNBOOKED = "unbooked:"
HITS = "statistics:hits"


class Stats(Record, frozen=True, kw_only=True):
    """What the cache holds: the answer of `paperline cache stats --json`.

    `answers` to so many `requests`, `size` in bytes on disk. `saved_usd` counts known
    prices only.
    """

    answers: Count
    requests: Count
    size: Count
    hits: Count
    saved_tokens: Count
    saved_usd: float


class _NotTextError(Exception):
    """A row of the database claims to hold something else than text."""


class _TextDisk(diskcache.Disk):  # type: ignore[misc]  # diskcache has no types
    """Reads and writes text, and nothing else."""

    def get(self, key: Any, raw: bool) -> Any:
        return super().get(key, raw) if raw else None

    def store(self, value: Any, read: bool, key: Any = diskcache.UNKNOWN) -> Any:
        if not isinstance(value, str):
            raise TypeError("the cache keeps text only")
        return super().store(value, read, key=key)

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> Any:
        if mode not in (MODE_RAW, MODE_TEXT) or (mode == MODE_RAW and not isinstance(value, str)):
            raise _NotTextError("a value is not text")
        return super().fetch(mode, filename, value, read)


class AnswerCache:
    """Every answer by its request's fingerprint and the number of the attempt, from 0.

    A database that proves damaged is set aside with a warning, and a new one begun. Every
    method raises `OutputError` where the disk is full, not writable or held too long.
    """

    def __init__(self, folder: Path) -> None:
        files.ensure_folder(folder)
        self._folder = folder / "answers"
        self._hits: tuple[int, int, float] = (0, 0, 0.0)
        self._cache: Any = None
        self.recall(HITS)  # opens it, so that what is wrong is said before anything is asked

    def answers(self, fingerprint: str) -> list[Answer]:
        """The answers to one request, first attempt first; a damaged one is left out."""
        found: list[Answer] = []
        for attempt in itertools.count():
            key = f"{fingerprint}:{attempt}"
            try:
                text = self._used(lambda cache, key=key: cache.get(key))
                if text is None:
                    break
                found.append(Answer.from_json(text, where=f"{self._folder} {key}"))
            except (DamagedFile, _NotTextError) as error:
                log.info("a stored answer was left out and will be asked for again: %s", error)
        return found

    def keep(self, kept: Sequence[Kept], paid: Paid) -> None:
        """Keep answers, each beside the earlier ones of its fingerprint, then book their costs.

        All of them, and a note of their costs, are on disk after one transaction; `paid`
        is called next. A run that is killed before it returns leaves the note to `rebook`.
        """
        note = f"{UNBOOKED}{uuid.uuid4().hex}"
        booking = msgspec.json.encode([each.spend for each in kept]).decode()
        texts = [(each.fingerprint, each.answer.to_json()) for each in kept]

        def write(cache: Any) -> None:
            with cache.transact():
                for fingerprint, text in texts:
                    attempts = itertools.count()
                    while not cache.add(f"{fingerprint}:{next(attempts)}", text):
                        pass
                cache.set(note, booking)

        self._used(write)
        paid([each.spend for each in kept])
        self._used(lambda cache: cache.delete(note))

    def rebook(self, paid: Paid) -> None:
        """Book the costs that a killed run has noted and may not have booked.

        They count as spent now; those that it had booked keep their id, and count once.
        """
        for key in self._unbooked():
            try:
                spends = msgspec.json.decode(self.recall(key) or "[]", type=list[Spend])
            except msgspec.DecodeError as error:
                log.info("%s: a note of costs is damaged and was dropped: %s", key, error)
                spends = []
            now = utc(datetime.now(UTC))
            if spends:
                log.info("the costs of %d answers of a killed run are booked", len(spends))
                paid([spend.but(at=now) for spend in spends])
            self._used(lambda cache, key=key: cache.delete(key))

    def recall(self, key: str) -> str | None:
        """The text kept under `key`, or None."""
        try:
            return self._used(lambda cache: cache.get(key))  # type: ignore[no-any-return]
        except _NotTextError:
            return None

    def remember(self, key: str, text: str) -> None:
        """Keep `text` under `key`."""
        self._used(lambda cache: cache.set(key, text))

    def hit(self, usage: Usage) -> None:
        """An answer that had cost `usage` was used again; counted when the cache is closed."""
        hits, tokens, usd = self._hits
        self._hits = hits + 1, tokens + usage.tokens, usd + (usage.usd or 0.0)

    def stats(self) -> Stats:
        """What is there, this process's own hits included."""
        fingerprints = [key.rpartition(":")[0] for key in self._keys() if _is_answer(key)]
        hits, tokens, usd = self._hits_so_far()
        size = sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file())
        return Stats(
            answers=len(fingerprints),
            requests=len(set(fingerprints)),
            size=size,
            hits=hits,
            saved_tokens=tokens,
            saved_usd=usd,
        )

    def clear(self, older_than: datetime | None = None) -> int:
        """Remove the answers made before `older_than`, or all; returns how many.

        All attempts of one request go together, when the newest of them is old enough.
        What models were found to take is forgotten only with all; costs that wait to be
        booked never are.
        """
        before = utc_text(older_than) if older_than else None
        if before is None:
            keys = [key for key in self._keys() if not key.startswith(UNBOOKED)]
            for key in keys:
                self._used(lambda cache, key=key: cache.delete(key))
            return sum(map(_is_answer, keys))
        attempts: dict[str, list[str]] = {}
        for key in filter(_is_answer, self._keys()):
            attempts.setdefault(key.rpartition(":")[0], []).append(key)
        removed = 0
        for fingerprint, keys in attempts.items():
            if all(utc_text(answer.created) < before for answer in self.answers(fingerprint)):
                for key in keys:
                    self._used(lambda cache, key=key: cache.delete(key))
                removed += len(keys)
        return removed

    def close(self) -> None:
        """Count the hits, and close the database."""
        if self._cache is None:  # it was set aside, and no new one could be begun
            return
        if self._hits[0]:
            total = self._hits_so_far()
            self._hits = (0, 0, 0.0)
            self.remember(HITS, " ".join(map(repr, total)))
        self._cache.close()

    def _hits_so_far(self) -> tuple[int, int, float]:
        try:
            hits, tokens, usd = (self.recall(HITS) or "0 0 0.0").split()
            before = int(hits), int(tokens), float(usd)
        except ValueError:
            before = 0, 0, 0.0
        if min(before) < 0 or not math.isfinite(before[2]):
            before = 0, 0, 0.0
        now = self._hits
        return before[0] + now[0], before[1] + now[1], before[2] + now[2]

    def _unbooked(self) -> list[str]:
        """The keys of all notes; they sort behind every other, so no millions of those are read."""

        def last(cache: Any) -> list[str]:
            # What is no text, and sorts behind it, is none of ours.
            keys = itertools.takewhile(
                lambda key: not isinstance(key, str) or key >= UNBOOKED,
                cache.iterkeys(reverse=True),
            )
            return [key for key in keys if isinstance(key, str) and key.startswith(UNBOOKED)]

        return self._used(last)  # type: ignore[no-any-return]

    def _keys(self) -> Iterator[str]:
        return iter(self._used(lambda cache: [key for key in cache if isinstance(key, str)]))

    def _used(self, use: Any) -> Any:
        """What `use` makes of the cache; a database that proves damaged is set aside first."""
        try:
            if self._cache is None:
                self._cache = self._open()
            return use(self._cache)
        except (sqlite3.Error, diskcache.Timeout, OSError) as error:
            if "decode" in str(error):
                raise _NotTextError(str(error)) from error
            if not databases.is_damage(error):
                raise self._unusable(error) from error
            self._set_aside(error)
        try:
            self._cache = self._open()
            return use(self._cache)
        except (sqlite3.Error, diskcache.Timeout, OSError) as error:
            raise self._unusable(error) from error

    def _open(self) -> Any:
        return diskcache.Cache(
            str(self._folder),
            disk=_TextDisk,
            eviction_policy="none",
            size_limit=2**62,
            cull_limit=0,
            timeout=PATIENCE,
            sqlite_synchronous=2,  # each answer survives a loss of power, too
        )

    def _unusable(self, error: Exception) -> OutputError:
        held = isinstance(error, diskcache.Timeout)
        return databases.unusable(error, self._folder, held=held)

    def _set_aside(self, error: Exception) -> None:
        if self._cache is not None:
            self._cache.close()
            self._cache = None
        aside = self._folder.with_name(f"answers.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
        with files.translated(self._folder):
            self._folder.rename(aside)
        log.info("%s is damaged (%s) and was moved to %s", self._folder, error, aside.name)


def _is_answer(key: str) -> bool:
    fingerprint, _, attempt = key.rpartition(":")
    return len(fingerprint) == 64 and attempt.isdigit()

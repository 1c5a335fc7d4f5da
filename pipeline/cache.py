"""Sole owner of `cache/`: the answers that were paid for.

Kept by diskcache as JSON text under `FINGERPRINT:ATTEMPT`, never evicted. diskcache
unpickles what it finds in its database (CVE-2025-69872), so its disk is narrowed
here to text: a row that claims to be a pickle is refused, never loaded.
"""

import itertools
import logging
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import diskcache
from diskcache.core import MODE_RAW, MODE_TEXT

from pipeline import files
from pipeline.errors import DamagedFile
from pipeline.records import Answer

log = logging.getLogger(__name__)


class _TextDisk(diskcache.Disk):  # type: ignore[misc]  # diskcache has no types
    """Reads and writes text, and nothing else."""

    def get(self, key: Any, raw: bool) -> Any:
        if not raw:
            raise sqlite3.DatabaseError("a key is not text")
        return super().get(key, raw)

    def store(self, value: Any, read: bool, key: Any = diskcache.UNKNOWN) -> Any:
        if not isinstance(value, str):
            raise TypeError("the cache keeps text only")
        return super().store(value, read, key=key)

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> Any:
        if mode not in (MODE_RAW, MODE_TEXT):
            raise sqlite3.DatabaseError("a value is not text")
        return super().fetch(mode, filename, value, read)


class AnswerCache:
    """Every answer by its request's fingerprint and the number of the attempt, from 0."""

    def __init__(self, folder: Path) -> None:
        """Open the cache in `folder`. A database that is no database is set aside."""
        files.ensure_folder(folder)
        self._folder = folder / "answers"
        self._cache = self._opened()

    def _opened(self) -> Any:
        try:
            return self._open()
        except sqlite3.DatabaseError as error:
            aside = self._folder.with_name(f"answers.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
            try:
                self._folder.rename(aside)
            except OSError as problem:
                raise files.output_error(problem, self._folder) from problem
            log.warning("%s is damaged (%s) and was moved to %s", self._folder, error, aside.name)
            return self._open()

    def _open(self) -> Any:
        try:
            return diskcache.Cache(
                str(self._folder),
                disk=_TextDisk,
                eviction_policy="none",
                size_limit=2**62,
                cull_limit=0,
                timeout=60,
                sqlite_synchronous=2,  # each answer survives a loss of power, too
            )
        except OSError as error:
            raise files.output_error(error, self._folder) from error

    def answers(self, fingerprint: str) -> list[Answer]:
        """The answers to one request, first attempt first; a damaged one is left out.

        Raises `DamagedFile` when the database fails while it is read.
        """
        found: list[Answer] = []
        for attempt in itertools.count():
            key = f"{fingerprint}:{attempt}"
            if (text := self._get(key)) is None:
                return found
            try:
                found.append(Answer.from_json(text, where=f"{self._folder} {key}"))
            except DamagedFile as error:
                log.warning("a stored answer was left out and will be asked for again: %s", error)
        raise AssertionError("attempts are counted without end")

    def _get(self, key: str) -> str | None:
        try:
            return self._cache.get(key)  # type: ignore[no-any-return]
        except sqlite3.DatabaseError as error:
            raise DamagedFile(
                f"cannot be read: {error}",
                where=str(self._folder),
                next_step="Move the folder away; answers in it would have to be paid for again",
            ) from error

    def store(self, fingerprint: str, answer: Answer) -> None:
        """Keep an answer beside the earlier ones; it is on disk when this returns.

        Raises `OutputError` when the disk is full or not writable.
        """
        attempts = itertools.count()
        try:
            # `add` refuses a key that is there, so another process's answer stays too.
            while not self._cache.add(f"{fingerprint}:{next(attempts)}", answer.to_json()):
                pass
        except sqlite3.OperationalError as error:
            raise files.output_error(OSError(None, str(error)), self._folder) from error

    def close(self) -> None:
        """Close the database."""
        self._cache.close()

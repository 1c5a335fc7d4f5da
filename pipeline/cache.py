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


class _NotTextError(Exception):
    """A row of the database claims to hold something else than text."""


class _TextDisk(diskcache.Disk):  # type: ignore[misc]  # diskcache has no types
    """Reads and writes text, and nothing else."""

    def get(self, key: Any, raw: bool) -> Any:
        if not raw:
            raise _NotTextError("a key")
        return super().get(key, raw)

    def store(self, value: Any, read: bool, key: Any = diskcache.UNKNOWN) -> Any:
        if not isinstance(value, str):
            raise TypeError("the cache keeps text only")
        return super().store(value, read, key=key)

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> Any:
        if mode not in (MODE_RAW, MODE_TEXT):
            raise _NotTextError("a value")
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
            self._set_aside(error)
            return self._open()

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        aside = self._folder.with_name(f"answers.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
        try:
            self._folder.rename(aside)
        except OSError as problem:
            raise files.output_error(problem, self._folder) from problem
        log.warning("%s is damaged (%s) and was moved to %s", self._folder, error, aside.name)

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
        """The answers to one request, first attempt first; a damaged one is left out."""
        found: list[Answer] = []
        for attempt in itertools.count():
            key = f"{fingerprint}:{attempt}"
            try:
                text = self._used("get", key)
                if text is None:
                    return found
                found.append(Answer.from_json(text, where=f"{self._folder} {key}"))
            except (DamagedFile, _NotTextError) as error:
                log.warning("a stored answer was left out and will be asked for again: %s", error)
        raise AssertionError("attempts are counted without end")

    def store(self, fingerprint: str, answer: Answer) -> None:
        """Keep an answer beside the earlier ones; it is on disk when this returns.

        Raises `OutputError` when the disk is full or not writable.
        """
        text = answer.to_json()
        for attempt in itertools.count():
            key = f"{fingerprint}:{attempt}"
            # `add` refuses a key that is there, so another process's answer stays too.
            if self._used("add", key, text):
                return

    def _used(self, method: str, *arguments: str) -> Any:
        """What a method of the cache gives; a database that proves damaged is set aside first."""
        try:
            return getattr(self._cache, method)(*arguments)
        except (sqlite3.OperationalError, diskcache.Timeout) as error:
            said = str(error) or "another process holds it"
            raise files.output_error(OSError(None, said), self._folder) from error
        except sqlite3.DatabaseError as error:
            self._cache.close()
            self._set_aside(error)
            self._cache = self._open()
            return getattr(self._cache, method)(*arguments)

    def close(self) -> None:
        """Close the database."""
        self._cache.close()

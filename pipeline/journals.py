"""The journals at the root of `outputs/`: files that are only ever appended to, a record a line.

What was spent, what people were told, what runs came to. They grow with the years, so they are
read from their end. `outputs.py` knows where each is.
"""

import contextlib
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

from pipeline import files, formats
from pipeline.books import Invocation
from pipeline.encoding import RESTORE, Record
from pipeline.snapshot import SHORT_WAIT

Line = TypeVar("Line", bound=Record)

MOST_LOOKED_AT = 2_000
"""Lines in which a topic's last run is looked for: of one topic, more than two years."""


class Journal(Generic[Line]):
    """One such file; `remedy` says what to do where a line of it is damaged."""

    def __init__(self, path: Path, kind: type[Line], *, remedy: str = RESTORE) -> None:
        self.path = path
        self._kind = kind
        self._remedy = remedy

    def newest_first(self) -> Iterator[Line]:
        """Its records, read as they are asked for. Raises `DamagedFile`, `OutputError`."""
        return (
            self._kind.from_json(line, where=str(self.path), remedy=self._remedy)
            for line in files.lines_backwards(self.path, self._remedy)
        )

    def append(self, lines: Iterable[Line]) -> None:
        """They are on disk when this returns, all or none. Raises `Busy`, `OutputError`."""
        with self._held():
            files.append_lines(self.path, [line.to_json() for line in lines])

    def append_unless(self, known: Callable[[Line], bool], line: Line) -> bool:
        """Append one where none that is there is `known`; whether it was appended.

        Of two processes that ask at once one is told so.
        """
        with self._held():
            if any(map(known, self.newest_first())):
                return False
            files.append_lines(self.path, [line.to_json()])
        return True

    def _held(self) -> contextlib.AbstractContextManager[None]:
        formats.mark(self.path.parent)
        lock = self.path.with_name(f".{self.path.stem}.lock")
        return files.locked(lock, timeout=SHORT_WAIT, holder=self.path.name)


def last_of(runs: Journal[Invocation], topics: Collection[str]) -> dict[str, Invocation]:
    """What is known last of a run of each of these topics, as far as there was one lately.

    Raises `DamagedFile`, `OutputError`.
    """
    found: dict[str, Invocation] = {}
    for line in itertools.islice(runs.newest_first(), MOST_LOOKED_AT):
        if len(found) == len(topics):
            break
        if line.topic in topics:
            found.setdefault(line.topic, line)
    return found

"""arXiv's bulk metadata as a source: one file with the newest version of every paper.

One JSON object a line, in the form of https://www.kaggle.com/datasets/Cornell-University/arxiv,
plain or packed by gzip. The file is read once for each question, from its beginning to its end.
"""

import logging
import re
import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from pipeline.files import translated
from pipeline.records import Order, Paper
from pipeline.sources.dump_entry import DumpEntry
from pipeline.sources.dump_lines import each_line
from pipeline.sources.query import Query, parse
from pipeline.text import one_line

log = logging.getLogger(__name__)

MOST_NAMED = 100
"""Lines that are no papers named one by one; further ones are counted."""

IN_MEMORY = 32 * 2**20
"""Bytes of matching records kept in memory; more go to a temporary file."""

VERSIONED_ID = re.compile(r"(.+?)(?:v(\d+))?", re.ASCII)


class Dump:
    """The papers of a file.

    Of the last reading, `rejected` names the lines that are no papers as `file:line: reason`,
    at most `MOST_NAMED` of them; where there are more, its last entry says how many.
    Nothing is ever `missed`: a file holds what it holds. Of two lines with the same id the
    later one counts.
    """

    keeps_versions = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rejected: list[str] = []
        self.missed: list[str] = []

    def papers(
        self, query: str, *, since: datetime | None = None, order: Order = "updated"
    ) -> Iterator[Paper]:
        """What matches `query`, newest first, back to `since`, by the date that `order` names.

        The whole file is read before the first paper comes; memory grows by some 300 bytes
        for each match. Raises `QueryRefused` at once, and while reading `OutputError`, or
        `DamagedFile` where a packed file is not whole, or `UsageError` where it is an archive.
        """
        return self._found(parse(query), since, order)

    def by_id(self, ids: Sequence[str]) -> list[Paper]:
        """The papers with these ids, each once, in the order in which they are asked for.

        An id may end in a version, as in 2604.00001v2: it names the paper only where the
        file holds that version. Unknown ids are absent. Raises as `papers` does.
        """
        asked = [match.groups() for match in map(VERSIONED_ID.fullmatch, ids) if match]
        wanted = {id_ for id_, _ in asked}
        held = {e.record.id: e.paper() for e in self._entries() if e.record.id in wanted}
        found: dict[str, Paper] = {}
        for id_, version in asked:
            paper = held.get(id_)
            if paper is not None and version in (None, str(paper.version)):
                found.setdefault(id_, paper)
        return list(found.values())

    def _found(self, query: Query, since: datetime | None, order: Order) -> Iterator[Paper]:
        scratch = Path(tempfile.gettempdir())
        with translated(scratch), tempfile.SpooledTemporaryFile(IN_MEMORY) as kept:
            places: dict[str, tuple[datetime, int]] = {}
            end = 0
            for entry in self._entries():
                places.pop(entry.record.id, None)
                if (since is None or entry.date(order) >= since) and entry.matches(query):
                    places[entry.record.id] = (entry.date(order), end)
                    end += kept.write(entry.line)
            log.info("%s: %d papers match", self._path, len(places))
            for _, place in sorted(places.values(), key=lambda each: each[0], reverse=True):
                kept.seek(place)
                yield DumpEntry(kept.readline()).paper()

    def _entries(self) -> Iterator[DumpEntry]:
        """The papers in the file's order; the other lines are named in `rejected`."""
        self.rejected = []
        count = 0
        for number, line in enumerate(self._lines(), 1):
            if line.isspace():
                continue
            try:
                entry = DumpEntry(line)
            except (ValueError, RecursionError) as error:
                count += 1
                if count <= MOST_NAMED:
                    self._reject(f"{self._path.name}:{number}: {one_line(str(error))[:200]}")
            else:
                yield entry
        if count > MOST_NAMED:
            self._reject(f"{self._path.name}: {count - MOST_NAMED} further lines are no papers")

    def _reject(self, what: str) -> None:
        self.rejected.append(what)
        log.info("left out a line: %s", what)

    def _lines(self) -> Iterator[bytes]:
        with translated(self._path), self._path.open("rb") as file:
            for _, line in each_line(file, str(self._path)):
                yield line

"""The dump, part by part: which lines are papers that are asked for, and of which month."""

import io
import json
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
from pyarrow import fs

from pipeline.bulk.folder import BulkFolder, Selection, located
from pipeline.choice import left_out_by
from pipeline.errors import OutputError, UsageError
from pipeline.files import output_error
from pipeline.sources.dump_entry import DumpEntry
from pipeline.sources.dump_lines import (
    UNPACKED,
    check_unpacked,
    each_line,
    is_metadata,
    is_packed,
)
from pipeline.sources.query import parse
from pipeline.text import amount, one_line

log = logging.getLogger(__name__)

PART = 64 * 2**20
"""Bytes of a part, so that one large file is read by many; a packed file is one part."""

BOOKS = ""
"""What stands in place of a month for what is no paper."""

MOST_NAMED = 1_000
"""Lines of one part that are no papers and are named; further ones are only counted."""

FIRST_LINES = 1_000
"""Lines of a dump of which one at least is a paper."""

MOST_TOLD = 5
"""Files of a folder that are passed over and named; further ones are counted."""

END = 2**62
"""A place behind all lines."""


class Part(NamedTuple):
    """The lines of a file that begin from byte `start` on and before `end`, None: all of them.

    `number` counts the files in the order of their names; the whole file has `size` bytes.
    """

    number: int
    path: str
    size: int
    start: int = 0
    end: int | None = None

    @property
    def name(self) -> str:
        """Under which what was left out of it is kept."""
        return f"{self.number}-{self.start}"


class Sorted(NamedTuple):
    """A line of the dump under the month of its paper's first version; later places count.

    Under `BOOKS` it is JSON instead, about a `part`: why a line of it is `rejected`, or at its
    end how many `counts` there are.
    """

    month: str
    number: int
    place: int
    line: bytes


def parts_of(dump: str) -> tuple[Part, ...]:
    """The parts of a file, or of all files in a folder and below it that hold metadata.

    Hidden files are passed over, and others that begin neither with a record nor as gzip; these
    are told in a warning. Raises `UsageError` where none is left, `OutputError`.
    """
    system, path = located(dump)
    try:
        here = system.get_file_info(path)
        if here.type == fs.FileType.Directory:
            found = system.get_file_info(fs.FileSelector(path, recursive=True))
            below = [each for each in found if each.type == fs.FileType.File]
            listed = [each for each in below if not _is_hidden(each.path[len(path) :])]
            files = _of_metadata(system, sorted(listed, key=lambda each: each.path))
        else:
            files = [here] if here.type == fs.FileType.File else []
        parts = [part for number, each in enumerate(files) for part in _parts(system, number, each)]
    except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
        raise _unreadable(error, path) from error
    if not parts:
        raise UsageError(
            "there is no file with arXiv's bulk metadata",
            where=dump,
            next_step="Give the file, or a folder of such files",
        )
    return tuple(parts)


def _of_metadata(system: fs.FileSystem, files: Sequence[fs.FileInfo]) -> list[fs.FileInfo]:
    kept, others = list[fs.FileInfo](), list[str]()
    for each in files:
        with _opened(system, each.path) as file:
            if is_metadata(file):
                kept.append(each)
            elif each.size:
                others.append(each.path)
                if len(files) == 1:
                    check_unpacked(file, each.path)
    if others:
        more = f" and {len(others) - MOST_TOLD} more" if len(others) > MOST_TOLD else ""
        told = one_line(", ".join(others[:MOST_TOLD]))
        log.warning(
            "passed over, since no record stands at the beginning: %s%s. Move it elsewhere, or "
            "put the right file in its place",
            told,
            more,
        )
    return kept


def check_papers(dump: str, parts: Sequence[Part]) -> None:
    """Raise `UsageError` where none of the first lines is a paper, and as `Sorter` does."""
    sorter, reasons = Sorter(dump, Selection()), list[str]()
    lines = (line for part in parts for _, line in sorter.lines(part))
    for line in islice((line for line in lines if not line.isspace()), FIRST_LINES):
        try:
            DumpEntry(line)
        except (ValueError, RecursionError) as error:
            reasons.append(one_line(str(error))[:200])
        else:
            return
    what = "it holds no line"
    if reasons:
        what = f"none of its first {amount(len(reasons), 'line')} is a paper: {reasons[0]}"
    raise UsageError(
        f"this is not arXiv's bulk metadata: {what}",
        where=dump,
        next_step="Give the file with one JSON object a line, or a folder of such files",
    )


def _is_hidden(below: str) -> bool:
    return any(name.startswith((".", "_")) for name in below.split("/"))


def _parts(system: fs.FileSystem, number: int, info: fs.FileInfo) -> Iterator[Part]:
    with _opened(system, info.path) as file:
        check_unpacked(file, info.path)
        packed = is_packed(file)
    if packed or info.size <= PART:
        yield Part(number, info.path, info.size)
        return
    for start in range(0, info.size, PART):
        yield Part(number, info.path, info.size, start, min(start + PART, info.size))


def _opened(system: fs.FileSystem, path: str) -> io.BufferedReader:
    return io.BufferedReader(system.open_input_file(path), UNPACKED)


def _unreadable(error: Exception, path: str) -> OutputError:
    """What cannot be read, whichever file system says it."""
    told = error if isinstance(error, OSError) else OSError(one_line(str(error))[:300])
    return output_error(told, Path(path))


class Sorter:
    """Sorts out the papers of a selection."""

    def __init__(self, dump: str, selection: Selection) -> None:
        """Raises `QueryRefused`, `UsageError`."""
        self._fs, _ = located(dump)
        self._selection = selection
        self._query = parse(selection.query) if selection.query else None

    def sorted_out(self, part: Part) -> Iterator[Sorted]:
        """The part's lines in their order; what is no paper, and how many were read, under `BOOKS`.

        Raises `OutputError`, `DamagedFile`.
        """
        counts = Counter(read=0, left_out=0, rejected=0)
        for place, line in self.lines(part):
            if line.isspace():
                continue
            counts["read"] += 1
            try:
                entry = DumpEntry(line)
            except (ValueError, RecursionError) as error:
                counts["rejected"] += 1
                if counts["rejected"] <= MOST_NAMED:
                    why = f"{part.path}, byte {place}: {one_line(str(error))[:200]}"
                    yield _noted(part, place, {"rejected": why})
                continue
            if self._selects(entry):
                yield Sorted(f"{entry.first:%Y-%m}", part.number, place, line.strip())
            else:
                counts["left_out"] += 1
        yield _noted(part, END, {"counts": counts})

    def lines(self, part: Part) -> Iterator[tuple[int, bytes]]:
        """The part's lines, each with where it begins. Raises as `sorted_out` does."""
        try:
            with _opened(self._fs, part.path) as file:
                if file.seek(0, io.SEEK_END) != part.size:
                    raise OutputError(
                        "is another file than when the command began, or on this node",
                        where=part.path,
                        next_step="Let all nodes see the same file, then run the same command "
                        "again",
                    )
                file.seek(0)
                yield from each_line(file, part.path, start=part.start, end=part.end)
        except (OSError, pa.ArrowException) as error:
            raise _unreadable(error, part.path) from error

    def _selects(self, entry: DumpEntry) -> bool:
        if self._query is not None and not entry.matches(self._query):
            return False
        categories, exclude = self._selection.categories, self._selection.exclude
        if not categories and not exclude:
            return True
        return left_out_by(entry.paper(), categories, exclude) is None


def _noted(part: Part, place: int, what: dict[str, object]) -> Sorted:
    text = json.dumps({"part": part.name, **what}, ensure_ascii=False)
    return Sorted(BOOKS, part.number, place, text.encode())


def keep_books(out: BulkFolder, notes: Iterable[Sorted]) -> Counter[str]:
    """Keep in OUT what was rejected of each part; how many lines were read, left out, rejected."""
    counts: Counter[str] = Counter()
    rejected: dict[str, str] = defaultdict(str)
    for each in sorted(notes, key=lambda each: (each.number, each.place)):
        said = json.loads(each.line)
        part = said.pop("part")
        counts.update(said.pop("counts", {}))
        if said:
            rejected[part] += json.dumps(said, ensure_ascii=False) + "\n"
    out.write_books(rejected)
    return counts

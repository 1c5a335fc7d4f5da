"""Sole owner of OUT, on any file system that Arrow knows: partitions, markers, the manifest.

    OUT/_bulk.json                       what is selected, and when the present pass began
    OUT/_books/0-FILE-0.jsonl ...        lines of the dump that are no papers, with the reason
    OUT/month=2024-05/papers-1.parquet   rows in the order of their ids
    OUT/month=2024-05/_SUCCESS           the marker: which file counts, and what is in it

A file that no marker names is a killed run's; readers go by the markers, or read when no run
is at work. Names that begin with an underscore are passed over by Parquet's readers.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Meta
from pyarrow import fs

from pipeline import files
from pipeline.bulk.rows import SCHEMA, Row, rows, table
from pipeline.errors import DamagedFile, OutputError, UsageError
from pipeline.records import FORMAT, Count, Record, Usage, Utc
from pipeline.text import one_line

MANIFEST, MARKER, BOOKS = "_bulk.json", "_SUCCESS", "_books"

ROWS = 1_000
"""Rows that are written, and read, at once: some 4 MB."""

Month = Annotated[str, Meta(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
Kind = TypeVar("Kind", bound=Record)


class Selection(Record, frozen=True, kw_only=True):
    """Which papers OUT is of; with no `query` it is all of them."""

    query: str = ""
    categories: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class Manifest(Record, frozen=True, kw_only=True):
    """`_bulk.json`. A pass that is not `finished` is gone on with, as of when it `started`."""

    format: Annotated[int, Meta(ge=1, le=FORMAT)] = FORMAT
    selection: Selection
    started: Utc
    finished: Utc | None = None


class Partition(Record, frozen=True, kw_only=True):
    """`_SUCCESS`: the `papers` of a month, in `file`, and what they were made of.

    `inputs` is the SHA-256 of the dump's lines and of all that decides on the rows, `rules` that
    of what the lines are held to. `lines` are by model; of the embedded model's, `gaps` are for
    want of another's. `withdrawn` papers have none. `findings` by severity. `usage` is what the
    lines cost when they were made.
    """

    format: Annotated[int, Meta(ge=1, le=FORMAT)] = FORMAT
    month: Month
    generation: Annotated[int, Meta(ge=1)]
    file: str
    papers: Count
    lines: dict[str, int]
    gaps: Count
    withdrawn: Count
    findings: dict[str, int]
    inputs: str
    rules: str
    usage: Usage


class BulkFolder:
    """OUT: a path of this machine, or an address such as s3://bucket/folder.

    Every method raises `OutputError` where the file system fails, and `DamagedFile` where a
    file is not what was written.
    """

    def __init__(self, out: str) -> None:
        """Raises `UsageError` where `out` is no address that Arrow knows."""
        self.name = out
        self._fs, self._root = located(out)
        self.local = Path(self._root) if isinstance(self._fs, fs.LocalFileSystem) else None

    @contextlib.contextmanager
    def working(self, beside: Path) -> Iterator[None]:
        """Hold the lock of OUT; on another file system one of this machine, kept `beside` a path.

        Raises `Busy` at once where it is taken.
        """
        path = self.local / "_lock" if self.local else beside.with_suffix(".lock")
        with files.locked(path, timeout=0.0, holder=self.name):
            yield

    def manifest(self) -> Manifest | None:
        """What OUT is of, or None where there is nothing yet."""
        return self._record(MANIFEST, Manifest)

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace it."""
        self._put(MANIFEST, manifest.to_json())

    def partition(self, month: str) -> Partition | None:
        """The marker of a month, or None where none was finished."""
        return self._record(f"month={month}/{MARKER}", Partition)

    def months(self) -> list[str]:
        """The months that have a folder, oldest first."""
        with self._translated(""):
            found = self._fs.get_file_info(fs.FileSelector(self._root, allow_not_found=True))
        return sorted(each.base_name[6:] for each in found if each.base_name[:6] == "month=")

    def rows(self, partition: Partition) -> Iterator[Row]:
        """The rows of a partition, in the order of their ids, read as they are asked for."""
        path = f"{self._root}/month={partition.month}/{partition.file}"
        try:
            with self._fs.open_input_file(path) as file, pq.ParquetFile(file) as parquet:
                for batch in parquet.iter_batches(ROWS):
                    yield from rows(batch)
        except (ValueError, KeyError, TypeError, pa.ArrowException, OSError) as error:
            raise DamagedFile(
                f"cannot be read: {one_line(str(error))[:300]}",
                where=path,
                next_step=f"Remove {MARKER} beside it; the same command then makes the month anew",
            ) from error

    @contextlib.contextmanager
    def writing(self, month: str, generation: int) -> Iterator[tuple[str, Callable[[Row], None]]]:
        """A new file for a month: its name, and what adds a row to it. It counts once committed.

        What killed runs left in the month's folder is removed first.
        """
        folder, file = f"{self._root}/month={month}", f"papers-{generation}.parquet"
        waiting: list[Row] = []
        self._sweep(month)
        with self._translated(f"month={month}"):
            self._fs.create_dir(folder)
            with (
                self._fs.open_output_stream(f"{folder}/{file}") as stream,
                pq.ParquetWriter(stream, SCHEMA, compression="zstd") as writer,
            ):

                def add(row: Row) -> None:
                    waiting.append(row)
                    if len(waiting) == ROWS:
                        writer.write_table(table(waiting))
                        waiting.clear()

                yield file, add
                writer.write_table(table(waiting))
        self._settle(f"{folder}/{file}")

    def commit(self, partition: Partition) -> None:
        """Let a partition count from now on, and remove the files that counted before."""
        self._put(f"month={partition.month}/{MARKER}", partition.to_json())
        self._sweep(partition.month)

    def clear_books(self) -> None:
        """Forget what was left out of an earlier dump."""
        with self._translated(BOOKS):
            path = f"{self._root}/{BOOKS}"
            self._fs.delete_dir_contents(path, missing_dir_ok=True)

    def write_books(self, part: str, lines: Iterable[str]) -> None:
        """Keep what was left out of one part of the dump."""
        self._put(f"{BOOKS}/{part}.jsonl", "".join(f"{line}\n" for line in lines))

    def _sweep(self, month: str) -> None:
        """Remove what no marker of the month names."""
        marker = self.partition(month)
        with self._translated(f"month={month}"):
            selector = fs.FileSelector(f"{self._root}/month={month}", allow_not_found=True)
            for each in self._fs.get_file_info(selector):
                if each.base_name not in (MARKER, marker and marker.file):
                    self._fs.delete_file(each.path)

    def _record(self, name: str, kind: type[Kind]) -> Kind | None:
        path = f"{self._root}/{name}"
        with self._translated(name):
            try:
                with self._fs.open_input_stream(path) as stream:
                    text = stream.read()
            except FileNotFoundError:
                return None
        remedy = "Remove the file; the same command then makes anew what it is about"
        return kind.from_json(text.decode("utf-8", "replace"), where=path, remedy=remedy)

    def _put(self, name: str, text: str) -> None:
        """Replace a small file, whole or not at all."""
        path = f"{self._root}/{name}"
        folder, _, base = path.rpartition("/")
        part = f"{folder}/_{base.removeprefix('_')}.part"
        with self._translated(name):
            self._fs.create_dir(folder)
            with self._fs.open_output_stream(part) as stream:
                stream.write(text.encode("utf-8"))
            self._settle(part)
            self._fs.move(part, path)

    def _settle(self, path: str) -> None:
        """On a disk of this machine a file is on it before anything says that it is."""
        if self.local:
            with Path(path).open("rb") as file:
                os.fsync(file.fileno())

    @contextlib.contextmanager
    def _translated(self, name: str) -> Iterator[None]:
        path = f"{self._root}/{name}"
        try:
            yield
        except pa.ArrowException as error:
            raise OutputError(
                f"cannot be used: {one_line(str(error))[:300]}",
                where=path,
                next_step="Check the address and its access, then run the same command again",
            ) from error
        except OSError as error:
            raise files.output_error(error, Path(path)) from error


def located(address: str) -> tuple[fs.FileSystem, str]:
    """The file system of a path or an address, and the path on it, without a slash at its end.

    Raises `UsageError`.
    """
    if "://" not in address:
        return fs.LocalFileSystem(), str(Path(address).absolute())
    try:
        system, path = fs.FileSystem.from_uri(address)
    except (ValueError, OSError, pa.ArrowException) as error:
        raise UsageError(
            f"no file system is found at this address: {one_line(str(error))[:300]}",
            where=address,
            next_step="Give a folder, or an address such as s3://bucket/folder",
        ) from None
    return system, path.rstrip("/")

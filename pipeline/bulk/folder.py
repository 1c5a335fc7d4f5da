"""Sole owner of OUT, on any file system that Arrow knows: rows, markers, the manifest.

    OUT/_bulk.json                     what is selected, and when the present pass began
    OUT/_books/0-0.jsonl ...           lines of the dump that are no papers, with the reason
    OUT/month=2024-05/papers.parquet   rows in the order of their ids
    OUT/month=2024-05/_SUCCESS         the marker, written last: what is in the rows

Every file is written under a name of its own, `_NAME-....part`, and takes its place when it is
whole; what killed runs left is swept. Parquet's readers pass over names that begin with an
underscore, so at any time they see each paper of a month once.
"""

import contextlib
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Meta
from pyarrow import fs

from pipeline import files
from pipeline.bulk.rows import SCHEMA, Row, rows, table
from pipeline.errors import DamagedFile, OutputError, UsageError
from pipeline.records import FORMAT, Count, Record, Usage, Utc
from pipeline.text import one_line

MANIFEST, MARKER, BOOKS, PAPERS = "_bulk.json", "_SUCCESS", "_books", "papers.parquet"

HALF = re.compile(r"_.+-[0-9a-f]{32}\.part")
"""How a file is named that is not whole yet."""

SECRET = re.compile(
    r"://[^/?#@]*:(?!\d*/)[^?#]*@ | [?&][^=&#]*(?:secret|password|token|key|sig)[^=&#]*=",
    re.IGNORECASE | re.VERBOSE,
)
"""In an address: NAME:SECRET@HOST, the secret perhaps with slashes, or a parameter of that name."""

ROWS = 1_000
"""Rows that are written, and read, at once: some 4 MB."""

Month = Annotated[str, Meta(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$(?!\n)")]
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
    """`_SUCCESS`: the `papers` of a month, and what they were made of; `inputs` is as in `Origin`.

    `lines` are by model; of the embedded model's, `gaps` are for want of another's. `withdrawn`
    papers have none. `findings` by severity. `usage` is what the answers cost from which the lines
    are; what answers cost that were asked for again is in the books alone.
    """

    format: Annotated[int, Meta(ge=1, le=FORMAT)] = FORMAT
    month: Month
    papers: Count
    lines: dict[str, int]
    gaps: Count
    withdrawn: Count
    findings: dict[str, int]
    inputs: str
    usage: Usage


class Origin(NamedTuple):
    """What the rows of a file were made of; the file itself says it.

    `inputs` is the SHA-256 of the dump's lines and of all that decides on the rows, `rules` that
    of what the lines are held to.
    """

    inputs: str
    rules: str


class BulkFolder:
    """OUT: a path of this machine, or an address such as s3://bucket/folder.

    Every method raises `OutputError` where the file system fails, and `DamagedFile` where a
    file is not what was written.
    """

    def __init__(self, out: str) -> None:
        """Raises `UsageError` where `out` is no address that Arrow knows."""
        self.name = out
        self._fs, self._root = located(out)
        self._local = Path(self._root) if isinstance(self._fs, fs.LocalFileSystem) else None

    @contextlib.contextmanager
    def working(self, beside: Path) -> Iterator[None]:
        """Hold the lock of OUT; on another file system one of this machine, kept `beside` a path.

        What killed runs left half-written is removed. Raises `Busy` at once where it is taken.
        """
        path = self._local / "_lock" if self._local else beside.with_suffix(".lock")
        with files.locked(path, timeout=0.0, holder=self.name):
            self._sweep()
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

    def origin(self, month: str) -> Origin | None:
        """What the rows of a month were made of, or None where there are none."""
        path = f"month={month}/{PAPERS}"
        with self._translated(path):
            if self._fs.get_file_info(f"{self._root}/{path}").type == fs.FileType.NotFound:
                return None
        with self._read(path) as parquet:
            said = parquet.schema_arrow.metadata or {}
        return Origin(*(said.get(name.encode(), b"").decode() for name in Origin._fields))

    def rows(self, month: str) -> Iterator[Row]:
        """The rows of a month, in the order of their ids, read as they are asked for."""
        with self._read(f"month={month}/{PAPERS}") as parquet:
            for batch in parquet.iter_batches(ROWS):
                yield from rows(batch)

    @contextlib.contextmanager
    def writing(self, month: str, origin: Origin) -> Iterator[Callable[[Row], None]]:
        """What adds a row; all take the place of the month's when the block ends.

        Where it raises, the month's stay as they were; there is no file before the first rows.
        """
        waiting: list[Row] = []
        path = f"month={month}/{PAPERS}"
        schema = SCHEMA.with_metadata(origin._asdict())
        writer: pq.ParquetWriter | None = None
        with contextlib.ExitStack() as opened:

            def write() -> None:
                nonlocal writer
                if writer is None:
                    stream = opened.enter_context(self._replacing(path))
                    with self._translated(path):
                        writer = pq.ParquetWriter(stream, schema, compression="zstd")
                    opened.callback(close, writer)
                with self._translated(path):
                    writer.write_table(table(waiting))
                waiting.clear()

            def close(writer: pq.ParquetWriter) -> None:
                with self._translated(path):
                    writer.close()

            def add(row: Row) -> None:
                waiting.append(row)
                if len(waiting) == ROWS:
                    write()

            yield add
            write()

    def commit(self, partition: Partition) -> None:
        """Say that a month is finished."""
        self._put(f"month={partition.month}/{MARKER}", partition.to_json())

    def write_books(self, books: Mapping[str, str]) -> None:
        """Keep what was left out of each part of the dump, in place of an earlier dump's."""
        with self._translated(BOOKS):
            selector = fs.FileSelector(f"{self._root}/{BOOKS}", allow_not_found=True)
            for each in self._fs.get_file_info(selector):
                if each.base_name.removesuffix(".jsonl") not in books:
                    self._fs.delete_file(each.path)
        for part, text in books.items():
            name = f"{BOOKS}/{part}.jsonl"
            if self._text(name) != text:
                self._put(name, text)

    def _sweep(self) -> None:
        with self._translated(""):
            selector = fs.FileSelector(self._root, recursive=True, allow_not_found=True)
            for each in self._fs.get_file_info(selector):
                if HALF.fullmatch(each.base_name):
                    self._fs.delete_file(each.path)

    @contextlib.contextmanager
    def _read(self, name: str) -> Iterator[pq.ParquetFile]:
        path = f"{self._root}/{name}"
        try:
            with self._fs.open_input_file(path) as file, pq.ParquetFile(file) as parquet:
                yield parquet
        except (ValueError, KeyError, TypeError, pa.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise files.output_error(error, Path(path)) from error
            raise DamagedFile(
                f"cannot be read: {one_line(str(error))[:300]}",
                where=path,
                next_step="Remove the file; the same command then makes the month anew",
            ) from error

    def _record(self, name: str, kind: type[Kind]) -> Kind | None:
        text = self._text(name)
        remedy = "Remove the file; the same command then writes it anew"
        where = f"{self._root}/{name}"
        return None if text is None else kind.from_json(text, where=where, remedy=remedy)

    def _text(self, name: str) -> str | None:
        with self._translated(name):
            try:
                with self._fs.open_input_stream(f"{self._root}/{name}") as stream:
                    found: str = stream.read().decode("utf-8", "replace")
            except FileNotFoundError:
                return None
        return found

    def _put(self, name: str, text: str) -> None:
        with self._replacing(name) as stream, self._translated(name):
            stream.write(text.encode("utf-8"))

    @contextlib.contextmanager
    def _replacing(self, name: str) -> Iterator[pa.NativeFile]:
        """A stream to a file that takes the place of the one of that name, whole or not at all."""
        path = f"{self._root}/{name}"
        folder, _, base = path.rpartition("/")
        part = f"{folder}/_{base.removeprefix('_')}-{uuid.uuid4().hex}.part"
        with self._translated(name):
            self._fs.create_dir(folder)
            stream = self._fs.open_output_stream(part)
        done = False
        try:
            yield stream
            done = True
        finally:
            with self._translated(name):
                try:
                    stream.close()
                    if done:
                        self._synced(part)
                        self._fs.move(part, path)
                        self._synced(folder)
                finally:
                    self._remove(part)

    def _remove(self, part: str) -> None:
        with contextlib.suppress(OSError):  # a later run sweeps it
            if self._fs.get_file_info(part).type == fs.FileType.File:
                self._fs.delete_file(part)

    def _synced(self, path: str) -> None:
        """On a disk of this machine a file is on it before anything says that it is."""
        if self._local:
            files.sync(path)

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

    Raises `UsageError`, also for an address with a secret in it, which would be shown and logged.
    """
    if "://" not in address:
        return fs.LocalFileSystem(), str(Path(address).absolute())
    if SECRET.search(address):
        raise UsageError(
            "an address is shown and logged, and this one holds a password or key",
            where=f"{one_line(address.partition('://')[0])}://...",
            next_step="Leave it out, and give it by the environment, such as AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY",
        )
    try:
        system, path = fs.FileSystem.from_uri(address)
    except (ValueError, OSError, pa.ArrowException) as error:
        raise UsageError(
            f"no file system is found at this address: {one_line(str(error))[:300]}",
            where=one_line(address),
            next_step="Give a folder, or an address such as s3://bucket/folder",
        ) from None
    return system, path.rstrip("/")

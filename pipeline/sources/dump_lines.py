"""The lines of a large file, or of a part of it, as they are read from a disk or a network."""

import gzip
import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from pipeline.errors import DamagedFile, UsageError
from pipeline.sources.dump_entry import LONGEST_LINE
from pipeline.sources.source import GZIP

UNPACKED = 2**20
"""Bytes that are read or unpacked at once."""


MARK = b"\xef\xbb\xbf"
"""The byte order mark of UTF-8, which some programs write at a file's beginning."""

ARCHIVES = {
    b"PK\3\4": "a zip archive",
    b"BZh": "packed by bzip2",
    b"\xfd7zXZ\0": "packed by xz",
    b"\x28\xb5\x2f\xfd": "packed by zstd",
}
"""How files begin that cannot be read until they are unpacked."""


def is_packed(file: io.BufferedReader) -> bool:
    """Whether a file that was just opened is packed by gzip."""
    return file.peek(len(GZIP)).startswith(GZIP)


def check_unpacked(file: io.BufferedReader, name: str) -> None:
    """Raise `UsageError` where a file that was just opened is packed otherwise than by gzip."""
    beginning = file.peek(UNPACKED)
    for signature, what in ARCHIVES.items():
        if beginning.startswith(signature):
            raise UsageError(
                f"is {what}, which is not read as it is",
                where=name,
                next_step="Unpack it first, and give the file with the metadata that was in it",
            )


def is_metadata(file: io.BufferedReader) -> bool:
    """Whether a file that was just opened begins as the metadata does, or is packed by gzip."""
    beginning = file.peek(UNPACKED)
    return is_packed(file) or beginning.removeprefix(MARK).lstrip().startswith(b"{")


def each_line(
    packed: io.BufferedReader, name: str, *, start: int = 0, end: int | None = None
) -> Iterator[tuple[int, bytes]]:
    """The lines that begin from byte `start` on and before `end`, each with where it begins.

    A file packed by gzip is unpacked, and its bytes are counted as such. Lines have their
    newlines; of one that is too long only the beginning comes. Raises `DamagedFile` where a
    packed file is not whole, `UsageError` where it is packed otherwise, `OSError`.
    """
    file, position = packed, start
    check_unpacked(packed, name)
    if is_packed(packed):
        file = io.BufferedReader(gzip.GzipFile(fileobj=cast(BinaryIO, packed)), UNPACKED)
    if start:
        file.seek(start - 1)
        position += _rest_of_line(file) - 1  # which begins before this part
    try:
        while end is None or position < end:
            line = file.readline(LONGEST_LINE)
            if not line:
                return
            yield position, line if position else line.removeprefix(MARK)
            position += len(line)
            if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                position += _rest_of_line(file)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DamagedFile(
            f"is not a whole gzip file: {error}",
            where=name,
            next_step="Copy or download it again",
        ) from error


def _rest_of_line(file: io.BufferedReader) -> int:
    """Read on to the next line's beginning, so many bytes."""
    passed = 0
    while more := file.readline(LONGEST_LINE):
        passed += len(more)
        if more.endswith(b"\n"):
            break
    return passed

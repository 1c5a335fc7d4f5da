"""The lines of a large file, or of a part of it, as they are read from a disk or a network."""

import gzip
import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from pipeline.errors import DamagedFile
from pipeline.sources.dump_entry import LONGEST_LINE
from pipeline.sources.source import GZIP

UNPACKED = 2**20
"""Bytes that are read or unpacked at once."""


def is_packed(file: io.BufferedReader) -> bool:
    """Whether a file that was just opened is packed by gzip."""
    return file.peek(len(GZIP)).startswith(GZIP)


def each_line(
    packed: io.BufferedReader, name: str, *, start: int = 0, end: int | None = None
) -> Iterator[tuple[int, bytes]]:
    """The lines that begin from byte `start` on and before `end`, each with where it begins.

    A file packed by gzip is unpacked, and its bytes are counted as such. Lines have their
    newlines; of one that is too long only the beginning comes. Raises `DamagedFile` where a
    packed file is not whole, `OSError`.
    """
    file, position = packed, start
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
            yield position, line
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

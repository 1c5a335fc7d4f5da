"""Files that are whole or not there: replacing, appending, locking.

Every write of the program goes through here. A failure of the operating system
becomes an `OutputError` that says which file and what to do, and leaves the file
as it was.
"""

import contextlib
import errno
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from pipeline.errors import Busy, DamagedFile, OutputError, PaperlineError

log = logging.getLogger(__name__)

LOST = "lost"
"""The stamp of a file that is not there."""

BLOCK = 65_536
"""Bytes read at once from a file's end."""

NO_FILE = "is no file, though one belongs there"
"""What is wrong with a folder, or a pipe, in the place of a file."""

RESTORE = "Restore it from a backup"
"""What to do about a damaged file whose owner knows nothing better."""

REMEDIES = {
    errno.ENOSPC: "The disk is full: free some space and run the same command again",
    errno.EDQUOT: "The disk quota is used up: free some space and run the same command again",
    errno.EFBIG: "The file may not grow further: raise the limit and run the same command again",
    errno.EROFS: "The file system is read-only: mount it writable or choose another folder",
    errno.EACCES: "Give this user write permission or choose another folder",
    errno.EPERM: "Give this user write permission or choose another folder",
    errno.ENOTDIR: "A file stands where a folder is needed: move it away or choose another folder",
    errno.EEXIST: "A file stands where a folder is needed: move it away or choose another folder",
}


def output_error(error: OSError, path: Path) -> OutputError:
    """The `OutputError` that tells what the operating system said of `path`."""
    remedy = REMEDIES.get(error.errno or 0, "Check the folder, then run the same command again")
    return OutputError(
        f"cannot be used: {error.strerror or error}", where=str(path), next_step=remedy
    )


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn an `OSError` inside into the `OutputError` that says what to do about `path`."""
    try:
        yield
    except OSError as error:
        raise output_error(error, path) from error


@contextlib.contextmanager
def _read(path: Path, remedy: str) -> Iterator[None]:
    """As `translated`, where what is read is a file of ours: a folder in its place is damage."""
    with translated(path):
        try:
            yield
        except IsADirectoryError:
            raise DamagedFile(NO_FILE, where=str(path), next_step=remedy) from None


def ensure_folder(path: Path) -> None:
    """Make `path` and its parents. Raises `OutputError`."""
    with translated(path):
        path.mkdir(parents=True, exist_ok=True)


def ensure_public(folder: Path, root: Path) -> None:
    """Make `folder`, which is `root` or below it, and what is missing between them.

    All may read what is made, whatever the umask. Raises `OutputError`.
    """
    with translated(folder):
        for each in (*reversed(folder.relative_to(root).parents), folder.relative_to(root)):
            path = root / each
            if not path.is_dir():
                path.mkdir(parents=path == root)
                path.chmod(0o755)


def stamp(path: Path | str) -> str:
    """A text that changes when the file does, told without reading it; `LOST` where none is."""
    try:
        found = os.stat(path)  # noqa: PTH116  it is asked of thousands of files
    except FileNotFoundError:
        return LOST
    return told(found)


def told(found: os.stat_result) -> str:
    """What changes when a file does, of what the system says of it."""
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ino}"


def read_text(path: Path, remedy: str = RESTORE) -> str:
    """The text of a UTF-8 file. Raises `OutputError`, or `DamagedFile` where it is not one."""
    with _read(path, remedy):
        data = path.read_bytes()
    return _decoded(data, path, "", remedy)


def _decoded(data: bytes, path: Path, place: str, remedy: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DamagedFile(
            " ".join(filter(None, ("is not UTF-8", place, f"at byte {error.start}"))),
            where=str(path),
            next_step=remedy,
        ) from None


def read_authored(path: Path, error: type[PaperlineError]) -> str:
    """The text of a file that people write, without byte order mark and carriage returns.

    Raises `OutputError`, or `error` where it is not UTF-8.
    """
    with translated(path):
        data = path.read_bytes()
    try:
        return _decoded(data, path, "", "").removeprefix("\ufeff").replace("\r\n", "\n")
    except DamagedFile as damage:
        raise error(damage.what, where=damage.where, next_step="Save it as UTF-8") from None


def replace(path: Path, text: str) -> None:
    """Put `text` in place of the file at `path`, whole or not at all, also across a crash.

    It is written beside, synced, then renamed over. Raises `OutputError`.
    """
    with replacing(path) as file:
        file.write(text)


def remake(path: Path, text: str) -> None:
    """As `replace`, for a file that is made from others: a folder in its place is set aside."""
    if path.is_dir() and not path.is_symlink():
        log.info("%s %s; it was moved to %s", path, NO_FILE, set_aside(path).name)
    replace(path, text)


def sync(path: Path | str) -> None:
    """Return when the file or folder at `path` is on the disk. Raises `OSError`."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """A file to write to, which takes the place of the one at `path` when the block ends.

    Where the block raises, the file at `path` stays as it was. Hold the lock that guards it:
    what killed runs left half-written beside it is removed. Raises `OutputError`.
    """
    with translated(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        begin = f".{path.name}."  # not by a pattern: the folder may hold thousands of files
        with os.scandir(path.parent) as found:
            left_over = [each.path for each in found if each.name.startswith(begin)]
        for each in left_over:
            if each.endswith(".part"):
                Path(each).unlink(missing_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        part = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                os.fchmod(file.fileno(), 0o644)
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            sync(path.parent)
        finally:
            part.unlink(missing_ok=True)


def append_lines(path: Path, lines: Iterable[str]) -> None:
    """Append `lines`, each with its newline, all or none; they are on disk when this returns.

    Hold the file's lock (`locked`) while calling. A torn last line, left by a
    crash, is set aside first. Raises `OutputError`.
    """
    set_torn_tail_aside(path)
    data = "".join(f"{line}\n" for line in lines).encode("utf-8")
    with translated(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            before = os.fstat(handle).st_size
            try:
                written = os.write(handle, data)
                if written != len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(handle)
                if is_new:
                    sync(path.parent)
            except OSError:
                os.ftruncate(handle, before)
                raise
        finally:
            os.close(handle)


def each_line(path: Path, remedy: str = RESTORE) -> Iterator[str]:
    """The complete lines of a JSON Lines file, without newlines, one by one; none where absent.

    A last line without its newline was never acknowledged: it is left out, which the log says.
    Raises `OutputError`, or `DamagedFile` where it is not UTF-8, or no file.
    """
    with _read(path, remedy):
        if not path.exists():
            return
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.endswith(b"\n"):
                    yield _decoded(line[:-1], path, f"in line {number}", remedy)
                else:
                    log.info("%s: the last line is torn and was left out", path)


def refuse_torn(path: Path, remedy: str = RESTORE) -> None:
    """Raise `DamagedFile` where a file that is only ever replaced ends in the middle of a line."""
    with _read(path, remedy):
        if path.is_dir():
            raise IsADirectoryError
        size = path.stat().st_size if path.exists() else 0
    if size and not ends_whole(path):
        raise DamagedFile("ends in the middle of a line", where=str(path), next_step=remedy)


def ends_whole(path: Path) -> bool:
    """Whether a JSON Lines file is there with a line, and its last one is not torn."""
    with translated(path):
        if not path.is_file() or path.stat().st_size == 0:
            return False
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"


def whole_lines(path: Path, remedy: str = RESTORE) -> list[str]:
    """All lines that `each_line` gives."""
    return list(each_line(path, remedy))


def lines_backwards(path: Path, remedy: str = RESTORE) -> Iterator[str]:
    """The complete lines of a JSON Lines file, the last one first, read as they are asked for."""
    with _read(path, remedy):
        if not path.exists():
            return
        with path.open("rb") as file:
            position = file.seek(0, os.SEEK_END)
            rest: list[bytes] = []  # of one line, its end first; joined when all of it is there
            torn = True
            while position > 0:
                step = min(BLOCK, position)
                position = file.seek(position - step)
                end, *lines = file.read(step).split(b"\n")
                if lines:
                    lines[-1] += b"".join(reversed(rest))
                    rest.clear()
                rest.append(end)
                if torn and lines:
                    lines.pop()  # what follows the last newline
                    torn = False
                for line in reversed(lines):
                    yield _decoded(line, path, "near its end", remedy)
            if not torn:
                yield _decoded(b"".join(reversed(rest)), path, "in line 1", remedy)


def set_torn_tail_aside(path: Path) -> None:
    """Move a last line that lacks its newline into a file of its own beside `path`."""
    with translated(path):
        if not path.exists() or path.stat().st_size == 0:
            return
        with path.open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            if file.read(1) == b"\n":
                return
            file.seek(0)
            data = file.read()
            keep = data.rfind(b"\n") + 1
            aside = _aside(path, "torn")
            aside.write_bytes(data[keep:])
            file.truncate(keep)
            log.info("%s: a torn last line was moved to %s", path, aside.name)


def set_aside(path: Path) -> Path:
    """Give a damaged file another name beside it, which nothing reads; that path.

    Nothing is lost by it. Raises `OutputError`.
    """
    aside = _aside(path, "damaged")
    with translated(path):
        path.rename(aside)
        sync(path.parent)
    return aside


def copy_aside(path: Path, data: bytes) -> Path:
    """Keep damaged bytes of a file beside it, under a name that nothing reads; that path."""
    aside = _aside(path, "damaged")
    with translated(aside), aside.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return aside


def _aside(path: Path, why: str) -> Path:
    return path.with_name(f"{path.name}.{why}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")


@contextlib.contextmanager
def locked(path: Path, *, timeout: float, holder: str) -> Iterator[None]:
    """Hold the lock file at `path`; wait `timeout` seconds for it.

    Raises `Busy`, naming `holder` (what the lock protects), when it stays taken.
    The operating system frees it when the process ends, however it ends.
    """
    from filelock import FileLock, Timeout  # costs 70 ms, and status needs no lock

    ensure_folder(path.parent)
    lock = FileLock(path, timeout=timeout)
    with translated(path):
        try:
            lock.acquire()
        except Timeout as error:
            raise Busy(
                f"{holder} is in use by another paperline process",
                where=str(path),
                next_step="Run the same command again when it has finished",
            ) from error
    try:
        yield
    finally:
        lock.release()


def bundled_folder() -> Path:
    """The prompts that come with paperline: beside the package in a checkout, inside a wheel."""
    package = Path(__file__).parent
    inside = package / "bundled_prompts"
    return inside if inside.is_dir() else package.parent / "prompts"

"""The turn at arXiv, of which there is one for all that one user runs on a machine.

arXiv counts requests by address, so installations beside each other must share it.
"""

import contextlib
import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from pipeline import files
from pipeline.errors import Busy

LONG_WAIT = 3600.0
"""Seconds to wait for a turn."""

DAY = 86_400.0
"""Seconds; the longest that one turn may keep the next from beginning."""


def turn_file(url: str) -> Path:
    """The file of the turn at the server of `url`; all of arXiv's servers have one."""
    host = urlsplit(url).netloc.rpartition("@")[2].lower()
    if host == "arxiv.org" or host.endswith(".arxiv.org"):
        host = "arxiv.org"
    return _folder() / f"{re.sub('[^a-z0-9.-]', '-', host)}.turn"


def _folder() -> Path:
    """The user's folder for what programs remember; a temporary one where there is none."""
    try:
        named = os.environ.get("XDG_STATE_HOME")
        folder = (Path(named) if named else Path.home() / ".local" / "state") / "paperline"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # a service without a home
        return Path(tempfile.gettempdir()) / f"paperline-{os.getuid()}"
    return folder


class Turn:
    """The turn that one process has; its file says when the next one may begin."""

    def __init__(self, path: Path, delay: float) -> None:
        self._path = path
        self._pause = delay

    def hold_back(self, seconds: float) -> None:
        """Let whoever comes next wait so many seconds, where that is longer than the delay."""
        self._pause = max(self._pause, min(seconds, DAY))

    def remaining(self) -> float:
        """Seconds until it may begin; 0 or less if it may now."""
        if not self._path.exists():
            return 0.0
        # Read: when the last turn ended; changed: when the next may begin. A clock that was
        # set back since makes nobody wait longer than was meant.
        then = self._path.stat()
        return min(then.st_mtime - time.time(), then.st_mtime - then.st_atime)

    def note(self) -> None:
        """Write down when the next one may begin, counted from now."""
        self._path.touch()
        now = time.time()
        os.utime(self._path, times=(now, now + self._pause))


@contextlib.contextmanager
def turn(path: Path, delay: float, *, patience: float = LONG_WAIT) -> Iterator[Turn]:
    """Hold the turn that the file at `path` stands for, `delay` seconds after the last one.

    One process at a time has it; the others wait. Raises `Busy` where another process keeps
    it for an hour, or it may not begin for `patience` seconds longer than the delay.
    """
    holder = path.stem.lstrip(".")
    with files.locked(path.with_suffix(".lock"), timeout=LONG_WAIT, holder=holder):
        mine = Turn(path, delay)
        with files.translated(path):
            pause = mine.remaining()
            if pause > patience + delay:
                raise Busy(
                    f"{holder} asked for {round(pause)} seconds without requests",
                    where=str(path),
                    next_step="Run the same command again after that",
                )
            time.sleep(max(pause, 0.0))
            mine.note()  # a process that is killed meanwhile has had its turn, too
        try:
            yield mine
        finally:
            with files.translated(path):
                mine.note()

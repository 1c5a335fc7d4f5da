"""What SQLite's errors mean, in the words of the file's owner."""

import errno
from pathlib import Path

from pipeline import files
from pipeline.errors import OutputError

NO_DATABASE = ("file is not a database", "malformed")
"""What SQLite says of a file that no waiting will mend; anything else may pass."""

SQLITE_SAYS = {
    "database or disk is full": errno.ENOSPC,
    "attempt to write a readonly database": errno.EROFS,
    "unable to open database file": errno.EACCES,
}
"""What the operating system would have said."""


def is_damage(error: Exception) -> bool:
    """Whether SQLite says that the file itself is damaged, so that waiting will not help."""
    return any(said in str(error) for said in NO_DATABASE)


def unusable(error: Exception, path: Path, *, held: bool = False) -> OutputError:
    """What to do about an error of SQLite or the operating system at `path`.

    `held`: another process has it; SQLite's own words for that are known, too.
    """
    if isinstance(error, OSError):
        return files.output_error(error, path)
    said = "another process holds it" if held or "locked" in str(error) else str(error)
    return files.output_error(OSError(SQLITE_SAYS.get(said), said), path)

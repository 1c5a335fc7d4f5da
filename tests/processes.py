"""Processes of this machine as /proc shows them: their titles, environments and memory."""

import os
import re
from pathlib import Path

PROC = Path("/proc")
WRITABLE = re.compile(
    r"^([0-9a-f]+)-([0-9a-f]+) rw(.*?)(?=^[0-9a-f]+-[0-9a-f]+ |\Z)", re.MULTILINE | re.DOTALL
)
RESIDENT = re.compile(r"^Rss: +[1-9]", re.MULTILINE)
LISTENS = "0A"
MOST = 64 * 1024 * 1024
"""Bytes read at once."""


def title(pid: int) -> str:
    """The command line, or what the process calls itself; empty where it has ended."""
    return _read(pid, "cmdline")


def environment(pid: int) -> str:
    """The environment with which the process began."""
    return _read(pid, "environ")


def below(pid: int) -> list[int]:
    """All that descend from the process."""
    parents = {int(path.name): _parent(path) for path in PROC.iterdir() if path.name.isdecimal()}
    found, new = [], [pid]
    while new:
        new = [child for child, parent in parents.items() if parent in new]
        found += new
    return found


def named(name: str, *, below: int) -> list[int]:
    """Those that descend from a process and call themselves so."""
    return [pid for pid in globals()["below"](below) if title(pid).startswith(name)]


def runs(pid: int) -> bool:
    """Whether the process is there, and no more than its parent's memory of it."""
    try:
        state = (PROC / str(pid) / "stat").read_text().rpartition(") ")[2]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return not state.startswith("Z")


def listening_beyond_loopback(pid: int) -> list[str]:
    """Addresses, in the kernel's hexadecimal, at which the process listens off 127.0.0.1."""
    try:
        links = [str(link.readlink()) for link in (PROC / str(pid) / "fd").iterdir()]
        tables = [(PROC / str(pid) / "net" / name).read_text() for name in ("tcp", "tcp6")]
    except (FileNotFoundError, ProcessLookupError):
        return []
    sockets = {link.removeprefix("socket:[").rstrip("]") for link in links if "socket:" in link}
    rows = [line.split() for table in tables for line in table.splitlines()[1:]]
    heard = [row[1] for row in rows if row[3] == LISTENS and row[9] in sockets]
    return [each for each in heard if "0100007F:" not in each]


def holds(pid: int, text: str) -> bool:
    """Whether the text is in memory that the process has mapped, shared memory included."""
    wanted = text.encode()
    try:
        maps = (PROC / str(pid) / "smaps").read_text()
        with (PROC / str(pid) / "mem").open("rb", buffering=0) as memory:
            for begin, end, rest in WRITABLE.findall(maps):
                if RESIDENT.search(rest) and _found(
                    memory.fileno(), int(begin, 16), int(end, 16), wanted
                ):
                    return True
    except (FileNotFoundError, ProcessLookupError):
        return False
    return False


def files_with(folder: Path, text: str) -> list[Path]:
    """The files anywhere below the folder in which the text stands."""
    wanted = text.encode()
    files = (path for path in folder.rglob("*") if path.is_file())
    return [path for path in files if wanted in path.read_bytes()]


def _found(memory: int, begin: int, end: int, wanted: bytes) -> bool:
    while begin < end:
        try:
            part = os.pread(memory, min(MOST, end - begin), begin)
        except (OSError, OverflowError):  # a page of a device
            return False
        if wanted in part:
            return True
        if not part:
            return False
        begin += len(part) if begin + len(part) >= end else max(1, len(part) - len(wanted))
    return False


def _read(pid: int, name: str) -> str:
    try:
        text = (PROC / str(pid) / name).read_bytes().decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return text.replace("\0", " ").strip()


def _parent(path: Path) -> int:
    try:
        return int((path / "stat").read_text().rpartition(") ")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0

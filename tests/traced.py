"""A command whose system calls are counted, and which is killed at one of them.

Run as a program of its own, since a tracer must be alone with the processes it waits for:
`python traced.py KIND NUMBER COMMAND...` kills the command, with all its threads and children,
when it is about to make its call of that KIND and NUMBER, from 1 (0: at none), and prints a
`Traced` as JSON. What the command says goes to standard error.

A filter of seccomp(2) stops the command at the calls that are counted, and ptrace(2) tells of
it: Linux has had both since 5.3, on every architecture, for everybody.
"""

import contextlib
import ctypes
import errno
import json
import os
import platform
import signal
import stat
import struct
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

TRACEME, CONTINUE, SETOPTIONS, GET_SYSCALL_INFO = 0, 7, 0x4200, 0x420E
# Stop where the filter says so; follow clone, fork, vfork and exec; kill all with the tracer.
OPTIONS = 0x100000 | 0x80 | 0x2 | 0x4 | 0x8 | 0x10
FILTERED = 7
"""The event of a call that the filter stops."""

NO_NEW_PRIVILEGES, SECCOMP, BY_FILTER = 38, 22, 2
STOP, ALLOW = 0x7FF00000, 0x7FFF0000
LOAD_NUMBER, SKIP_IF, RETURN = (0x20, 0, 0, 0), 0x15, 0x06

WALL = 0x40000000
"""Wait for threads, too."""

Kind = Literal["all", "changes"]
"""Of system calls: all, or those that change a file or a folder."""

OPENS = {"open": 1, "openat": 2}
"""Which argument has the flags."""

WRITES = ("write", "pwrite64", "writev", "pwritev", "sendfile", "ftruncate", "fsync", "fdatasync")
"""They change what their first argument is open on, or see to it that it is on the disk."""

NUMBERS = (
    {
        "write": 1, "open": 2, "pwrite64": 18, "writev": 20, "sendfile": 40, "fsync": 74,
        "fdatasync": 75, "truncate": 76, "ftruncate": 77, "rename": 82, "mkdir": 83, "rmdir": 84,
        "link": 86, "unlink": 87, "symlink": 88, "chmod": 90, "fchmod": 91, "openat": 257,
        "mkdirat": 258, "unlinkat": 263, "renameat": 264, "linkat": 265, "symlinkat": 266,
        "fchmodat": 268, "utimensat": 280, "fallocate": 285, "pwritev": 296, "renameat2": 316,
        "copy_file_range": 326,
    }
    if platform.machine() == "x86_64"
    else {
        "mkdirat": 34, "unlinkat": 35, "symlinkat": 36, "linkat": 37, "renameat": 38,
        "truncate": 45, "ftruncate": 46, "fallocate": 47, "fchmod": 52, "fchmodat": 53,
        "openat": 56, "write": 64, "writev": 66, "pwrite64": 68, "pwritev": 70, "sendfile": 71,
        "fsync": 82, "fdatasync": 83, "utimensat": 88, "renameat2": 276, "copy_file_range": 285,
    }
)  # fmt: skip
"""The calls that change files, on x86-64 and on the architectures that came later."""

NAMES = {number: name for name, number in NUMBERS.items()}


class Traced(NamedTuple):
    """What was counted, the exit code (negative: the signal), and what the command said.

    `last` is the last call to change a file that it was to make. All calls are counted only where
    it is to be killed at one of all.
    """

    all: int
    changes: int
    last: str
    code: int
    said: str = ""

    @property
    def killed(self) -> bool:
        """Whether it was, and had not ended before."""
        return self.code == -signal.SIGKILL


class _Call(ctypes.Structure):
    """`struct ptrace_syscall_info`."""

    _fields_ = (
        ("op", ctypes.c_uint8),
        ("arch", ctypes.c_uint32),
        ("instruction_pointer", ctypes.c_uint64),
        ("stack_pointer", ctypes.c_uint64),
        ("nr", ctypes.c_uint64),
        ("args", ctypes.c_uint64 * 6),
    )

    def changes(self, pid: int) -> str:
        """Its name, if it changes a file."""
        name = NAMES.get(self.nr, "")
        if name in OPENS:
            writes = self.args[OPENS[name]] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            return name if writes else ""
        return name if name not in WRITES or _is_kept(pid, self.args[0]) else ""


def traced(
    command: Sequence[str], kind: Kind = "all", number: int | None = None, **run: Any
) -> Traced:
    """Run a command, and kill it at that call; keywords are those of `subprocess.run`."""
    tracer = [sys.executable, "-S", __file__, kind, str(number or 0), *command]
    done = subprocess.run(tracer, capture_output=True, text=True, check=False, **run)
    assert done.returncode == 0, done.stderr
    return Traced(**json.loads(done.stdout), said=done.stderr)


def _filter(kind: Kind) -> bytes:
    """The filter's program: stop at every call, or at those that may change files."""
    stop, allow = (RETURN, 0, 0, STOP), (RETURN, 0, 0, ALLOW)
    if kind == "all":
        steps = [stop]
    else:
        away = range(len(NAMES), 0, -1)
        skips = [(SKIP_IF, far, 0, number) for far, number in zip(away, NAMES, strict=True)]
        steps = [LOAD_NUMBER, *skips, allow, stop]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def _is_kept(pid: int, handle: int) -> bool:
    """Whether something open is a file or a folder, and no pipe or socket."""
    with contextlib.suppress(OSError):
        mode = os.stat(f"/proc/{pid}/fd/{handle}").st_mode  # noqa: PTH116  at every write
        return stat.S_ISREG(mode) or stat.S_ISDIR(mode)
    return False


class _Tracer:
    """The command, begun, and followed until it ended."""

    def __init__(self, kind: Kind, command: Sequence[str]) -> None:
        self.counted = {"all": 0, "changes": 0}
        self.last = ""
        self._kind = kind
        self._call = _Call()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.ptrace.argtypes = [ctypes.c_long] * 4
        self._libc.ptrace.restype = ctypes.c_long
        self._child = os.fork()
        if not self._child:
            self._become(command)
        os.waitpid(self._child, 0)
        self._ask(SETOPTIONS, self._child, 0, OPTIONS)
        self._ask(CONTINUE, self._child)

    def _become(self, command: Sequence[str]) -> None:
        """Turn this process into the command, once the tracer is ready for it."""
        os.setpgid(0, 0)
        os.dup2(2, 1)
        program = _filter(self._kind)
        steps = ctypes.create_string_buffer(program)
        handed = struct.pack("HP", len(program) // 8, ctypes.addressof(steps))
        self._ask(TRACEME, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        for option in ((NO_NEW_PRIVILEGES, 1, 0), (SECCOMP, BY_FILTER, handed)):
            if self._libc.prctl(*option, 0, 0):
                raise OSError(ctypes.get_errno(), "prctl")
        os.execvp(command[0], [*command])

    def until(self, number: int) -> int:
        """Follow the command until it ended, or is to make that call; its exit code."""
        code = 0
        while True:
            try:
                pid, status = os.waitpid(-1, WALL)
            except ChildProcessError:
                return code
            if os.WIFSTOPPED(status):
                if status >> 16 == FILTERED and self._counts(pid) == number:
                    os.killpg(self._child, signal.SIGKILL)
                else:
                    self._go_on(pid, os.WSTOPSIG(status))
            elif pid == self._child:
                code = os.waitstatus_to_exitcode(status)

    def _counts(self, pid: int) -> int:
        """Count the call that it is to make; which one of its kind it is, 0 if of another."""
        call = self._call
        if not self._ask(GET_SYSCALL_INFO, pid, ctypes.sizeof(call), ctypes.addressof(call)):
            return 0
        name = call.changes(pid)
        self.counted["all"] += self._kind == "all"
        self.counted["changes"] += bool(name)
        self.last = name or self.last
        return self.counted[self._kind] if name or self._kind == "all" else 0

    def _go_on(self, pid: int, sent: int) -> None:
        """Let it run to its next call, with the signal that it is to get, if any."""
        ours = sent in (signal.SIGTRAP, signal.SIGSTOP)
        self._ask(CONTINUE, pid, 0, 0 if ours else sent)

    def _ask(self, request: int, pid: int, address: int = 0, data: int = 0) -> bool:
        """As ptrace(2); False where the process is gone."""
        done: int = self._libc.ptrace(request, pid, address, data)
        if done < 0 and ctypes.get_errno() != errno.ESRCH:
            raise OSError(ctypes.get_errno(), f"ptrace {request:#x}")
        return done >= 0


if __name__ == "__main__":
    of_kind, call, *told = sys.argv[1:]
    tracer = _Tracer("all" if of_kind == "all" else "changes", told)
    ended = tracer.until(int(call))
    print(json.dumps({**tracer.counted, "last": tracer.last, "code": ended}))  # noqa: T201

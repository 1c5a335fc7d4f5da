"""Damage to the folder that paperline works in."""

import contextlib
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.nights.machine import Machine

DISK = "64m"
"""Room on the disk of its own that the folder has where a file system can be mounted."""

ARXIV_DEFECTS = (
    "429:0.1,503:0.05,406:0.03,html:0.05,reset:0.08,empty:0.08,truncate:0.08,clipped:0.08,"
    "slow:0.03,503=1,slow=4"
)
MODEL_FAULTS = (
    "429:0.03,500:0.04,reset:0.04,timeout:0.02,truncate-json:0.03,bad-json:0.04,fenced-json:0.06,"
    "think:0.03,empty:0.03,null:0.02,refusal:0.03,filter:0.02,length:0.03,wrong-lang:0.03,"
    "swap:0.03,number:0.03,copy-first:0.03,markdown:0.03,echo:0.02"
)
OUT = "503:1.0"

LATELY = timedelta(days=5)

OF_A_SNAPSHOT = (
    "1-papers.jsonl",
    "2-summaries.jsonl",
    "3-findings.jsonl",
    "4-decisions.jsonl",
    "5-digest.json",
    "5-digest.html",
    "6-published.jsonl",
    "run.json",
)
BESIDE = ("waiting.jsonl", "fetches.jsonl")
OF_ALL = ("spend.jsonl", "runs.jsonl", ".site.json")


@dataclass
class Disk:
    """A file system of its own for a folder, which can be filled to the brim."""

    folder: Path

    @contextlib.contextmanager
    def full(self, left: int) -> Iterator[None]:
        """Nothing but `left` bytes are free until the block ends."""
        ballast = self.folder / "ballast"
        free = os.statvfs(self.folder)
        size = free.f_bavail * free.f_frsize - left
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(size, 1))
        try:
            yield
        finally:
            ballast.unlink()


@contextlib.contextmanager
def disk_of_its_own(folder: Path) -> Iterator[Disk | None]:
    """A small file system at `folder`; None where this user may mount none."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False).returncode != 0:
        yield None
        return
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def truncate_a_file(machine: Machine, now: datetime, chance: random.Random) -> str:
    """Cut one of the files off somewhere; its path below `outputs/`, empty where there is none.

    A snapshot's are of the last days: what is older no night reads, but doctor does.
    """
    since = f"{now - LATELY:%Y%m%d_%H%M}"
    found = machine.outputs.glob("*/[0-9]*_[0-9]*")
    folders = sorted(path for path in found if path.name > since)
    if not folders:
        return ""
    folder = chance.choice(folders)
    candidates = [folder / name for name in OF_A_SNAPSHOT]
    candidates += [folder.parent / name for name in BESIDE]
    candidates += [machine.outputs / name for name in OF_ALL]
    there = [path for path in candidates if path.is_file() and path.stat().st_size > 1]
    if not there:
        return ""
    path = chance.choice(there)
    os.truncate(path, chance.randrange(1, path.stat().st_size))
    return str(path.relative_to(machine.outputs))


def corrupt_the_cache(machine: Machine, chance: random.Random) -> str:
    """Write rubbish into the answers' database, or delete it all; what was done."""
    database = machine.cache / "answers" / "cache.db"
    if not database.exists():
        return ""
    if chance.random() < 0.3:
        shutil.rmtree(machine.cache)
        return "cache/ deleted"
    for left_over in database.parent.glob("cache.db-*"):
        left_over.unlink()
    return _overwritten(database, chance)


def corrupt_the_index(machine: Machine, chance: random.Random) -> str:
    """Write rubbish into a topic's index; what was done."""
    found = sorted(machine.cache.glob("ledger/*.sqlite"))
    return _overwritten(chance.choice(found), chance) if found else ""


def _overwritten(path: Path, chance: random.Random) -> str:
    where = chance.choice((0, path.stat().st_size // 2))
    with path.open("r+b") as file:
        file.seek(where)
        file.write(chance.randbytes(4096))
    return f"{path.name} overwritten at {where}"


def change_the_prompt(machine: Machine, chance: random.Random) -> None:
    """Say one thing more in the prompt."""
    path = machine.prompts / "one_line.md.j2"
    text = path.read_text(encoding="utf-8")
    said = f"Prefer plain words ({chance.randrange(10**6)}).\n"
    marker = "{% block lines %}"
    changed = text.replace(marker, said + marker, 1) if marker in text else text + said
    path.write_text(changed, encoding="utf-8")


def change_the_glossary(machine: Machine, chance: random.Random) -> None:
    """Add a term that some abstracts have."""
    path = machine.prompts / "glossary.tsv"
    term = chance.choice(("benchmark", "dataset", "robot", "agent", "video", "graph"))
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith(f"{term}\t")]
    columns = lines[0].count("\t")
    kept.append(f"{term}\t术语{chance.randrange(100)}" + "\t" * (columns - 1))
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")


def moments(machine: Machine, chance: random.Random) -> tuple[str, Callable[[], bool]]:
    """An instant of a run at which it is to be killed: its name, and whether it has come."""
    name = chance.choice(
        (
            "1-papers.jsonl",
            "2-summaries.jsonl",
            "3-findings.jsonl",
            "5-digest.json",
            ".site.json",
            "waiting.jsonl",
            "answer",
            "answer",
            "answer",
            "any",
        )
    )
    if name == "answer":
        account = machine.world.account
        wanted = len(account.answers) + chance.randint(1, 6)
        return "at an answer", lambda: len(account.answers) >= wanted
    if name == "any":
        return "at any time", lambda: False
    pattern = {".site.json": ".site.json", "waiting.jsonl": "*/waiting.jsonl"}.get(
        name, f"*/*/{name}"
    )
    before = _times(machine.outputs, pattern)
    return f"when {name} is there", lambda: _times(machine.outputs, pattern) != before


def _times(root: Path, pattern: str) -> dict[str, int]:
    found = {}
    for path in root.glob(pattern):
        with contextlib.suppress(FileNotFoundError):
            found[str(path)] = path.stat().st_mtime_ns
    return found

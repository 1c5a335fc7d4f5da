"""The folder that paperline works in, and its commands, each a real process."""

import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from benchmarks.nights.world import World

REPOSITORY = Path(__file__).resolve().parent.parent.parent
KEY = "sk-sixty-nights-0123456789abcdef"
"""What must be found nowhere but in the model's requests."""

MODEL = "gpt-5-mini"
PRICE = 0.25, 2.0
"""US dollars for a million tokens of a question, and of an answer."""

CONCURRENCY = 4
"""Requests under way at once."""

ON_THE_WIRE = 6
"""Answers that a kill may cost: those under way, and those on their way to the disk meanwhile."""

LONGEST = 120.0
"""Seconds after which a command that does not end is a finding."""

ONE_BY_ONE = """
import json, sys
from pipeline.cli.main import cli
from pipeline.errors import PaperlineError
codes = []
for arguments in json.load(sys.stdin):
    try:
        cli(arguments, prog_name="paperline", standalone_mode=False)
        codes.append(0)
    except SystemExit as end:
        codes.append(int(end.code or 0))
    except PaperlineError as error:
        print(f"error: {error}", file=sys.stderr)
        codes.append(error.exit_code)
print("\\n" + json.dumps(codes))
"""
"""Many commands in one process, so that an editor's dozens take no dozen seconds."""


@dataclass(frozen=True)
class Topic:
    """One `[[topic]]`: its papers are those of one of these categories."""

    name: str
    categories: tuple[str, ...]

    def has(self, categories: Sequence[str]) -> bool:
        """Whether a paper of these categories is the topic's."""
        return bool({*self.categories} & {*categories})


class Done(NamedTuple):
    """How a command ended; a killed one has a negative code."""

    code: int
    out: str
    err: str


@dataclass
class Machine:
    """A folder with settings and prompts, below which everything is."""

    folder: Path
    world: World
    topics: Sequence[Topic]
    code: Path = REPOSITORY
    limit: int = 7
    policy: str = "all"
    search: bool = False
    said: list[str] = field(default_factory=list)
    """Everything that commands printed on standard error, in order."""

    def __post_init__(self) -> None:
        shutil.copytree(self.code / "prompts", self.folder / "prompts", dirs_exist_ok=True)
        self.configure()

    @property
    def outputs(self) -> Path:
        """Where paperline keeps everything."""
        return self.folder / "outputs"

    @property
    def cache(self) -> Path:
        """What may be lost."""
        return self.folder / "cache"

    @property
    def prompts(self) -> Path:
        """The prompts that are in force."""
        return self.folder / "prompts"

    def configure(self) -> None:
        """Write the settings as they are to be from now on."""
        topics = "".join(
            f'[[topic]]\nname = "{topic.name}"\ntitle = "{topic.name.title()}"\n'
            f'query = "{" OR ".join(f"cat:{each}" for each in topic.categories)}"\n'
            f"limit = {self.limit}\n"
            for topic in self.topics
        )
        (self.folder / "paperline.toml").write_text(
            f"[site]\nsearch = {json.dumps(self.search)}\n"
            f'[arxiv]\nurl = "{self.world.arxiv_url}"\n'
            "delay = 0.01\ntimeout = 2.0\npatience = 3.0\n"
            f'[model]\nname = "{MODEL}"\nbase_url = "{self.world.model_url}"\n'
            f"concurrency = {CONCURRENCY}\ntimeout = 3.0\nretry_seconds = 2.0\n"
            "requests_per_minute = 1000000\ntokens_per_minute = 1000000000\n"
            f"price = {{ input = {PRICE[0]}, cached = {PRICE[0]}, output = {PRICE[1]} }}\n"
            f'[budget]\nusd_per_day = 1000.0\n[review]\npolicy = "{self.policy}"\n' + topics,
            encoding="utf-8",
        )

    def start(self, *arguments: str, room: int | None = None) -> "subprocess.Popen[str]":
        """A command, as a process of its own; with `room`, no file may have more bytes."""
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", *arguments],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if room is not None:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (room, room))
        return process

    def finish(self, process: "subprocess.Popen[str]") -> Done:
        """Its end; one that never ends is killed, and has the code of a defect."""
        try:
            out, err = process.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            err += f"\nerror: a defect: still at work after {LONGEST} seconds"
        self.said.append(err)
        return Done(process.returncode, out, err)

    def paperline(self, *arguments: str) -> Done:
        """Run a command to its end."""
        return self.finish(self.start(*arguments))

    def night(self, now: datetime) -> tuple[str, ...]:
        """The arguments of the nightly job as of `now`."""
        return "run", "--at", now.isoformat()

    def one_by_one(self, commands: Sequence[Sequence[str]]) -> list[int]:
        """The exit codes of many commands, run in one process; -1 for those that never ran."""
        done = subprocess.run(
            [sys.executable, "-c", ONE_BY_ONE],
            cwd=self.folder,
            env=self._environment(),
            input=json.dumps(commands),
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST,
        )
        self.said.append(done.stderr)
        codes: list[int] = json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else []
        return [*codes, *[-1] * (len(commands) - len(codes))]

    def rebuilt(self, folder: Path) -> Done:
        """Make a site from scratch of a copy of what is published, in `folder`/outputs/site."""
        shutil.copytree(self.outputs, folder / "outputs", ignore=shutil.ignore_patterns("site"))
        (folder / "outputs" / ".site.json").unlink(missing_ok=True)
        shutil.copy(self.folder / "paperline.toml", folder)
        shutil.copytree(self.prompts, folder / "prompts")
        done = subprocess.run(
            [sys.executable, "-m", "pipeline", "publish"],
            cwd=folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST,
        )
        self.said.append(done.stderr)
        return Done(done.returncode, done.stdout, done.stderr)

    def _environment(self) -> dict[str, str]:
        kept = {
            name: os.environ[name]
            for name in ("PATH", "TIKTOKEN_CACHE_DIR", "LANG")
            if name in os.environ
        }
        return kept | {
            "HOME": str(self.folder),
            "PYTHONPATH": str(self.code),
            "OPENAI_API_KEY": KEY,
            "PYTHONWARNINGS": "ignore",
        }


@contextlib.contextmanager
def killing_when(
    process: "subprocess.Popen[str]", happened: Callable[[], bool], stop: float
) -> Iterator[None]:
    """Kill a process as soon as something happened, or after `stop` seconds at the latest."""
    import threading
    import time

    ended = threading.Event()

    def watch() -> None:
        until = time.monotonic() + stop
        while not ended.wait(0.001):
            if happened() or time.monotonic() > until:
                process.kill()
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()

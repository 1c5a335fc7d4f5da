"""What the benchmarks share: the test bed's server, snapshots to summarize, the stage itself.

A snapshot is made in a folder of its own, with an empty cache beside it, so that no run
finds what an earlier one left. The test bed is named by PAPERLINE_TESTBED, or stands
beside the checkout.
"""

import contextlib
import gzip
import itertools
import json
import logging
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline import prompts
from pipeline.books import Run
from pipeline.exchange import Executor
from pipeline.executors.selection import opened
from pipeline.llm.abilities import Abilities, body_of
from pipeline.outputs import Outputs
from pipeline.progress import Plain
from pipeline.records import Paper
from pipeline.settings import BudgetSettings, ModelSettings, Settings, TopicSettings
from pipeline.snapshot import Snapshot
from pipeline.stages import summarize as stage
from pipeline.wanted import job_for

REPOSITORY = Path(__file__).resolve().parent.parent
TESTBED = Path(os.environ.get("PAPERLINE_TESTBED") or REPOSITORY.parent / "shared" / "testbed")
TOPIC = "bench"
MODEL = "gpt-4.1-mini"
PROMPT = "one_line"
KEY_VARIABLE = "PAPERLINE_BENCHMARK_KEY"
"""Never set: the test bed wants no key, and the caller's own is not for it."""

NOW = datetime(2026, 5, 1, 4, 5, tzinfo=UTC)
UNLIMITED = 10**12
"""A limit, or a budget, that no run here comes near."""


def ready() -> bool:
    """Prepare this process and its children; False, and said so, where the test bed is missing."""
    if not (TESTBED / "llm_server.py").is_file():
        print(f"SKIPPED: the test bed is not at {TESTBED}; PAPERLINE_TESTBED can name its folder")
        return False
    # Exact counts, as an installation has them that was once on a network.
    os.environ["TIKTOKEN_CACHE_DIR"] = str(TESTBED / "tiktoken")
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    return True


@dataclass(frozen=True)
class Server:
    """The test bed's model server, as it runs. `url` is for clients, without a slash."""

    url: str
    pid: int

    def statistics(self) -> dict[str, Any]:
        """What it counted since its start or the last `reset`."""
        found: dict[str, Any] = json.loads(self._control("__stats"))
        return found

    def reset(self) -> None:
        """Begin the counts anew, and fill its rate limits."""
        self._control("__reset", b"{}")

    def _control(self, name: str, body: bytes | None = None) -> bytes:
        address = f"{self.url.removesuffix('/v1')}/{name}"
        with urllib.request.urlopen(address, body) as answer:
            told: bytes = answer.read()
        return told


@contextlib.contextmanager
def serving(*arguments: str) -> Iterator[Server]:
    """A model server that runs until the block ends."""
    program = [sys.executable, str(TESTBED / "llm_server.py"), "--port", "0", *arguments]
    with subprocess.Popen(
        program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            words = (process.stdout.readline() if process.stdout else "").split()
            url = next(word for word in words if word.startswith("http")).rstrip("/")
            yield Server(url if url.endswith("/v1") else f"{url}/v1", process.pid)
        finally:
            process.terminate()


def corpus(count: int) -> list[Paper]:
    """The first papers of the test bed's corpus, about which its server has something to say."""
    with gzip.open(TESTBED / "corpus" / "papers.jsonl.gz", "rt", encoding="utf-8") as lines:
        found = [paper_of(json.loads(line)) for line in itertools.islice(lines, count)]
    if len(found) < count:
        raise ValueError(f"the corpus has {len(found)} papers, {count} are needed")
    return found


def paper_of(said: dict[str, Any]) -> Paper:
    """The paper that a line of the test bed's corpus tells of."""
    address = f"https://arxiv.org/abs/{said['id']}v{said['version']}"
    return Paper(
        id=said["id"],
        version=said["version"],
        title=" ".join(said["title"].split()),
        authors=tuple(said["authors"]),
        abstract=" ".join(said["abstract"].split()),
        first=datetime.fromisoformat(said["published"]),
        latest=datetime.fromisoformat(said["updated"]),
        comments=said["comment"],
        primary_category=said["categories"][0],
        categories=tuple(said["categories"]),
        url=address,
        pdf_url=address.replace("/abs/", "/pdf/"),
    )


def settings(folder: Path, base_url: str, **model: Any) -> Settings:
    """Settings for an installation in `folder`; no limit and no budget is near, unless in `model`.

    Keys of `model` are those of the table [model].
    """
    chosen = {
        "name": MODEL,
        "base_url": base_url,
        "api_key_env": KEY_VARIABLE,
        "concurrency": 64,
        "requests_per_minute": UNLIMITED,
        "tokens_per_minute": UNLIMITED,
        **model,
    }
    budget = BudgetSettings(usd_per_run=1e9, tokens_per_run=UNLIMITED, usd_per_day=1e9)
    return Settings(
        outputs=folder / "outputs",
        cache=folder / "cache",
        prompts=REPOSITORY / "prompts",
        model=ModelSettings(**chosen),
        budget=budget,
        topic=(TopicSettings(name=TOPIC, query="all:bench"),),
    )


def snapshot(chosen: Settings, papers: Iterable[Paper]) -> Snapshot:
    """A new snapshot of these papers, as fetch leaves it."""
    run = Run(topic=TOPIC, snapshot=f"{NOW:%Y%m%d_%H%M}", instant=NOW, time_zone="UTC")
    return Outputs(chosen.outputs).create_snapshot(run, papers)


Wrap = Callable[[Executor], Executor]


def summarize(chosen: Settings, made: Snapshot, wrap: Wrap | None = None) -> None:
    """The whole stage with the executor that the settings name, opened and closed.

    `wrap` may put an observer around the executor. Raises `RuntimeError` where a line is
    missing: its time would be that of another task.
    """
    with opened(chosen) as executor:
        used = wrap(executor) if wrap else executor
        done = stage.summarize(chosen, made, PROMPT, NOW, executor=used, progress=Plain())
    if done.failures:
        raise RuntimeError(f"no line for {len(done.failures)}: {next(iter(done.failures.items()))}")


def bodies(chosen: Settings, papers: Iterable[Paper]) -> list[dict[str, Any]]:
    """The bodies that the stage sends for these papers: messages, schema, tokens allowed."""
    prompt = prompts.load(chosen.prompts, PROMPT)
    jobs = (job_for(chosen, TOPIC, "20260501_0405", prompt, paper) for paper in papers)
    requests = (job.request(job.model, chosen.model.parameters) for job in jobs)
    return [body_of(request, Abilities.unknown(), chosen.model, 1) for request in requests]

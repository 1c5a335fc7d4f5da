"""A snapshot of papers beside a model's server, summarized by the real command."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline.books import Run, Stage
from pipeline.outputs import Outputs
from pipeline.records import Paper, utc

ROOT = Path(__file__).parent.parent
NAME = "20260501_0405"
TIME = datetime(2026, 4, 30, tzinfo=UTC)


def recorded_papers(testbed: Path, name: str = "papers.jsonl.gz") -> Iterator[Paper]:
    """The papers of a file of the test bed, with times of our own."""
    with gzip.open(testbed / "corpus" / name, "rt", encoding="utf-8") as file:
        for line in file:
            found = json.loads(line)
            yield Paper(
                id=found["id"],
                version=1,
                title=found["title"],
                authors=tuple(found["authors"]),
                abstract=found["abstract"],
                first=TIME,
                latest=TIME,
                primary_category=found["categories"][0],
                categories=tuple(found["categories"]),
                url=f"https://arxiv.org/abs/{found['id']}v1",
                pdf_url=f"https://arxiv.org/pdf/{found['id']}v1",
            )


class StageBench:
    """A folder with one snapshot; `settings` are lines of its [model] table."""

    def __init__(
        self, folder: Path, base_url: str, papers: Iterable[Paper], count: int, *settings: str
    ) -> None:
        self.folder = folder
        self.count = count
        self.snapshot = folder / "outputs" / "t" / NAME
        model = "\n".join(
            [
                'name = "test-model"',
                f'base_url = "{base_url}"',
                "requests_per_minute = 1000000",
                "tokens_per_minute = 1000000000",
                "price = { input = 0.1, output = 0.4 }",
                *settings,
            ]
        )
        (folder / "paperline.toml").write_text(
            f'prompts = "{ROOT / "prompts"}"\n[model]\n{model}\n'
            "[budget]\nusd_per_run = 100.0\nusd_per_day = 1000.0\ntokens_per_run = 1000000000\n"
            '[[topic]]\nname = "t"\nquery = "all:x"\n',
            encoding="utf-8",
        )
        now = utc(datetime.now(UTC))
        fetched = Stage(complete=True, started=now, seconds=0.0)
        run = Run(topic="t", snapshot=NAME, instant=now, time_zone="UTC", stages={"fetch": fetched})
        Outputs(folder / "outputs").create_snapshot(run, islice(papers, count))

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """The summarize command as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", "--quiet", "summarize", f"t/{NAME}", *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def summarize(self, *arguments: str) -> int:
        """Run the command to its end; its exit code."""
        process = self.start(*arguments)
        _, self.errors = process.communicate(timeout=300)
        assert "Traceback" not in self.errors
        return process.returncode

    def run(self) -> dict[str, Any]:
        """What `run.json` holds."""
        found: dict[str, Any] = json.loads((self.snapshot / "run.json").read_text("utf-8"))
        return found

    def lines(self) -> dict[str, dict[str, str]]:
        """The model's lines by paper."""
        return {
            summary["paper"]: summary["lines"]
            for summary in _jsonl(self.snapshot / "2-summaries.jsonl")
            if summary["origin"] == "model"
        }

    def spent(self) -> list[dict[str, Any]]:
        """The books."""
        return _jsonl(self.folder / "outputs" / "spend.jsonl")

    def assert_complete(self) -> None:
        """Every paper has a model's lines, or stands among the gaps with a reason."""
        gaps = self.run()["gaps"]
        assert len(self.lines()) + len(gaps) == self.count
        assert all(gap["failure"]["reason"] for gap in gaps.values())


def _jsonl(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    text = path.read_text("utf-8")
    assert not text or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]

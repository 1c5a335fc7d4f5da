"""Two prompts over 1,000 invented papers: `paperline compare`, and the page it writes.

The command runs as a process of its own on a snapshot in which every line is checked, and then
as if none were, so that all are checked in memory. The page is opened by Chromium from its
file: until its load event, and until its text is first painted. The ratios are to reading the
snapshot's files as JSON and no more, and to an empty page.
"""

import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parent.parent
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))

from playwright.async_api import Browser, async_playwright  # noqa: E402

from benchmarks import harness  # noqa: E402  works from a plain checkout
from benchmarks.memory import invented  # noqa: E402
from pipeline import prompts  # noqa: E402
from pipeline.progress import Plain  # noqa: E402
from pipeline.records import Lines, Paper, Summary, Usage, summary_id, utc  # noqa: E402
from pipeline.snapshot import Snapshot  # noqa: E402
from pipeline.stages.check import check  # noqa: E402
from pipeline.word_differences import parts  # noqa: E402

PAPERS = 1_000
PROMPTS = ("one_line", "results_first")
RUNS = 5

COMMAND_SECONDS = 3.0
PAGE_SECONDS = 1.0

CONFIGURATION = """
prompts = {prompts}
[model]
name = "{model}"
base_url = "http://127.0.0.1:9/v1"
[[topic]]
name = "{topic}"
query = "all:bench"
"""

ENGLISH = (
    "a model pretrained on simulated flows adapts to one harbour with few readings and lowers the "
    "mean error of forecasts while linear probes recover visibility from acoustic records of fog"
)
CHINESE = "在少量观测数据上微调的模型能够适配新的港口并把平均预报误差降低到原来的一半左右"

PAINTED = """() => new Promise(done => {
  const told = () => performance.getEntriesByName("first-contentful-paint")[0];
  const load = performance.getEntriesByType("navigation")[0].loadEventEnd;
  const ready = () => done([load / 1000, told().startTime / 1000]);
  if (told()) ready();
  else new PerformanceObserver(ready).observe({type: "paint", buffered: true});
})"""
"""Seconds from navigation to the end of the load event, and to the first text on the screen."""


class Measured(NamedTuple):
    """Seconds of one thing, several times, and those of what it is set against."""

    name: str
    each: list[float]
    bare: list[float]
    bound: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the slowest keeps the bound, if there is one."""
        return self.bound is None or max(self.each) < self.bound

    def row(self) -> str:
        """A line of the table."""
        median = statistics.median(self.each)
        bound = "" if self.bound is None else f"{self.bound:.0f}"
        ratio = median / statistics.median(self.bare)
        note = "" if self.holds else "  over its bound"
        told = f"{self.name:<34}{median:>8.3f}{max(self.each):>8.3f}"
        return f"{told}{bound:>8}{ratio:>8.1f}{note}"


def lines_of(chance: random.Random) -> Lines:
    """A line of 24 words and one of 60 characters."""
    words = chance.choices(ENGLISH.split(), k=24)
    return {
        "en": " ".join(words).capitalize() + ".",
        "zh": "".join(chance.choices(CHINESE, k=60)) + "。",
    }


def reworded(lines: Lines, chance: random.Random) -> Lines:
    """The same lines with some words and characters replaced, or put elsewhere."""
    english, chinese = lines["en"].split(), list(lines["zh"])
    for words, others in ((english, ENGLISH.split()), (chinese, CHINESE)):
        for place in chance.sample(range(len(words)), k=chance.randrange(len(words) // 2)):
            words[place] = chance.choice(others)
        cut = chance.randrange(len(words))
        words[:] = words[cut:] + words[:cut]
    return {"en": " ".join(english), "zh": "".join(chinese)}


def written(papers: list[Paper]) -> Iterator[Summary]:
    """Two candidates of each paper, one by each prompt."""
    chance = random.Random(1)
    loaded = [prompts.load(REPOSITORY / "prompts", name) for name in PROMPTS]
    for paper in papers:
        lines = lines_of(chance)
        for prompt, text in zip(loaded, (lines, reworded(lines, chance)), strict=True):
            mark = prompt.fingerprint_for(paper)
            yield Summary(
                id=summary_id(paper.id, paper.version, "model", harness.MODEL, mark, text),
                paper=paper.id,
                version=paper.version,
                lines=text,
                origin="model",
                model=harness.MODEL,
                prompt=prompt.name,
                prompt_fingerprint=mark,
                terms=prompt.terms(paper),
                usage=Usage(prompt_tokens=450, completion_tokens=90, usd=0.0003),
                created=utc(datetime.now(UTC)),
            )


def installed(folder: Path) -> Snapshot:
    """An installation in `folder` with a snapshot in which everything is checked."""
    text = CONFIGURATION.format(
        topic=harness.TOPIC,
        model=harness.MODEL,
        prompts=json.dumps(str(REPOSITORY / "prompts")),
    )
    (folder / "paperline.toml").write_text(text, encoding="utf-8")
    settings = harness.settings(folder, "http://127.0.0.1:9/v1")
    papers = [*invented(PAPERS)]
    made = harness.snapshot(settings, papers)
    with made.adding_summaries() as add:
        for summary in written(papers):
            add(summary)
    made.write_run(made.run().but(prompt=PROMPTS[0], model=harness.MODEL))
    check(settings, made, executor=None, progress=Plain())
    return made


def compared(folder: Path, snapshot: Snapshot, page: Path) -> list[float]:
    """Seconds of the command, several times."""
    command = [sys.executable, "-m", "pipeline", "compare", str(snapshot), *PROMPTS]
    took = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        subprocess.run(
            [*command, "--output", str(page)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        took.append(time.perf_counter() - begun)
    return took


def read(snapshot: Snapshot) -> list[float]:
    """Seconds of reading what there is to compare as JSON, several times."""
    took = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        for path in sorted(snapshot.folder.glob("*.jsonl")):
            for line in path.read_text("utf-8").splitlines():
                json.loads(line)
        took.append(time.perf_counter() - begun)
    return took


def differences(snapshot: Snapshot) -> list[float]:
    """Seconds of the differences alone, several times."""
    made = snapshot.summaries()
    took = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        for one, other in zip(made[::2], made[1::2], strict=True):
            for language, line in one.lines.items():
                parts(line, other.lines[language])
        took.append(time.perf_counter() - begun)
    return took


async def opened(pages: list[Path]) -> list[list[tuple[float, float]]]:
    """Seconds to the load event and to the first paint of each page, several times."""
    # The path of the tests' own browser; without one there is nothing to measure.
    from tests.browser import executable

    async with async_playwright() as playwright:
        found = executable(playwright.chromium.executable_path)
        if found is None:
            return []
        browser = await playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        took = [[await _open(browser, page) for _ in range(RUNS)] for page in pages]
        await browser.close()
    return took


async def _open(browser: Browser, path: Path) -> tuple[float, float]:
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    page = await context.new_page()
    await page.goto(path.as_uri())
    load, painted = await page.evaluate(PAINTED)
    await context.close()
    return load, painted


def main() -> int:
    """Print the table; 1 when a bound is passed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        snapshot, page, empty = installed(folder), folder / "page.html", folder / "empty.html"
        empty.write_text("<!doctype html><title>empty</title><p>empty", encoding="utf-8")
        bare = read(snapshot)
        rows = [
            Measured("the files read by json, no more", bare, bare),
            Measured("word differences", differences(snapshot), bare),
            Measured("paperline compare", compared(folder, snapshot, page), bare, COMMAND_SECONDS),
        ]
        snapshot.write_run(snapshot.run().but(stages={}))
        unchecked = compared(folder, snapshot, page)
        rows.append(Measured("paperline compare, none checked", unchecked, bare))
        size = page.stat().st_size / 1e6
        if times := asyncio.run(opened([empty, page])):
            for place, what in enumerate(("loaded", "first painted")):
                nothing, whole = ([each[place] for each in taken] for taken in times)
                rows.append(Measured(f"an empty page {what}", nothing, nothing))
                rows.append(Measured(f"the page {what}", whole, nothing, PAGE_SECONDS))
        else:
            print("SKIPPED: there is no browser to open the page")
    what = f"{PAPERS:,} papers, page of {size:.1f} MB"
    print(f"{what:<34}{'s':>8}{'worst':>8}{'bound':>8}{'ratio':>8}")
    for each in rows:
        print(each.row())
    return 0 if all(each.holds for each in rows) else 1


if __name__ == "__main__":
    sys.exit(main())

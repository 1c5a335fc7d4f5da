"""Memory and time of the summarize stage itself as a snapshot grows: 10,000 and 100,000 papers.

The executor does nothing but deliver the same lines for every job, so what is measured is
reading, rendering, ordering and writing. Each size has a process of its own, whose peak
memory is measured; time is processor time, which the neighbours on a machine do not change.
In the last row costs are booked too, 64 at a time, as online they are; it has no bound.
"""

import multiprocessing
import resource
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

REPOSITORY = Path(__file__).resolve().parent.parent
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))

from benchmarks import harness  # noqa: E402  works from a plain checkout
from pipeline.books import Spend  # noqa: E402
from pipeline.exchange import Deliver, Job, Outcome, Paid  # noqa: E402
from pipeline.outputs import Outputs  # noqa: E402
from pipeline.progress import Plain  # noqa: E402
from pipeline.records import Lines, Paper, Usage, utc  # noqa: E402
from pipeline.stages import summarize as stage  # noqa: E402

FEW, MANY = 10_000, 100_000
MOST_MIB = 300.0
MOST_GROWTH = 1.25
TOGETHER = 64
LINES: Lines = {
    "en": "A model trained on invented data answers the question of 42 papers in one line.",
    "zh": "用虚构数据训练的模型以一句话回答了42篇论文的问题。",
}
USAGE = Usage(prompt_tokens=450, completion_tokens=90, usd=0.0003)


@dataclass
class Null:
    """An executor that delivers `LINES` for each job at once; `books` their costs, too."""

    books: bool = False

    def run(self, jobs: Iterable[Job], deliver: Deliver, *, paid: Paid, redo: bool = False) -> None:
        """As every executor."""
        del redo
        spent: list[Spend] = []
        for job in jobs:
            now = utc(datetime.now(UTC))
            if self.books:
                spent.append(_spend(job, now))
            if len(spent) == TOGETHER:
                paid(spent)
                spent = []
            deliver(
                Outcome(paper=job.paper.id, model=job.model, lines=LINES, usage=USAGE, created=now)
            )
        if spent:
            paid(spent)

    def collect(self, topic: str, snapshot: str, *, paid: Paid) -> None:
        """Nothing is under way."""

    def close(self) -> None:
        """Nothing is open."""


def _spend(job: Job, now: datetime) -> Spend:
    return Spend(
        id=uuid.uuid4().hex,
        at=now,
        topic=job.topic,
        snapshot=job.snapshot,
        paper=job.paper.id,
        model=job.model,
        usage=USAGE,
    )


def invented(count: int) -> Iterator[Paper]:
    """Papers with abstracts of the usual length, about 1,300 characters."""
    moment = datetime(2026, 4, 30, 12, tzinfo=UTC)
    for number in range(count):
        identifier = f"{2601 + number // 90_000}.{number % 90_000 + 1:05d}"
        yield Paper(
            id=identifier,
            version=1,
            title=f"Transfer Learning of Invented Quantity {number}",
            authors=tuple(f"Ada Example {n}" for n in range(5)),
            abstract=f"We measure invented quantity {number} with a model of our own. " * 21,
            first=moment,
            latest=moment,
            primary_category="cs.LG",
            categories=("cs.LG", "stat.ML"),
            url=f"https://arxiv.org/abs/{identifier}v1",
            pdf_url=f"https://arxiv.org/pdf/{identifier}v1",
        )


class Cost(NamedTuple):
    """Peak memory of a process, and what one paper took of its time."""

    mib: float
    microseconds: float
    wall_microseconds: float


def prepare(folder: Path, count: int) -> None:
    """Make a snapshot of so many invented papers."""
    harness.snapshot(_settings(folder), invented(count))


def _settings(folder: Path) -> Any:
    return harness.settings(folder, "http://127.0.0.1:9/v1")


def cost(folder: Path, count: int, books: bool) -> Cost:
    """Summarize the snapshot in `folder`, in this process."""
    settings = _settings(folder)
    snapshot = Outputs(settings.outputs).find(f"{harness.TOPIC}/latest")
    wall, used = time.perf_counter(), time.process_time()
    done = stage.summarize(
        settings, snapshot, harness.PROMPT, harness.NOW, executor=Null(books), progress=Plain()
    )
    used, wall = time.process_time() - used, time.perf_counter() - wall
    if done.counts["lines"] != count:
        raise RuntimeError(f"{done.counts['lines']} lines of {count}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Cost(peak, used / count * 1e6, wall / count * 1e6)


def in_process_of_its_own(work: Any, *arguments: Any) -> Any:
    """What `work` returns, done by a fresh interpreter: a forked one begins with our memory."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=fresh) as pool:
        return pool.submit(work, *arguments).result()


def measured(count: int, *, books: bool = False) -> Cost:
    """The cost of so many papers."""
    with tempfile.TemporaryDirectory() as name:
        in_process_of_its_own(prepare, Path(name), count)
        found: Cost = in_process_of_its_own(cost, Path(name), count, books)
    return found


def main() -> int:
    """Print the table; 1 when a bound is passed."""
    few, many, booked = measured(FEW), measured(MANY), measured(MANY, books=True)
    growth = many.microseconds / few.microseconds
    print(f"{'papers':<18}{'MiB':>7}{'bound':>7}{'µs each':>9}{'wall':>7}{'ratio':>7}{'bound':>7}")
    for name, each in ((f"{FEW:,}", few), (f"{MANY:,}", many), (f"{MANY:,} booked", booked)):
        bounded = each is many
        print(
            f"{name:<18}{each.mib:>7.0f}{MOST_MIB if bounded else '':>7}"
            f"{each.microseconds:>9.0f}{each.wall_microseconds:>7.0f}"
            f"{each.microseconds / few.microseconds:>7.2f}{MOST_GROWTH if bounded else '':>7}"
        )
    if many.mib > MOST_MIB:
        print("over its bound: memory")
    if growth > MOST_GROWTH:
        print("over its bound: time per paper")
    return 1 if many.mib > MOST_MIB or growth > MOST_GROWTH else 0


if __name__ == "__main__":
    sys.exit(main())

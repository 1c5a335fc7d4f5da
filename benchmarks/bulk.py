"""Bulk runs over invented dumps with the null model: speed, memory, and what kills do to content.

10,000 and 100,000 papers, 5,000 a month, become Parquet in one process and by Ray on two cores.
Lines are the embedded model's, so what is measured is our own machinery: reading, sorting,
checking, writing. Each run has a process of its own, the driver, whose peak memory is measured;
Ray's workers are others. Then a run in each way is killed ten times at random instants and goes
on; what is in OUT in the end has to be what an undisturbed run made, but for when its lines were
made. About seven minutes.
"""

import json
import multiprocessing
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

REPOSITORY = Path(__file__).resolve().parent.parent
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))

import pyarrow.parquet as pq  # noqa: E402  works from a plain checkout

FEW, MANY = 10_000, 100_000
MONTH = 5_000
KILLED = {"one process": MANY, "Ray": 20_000}
"""Papers of the runs that are killed: a start of Ray takes as long as thousands of papers."""

KILLS = 10
LONGEST = 20.0
"""Seconds after which a run is killed at the latest."""

MOST_MIB = 500.0
MOST_GROWTH = 1.15
EXECUTORS = {"one process": "embedded", "Ray": "cluster"}


class Cost(NamedTuple):
    """Seconds of a run from start to end, and the peak memory of its driver."""

    seconds: float
    mib: float


def invented(count: int, month: int) -> Iterator[bytes]:
    """Lines of a dump, so many a month, of the usual length: about 1,900 bytes."""
    for number in range(count):
        first = datetime(2000 + number // month // 12, number // month % 12 + 1, 2, tzinfo=UTC)
        moment = first + timedelta(minutes=number % month)
        record = {
            "id": f"{first:%y%m}.{number % month + 1:05d}",
            "submitter": "Ada Lumen",
            "title": f"Transfer Learning of Invented Quantity {number}",
            "comments": None,
            "journal-ref": None,
            "doi": None,
            "categories": "cs.LG stat.ML",
            "abstract": f"We measure quantity {number} with a model of our own in 42 trials. " * 21,
            "versions": [{"version": "v1", "created": f"{moment:%a, %d %b %Y %H:%M:%S} GMT"}],
            "authors_parsed": [["Example", f"Ada {n}", ""] for n in range(5)],
        }
        yield json.dumps(record).encode() + b"\n"


class Bench:
    """A folder with a dump and a configuration."""

    def __init__(self, folder: Path, count: int, month: int = MONTH) -> None:
        self.folder = folder
        self.count = count
        with (folder / "dump.json").open("wb") as file:
            file.writelines(invented(count, month))
        text = f'prompts = "{REPOSITORY / "prompts"}"\n[model]\nname = "embedded"\n'
        (folder / "paperline.toml").write_text(text, encoding="utf-8")

    def out(self, name: str) -> Path:
        """An OUT of that name."""
        return self.folder / name

    def run(self, executor: str, out: Path) -> Cost:
        """A whole run; raises `RuntimeError` where a paper has no row."""
        arguments = self.folder, executor, out
        papers, cost = in_process_of_its_own(_whole_run, *arguments)
        if papers != self.count:
            raise RuntimeError(f"{papers} papers of {self.count}")
        found: Cost = cost
        return found

    def killed(self, executor: str, out: Path) -> int:
        """A run that is killed `KILLS` times, and its end.

        Returns how many months stood finished at the last kill.
        """
        chance = random.Random(5)
        kills = 0
        while kills < KILLS:
            with self._start(executor, out) as process:
                try:
                    process.wait(timeout=chance.uniform(1.0, LONGEST))
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    kills += 1
        stood = len(list(out.glob("month=*/_SUCCESS")))
        with self._start(executor, out) as process:
            if process.wait() != 0:
                raise RuntimeError(f"the run after {KILLS} kills ends with {process.returncode}")
        return stood

    def _start(self, executor: str, out: Path) -> "subprocess.Popen[bytes]":
        command = ["--quiet", "bulk", "dump.json", str(out), "--executor", executor]
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", *command],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.DEVNULL,
        )


def _whole_run(folder: Path, executor: str, out: Path) -> tuple[int, Cost]:
    """Papers and cost of a run, in this process."""
    import msgspec

    from pipeline import configuration
    from pipeline.bulk.folder import Selection
    from pipeline.bulk.run import bulk
    from pipeline.progress import Plain

    os.chdir(folder)
    settings = configuration.load(folder / "paperline.toml")
    model = msgspec.structs.replace(settings.model, executor=executor)
    settings = msgspec.structs.replace(settings, model=model)
    begun = time.perf_counter()
    dump = str(folder / "dump.json")
    report = bulk(settings, dump, str(out), Selection(), "one_line", Plain())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return report.papers, Cost(time.perf_counter() - begun, peak)


def in_process_of_its_own(work: Any, *arguments: Any) -> Any:
    """What `work` returns, done by a fresh interpreter: a forked one begins with our memory."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=fresh) as pool:
        return pool.submit(work, *arguments).result()


def is_same(one: Path, other: Path) -> bool:
    """Whether two OUTs hold the same rows in the same files, but for when lines were made."""
    names = [
        sorted(path.relative_to(out).as_posix() for path in out.glob("month=*/*"))
        for out in (one, other)
    ]
    if names[0] != names[1]:
        return False
    files = (name for name in names[0] if name.endswith(".parquet"))
    return all(_undated(one / name).equals(_undated(other / name)) for name in files)


def _undated(path: Path) -> Any:
    return pq.ParquetFile(path).read().flatten().drop_columns(["summary.created"])


def size(out: Path) -> float:
    """MB of Parquet."""
    return sum(path.stat().st_size for path in out.glob("*/*.parquet")) / 1e6


def measured(folder: Path) -> bool:
    """Print speed and memory of both sizes in both ways; whether a bound is passed."""
    passed = False
    print(f"{'null model':<14}{'papers':>9}{'a second':>10}{'driver MiB':>12}{'bound':>7}")
    for way, executor in EXECUTORS.items():
        costs = {}
        for count in (FEW, MANY):
            bench = Bench(folder, count)
            cost = costs[count] = bench.run(executor, bench.out(f"{executor}-{count}"))
            print(
                f"{way:<14}{count:>9,}{count / cost.seconds:>10,.0f}{cost.mib:>12.0f}"
                f"{MOST_MIB:>7.0f}",
                flush=True,
            )
            passed |= cost.mib > MOST_MIB
        growth = costs[MANY].mib / costs[FEW].mib
        print(f"{'':<14}{'growth':>9}{growth:>22.2f}{MOST_GROWTH:>7.2f}", flush=True)
        passed |= growth > MOST_GROWTH
    outs = [folder / f"{executor}-{MANY}" for executor in EXECUTORS.values()]
    same = is_same(*outs)
    print(f"content of both: {'the same' if same else 'DIFFERENT'}; {size(outs[0]):.0f} MB")
    return passed or not same


def killed(folder: Path) -> bool:
    """Print what kills did; whether content is another than without."""
    passed = False
    for way, count in KILLED.items():
        executor = EXECUTORS[way]
        bench = Bench(folder, count, MONTH if count == MANY else count // 20)
        whole = folder / f"{executor}-{count}"
        if not whole.exists():
            bench.run(executor, whole)
        begun = time.perf_counter()
        out = bench.out(f"killed-{executor}")
        stood = bench.killed(executor, out)
        same = is_same(whole, out) and not list(out.rglob("*.part"))
        print(
            f"{way}, {count:,} papers, {KILLS} kills, {stood} months finished at the last: "
            f"{'the same content' if same else 'OTHER CONTENT'}"
            f" ({time.perf_counter() - begun:.0f} s)",
            flush=True,
        )
        passed |= not same
    return passed


def main() -> int:
    """Print the tables; 1 when a bound is passed or content differs."""
    with tempfile.TemporaryDirectory() as name:
        passed = measured(Path(name))
        passed |= killed(Path(name))
    if passed:
        print("over a bound, or content differs")
    return 1 if passed else 0


if __name__ == "__main__":
    sys.exit(main())

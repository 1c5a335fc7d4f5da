"""Sixty nights unattended, on the test bed, with everything that goes wrong.

A seed draws what is done to each night: outages and defects of arXiv, faults of the model,
SIGKILL in any stage, two runs at once, a full disk, corrupted caches, truncated files, a clock
set back, changed prompts, glossaries and limits, skipped weeks; editors decide by script, late
or not at all. After each night everything on disk is judged by code that imports nothing of
paperline (`benchmarks/nights/`). The program prints what was done and what was found, and ends
with 1 where anything did not hold. Five seeds take about half an hour on two processors.
"""

import argparse
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))

from benchmarks import harness  # noqa: E402  works from a plain checkout
from benchmarks.nights import corpus, plan, world  # noqa: E402
from benchmarks.nights.machine import Machine, Topic  # noqa: E402
from benchmarks.nights.simulation import Simulation, folder_on_a_disk  # noqa: E402
from benchmarks.nights.table import Row, markdown, row  # noqa: E402

POLICIES = ("none", "all", "all", "flagged", "all")
"""What each seed has for `[review] policy`: its remainder by five."""

TOPICS = (Topic("language", ("cs.CL",)), Topic("vision", ("cs.CV", "cs.RO")))


def sixty_nights(seed: int, *, count: int, code: Path, verbose: bool = False) -> Row:
    """So many nights of one seed, with the program in `code`."""
    began = time.monotonic()
    nights = plan.nights(count, seed)
    with folder_on_a_disk() as (folder, disk), tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "corpus.jsonl"
        recorded = harness.TESTBED / "corpus" / "papers.jsonl.gz"
        last = nights[-1].now + timedelta(days=30)
        papers = corpus.written_for(recorded, file, plan.FIRST_NIGHT, last, seed)
        with world.test_bed(harness.TESTBED, file, papers, seed) as bed:
            machine = Machine(folder, bed, TOPICS, code, policy=POLICIES[seed % len(POLICIES)])
            simulation = Simulation(machine, disk)
            simulation.run(nights)
            if verbose:
                print("\n".join(simulation.diary.notes), flush=True)
            return row(seed, simulation, time.monotonic() - began)


def main() -> int:
    """Run the seeds, two at a time, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--nights", type=int, default=60)
    parser.add_argument("--code", type=Path, default=REPOSITORY, help="the checkout to judge")
    parser.add_argument("--verbose", action="store_true", help="say what is done to each night")
    asked = parser.parse_args()
    if not (harness.TESTBED / "llm_server.py").is_file():
        print(f"SKIPPED: the test bed is not at {harness.TESTBED}")
        return 0
    one = partial(
        sixty_nights, count=asked.nights, code=asked.code.resolve(), verbose=asked.verbose
    )
    with ProcessPoolExecutor(2) as pool:
        rows = list(pool.map(one, asked.seeds))
    print(markdown(rows))
    return int(any(each.found for each in rows))


if __name__ == "__main__":
    sys.exit(main())

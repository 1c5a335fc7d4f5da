"""Records a second that a query filters out of a file of arXiv's metadata, and the memory it takes.

A file of 1,000,000 invented records, some 1,750 bytes each, is read once by a process of its
own that keeps to one core. About one record in seventy matches; words that begin as the
query's do stand in many more, and one record in six has names that are not ASCII. Beside it
stands a pass that only decodes each line. Time is processor time, which the neighbours on a
machine do not change. An argument gives another number of records.
"""

import json
import multiprocessing
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

REPOSITORY = Path(__file__).resolve().parent.parent
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))

from pipeline.sources.dump import Dump  # noqa: E402  works from a plain checkout

RECORDS = 1_000_000
LEAST_A_SECOND = 20_000
MOST_MIB = 200.0
PHRASES = ("transfer learning", "meta-learning", "instruction-tuned", "fine-tuning")
QUERY = " OR ".join(
    f'all:"{phrase}"'
    for phrase in ("transfer learning", "meta learning", "instruction tuning", "fine tuning")
)

KINDS = 3_500
"""Different records, of which the file repeats the texts under other ids and dates."""

EVERY = 70
"""One kind of so many holds one of `PHRASES`."""

WORDS = """
    the of and a to in we is for with on that by this as are an from our which results show can
    model data method approach between using based these it be new two at not has different
    problem system paper study also field theory than time analysis high under states large
    lanterns moths kettles harbours networks estimates quantum equations lattice spectra order
    gradient boundary optimal robust asymptotic phases coupling measured emission density
    observed sampling convergence algebra inference benchmark observers scattering polynomial
    galaxies clusters graphs operators manifold simulations symmetric entropy causal invariant
""".split()  # noqa: SIM905  a list would fill a page
BESIDE = {
    "learning": 0.3,
    "finite": 0.4,
    "transferable": 0.08,
    "tunable": 0.08,
    "metadata": 0.05,
    "instructions": 0.05,
}
"""Words that begin as those of the query do, and the share of records that hold them."""

FAMILIES = ("Lumen", "Motte", "Kessel", "Hafen", "Ōta", "Müller", "Øre", "Lamp", "Wick", "Glow")


class Kind(NamedTuple):
    """A record's line around its id and its date."""

    before: bytes
    between: bytes
    behind: bytes


def invented(number: int) -> Kind:
    """A record as long as arXiv's usually are."""
    dice = random.Random(number)
    words = dice.choices(WORDS, k=165)
    for word, share in BESIDE.items():
        if dice.random() < share:
            words[dice.randrange(len(words))] = word
    if number % EVERY == 0:
        words[dice.randrange(len(words))] = PHRASES[number // EVERY % len(PHRASES)]
    lines = [" ".join(words[start : start + 12]) for start in range(0, len(words), 12)]
    families = FAMILIES if number % 6 == 0 else FAMILIES[:4]
    authors = [[dice.choice(families), "Ada B.", ""] for _ in range(dice.randint(1, 8))]
    record = {
        "id": "@",
        "submitter": "Ada Lumen",
        "authors": ", ".join(f"{given} {family}" for family, given, _ in authors),
        "title": " ".join(dice.choices(WORDS, k=8)).capitalize(),
        "comments": "12 pages, 4 figures",
        "journal-ref": None,
        "doi": None,
        "report-no": None,
        "categories": "cs.LG stat.ML",
        "license": "http://arxiv.org/licenses/nonexclusive-distrib/1.0/",
        "abstract": "  " + "\n".join(lines) + "\n",
        "versions": [{"version": "v1", "created": "@"}],
        "update_date": "2026-04-30",
        "authors_parsed": authors,
    }
    return Kind(*json.dumps(record).encode().split(b"@"))


def write(path: Path, count: int) -> int:
    """Write so many records; the file's size in bytes."""
    kinds = [invented(number) for number in range(KINDS)]
    start = datetime(2007, 4, 2, tzinfo=UTC)
    with path.open("wb") as file:
        for number in range(count):
            kind = kinds[number % KINDS]
            identifier = f"{700 + number // 90_000:04}.{number % 90_000:05}".encode()
            created = f"{start + timedelta(minutes=9 * number):%a, %d %b %Y %H:%M:%S GMT}".encode()
            file.write(
                b"".join((kind.before, identifier, kind.between, created, kind.behind, b"\n"))
            )
    return path.stat().st_size


class Cost(NamedTuple):
    """Processor and wall time in seconds, the process's peak memory, and how many records."""

    used: float
    wall: float
    mib: float
    found: int


def filtered(path: Path) -> int:
    """How many papers the query selects."""
    return sum(1 for _ in Dump(path).papers(QUERY))


def decoded_by_msgspec(path: Path) -> int:
    """How many lines there are, each decoded whole."""
    decode = msgspec.json.Decoder().decode
    with path.open("rb") as file:
        return sum(decode(line) is not None for line in file)


def decoded_by_json(path: Path) -> int:
    """The same with the standard library."""
    with path.open("rb") as file:
        return sum(json.loads(line) is not None for line in file)


def cost(work: Callable[[Path], int], path: Path) -> Cost:
    """What `work` takes of this process, which then keeps to one core."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    wall, used = time.perf_counter(), time.process_time()
    found = work(path)
    used, wall = time.process_time() - used, time.perf_counter() - wall
    return Cost(used, wall, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, found)


def in_process_of_its_own(work: Callable[[Path], int], path: Path) -> Cost:
    """The cost of `work` in a fresh interpreter: a forked one begins with our memory."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=fresh) as pool:
        return pool.submit(cost, work, path).result()


def main() -> int:
    """Print the table; 1 when a bound is passed."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else RECORDS
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dump.json"
        size = write(path, count)
        ours, bare, standard = (
            in_process_of_its_own(work, path)
            for work in (filtered, decoded_by_msgspec, decoded_by_json)
        )
    expected = sum(number % KINDS % EVERY == 0 for number in range(count))
    if (ours.found, bare.found, standard.found) != (expected, count, count):
        raise RuntimeError(f"{ours.found} papers of {bare.found}, {expected} were to be found")
    print(f"{count:,} records of {size / count:,.0f} bytes, {expected / count:.1%} of them match")
    print(f"{'':<20}{'a second':>10}{'bound':>8}{'ratio':>7}{'MiB':>6}{'bound':>7}{'wall s':>8}")
    rows = (("filtered", ours), ("msgspec alone", bare), ("json alone", standard))
    for name, each in rows:
        least, most = (f"{LEAST_A_SECOND:,}", f"{MOST_MIB:.0f}") if each is ours else ("", "")
        print(
            f"{name:<20}{count / each.used:>10,.0f}{least:>8}{each.used / bare.used:>7.2f}"
            f"{each.mib:>6.0f}{most:>7}{each.wall:>8.1f}"
        )
    slow, large = count / ours.used < LEAST_A_SECOND, ours.mib > MOST_MIB
    if slow:
        print("below its bound: records a second")
    if large:
        print("over its bound: memory")
    return 1 if slow or large else 0


if __name__ == "__main__":
    sys.exit(main())

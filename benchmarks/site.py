"""The site of 1,000 digests of 30 invented papers: built whole, and by one more day.

Each building runs in a process of its own, with the search index apart. A day more is published
with 10, 100 and 1,000 digests behind it, several times; what takes longer with more of them
behind shows in the ratio. Peak memory is that of the process, pages and all; that of the program
that makes the index is not in it.
"""

import argparse
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))

from pipeline.outputs import Outputs  # noqa: E402  works from a plain checkout
from pipeline.records import (  # noqa: E402
    Digest,
    DigestLine,
    Entry,
    Language,
    Paper,
    Publication,
)
from pipeline.settings import Settings, SiteSettings  # noqa: E402
from pipeline.stages.build import build_site  # noqa: E402

TOPIC = "bench"
DIGESTS = 1_000
PAPERS = 30
BEHIND = (10, 100, 1_000)
DAYS = 5
FIRST = datetime(2023, 9, 1, 0, 5, tzinfo=UTC)

FULL_SECONDS = 60.0
FULL_MIB = 500.0
GROWTH = 1.3

ENGLISH = (
    "tide harbour gauge model adapter error bound estimate kelp current sediment survey lattice",
    "kernel prior gradient sample transfer domain shift coast estuary salinity forecast ensemble",
    "residual spectrum operator mesh boundary",
)
WORDS = " ".join(ENGLISH).split()
CHINESE = "潮汐港口模型误差估计海流沉积测量格点核函数先验梯度样本迁移领域偏移河口盐度预报集合"
FORMULAS = (
    "$k < 50$",
    r"$\alpha_{ij}$",
    r"$\mathcal{O}(n \log n)$",
    r"$10^{-3}$",
    r"$\frac{1}{2}$",
)


def a_paper(chance: random.Random, number: int, moment: datetime) -> Paper:
    """A paper with an abstract of some 1,300 characters, which is usual, with three formulas."""
    identifier = f"{moment:%y%m}.{number:05d}"
    words = chance.choices(WORDS, k=185)
    for place in chance.sample(range(len(words)), k=3):
        words[place] = chance.choice(FORMULAS)
    return Paper(
        id=identifier,
        version=1,
        title=" ".join(chance.choices(WORDS, k=10)).capitalize(),
        authors=tuple(f"Ada {word.capitalize()}" for word in chance.choices(WORDS, k=6)),
        abstract=" ".join(words).capitalize() + ".",
        first=moment,
        latest=moment,
        comments="12 pages, 4 figures",
        primary_category="cs.LG",
        categories=("cs.LG", "stat.ML"),
        url=f"https://arxiv.org/abs/{identifier}v1",
        pdf_url=f"https://arxiv.org/pdf/{identifier}v1",
    )


def an_entry(chance: random.Random, paper: Paper) -> Entry:
    """The paper with a line of 24 words and one of 60 characters."""
    texts: dict[Language, str] = {
        "en": " ".join(chance.choices(WORDS, k=24)).capitalize() + ".",
        "zh": "".join(chance.choices(CHINESE, k=60)) + "。",
    }
    lines = {
        language: DigestLine(text=text, origin="model", model="tide-1", prompt="one_line")
        for language, text in texts.items()
    }
    return Entry(paper=paper, summary="0123456789abcdef", lines=lines)


def publish(outputs: Outputs, days: range) -> None:
    """Release a digest on each of these days, counted from `FIRST`."""
    for day in days:
        chance, moment = random.Random(day), FIRST + timedelta(days=day)
        papers = [a_paper(chance, number, moment) for number in range(1, PAPERS + 1)]
        digest = Digest(
            topic=TOPIC,
            title="Invented Papers",
            snapshot=f"{moment:%Y%m%d_%H%M}",
            instant=moment,
            time_zone="UTC",
            policy="none",
            status="published",
            prompt="one_line",
            model="tide-1",
            papers=tuple(an_entry(chance, paper) for paper in papers),
        )
        snapshot = outputs.snapshot(TOPIC, digest.snapshot)
        snapshot.folder.mkdir(parents=True)
        release = Publication(at=moment, reason="first", who=(), digest=digest)
        snapshot.append_publication(release)


def settings(folder: Path, *, search: bool) -> Settings:
    """An installation in `folder`."""
    site = SiteSettings(title="Invented", url="https://digests.example/", search=search)
    return Settings(outputs=folder / "outputs", cache=folder / "cache", site=site)


def timed(folder: Path, *, search: bool) -> None:
    """Build the site in this process, and print what it took."""
    begun = time.perf_counter()
    build_site(settings(folder, search=search))
    seconds = time.perf_counter() - begun
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def built(folder: Path, *, search: bool = False) -> tuple[float, float]:
    """The same in a process of its own: seconds of building, MiB at its peak."""
    command = [sys.executable, __file__, "--build", str(folder)]
    command += ["--search"] if search else []
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds, mib = map(float, said.split())
    return seconds, mib


def one_more_day(folder: Path, behind: int) -> Iterator[float]:
    """Seconds of building for each of some days published after `behind` others."""
    outputs = Outputs(folder / "outputs")
    publish(outputs, range(behind))
    built(folder)
    for day in range(behind, behind + DAYS):
        publish(outputs, range(day, day + 1))
        yield built(folder)[0]


def main() -> int:
    """Print the table; 1 where a bound is passed."""
    told: list[tuple[str, str, str, bool]] = []
    medians = []
    with tempfile.TemporaryDirectory() as place:
        for behind in BEHIND:
            seconds = statistics.median(one_more_day(Path(place) / str(behind), behind))
            medians.append(seconds)
            told.append((f"a day more behind {behind}", f"{seconds:.3f} s", "", True))
        ratio = medians[-1] / medians[0]
        told.append(
            ("ratio of the last to the first", f"{ratio:.2f}", f"{GROWTH}", ratio <= GROWTH)
        )
        whole = Path(place) / "whole"
        publish(Outputs(whole / "outputs"), range(DIGESTS))
        seconds, mib = built(whole)
        told.append(
            ("whole site", f"{seconds:.1f} s", f"{FULL_SECONDS:.0f} s", seconds <= FULL_SECONDS)
        )
        told.append(("whole site, peak", f"{mib:.0f} MiB", f"{FULL_MIB:.0f} MiB", mib <= FULL_MIB))
        told += indexed(whole)
        size = sum(p.stat().st_size for p in (whole / "outputs/site").rglob("*.html"))
        told.append(("a page, on average", f"{size / (DIGESTS + 1) / 1000:.0f} KB", "", True))
    for name, value, bound, holds in told:
        print(f"{name:<34}{value:>12}{bound:>10}{'' if holds else '  over its bound'}")
    return 0 if all(holds for *_, holds in told) else 1


def indexed(whole: Path) -> Iterator[tuple[str, str, str, bool]]:
    """The search indexes of a whole site, and of the current year after one more day."""
    built(whole, search=True)
    shutil.rmtree(whole / "outputs/site/search")
    seconds, _ = built(whole, search=True)
    mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    yield "search index, all years", f"{seconds:.1f} s", "", True
    yield "search index, peak of Pagefind", f"{mib:.0f} MiB", "", True
    publish(Outputs(whole / "outputs"), range(DIGESTS, DIGESTS + 1))
    yield "a day more, index of its year too", f"{built(whole, search=True)[0]:.1f} s", "", True


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path)
    parser.add_argument("--search", action="store_true")
    given = parser.parse_args()
    if given.build:
        timed(given.build, search=given.search)
    else:
        sys.exit(main())

"""How much of the LaTeX in titles and abstracts is converted, and what it costs.

Over every paper of the test bed. The time is that of an abstract, formulas not yet in the
cache; its ratio is to escaping the same text and no more.
"""

import gzip
import json
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parent.parent
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))

from markupsafe import escape  # noqa: E402  works from a plain checkout

from benchmarks.harness import TESTBED  # noqa: E402
from pipeline.site.latex import mathematics  # noqa: E402
from pipeline.site.latex.parts import parts  # noqa: E402
from pipeline.site.latex.rendering import to_html  # noqa: E402
from pipeline.site.latex.tokens import SPECIAL  # noqa: E402
from pipeline.site.text import clean  # noqa: E402

RUNS = 5
FORMULAS = 0.99
"""The share of formulas to be converted at least."""

COMMAND = re.compile(r"\\(?:[A-Za-z]+|.)")


class Reading(NamedTuple):
    """What was found in some texts: formulas, and what is left of LaTeX once rendered."""

    formulas: int
    converted: int
    clear: int
    commands: Counter[str]


def corpus() -> list[dict[str, str]]:
    """The papers of the test bed, as they are recorded."""
    found: list[dict[str, str]] = []
    for name in ("papers", "seed_papers"):
        file = TESTBED / "corpus" / f"{name}.jsonl.gz"
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            found += map(json.loads, lines)
    return found


def read(texts: list[str]) -> Reading:
    """The texts, each rendered once. `clear` are those in which nothing is left."""
    formulas = converted = clear = 0
    commands: Counter[str] = Counter()
    for text in texts:
        left: list[str] = []
        for part in parts(clean(text)):
            if part.kind == "words":
                left += COMMAND.findall(part.text)
            elif part.kind in {"formula", "display"}:
                done = mathematics.mathml(part.text) is not None
                formulas, converted = formulas + 1, converted + done
                if not done:
                    left.append(f"${part.text.strip()}$")
        clear += not left
        commands.update(left)
    return Reading(formulas, converted, clear, commands)


def milliseconds(texts: list[str], render: Callable[[str], object]) -> float:
    """Median time for one text."""
    times = []
    for _ in range(RUNS):
        mathematics.mathml.cache_clear()
        start = time.perf_counter()
        for text in texts:
            render(text)
        times.append((time.perf_counter() - start) / len(texts) * 1_000)
    return statistics.median(times)


def main() -> int:
    """Print the tables; 1 where fewer formulas are converted than should be."""
    if not (TESTBED / "corpus" / "papers.jsonl.gz").is_file():
        print(f"SKIPPED: the test bed is not at {TESTBED}; PAPERLINE_TESTBED can name its folder")
        return 0
    papers = corpus()
    abstracts = [" ".join(paper["abstract"].split()) for paper in papers]
    titles = [" ".join(paper["title"].split()) for paper in papers]
    holds = True
    commands: Counter[str] = Counter()
    print(f"{'':<12}{'texts':>8}{'formulas':>10}{'converted':>11}{'nothing left':>14}")
    for name, texts in (("titles", titles), ("abstracts", abstracts)):
        found = read(texts)
        share = found.converted / found.formulas if found.formulas else 1.0
        holds = holds and share >= FORMULAS
        commands += found.commands
        counts = f"{name:<12}{len(texts):>8,}{found.formulas:>10,}"
        print(f"{counts}{share:>11.2%}{found.clear / len(texts):>14.2%}")
    print("\nleft as it was written:")
    for command, count in commands.most_common():
        print(f"{count:>6}  {command[:90]}")
    print(f"\n{'an abstract':<28}{'texts':>8}{'ms':>8}{'ratio to escape':>17}")
    plain = [text for text in abstracts if not SPECIAL.search(text)]
    latex = [text for text in abstracts if SPECIAL.search(text)]
    for name, texts in (("without LaTeX", plain), ("with LaTeX", latex), ("all", abstracts)):
        used, bare = milliseconds(texts, to_html), milliseconds(texts, escape)
        print(f"{name:<28}{len(texts):>8,}{used:>8.3f}{used / bare:>17.0f}")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())

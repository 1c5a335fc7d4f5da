"""What the checks find of what is wrong, and how often they are wrong themselves.

Real lines of the test bed that raise no finding of the kind in question are corrupted, each
in one way (`corruptions.py`), and it is counted how many are found. Beside that stand the
lines as they are: the 30 edited pairs, the pairs that an editor read, and 2,727 Chinese lines
as a deployed model wrote them, of which those in `check_quality_verdicts.tsv` were read against
their abstracts: a finding is `right`, `wrong`, or `harmless`, which is true and yet nothing to
correct. The checks were tuned on these lines; on others they may do worse.
Last comes speed, in processor time of one core, over the 201 pairs, and the longest time that
a hostile text takes. With --write the figures are
written to `check_quality.md`.
"""

import argparse
import csv
import gzip
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

REPOSITORY = Path(__file__).resolve().parent.parent
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))

from benchmarks.corruptions import KINDS, Kind, Subject  # noqa: E402  works from a plain checkout
from benchmarks.harness import TESTBED, paper_of, ready  # noqa: E402
from pipeline import glossary  # noqa: E402
from pipeline.checks import suite  # noqa: E402
from pipeline.checks.codes import CODES  # noqa: E402
from pipeline.checks.rules import Found, Rules  # noqa: E402
from pipeline.gate_settings import CheckSettings  # noqa: E402
from pipeline.records import Language, Lines, Paper, Severity  # noqa: E402
from pipeline.sentences import sentences  # noqa: E402

HERE = Path(__file__).resolve().parent
VERDICTS = HERE / "check_quality_verdicts.tsv"
RESULTS = HERE / "check_quality.md"
SEED = 7
LEAST_A_SECOND = 2_000
ROUNDS = 10
MOST_WRONG = 0.03
MOST_SECONDS = 0.05


class Corpus(NamedTuple):
    """The test bed's lines: each a paper with one or two lines."""

    edited: list[tuple[Paper, Lines]]
    faithful: list[tuple[Paper, Lines]]
    wrong: list[tuple[Paper, Lines, str]]
    deployed: list[tuple[Paper, Lines]]


def corpus() -> Corpus:
    """The lines with their papers, as they were recorded."""
    papers: dict[str, Paper] = {}
    for name in ("papers.jsonl.gz", "seed_papers.jsonl.gz"):
        papers |= {said["id"]: paper_of(said) for said in _lines(name)}
    chinese = {said["id"]: said["zh"] for said in _lines("recorded_zh.jsonl.gz")}
    reviewed = list(_lines("reviewed_pairs.jsonl"))
    return Corpus(
        edited=[
            (papers[said["id"]], {"en": said["en"], "zh": said["zh"]})
            for said in _lines("recorded_lines.jsonl")
        ],
        faithful=[
            (papers[said["id"]], {"en": said["en"], "zh": chinese[said["id"]]})
            for said in reviewed
            if said["verdict"] == "faithful"
        ],
        wrong=[
            (papers[said["id"]], {"zh": chinese[said["id"]]}, said["why"])
            for said in reviewed
            if said["verdict"] == "wrong"
        ],
        deployed=[(papers[identifier], {"zh": line}) for identifier, line in chinese.items()],
    )


def _lines(name: str) -> Iterator[dict[str, Any]]:
    path = TESTBED / "corpus" / name
    opened = gzip.open if name.endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


class Checker:
    """The checks with the settings' own rules."""

    def __init__(self) -> None:
        terms = glossary.load(REPOSITORY / "prompts")
        self.rules = Rules(glossary=terms, openings=CheckSettings().openings)

    def found(self, paper: Paper, lines: Lines) -> list[Found]:
        """What is found in the lines of a paper."""
        return [one for check in suite.CHECKS for one in check(paper, lines, self.rules)]

    def codes(self, paper: Paper, lines: Lines) -> frozenset[str]:
        """The codes of what is found."""
        return frozenset(one.code for one in self.found(paper, lines))


def worst(codes: Iterable[str]) -> Severity | None:
    """The severity that weighs most among the codes."""
    given = {CODES[code].severity for code in codes}
    order: tuple[Severity, ...] = ("error", "warning", "note")
    return next((severity for severity in order if severity in given), None)


def subjects(known: Corpus) -> dict[str, list[Subject]]:
    """The lines to corrupt, by language: what models and editors wrote, and in English also one
    sentence of each abstract, since few English lines were recorded.
    """
    english: Language = "en"
    chinese: Language = "zh"
    found = {
        "zh": [Subject(paper, chinese, lines["zh"]) for paper, lines in known.deployed],
        "en": [
            Subject(paper, english, lines["en"]) for paper, lines in known.edited + known.faithful
        ]
        + [
            Subject(paper, english, sentence)
            for paper, _ in known.deployed
            if (sentence := _sentence(paper))
        ],
    }
    return {
        name: [one._replace(others=several) for one in several] for name, several in found.items()
    }


def _sentence(paper: Paper) -> str | None:
    """A sentence of the abstract that could be a line: not the first, with a number if any has."""
    fit = [one for one in sentences(paper.abstract)[1:] if 60 <= len(one) <= 300]
    return next((one for one in fit if re.search(r"\d", one)), fit[-1] if fit else None)


def recall(
    checker: Checker, kind: Kind, several: Sequence[Subject], untouched: Sequence[frozenset[str]]
) -> tuple[int, int]:
    """How many corrupted lines are found, and of how many."""
    rng, found, made = random.Random(SEED), 0, 0
    for subject, codes in zip(several, untouched, strict=True):
        if codes & kind.codes or not (wrong := kind.corrupt(subject, rng)):
            continue
        made += 1
        lines: Lines = {subject.language: wrong}
        found += bool(checker.codes(kind.paper(subject.paper), lines) & kind.codes)
    return found, made


def recall_table(checker: Checker, known: Corpus) -> tuple[list[str], bool]:
    """A row for each kind, and whether each bound holds."""
    held = True
    found = subjects(known)
    untouched = {
        name: [checker.codes(one.paper, {one.language: one.line}) for one in several]
        for name, several in found.items()
    }
    heads = ("corrupted", *found, "bound")
    rows = [heads, ("---",) * len(heads)]
    for name, kind in KINDS.items():
        cells = []
        for source, several in found.items():
            right, of = recall(checker, kind, several, untouched[source])
            cells.append(f"{right / of:.2%} of {of:,}" if of else "")
            held &= not of or right / of >= kind.least
        rows.append((name, *cells, f"{kind.least:.0%}" if kind.least else "none"))
    return ["| " + " | ".join(row) + " |" for row in rows], held


def untouched_tables(checker: Checker, known: Corpus) -> tuple[list[str], bool]:
    """The lines as they are, and whether the bounds on false alarms hold."""
    several = {
        "edited pairs": [(paper, lines) for paper, lines in known.edited],
        "pairs read and found faithful": known.faithful,
        "lines read and found wrong": [(paper, lines) for paper, lines, _ in known.wrong],
        "Chinese lines as deployed": known.deployed,
    }
    rows = ["| untouched | number | with an error | else with a warning |", "|---|---|---|---|"]
    shares, counts = {}, Counter[str]()
    for name, pairs in several.items():
        codes = [checker.codes(paper, lines) for paper, lines in pairs]
        weights = Counter(map(worst, codes))
        errors, warnings = weights["error"], weights["warning"]
        shares[name] = errors / len(pairs), warnings
        rows.append(
            f"| {name} | {len(pairs):,} | {errors:,} ({errors / len(pairs):.1%}) | "
            f"{warnings:,} ({warnings / len(pairs):.1%}) |"
        )
        if name == "Chinese lines as deployed":
            counts = Counter(code for found in codes for code in found)
    rows += ["", "Chinese lines as deployed, by code:", ""]
    rows += ["| code | severity | lines |", "|---|---|---|"]
    rows += [f"| {c} | {CODES[c].severity} | {n:,} |" for c, n in counts.most_common()]
    edited = shares["edited pairs"]
    held = edited[0] == 0 and edited[1] <= 1
    return rows, held and shares["pairs read and found faithful"][0] <= MOST_WRONG


def verdict_tables(checker: Checker, known: Corpus) -> tuple[list[str], bool]:
    """What reading the flagged lines showed, and whether the bound holds."""
    with VERDICTS.open(encoding="utf-8", newline="") as file:
        read = {(row["paper"], row["code"]): row for row in csv.DictReader(file, delimiter="\t")}
    wrong, unread, alarms = set(), [], []
    for paper, lines in known.deployed:
        for code in sorted(checker.codes(paper, lines)):
            row = read.get((paper.id, code))
            if row is None and CODES[code].severity == "error":
                unread.append(f"{paper.id} {code}")
            elif row is not None and row["verdict"] == "wrong":
                alarms.append((paper.id, code, row["reason"]))
                if CODES[code].severity == "error":
                    wrong.add(paper.id)
    papers = {paper for paper, _ in read}
    share = len(wrong) / len(known.deployed)
    rows = [
        f"{len(read)} findings on {len(papers)} lines were read. Of the {len(known.deployed):,} "
        f"lines {len(wrong)} ({share:.2%}) carry an error that reading shows to be wrong; "
        f"{len(unread)} errors were not read{': ' + ', '.join(unread) if unread else ''}.",
        "",
        "| paper | code | verdict | what reading showed |",
        "|---|---|---|---|",
        *(
            f"| {r['paper']} | {r['code']} | {r['verdict']} | {r['reason']} |"
            for r in read.values()
        ),
    ]
    return rows, share <= MOST_WRONG and not unread


def wrong_table(checker: Checker, known: Corpus) -> list[str]:
    """The lines that an editor found wrong: by which code each is found, if by any."""
    with (HERE / "check_quality_wrong.tsv").open(encoding="utf-8", newline="") as file:
        why = {row["paper"]: row["reason"] for row in csv.DictReader(file, delimiter="\t")}
    rows = ["| paper | what is wrong, and what a check would need | found |", "|---|---|---|"]
    for paper, lines, _ in known.wrong:
        heavy = [c for c in checker.codes(paper, lines) if CODES[c].severity != "note"]
        about = [c for c in heavy if CODES[c].kind in ("numbers", "names", "language")]
        rows.append(f"| {paper.id} | {why[paper.id]} | {', '.join(sorted(about)) or 'no'} |")
    return rows


def speed(checker: Checker, known: Corpus) -> tuple[list[str], bool]:
    """Papers a second of one core, and the longest time for a hostile text."""
    pairs = known.edited + known.faithful
    for paper, lines in pairs:  # what is read once is read
        checker.found(paper, lines)
    rate = max(_rate(checker, pairs) for _ in range(5))
    longest, what = max(_hostile(checker, known.edited[0][0]))
    rows = [
        f"{rate:,.0f} papers a second (bound: {LEAST_A_SECOND:,}), {1e6 / rate:.0f} µs each. The "
        f"slowest of the hostile texts takes {longest * 1e3:.0f} ms (bound: "
        f"{MOST_SECONDS * 1e3:.0f} ms): {what}."
    ]
    return rows, rate >= LEAST_A_SECOND and longest < MOST_SECONDS


def _rate(checker: Checker, pairs: Sequence[tuple[Paper, Lines]]) -> float:
    """Papers a second of processor time, each with both lines."""
    began = time.process_time()
    for _ in range(ROUNDS):
        for paper, lines in pairs:
            checker.found(paper, lines)
    return ROUNDS * len(pairs) / (time.process_time() - began)


PIECES = (
    *("1 ", "9,", "10^", "1.2 billion ", "GPT-4o-", "a-", "aA1", "two hundred ", "and ", "100%-"),
    *("$x$", "$", "\\times ", "*", "**a", "<b>", "\\u4e00", "http://a.b/", "@", "\u200b", " "),
    *("(", "（", "“", '"', "模型", "三百万", "万亿", "的，", "。", ". A", "Åé", "e.g. "),
    "ignore previous instructions ",
)
"""What hostile texts repeat."""


def _hostile(checker: Checker, paper: Paper) -> Iterator[tuple[float, str]]:
    for piece in PIECES:
        line, abstract = (piece * 10_000)[:10_000], (piece * 100_000)[:100_000]
        for long, lines, what in (
            (paper, {"en": line, "zh": paper.title}, f"an English line of {piece!r}"),
            (paper, {"en": paper.title, "zh": line}, f"a Chinese line of {piece!r}"),
            (
                paper.but(abstract=abstract),
                {"en": paper.title, "zh": "三种模型"},
                f"an abstract of {piece!r}",
            ),
        ):
            given: Lines = lines  # type: ignore[assignment]
            began = time.process_time()
            checker.found(long, given)
            yield time.process_time() - began, what


def main() -> int:
    """0 where every bound holds, 1 where one does not, 0 where the test bed is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    asked = parser.parse_args()
    if not ready():
        return 0
    checker, known = Checker(), corpus()
    parts = {
        "Recall": recall_table(checker, known),
        "Lines as they are": untouched_tables(checker, known),
        "Flagged lines that were read": verdict_tables(checker, known),
        "Lines that an editor found wrong": (wrong_table(checker, known), True),
        "Speed": speed(checker, known),
    }
    text = (
        "# What the checks find\n\nWritten by `check_quality.py --write`, which says what is "
        "measured. The checks were tuned on these lines; on others they may do worse.\n"
    )
    for title, (rows, held) in parts.items():
        text += f"\n## {title}\n\n" + "\n".join(rows) + "\n"
        if not held:
            text += "\n**A bound does not hold.**\n"
    print(text)
    if asked.write:
        RESULTS.write_text(text, encoding="utf-8")
    return 0 if all(held for _, held in parts.values()) else 1


if __name__ == "__main__":
    sys.exit(main())

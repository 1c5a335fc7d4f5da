"""The papers of a snapshot whose own files no longer tell them, where others do for certain.

Its digest and its releases have papers whole, and so has what still waits from a fetch that was
cut off. What comes of them is believed where it has the checksum that `run.json` knows.
"""

import hashlib
import itertools
import math
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from pipeline import files
from pipeline.books import Run, Waiting
from pipeline.damage import of_another, sort_lines
from pipeline.errors import DamagedFile, NewerFormat, OutputError
from pipeline.outputs import Outputs
from pipeline.records import Digest, Paper, Publication
from pipeline.snapshot import PAPERS, PUBLISHED, Snapshot

MOST_TRIED = 5
"""Lines that are missing in unknown places, whose orders are all tried: 120 of five."""

MOST_ORDERS = 1_000
"""Orders of lines that are all there which are tried: a moment, of a hundred papers."""


class Certain(NamedTuple):
    """What a snapshot showed, and when it was made."""

    instant: datetime
    papers: list[Paper]


def certain(outputs: Outputs, snapshot: Snapshot) -> Certain | None:
    """What a snapshot showed of which `run.json` or `1-papers` is damaged; None where none tells.

    Whole papers without their `run.json` are believed where the digest and the releases have
    none besides; others where they have the checksum in `run.json`. Nothing is written.
    """
    path = snapshot.folder / PAPERS
    try:
        run = _run(snapshot)
        data = papers_of(outputs, snapshot, run.papers_sha256) if run else whole(snapshot)
        if data is None:
            return None
        lines = data.decode("utf-8").split("\n")[:-1]
        papers = [Paper.from_json(line, where=str(path)) for line in lines]
        return Certain(run.instant if run else outputs.instant(snapshot), papers)
    except (DamagedFile, OutputError):
        return None


def _run(snapshot: Snapshot) -> Run | None:
    """Its `run.json`; None where that is lost.

    Raises `DamagedFile` where another's is there, since the folder may be another's as a whole.
    """
    try:
        return snapshot.run()
    except NewerFormat:
        raise
    except DamagedFile:
        if _is_anothers(snapshot):
            raise
        return None


def _is_anothers(snapshot: Snapshot) -> bool:
    path = snapshot.folder / "run.json"
    try:
        run = Run.from_json(files.read_text(path), where=str(path)) if path.exists() else None
    except DamagedFile:
        return False
    return run is not None and run.snapshot != snapshot.name


def whole(snapshot: Snapshot) -> bytes | None:
    """The bytes of `1-papers.jsonl` where each line is a paper, and none that is known lacks."""
    listed = sort_lines(snapshot.folder / PAPERS, Paper)
    there = {*listed.good}
    known = known_papers(readable_digests(snapshot), ())
    if listed.bad or listed.torn or not all(_line(paper) in there for paper in known.values()):
        return None
    return b"".join(listed.good) or None


def readable_digests(snapshot: Snapshot) -> list[Digest]:
    """The digest as it was assembled last, then those that were released, the newest first."""
    found: list[Digest] = []
    try:
        digest = snapshot.digest()
    except DamagedFile:
        digest = None
    lines = sort_lines(snapshot.folder / PUBLISHED, Publication, of_another(snapshot)).good
    releases = [Publication.from_json(line.decode("utf-8"), where="") for line in lines]
    found = [*([digest] if digest else []), *(one.digest for one in reversed(releases))]
    return [each for each in found if each.snapshot == snapshot.name]


def known_papers(digests: Iterable[Digest], waiting: Iterable[Waiting]) -> dict[str, Paper]:
    """The papers that other files tell of, by id, in the order in which they tell of them."""
    found: dict[str, Paper] = {}
    for digest in digests:
        for entry in digest.papers:
            found.setdefault(entry.paper.id, entry.paper)
    for each in waiting:
        found.setdefault(each.paper.id, each.paper)
    return found


def papers_of(outputs: Outputs, snapshot: Snapshot, wanted: str) -> bytes | None:
    """The bytes of `1-papers.jsonl` with the checksum `wanted`; None where they cannot be had."""
    listed = sort_lines(snapshot.folder / PAPERS, Paper)
    try:
        waiting = [w for w in outputs.waiting(snapshot.topic) if w.reason == "unfinished"]
    except DamagedFile:
        waiting = []
    known = known_papers(readable_digests(snapshot), waiting)
    there = {Paper.from_json(line.decode("utf-8"), where="").id for line in listed.good}
    missing = [_line(paper) for id_, paper in known.items() if id_ not in there]
    every = [_line(paper) for paper in known.values()]
    for lines in _orders(snapshot.folder / PAPERS, listed.good, missing, every):
        data = b"".join(lines)
        if hashlib.sha256(data).hexdigest() == wanted:
            return data
    return None


def papers_agree(snapshot: Snapshot, run: Run) -> bool:
    """Whether `1-papers.jsonl` is whole and as its digests have it, so that `run.json` is wrong.

    Each digest has its papers in the order of the file.
    """
    data, digests = whole(snapshot), readable_digests(snapshot)
    counts = run.stages["fetch"].counts if "fetch" in run.stages else {}
    counted = [counts.get(status) for status in ("new", "revised", "seen", "withdrawn")]
    fetched = sum(filter(None, counted))
    if data is None or not digests or fetched != data.count(b"\n"):
        return False
    places = {line: place for place, line in enumerate(data.splitlines(keepends=True))}
    in_order = ([places.get(_line(e.paper), -1) for e in digest.papers] for digest in digests)
    return all(found == sorted(found) for found in in_order)


def _line(paper: Paper) -> bytes:
    return f"{paper.to_json()}\n".encode()


def _orders(
    path: Path, good: list[bytes], missing: list[bytes], every: list[bytes]
) -> Iterator[Iterable[bytes]]:
    """What the file may have held: missing lines in the places of damaged ones, or behind all."""
    yield every
    yield good
    if not missing:
        yield from _among(every, [line for line in dict.fromkeys(good) if line not in every])
    if len(missing) > MOST_TRIED:
        yield [*good, *missing]
        return
    sound = set(good)
    present = path.read_bytes().split(b"\n") if path.is_file() else []
    lines = [line + b"\n" for line in present]
    places = [number for number, line in enumerate(lines) if line not in sound and line != b"\n"]
    for order in itertools.permutations(missing):
        rest = iter(order)
        filled = [
            next(rest, b"") if number in places else line for number, line in enumerate(lines)
        ]
        yield [line for line in (*filled, *rest) if line not in (b"", b"\n")]


def _among(ordered: list[bytes], others: list[bytes]) -> Iterator[Iterable[bytes]]:
    """All ways to put lines of which nothing tells the places among those whose order is known."""
    whole = len(ordered) + len(others)
    if math.perm(whole, len(others)) > MOST_ORDERS:
        return
    for places in itertools.permutations(range(whole), len(others)):
        placed, rest = dict(zip(places, others, strict=True)), iter(ordered)
        yield [placed[n] if n in placed else next(rest) for n in range(whole)]

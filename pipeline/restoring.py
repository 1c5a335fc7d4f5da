"""Making again what is lost of a snapshot, where other files know it for certain.

`run.json` from the digest or the last release; the papers only where what comes of it has the
checksum that `run.json` knows.
"""

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pipeline import prompts
from pipeline.books import Gap, Run, Stage
from pipeline.damage import SUMMARIES, another_text, known_papers, sort_lines
from pipeline.errors import DamagedFile, PromptError
from pipeline.outputs import Outputs
from pipeline.records import (
    EMBEDDED,
    Digest,
    Paper,
    Publication,
    Summary,
    prompt_fingerprint,
)
from pipeline.settings import Settings
from pipeline.snapshot import PAPERS, PUBLISHED, Snapshot, sha256
from pipeline.version import VERSION

MOST_TRIED = 5
"""Lines that are missing in unknown places, whose orders are all tried: 120 of five."""


def readable_digests(snapshot: Snapshot) -> list[Digest]:
    """The digest as it was assembled last, then those that were released, the newest first."""
    found: list[Digest] = []
    try:
        digest = snapshot.digest()
    except DamagedFile:
        digest = None
    lines = sort_lines(snapshot.folder / PUBLISHED, Publication).good
    releases = [Publication.from_json(line.decode("utf-8"), where="") for line in lines]
    found = [*([digest] if digest else []), *(one.digest for one in reversed(releases))]
    return [each for each in found if each.snapshot == snapshot.name]


def run_of(settings: Settings, snapshot: Snapshot) -> Run | None:
    """What `run.json` can be told to have held; None where the papers are not whole.

    Nothing is fetched anew by it, and no line that is there is asked for. Its gaps are those of
    the digest; the account of each time that lines were asked for is gone.
    """
    path = snapshot.folder / PAPERS
    listed = sort_lines(path, Paper)
    whole = path.exists() and path.stat().st_size == sum(map(len, listed.good))
    if not listed.good or not whole:
        return None
    outputs = Outputs(settings.outputs)
    digests = readable_digests(snapshot)
    known = digests[0] if digests else None
    instant = outputs.instant(snapshot)
    run = Run(
        topic=snapshot.topic,
        snapshot=snapshot.name,
        instant=instant,
        time_zone=known.time_zone if known else settings.time_zone,
        papers_sha256=sha256(path),
    )
    begun = Stage(complete=True, started=instant, seconds=0.0, versions={"paperline": VERSION})
    papers = [Paper.from_json(line.decode("utf-8"), where=str(path)) for line in listed.good]
    statuses = [paper.status for paper in papers]
    shown = {status: statuses.count(status) for status in ("new", "revised", "seen", "withdrawn")}
    stages = {"fetch": begun.but(counts={"fetched": len(papers), **shown})}
    if known and known.prompt and known.model:
        run = _with_lines(settings, snapshot, run, known)
        usage, models = outputs.spent_by(run.but(stages=stages), "summarize")
        stages["summarize"] = begun.but(
            inputs={"papers": run.papers_sha256}, usage=usage, models=models
        )
    return run.but(stages=stages)


def _with_lines(settings: Settings, snapshot: Snapshot, run: Run, known: Digest) -> Run:
    """The run with the prompt and the model whose lines the digest shows."""
    shown = {entry.summary for entry in known.papers}
    by_prompt = [s for s in _candidates(snapshot) if s.id in shown and s.prompt == known.prompt]
    terms: dict[str, str] = {}
    for summary in by_prompt:
        terms |= summary.terms
    gaps = {
        entry.paper.id: Gap(failure=entry.gap)
        for entry in known.gaps
        if entry.gap and entry.gap.kind != "pending"
    }
    template, whole = _text_of(settings, known.prompt, by_prompt)
    return run.but(
        prompt=known.prompt,
        prompt_fingerprint=whole,
        template_fingerprint=template,
        terms=dict(sorted(terms.items())),
        model=known.model,
        fallbacks=tuple(sorted({s.model for s in by_prompt} - {known.model, EMBEDDED})),
        gaps=gaps,
    )


def _candidates(snapshot: Snapshot) -> list[Summary]:
    lines = sort_lines(snapshot.folder / SUMMARIES, Summary, another_text).good
    return [Summary.from_json(line.decode("utf-8"), where="") for line in lines]


def _text_of(
    settings: Settings, name: str, written: Sequence[Summary]
) -> tuple[str | None, str | None]:
    """The fingerprints of the prompt's text that wrote these, without and with the glossary."""
    plain = next((s.prompt_fingerprint for s in written if not s.terms), None)
    try:
        prompt = prompts.load(settings.prompts, name)
    except PromptError:
        return plain, plain
    template = prompt.template_fingerprint
    if any(s.prompt_fingerprint == prompt_fingerprint(template, s.terms) for s in written):
        return template, prompt.fingerprint
    return plain, plain


def papers_of(settings: Settings, snapshot: Snapshot, wanted: str) -> bytes | None:
    """The bytes of `1-papers.jsonl` with the checksum `wanted`; None where they cannot be had."""
    listed = sort_lines(snapshot.folder / PAPERS, Paper)
    outputs = Outputs(settings.outputs)
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
    """Whether `1-papers.jsonl` is whole and as the digest has it, so that `run.json` is wrong."""
    path = snapshot.folder / PAPERS
    listed = sort_lines(path, Paper)
    known = known_papers(readable_digests(snapshot), ())
    counts = run.stages["fetch"].counts if "fetch" in run.stages else {}
    counted = [counts.get(status) for status in ("new", "revised", "seen", "withdrawn")]
    fetched = sum(filter(None, counted))
    whole = path.exists() and path.stat().st_size == sum(map(len, listed.good))
    there = {*listed.good}
    return (
        whole
        and bool(known)
        and fetched == len(listed.good)
        and all(_line(paper) in there for paper in known.values())
    )


def _line(paper: Paper) -> bytes:
    return f"{paper.to_json()}\n".encode()


def _orders(
    path: Path, good: list[bytes], missing: list[bytes], every: list[bytes]
) -> Iterator[Iterable[bytes]]:
    """What the file may have held: missing lines in the places of damaged ones, or behind all."""
    yield every
    yield good
    if len(missing) > MOST_TRIED:
        yield [*good, *missing]
        return
    sound = set(good)
    present = path.read_bytes().split(b"\n") if path.exists() else []
    lines = [line + b"\n" for line in present]
    places = [number for number, line in enumerate(lines) if line not in sound and line != b"\n"]
    for order in itertools.permutations(missing):
        rest = iter(order)
        filled = [
            next(rest, b"") if number in places else line for number, line in enumerate(lines)
        ]
        yield [line for line in (*filled, *rest) if line not in (b"", b"\n")]

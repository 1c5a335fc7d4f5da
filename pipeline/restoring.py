"""Making `run.json` again where it is lost: from the papers, and the digest or the last release."""

from collections.abc import Sequence

from pipeline import prompts
from pipeline.books import Gap, Run, Stage
from pipeline.damage import SUMMARIES, another_text, sort_lines
from pipeline.errors import PromptError
from pipeline.outputs import Outputs
from pipeline.papers_again import readable_digests, whole
from pipeline.records import (
    EMBEDDED,
    Digest,
    Paper,
    Summary,
    prompt_fingerprint,
)
from pipeline.settings import Settings
from pipeline.snapshot import PAPERS, Snapshot, sha256
from pipeline.version import VERSION


def run_of(settings: Settings, snapshot: Snapshot) -> Run | None:
    """What `run.json` can be told to have held; None where the papers are not whole.

    Nothing is fetched anew by it, and no line that is there is asked for. Its gaps are those of
    the digest; the account of each time that lines were asked for is gone.
    """
    path = snapshot.folder / PAPERS
    data = whole(snapshot)
    if data is None:
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
    lines = data.decode("utf-8").split("\n")[:-1]
    papers = [Paper.from_json(line, where=str(path)) for line in lines]
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

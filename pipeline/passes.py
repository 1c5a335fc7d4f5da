"""The account of each time that lines are asked for, in `run.json` from its first moment on.

A pass that was killed is open: the same command takes it up, and what was paid before the
kill is a part of it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.books import Pass, Run, Spend
from pipeline.outputs import Outputs
from pipeline.records import Paper, Summary, Usage
from pipeline.snapshot import Snapshot
from pipeline.wanted import Wanted, term_tokens


@dataclass(frozen=True)
class Opened:
    """A pass that goes on; `paid` are the papers that it paid for before it was killed."""

    record: Pass
    paid: frozenset[str] = frozenset()
    resumed: bool = False


@dataclass(frozen=True)
class Came:
    """What came of a pass.

    `have` are the papers that had their line when it went on, `written` those that got one,
    with the model; of these `from_cache` were answered before. `failed` got none.
    """

    have: Collection[str]
    written: Mapping[str, str]
    from_cache: Collection[str]
    failed: int


def opened(
    outputs: Outputs, snapshot: Snapshot, wanted: Wanted, contents: str, started: datetime
) -> Opened:
    """Begin a pass, or take up the same one where it was killed. Hold the topic's lock.

    `contents`: the fingerprint of the folder of prompts. It is in `run.json` when this returns.
    """
    with snapshot.releasing():
        run = snapshot.run()
        answers = outputs.answers_for(run, "summarize")
        known = list(run.passes)
        if known and not known[-1].complete:
            last, own = known[-1], _since(known[-1], answers)
            asked = last.prompt_fingerprint, last.model, last.redo
            if asked == (wanted.fingerprint, wanted.model, wanted.redo):
                return Opened(last, frozenset(spend.paper for spend in own), resumed=True)
            known[-1] = _costing(last, own)
        made = Pass(
            prompt=wanted.name,
            prompt_fingerprint=wanted.fingerprint,
            prompts=contents,
            model=wanted.model,
            complete=False,
            redo=wanted.redo,
            booked_before=len(answers),
            started=started,
        )
        snapshot.write_run(run.but(passes=(*known, made)))
    return Opened(made)


def closed(  # noqa: PLR0913  what is known of a pass
    outputs: Outputs,
    run: Run,
    one: Opened,
    wanted: Wanted,
    papers: Iterable[Paper],
    stood: Iterable[Summary],
    came: Came,
) -> Pass:
    """The account of a pass that has ended, but for its time.

    `papers` are the snapshot's, `stood` its candidates: lines of before a kill are its own.
    """
    own = _since(one.record, outputs.answers_for(run, "summarize"))
    paid, lines = {spend.paper for spend in own}, dict(came.written)
    if one.resumed:
        listed = _listed(run, wanted)
        for summary in wanted.by_it(stood):
            if summary.paper in came.have and summary.paper not in listed:
                lines.setdefault(summary.paper, summary.model)
    told = list(wanted.papers(papers))
    kept = sum(paper.id in came.have and paper.id not in lines for paper in told)
    cached = sum(p.id in lines and p.id in came.from_cache and p.id not in paid for p in told)
    by_model: defaultdict[str, list[str]] = defaultdict(list)
    for paper in told:
        if paper.id in lines:
            by_model[lines[paper.id]].append(paper.id)
    prompt = wanted.prompt
    return _costing(one.record, own).but(
        complete=True,
        wanted=len(told),
        kept=kept,
        from_cache=cached,
        failed=came.failed,
        hit_rate=round((kept + cached) / len(told), 4) if told else None,
        term_tokens=sum(term_tokens(prompt, p) for p in told if p.id in paid) if prompt else 0,
        lines={model: tuple(ids) for model, ids in by_model.items()},
    )


def stood_in(run: Run, prompt: str | None, model: str) -> set[str]:
    """The models that wrote lines in place of this one, by this prompt."""
    passes = [p for p in run.passes if (p.prompt, p.model) == (prompt, model)]
    return {other for p in passes for other in p.lines} - {model}


def _since(one: Pass, answers: Sequence[Spend]) -> Sequence[Spend]:
    """Of all answers, the newest first, those that were booked since a pass began."""
    return answers[: max(len(answers) - one.booked_before, 0)]


def _costing(one: Pass, own: Sequence[Spend]) -> Pass:
    usage = Usage()
    for spend in own:
        usage = usage.plus(spend.usage)
    return one.but(usage=usage, requests=len(own))


def _listed(run: Run, wanted: Wanted) -> set[str]:
    """The papers whose lines by this prompt and model a pass accounts for already."""
    asked = wanted.fingerprint, wanted.model
    passes = [p for p in run.passes if (p.prompt_fingerprint, p.model) == asked]
    return {paper for p in passes for papers in p.lines.values() for paper in papers}

"""What there is to compare: contenders, their candidates and findings, read from a snapshot."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline import prompts, rulebook
from pipeline.books import Run
from pipeline.checks.codes import is_opinion
from pipeline.comparison.answer import Comparison
from pipeline.comparison.rows import Side, compared
from pipeline.contenders import Contender, candidates_of, named, with_model
from pipeline.errors import DamagedFile, PromptError, UsageError
from pipeline.prompt_sources import SUFFIX
from pipeline.prompts import Prompt
from pipeline.records import EMBEDDED, Finding, Paper, Summary, Usage
from pipeline.settings import Settings
from pipeline.snapshot import Snapshot
from pipeline.stages.check import findings_in, kept_findings


@dataclass(frozen=True)
class Material:
    """A snapshot as it is on disk, and the contenders in it; `prompts` are those with a file."""

    snapshot: Snapshot
    run: Run
    papers: list[Paper]
    summaries: list[Summary]
    sides: list[Side]
    prompts: Mapping[str, Prompt]


def material(settings: Settings, snapshot: Snapshot, contenders: Sequence[str]) -> Material:
    """Read what is compared; `contenders` are named as `contenders.named` reads them.

    Raises `UsageError` where they are fewer than two, one is named twice, or one's prompt
    has neither a file nor a line; `PromptError` where it has no line and a file that is no
    prompt; `DamagedFile`.
    """
    run, summaries, papers = snapshot.run(), snapshot.summaries(), snapshot.papers()
    if lost := {summary.paper for summary in summaries} - {paper.id for paper in papers}:
        raise DamagedFile(
            f"has candidates for {', '.join(sorted(lost))}, none of its papers",
            where=f"{snapshot}: 2-summaries.jsonl",
            next_step="Restore it from a backup",
        )
    chosen = _contenders(settings, run, summaries, contenders)
    known: dict[str, Prompt] = {}
    notes: dict[str, str] = {}
    for name in dict.fromkeys(contender.prompt for contender in chosen):
        try:
            known[name] = prompts.load(settings.prompts, name)
        except PromptError as error:
            if not any(summary.prompt == name for summary in summaries):
                raise _unknown(settings, snapshot, name, summaries) or error from None
            notes[name] = str(error)
    earlier = _by_an_earlier_text(known, papers, summaries)
    sides = [_side(each, run, summaries, earlier, notes.get(each.prompt)) for each in chosen]
    return Material(snapshot, run, papers, summaries, sides, known)


def comparison(settings: Settings, read: Material) -> Comparison:
    """The answer; all is checked in memory unless all was checked by the present rules.

    Raises `PromptError` where the glossary is damaged.
    """
    shown = [summary for side in read.sides for summary in side.candidates.values()]
    findings = _findings(settings, read, shown)
    return compared(
        read.snapshot.topic,
        read.snapshot.name,
        read.papers,
        read.sides,
        findings,
        read.snapshot.preferences(),
        read.summaries,
    )


def _contenders(
    settings: Settings, run: Run, summaries: Sequence[Summary], texts: Sequence[str]
) -> list[Contender]:
    usual = settings.model.effective_name
    fallbacks = run.fallbacks if run.model == usual else ()
    chosen = [with_model(named(text), summaries, usual, fallbacks) for text in texts]
    for contender in chosen:
        if contender.model == EMBEDDED:
            raise UsageError(
                f"{contender}: the embedded model follows no prompt",
                next_step=f"Name a model: {contender.prompt}@MODEL",
            )
    identities = [(each.prompt, each.model, each.back) for each in chosen]
    if len(set(identities)) < max(2, len(identities)):
        what = "two or more different ones are needed"
        told = ", ".join(map(str, chosen)) or "nothing"
        raise UsageError(
            f"found {told}, where {what}",
            next_step="Name prompts, with another model as PROMPT@MODEL, the lines before "
            "a prompt's newest ones as PROMPT~1",
        )
    return chosen


def _unknown(
    settings: Settings, snapshot: Snapshot, name: str, summaries: Iterable[Summary]
) -> UsageError | None:
    """The error about a prompt without file and line, None where it has a file."""
    if (settings.prompts / f"{name}{SUFFIX}").is_file():
        return None
    wrote = sorted({f"{s.prompt}@{s.model}" for s in summaries if s.prompt})
    return UsageError(
        f"there is no prompt {name!r} in {settings.prompts}, and no line by it in {snapshot}; "
        f"prompts: {', '.join(prompts.names(settings.prompts)) or 'none'}; "
        f"lines: {', '.join(wrote) or 'none'}",
        next_step="Check the name",
    )


def _by_an_earlier_text(
    known: Mapping[str, Prompt], papers: Iterable[Paper], summaries: Iterable[Summary]
) -> set[str]:
    """The ids of the candidates that their prompt's present text did not write."""
    listed = {paper.id: paper for paper in papers}
    present = {
        (name, id_): prompt.fingerprint_for(paper)
        for name, prompt in known.items()
        for id_, paper in listed.items()
    }
    return {
        summary.id
        for summary in summaries
        if summary.prompt is not None
        and summary.prompt in known
        and present.get((summary.prompt, summary.paper)) != summary.prompt_fingerprint
    }


def _side(
    contender: Contender,
    run: Run,
    summaries: Sequence[Summary],
    earlier: set[str],
    note: str | None,
) -> Side:
    active = (run.prompt, run.model) == (contender.prompt, contender.model)
    reasons = {paper: gap.failure.reason for paper, gap in run.gaps.items()} if active else {}
    found = candidates_of(contender, summaries, lambda summary: summary.id not in earlier)
    return Side(contender, found, earlier, reasons, _paid(contender, run), note)


def _paid(contender: Contender, run: Run) -> Usage | None:
    """What the passes with its prompt and model paid, None where there is none on record."""
    if contender.back:
        return None
    whole: Usage | None = None
    for one in run.passes:
        if (one.prompt, one.model) == (contender.prompt, contender.model):
            whole = one.usage if whole is None else whole.plus(one.usage)
    return whole


def _findings(
    settings: Settings, read: Material, shown: Sequence[Summary]
) -> dict[str, list[Finding]]:
    """By candidate, what the checks find in those shown by the rules that hold now.

    Written findings are taken where they were found by these; second opinions, which cannot be
    had again without asking, in any case.
    """
    names = {summary.prompt for summary in shown}
    rules, _ = rulebook.rules_for(settings.prompts, settings.check, names)
    marks = rulebook.marks(rules, settings.check)
    kept = kept_findings(read.snapshot, read.run, read.summaries, marks)
    papers = {paper.id: paper for paper in read.papers}
    found: dict[str, list[Finding]] = {}
    for summary in shown:
        if summary.id not in found:
            known = kept.get(summary.id)
            if known is None:
                paper = papers[summary.paper]
                known = findings_in(settings, paper, summary, apart_from=())
            found[summary.id] = known
    for finding in read.snapshot.findings(read.run) or ():
        if finding.summary in found and is_opinion(finding.code):
            found[finding.summary].append(finding)
    return found

"""1-papers, 2-summaries -> 3-findings: what an editor must look at in each candidate.

Every candidate is checked, those of other prompts and models too; what was found in one is
kept until other rules hold for its prompt. What a model said as a second opinion is kept
until its candidate is asked about again.
"""

import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pipeline import candidates, logs, prompts, rulebook
from pipeline.books import Run, Stage
from pipeline.checks import judge
from pipeline.checks.codes import is_opinion
from pipeline.checks.rules import Found, Rules
from pipeline.errors import DamagedFile
from pipeline.exchange import Executor, Outcome
from pipeline.outputs import Outputs
from pipeline.progress import Progress
from pipeline.records import Finding, Paper, Summary, Usage, utc
from pipeline.settings import Settings
from pipeline.snapshot import Snapshot
from pipeline.stages.judge import judged, judging_prompt
from pipeline.text import amount
from pipeline.version import VERSION

VERSIONS = {"paperline": VERSION}
MODELS_ALONE = ("failure-text", "prompt-text")
"""The codes of what only a model can do: fail in place of a summary, or repeat its prompt.

A person who has such words in a line means them. All others are about the text, whoever wrote
it: a link that the paper has not is wrong in an editor's line too.
"""


@dataclass
class Checked:
    """What one pass came to: all findings, and what asking for second opinions cost.

    `looked_at` candidates were checked; what was found in the others was kept. `left_out` says
    what could not be asked or known, and why.
    """

    findings: list[Finding] = field(default_factory=list)
    looked_at: int = 0
    usage: Usage = field(default_factory=Usage)
    left_out: tuple[str, ...] = ()


@logs.stage("check")
def check(
    settings: Settings, snapshot: Snapshot, *, executor: Executor | None, progress: Progress
) -> Checked:
    """Check every candidate, with a second opinion on the active ones where `[check] judge` is on.

    `executor` is needed for that alone. Raises `DamagedFile`, `OutputError`, `PromptError`.
    """
    opinions: dict[str, list[Found]] | None = None
    clock, usage, left_out = time.monotonic(), Usage(), tuple[str, ...]()
    prompt = judging_prompt(settings)
    if executor is not None and prompt is not None:
        papers = {paper.id: paper for paper in snapshot.each_paper()}
        shown = candidates.active(snapshot.run(), snapshot.each_summary())
        asked = [(papers[id_], summary) for id_, summary in shown.items() if id_ in papers]
        done = judged(settings, snapshot, prompt, asked, executor=executor, progress=progress)
        opinions = {summary.id: [] for _, summary in asked}
        opinions |= {id_: _opinion(outcome) for id_, outcome in done.outcomes.items()}
        failures = [outcome.failure for outcome in done.outcomes.values() if outcome.failure]
        counted = Counter(failure.reason for failure in failures)
        left_out = tuple(
            f"no second opinion on {amount(count, 'candidate')}: {reason}"
            for reason, count in counted.items()
        )
        usage = done.usage
    with snapshot.releasing():
        checked = renew(settings, snapshot, opinions=opinions, left_out=left_out, clock=clock)
    checked.usage = usage
    return checked


def is_stale(settings: Settings, snapshot: Snapshot) -> bool:
    """Whether the findings are not what they would be now; see `stale`."""
    return stale(settings, snapshot) is not None


def stale(settings: Settings, snapshot: Snapshot) -> str | None:
    """Why the findings are not what they would be now, in words; None where they are.

    Candidates were never checked, the findings are lost, other candidates are active, or other
    rules hold. What was published was published under the rules of its day.
    """
    run, summaries = snapshot.run(), snapshot.summaries()
    if unchecked := len(summaries) - len(candidates.checked(run, summaries)):
        return f"{amount(unchecked, 'line')} not checked yet"
    if not snapshot.has_findings(run):
        return "the findings, which are lost or not what the checks wrote"
    digest, stage = snapshot.digest(), run.stages["check"]
    active = candidates.identity(candidates.active(run, summaries).values())
    if stage.inputs["active"] != active:
        return "the findings between lines, since others are active now"
    published = digest is not None and digest.status == "published"
    if published or _obey_the_same(settings, stage, {s.prompt for s in summaries}):
        return None
    return "the findings, since other rules hold now"


def _obey_the_same(settings: Settings, stage: Stage, names: set[str | None]) -> bool:
    """Whether the rules are still those of a stage, for the lines of these prompts."""
    if (stage.settings, stage.versions) != (rulebook.obeyed(settings.check), VERSIONS):
        return False
    if stage.inputs.get("prompts") == prompts.contents(settings.prompts):
        return True  # no prompt is parsed for it, which would take time
    rules, _ = rulebook.rules_for(settings.prompts, settings.check, names)
    return rulebook.marks(rules, settings.check).items() <= stage.inputs.items()


@logs.stage("check")
def renew(
    settings: Settings,
    snapshot: Snapshot,
    *,
    opinions: Mapping[str, Sequence[Found]] | None = None,
    left_out: tuple[str, ...] = (),
    clock: float | None = None,
) -> Checked:
    """Check what was not checked under the present rules, without asking a model; write all.

    Hold `snapshot.releasing()`. `opinions`: second opinions by candidate, where they were
    asked for just now, from `clock` on; else earlier ones are kept.
    """
    started, clock = utc(datetime.now(UTC)), time.monotonic() if clock is None else clock
    run, summaries = snapshot.run(), snapshot.summaries()
    names = {summary.prompt for summary in summaries}
    rules, unknown = rulebook.rules_for(settings.prompts, settings.check, names)
    shown = candidates.active(run, summaries)
    said, judged_now = _opinions(settings, snapshot, run, shown, opinions)
    marks = rulebook.marks(rules, settings.check)
    kept = kept_findings(snapshot, run, summaries, marks)
    findings = _findings(settings, snapshot, rules, summaries, shown, said, kept)
    written = snapshot.write_findings(findings)
    usage, models = Outputs(settings.outputs).spent_by(run, "check")
    stage = Stage(
        complete=not (unknown or left_out),
        inputs={
            "papers": run.papers_sha256,
            "summaries": candidates.identity(summaries),
            "active": candidates.identity(shown.values()),
            "judged": judged_now,
            "prompts": prompts.contents(settings.prompts),
            **marks,
        },
        outputs={"findings": written},
        settings=rulebook.obeyed(settings.check),
        counts={
            "candidates": len(summaries),
            "looked_at": len(summaries) - len(kept),
            **Counter(f"{finding.severity}s" for finding in findings),
        },
        left_out=(*unknown, *left_out),
        usage=usage,
        models=models,
        started=started,
        seconds=round(time.monotonic() - clock, 3),
        versions=VERSIONS,
    )
    snapshot.write_run(run.but(stages={**run.stages, "check": stage}))
    return Checked(findings, len(summaries) - len(kept), left_out=stage.left_out)


def kept_findings(
    snapshot: Snapshot, run: Run, summaries: Sequence[Summary], marks: Mapping[str, str]
) -> dict[str, list[Finding]]:
    """By candidate, what an earlier pass found by the rules that hold; of others nothing is kept.

    `summaries` are all of the snapshot's, `marks` those of the rules (`rulebook.marks`). Second
    opinions are none of it.
    """
    stage, found = run.stages.get("check"), snapshot.findings(run)
    if stage is None or found is None or stage.versions != VERSIONS:
        return {}
    if stage.inputs["papers"] != run.papers_sha256:
        return {}
    held = {name for name, mark in marks.items() if stage.inputs.get(name) == mark}
    kept: dict[str, list[Finding]] = {
        summary.id: []
        for summary in candidates.checked(run, summaries)
        if rulebook.mark_of(summary.prompt) in held
    }
    for finding in found:
        if finding.summary in kept and not is_opinion(finding.code):
            kept[finding.summary].append(finding)
    return kept


def findings_in(
    settings: Settings,
    paper: Paper,
    summary: Summary,
    *,
    apart_from: Collection[str] = MODELS_ALONE,
) -> list[Finding]:
    """What the checks find in lines that an editor is typing, in the order of `suite`.

    `summary` has these lines and the candidate's prompt, whose rules hold. No model is asked,
    no other line of the digest is looked at, and nothing is written. Findings of the codes
    `apart_from` are left out. Raises `PromptError` where the glossary is damaged.
    """
    from pipeline.checks import suite  # as in _findings

    rules = rulebook.rules_of(settings, summary.prompt)
    found = suite.of_candidate(paper, summary, rules, settings.check.severity)
    return [finding for finding in found if finding.code not in apart_from]


def _findings(  # noqa: PLR0913  what is checked, and by what
    settings: Settings,
    snapshot: Snapshot,
    rules: Mapping[str | None, Rules],
    summaries: Iterable[Summary],
    shown: Mapping[str, Summary],
    said: Mapping[str, Sequence[Found]],
    kept: Mapping[str, Sequence[Finding]],
) -> list[Finding]:
    """What is found in every candidate, unless it is `kept`, and between those on show."""
    from pipeline.checks import suite  # 0.15 s of patterns, which a decision does not need

    found: list[Finding] = []
    severities, papers = settings.check.severity, {p.id: p for p in snapshot.each_paper()}
    for summary in summaries:
        paper, opinion = _paper(papers, summary, snapshot), said.get(summary.id, ())
        if summary.id in kept:
            found += kept[summary.id]
        else:
            found += suite.of_candidate(paper, summary, rules[summary.prompt], severities)
        found += suite.with_severity(opinion, severities, paper=paper.id, summary=summary.id)
    pairs = [(paper, shown[id_]) for id_, paper in papers.items() if id_ in shown]
    return found + suite.of_digest(pairs, rules[None], severities)


def _paper(papers: Mapping[str, Paper], summary: Summary, snapshot: Snapshot) -> Paper:
    if summary.paper not in papers:
        raise DamagedFile(
            f"has a candidate for {summary.paper}, which is none of its papers",
            where=f"{snapshot}: 2-summaries.jsonl",
            next_step="Restore it from a backup",
        )
    return papers[summary.paper]


def _opinion(outcome: Outcome) -> list[Found]:
    if outcome.failure is not None:
        return [Found("judge-missing", f"no second opinion: {outcome.failure.reason}")]
    return list(judge.check(outcome.verdicts or {}, outcome.model))


def _opinions(
    settings: Settings,
    snapshot: Snapshot,
    run: Run,
    shown: Mapping[str, Summary],
    asked: Mapping[str, Sequence[Found]] | None,
) -> tuple[Mapping[str, Sequence[Found]], str]:
    """Second opinions by candidate, and the identity of those on show if all were asked about.

    A candidate on show that was not asked about, or whose opinion is lost, says so: no gate
    takes it for supported.
    """
    if not settings.check.judge or settings.model.embedded:
        return {}, ""
    found, stage = snapshot.findings(run), run.stages.get("check")
    before = stage.inputs.get("judged", "") if stage and found is not None else ""
    everything, said = candidates.identity(shown.values()), _kept(found or ()) | dict(asked or {})
    by_model = [summary.id for summary in shown.values() if summary.origin == "model"]
    if asked is None and before == everything:
        return said, everything
    unasked = Found("judge-missing", f"no second opinion yet: run paperline check {snapshot}")
    missing = [id_ for id_ in by_model if id_ not in said]
    return said | {
        id_: [unasked] for id_ in missing
    }, "" if asked is None or missing else everything


def _kept(findings: Iterable[Finding]) -> dict[str, Sequence[Found]]:
    """The second opinions among findings of an earlier time, by candidate."""
    kept: dict[str, list[Found]] = {}
    for finding in findings:
        if is_opinion(finding.code) and finding.summary is not None:
            found = Found(finding.code, finding.message, finding.language)
            kept.setdefault(finding.summary, []).append(found)
    return {**kept}

"""1-papers to 4-decisions -> 5-digest: the digest as it stands.

A paper shows its decided lines; else, once published, the published ones; else those of
the snapshot's active prompt and model; else the embedded ones, which is a gap. A candidate
that was not checked is not shown.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline import ledger
from pipeline.candidates import active, checked, stand_ins
from pipeline.decisions import present
from pipeline.errors import UsageError
from pipeline.outputs import Outputs
from pipeline.records import (
    LANGUAGES,
    Decision,
    Digest,
    DigestLine,
    Entry,
    Failure,
    Finding,
    Language,
    Lines,
    Paper,
    Policy,
    Publication,
    Run,
    Stage,
    Summary,
    Withdrawal,
    fingerprint,
    utc,
)
from pipeline.settings import Settings
from pipeline.site.markdown import digest_markdown
from pipeline.site.page import digest_page
from pipeline.snapshot import Snapshot
from pipeline.version import VERSION

MOST_EARLIER = 30
"""Earlier snapshots a page names; each of those names its own, so all can be reached."""


@dataclass(frozen=True)
class _Material:
    """What the lines of a snapshot are chosen from, each by paper (`by_id` by candidate)."""

    run: Run
    active: Mapping[str, Summary]
    stand_ins: Mapping[str, Summary]
    by_id: Mapping[str, Summary]
    decided: Mapping[str, tuple[Decision, str | None]]
    published: Mapping[str, Entry]
    findings: tuple[Finding, ...]
    withdrawals: Mapping[str, Withdrawal]


def assemble(settings: Settings, snapshot: Snapshot) -> Digest:
    """Choose the lines and write the digest's three files. Hold `snapshot.releasing()`.

    The policy of the first assembly stays with the digest, so changing the setting
    later releases nothing by itself. Raises `UsageError` where nothing was checked yet,
    `DamagedFile`, `OutputError`.
    """
    started, clock = utc(datetime.now(UTC)), time.monotonic()
    run, papers = snapshot.run(), snapshot.papers()
    if "summarize" in run.stages and not snapshot.has_findings(run):
        raise UsageError(
            "the lines were not checked yet, or what was found is lost",
            where=str(snapshot),
            next_step=f"Run paperline check {snapshot}",
        )
    digest, material = _composed(settings, snapshot, run, papers)
    write(snapshot, digest)
    stage = Stage(
        complete=True,
        inputs=_inputs(snapshot, material),
        counts={
            "papers": len(digest.papers),
            "excluded": len(digest.excluded),
            "gaps": len(digest.gaps),
            "undecided": len(digest.undecided),
        },
        started=started,
        seconds=round(time.monotonic() - clock, 3),
        versions={"paperline": VERSION},
    )
    snapshot.write_run(run.but(stages={**run.stages, "assemble": stage}))
    return digest


def _composed(
    settings: Settings, snapshot: Snapshot, run: Run, papers: list[Paper]
) -> tuple[Digest, _Material]:
    """The digest, and what it was chosen from."""
    before, releases = snapshot.digest(), snapshot.publications()
    earlier = _earlier(settings, snapshot)
    material = _material(settings, snapshot, run, earlier)
    entries, excluded = [], []
    for paper in papers:
        decision, _ = material.decided.get(paper.id, (None, None))
        if decision is not None and decision.action == "exclude":
            excluded.append(decision)
        else:
            entries.append(_with_notice(_entry(paper, material), material))
    title = next((t.title for t in settings.topic if t.name == run.topic), "")
    digest = Digest(
        topic=run.topic,
        title=title or settings.site.title,
        snapshot=run.snapshot,
        instant=run.instant,
        time_zone=run.time_zone,
        policy=_policy(settings, before, releases),
        status="published" if releases and _same(releases[-1].digest, entries) else "draft",
        prompt=run.prompt or "",
        model=run.model or "",
        papers=tuple(entries),
        excluded=tuple(excluded),
        findings=_about(entries, material),
        earlier=tuple(s.name for s in earlier[:MOST_EARLIER]),
    )
    return digest, material


def write(snapshot: Snapshot, digest: Digest) -> None:
    """Write a digest's three forms."""
    snapshot.write_digest(
        digest,
        markdown=digest_markdown(digest),
        html=digest_page(digest, releases=snapshot.publications()),
    )


def is_stale(settings: Settings, snapshot: Snapshot) -> bool:
    """Whether the digest is not there, or not what it would be if it were assembled now."""
    run = snapshot.run()
    if "assemble" not in run.stages or snapshot.digest() is None:
        return True
    if "summarize" in run.stages and not snapshot.has_findings(run):
        return True
    material = _material(settings, snapshot, run, _earlier(settings, snapshot))
    return run.stages["assemble"].inputs != _inputs(snapshot, material)


def _inputs(snapshot: Snapshot, material: _Material) -> dict[str, str]:
    """Fingerprints of what the digest shows: the lines to choose from, and the decisions.

    Candidates by other prompts and models are none of it.
    """
    lines = [material.active, material.stand_ins]
    carried = [d.to_json() for d, origin in material.decided.values() if origin]
    findings = [finding.to_json() for finding in material.findings]
    return {
        "summaries": fingerprint([{p: s.id for p, s in chosen.items()} for chosen in lines]),
        "findings": fingerprint(findings),
        "decisions": fingerprint([d.to_json() for d in snapshot.decisions()]),
        "carried": fingerprint(sorted(carried)),
        "withdrawn": fingerprint([[id_, w.version] for id_, w in material.withdrawals.items()]),
    }


def _policy(settings: Settings, before: Digest | None, releases: list[Publication]) -> Policy:
    """That of the first assembly, also where the digest's file was lost since."""
    known = before or (releases[-1].digest if releases else None)
    return known.policy if known else settings.review.policy


def _same(published: Digest, entries: list[Entry]) -> bool:
    return published.papers == tuple(entries)


def _earlier(settings: Settings, snapshot: Snapshot) -> list[Snapshot]:
    """The snapshots before this one, newest first."""
    everything = Outputs(settings.outputs).snapshots(snapshot.topic)
    names = [s.name for s in everything]
    return everything[: names.index(snapshot.name)][::-1]


def _material(
    settings: Settings, snapshot: Snapshot, run: Run, earlier: list[Snapshot]
) -> _Material:
    summaries = checked(run, snapshot.summaries())
    shown = active(run, summaries)
    decisions = snapshot.decisions()
    touched = {decision.paper for decision in decisions}
    carried = _carried(earlier[:1], shown)
    decided: dict[str, tuple[Decision, str | None]] = {
        **{paper: before for paper, before in carried.items() if paper not in touched},
        **{paper: (decision, None) for paper, decision in present(decisions).items()},
    }
    releases = snapshot.publications()
    published = releases[-1].digest.papers if releases else ()
    picked = stand_ins(summaries)
    may_be_shown = {summary.id for summary in [*shown.values(), *picked.values()]}
    may_be_shown |= {decision.summary or "" for decision, _ in decided.values()}
    found = snapshot.findings(run) or ()
    return _Material(
        run=run,
        active=shown,
        stand_ins=picked,
        by_id={s.id: s for s in summaries},
        decided=decided,
        published={entry.paper.id: entry for entry in published},
        findings=tuple(f for f in found if f.summary is None or f.summary in may_be_shown),
        withdrawals=_withdrawn_since(settings, snapshot, run),
    )


def _withdrawn_since(settings: Settings, snapshot: Snapshot, run: Run) -> dict[str, Withdrawal]:
    """The snapshot's papers that later ones show as withdrawn, by id and in its order."""
    outputs = Outputs(settings.outputs)
    with ledger.opened(settings.cache, outputs, run.topic) as shown:
        later = shown.withdrawals_after(run.instant)
    if not later:
        return {}
    return {paper.id: later[paper.id] for paper in snapshot.each_paper() if paper.id in later}


def _about(entries: list[Entry], material: _Material) -> tuple[Finding, ...]:
    """The findings about the lines that are shown; what an editor rewrote has none."""
    shown = {entry.paper.id: entry for entry in entries}

    def holds(finding: Finding) -> bool:
        entry, active = shown.get(finding.paper), material.active.get(finding.paper)
        about = finding.summary or (active.id if active else None)
        if entry is None or about is None or entry.summary != about:
            return False
        language = finding.language
        line = entry.lines.get(language) if language else None
        return language is None or (line is not None and line.origin != "editor")

    return tuple(finding for finding in material.findings if holds(finding))


def _carried(
    previous: list[Snapshot], active: Mapping[str, Summary]
) -> dict[str, tuple[Decision, str | None]]:
    """Decisions of the snapshot before on the same paper, version and lines."""
    digest = previous[0].digest() if previous else None
    if digest is None:
        return {}
    taken = [
        (entry.decision, entry.carried_from or digest.snapshot)
        for entry in digest.papers
        if entry.decision is not None and entry.settled
    ]
    taken += [(decision, digest.snapshot) for decision in digest.excluded]
    return {
        decision.paper: (decision, origin)
        for decision, origin in taken
        if decision.paper in active
        and decision.summary == active[decision.paper].id
        and decision.version == active[decision.paper].version
    }


def _entry(paper: Paper, material: _Material) -> Entry:
    decision, carried_from = material.decided.get(paper.id, (None, None))
    if decision is not None and decision.action in ("approve", "edit"):
        seen = material.by_id.get(decision.summary or "")
        return Entry(
            paper=paper,
            summary=decision.summary,
            lines=_lines(decision.lines or {}, seen),
            decision=decision,
            carried_from=carried_from,
        )
    pinned = material.published.get(paper.id)
    if pinned is not None and not pinned.gap and not pinned.settled:
        return pinned.but(decision=decision)
    summary = material.active.get(paper.id) or material.stand_ins.get(paper.id)
    return Entry(
        paper=paper,
        summary=summary.id if summary else None,
        lines=_lines(summary.lines, summary) if summary else {},
        gap=_gap(paper, material),
        decision=decision,
    )


def _with_notice(entry: Entry, material: _Material) -> Entry:
    """The entry with the notice that it was published with, or the one that is due."""
    published = material.published.get(entry.paper.id)
    given = published.withdrawn if published else None
    noted = entry.but(withdrawn=given)
    return noted.but(withdrawn=ledger.noticed(noted, material.withdrawals))


def _gap(paper: Paper, material: _Material) -> Failure | None:
    """Why a model's line is missing where one was asked for."""
    if paper.id in material.active or paper.status == "withdrawn":
        return None
    gap = material.run.gaps.get(paper.id)
    return gap.failure if gap else Failure(kind="pending", reason="not summarized yet")


def _lines(lines: Lines, summary: Summary | None) -> dict[Language, DigestLine]:
    """Lines with their origin: the candidate's where they equal it, else an editor's."""
    return {
        language: _line(lines[language], language, summary)
        for language in LANGUAGES
        if language in lines
    }


def _line(text: str, language: Language, summary: Summary | None) -> DigestLine:
    if summary is not None and summary.lines.get(language) == text:
        return DigestLine(
            text=text, origin=summary.origin, model=summary.model, prompt=summary.prompt
        )
    return DigestLine(text=text, origin="editor", model=None, prompt=None)

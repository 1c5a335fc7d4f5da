"""What a digest shows of all that its snapshot holds; pure.

A paper shows its decided lines; else, once published, the published ones; else those of
the snapshot's active prompt and model; else the embedded ones, which is a gap. A candidate
that was not checked is not shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, get_args

from pipeline import candidates
from pipeline.books import Run
from pipeline.decisions import SETTLING, State
from pipeline.differences import same
from pipeline.ledger import noticed
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
    Revised,
    Revision,
    SnapshotName,
    Summary,
    Withdrawal,
    fingerprint,
)

REVISED: Final[tuple[Revised, ...]] = get_args(Revised)

Carried = Mapping[str, tuple[Decision, SnapshotName]]
"""By paper: a decision of the snapshot before, and the snapshot on which it was taken."""


@dataclass(frozen=True)
class Material:
    """All that a digest is made of.

    `papers` are in the order in which they were fetched, `checked` those candidates that were
    checked; `findings` are of all of these; `released` is the last publication, `earlier`
    names snapshots, the newest first. `revisions` and `withdrawals` are by paper.
    """

    run: Run
    papers: Mapping[str, Paper]
    checked: Sequence[Summary]
    findings: Sequence[Finding]
    state: State
    carried: Carried
    withdrawals: Mapping[str, Withdrawal]
    revisions: Mapping[str, Revision]
    released: Publication | None
    title: str
    policy: Policy
    earlier: tuple[SnapshotName, ...]

    @cached_property
    def active(self) -> dict[str, Summary]:
        """The candidates by the active prompt and model, by paper."""
        return candidates.active(self.run, self.checked)

    @cached_property
    def stand_ins(self) -> dict[str, Summary]:
        """The embedded model's candidates, by paper."""
        return candidates.stand_ins(self.checked)

    @cached_property
    def by_id(self) -> dict[str, Summary]:
        """All candidates, by their id."""
        return {summary.id: summary for summary in self.checked}

    @cached_property
    def of_paper(self) -> dict[str, list[Summary]]:
        """The candidates of each paper that has any, oldest first."""
        found: dict[str, list[Summary]] = {}
        for summary in self.checked:
            found.setdefault(summary.paper, []).append(summary)
        return found

    @cached_property
    def found_in(self) -> dict[str | None, list[Finding]]:
        """The findings by candidate; those about the whole digest under None."""
        found: dict[str | None, list[Finding]] = {}
        for finding in self.findings:
            found.setdefault(finding.summary, []).append(finding)
        return found

    @cached_property
    def published(self) -> dict[str, Entry]:
        """What was released last, by paper."""
        entries = self.released.digest.papers if self.released else ()
        return {entry.paper.id: entry for entry in entries}

    def decided(self, paper: str) -> tuple[Decision | None, SnapshotName | None]:
        """The decision in force on a paper's lines, and where it was taken if not here."""
        if paper not in self.state.touched and paper in self.carried:
            return self.carried[paper]
        return self.state.in_force.get(paper), None

    def revision(self, paper: str) -> Revision | None:
        """What readers are told of the paper's older version; what was published stays."""
        published = self.published.get(paper)
        return published.revision if published else self.revisions.get(paper)


def digest(material: Material, shown: Mapping[str, Entry | None] | None = None) -> Digest:
    """The digest as it stands; `shown` where `entry` was called for each paper already."""
    run, state = material.run, material.state
    if shown is None:
        shown = {id_: entry(material, paper) for id_, paper in material.papers.items()}
    entries = tuple(found for id_ in state.arranged(shown) if (found := shown[id_]) is not None)
    left_out = [material.decided(id_)[0] for id_, found in shown.items() if found is None]
    made = Digest(
        topic=run.topic,
        title=material.title,
        snapshot=run.snapshot,
        instant=run.instant,
        time_zone=run.time_zone,
        policy=material.policy,
        status="draft",
        prompt=run.prompt or "",
        model=run.model or "",
        papers=entries,
        excluded=tuple(filter(None, left_out)),
        findings=_on_show(material, shown),
        earlier=material.earlier,
        introduction=state.introduction,
    )
    released = material.released
    stands = released is not None and released.why is None and same(released.digest, made)
    return made.but(status="published") if stands else made


def entry(material: Material, paper: Paper) -> Entry | None:
    """What the digest shows of a paper; None where an editor left it out."""
    decision, _ = material.decided(paper.id)
    if decision is not None and decision.action == "exclude":
        return None
    chosen = _entry(material, paper)
    published = material.published.get(paper.id)
    given = published.withdrawn if published else None
    noted = chosen.but(
        withdrawn=given,
        revision=material.revision(paper.id),
        pinned=paper.id in material.state.pinned,
    )
    return noted.but(withdrawn=noticed(noted, material.withdrawals))


def inputs(material: Material) -> dict[str, str]:
    """Fingerprints of what the digest shows: the lines to choose from, and the decisions.

    Candidates by other prompts and models are none of it.
    """
    lines = [material.active, material.stand_ins]
    decided = [material.decided(id_) for id_ in material.papers]
    carried = [decision.to_json() for decision, origin in decided if decision and origin]
    may_be_shown = {summary.id for chosen in lines for summary in chosen.values()}
    may_be_shown |= {decision.summary or "" for decision, _ in decided if decision}
    found = [f for f in material.findings if f.summary is None or f.summary in may_be_shown]
    withdrawn = [[id_, w.version] for id_, w in material.withdrawals.items()]
    told = [(id_, material.revision(id_)) for id_ in material.papers]
    revised = [[id_, r.version, r.snapshot] for id_, r in told if r]
    # Without any the key is left out, so that digests made before there was one stay fresh.
    return ({"revised": fingerprint(revised)} if revised else {}) | {
        "summaries": fingerprint([{p: s.id for p, s in chosen.items()} for chosen in lines]),
        "findings": fingerprint([finding.to_json() for finding in found]),
        "decisions": fingerprint([decision.to_json() for decision in material.state.taken]),
        "carried": fingerprint(sorted(carried)),
        "withdrawn": fingerprint(withdrawn),
    }


def revision(then: Paper, now: Paper, shown_in: SnapshotName) -> Revision:
    """What a paper said in the older version that a snapshot has shown."""
    texts = ((field, getattr(then, field) or "", getattr(now, field) or "") for field in REVISED)
    return Revision(
        version=then.version,
        snapshot=shown_in,
        before={field: before for field, before, after in texts if before != after},
    )


def carried_over(before: Digest, active: Mapping[str, Summary]) -> Carried:
    """What was decided in the snapshot before on the same papers, versions and lines."""
    taken = [(e.decision, e.carried_from or before.snapshot) for e in before.papers if e.settled]
    taken += [(decision, before.snapshot) for decision in before.excluded]
    return {
        summary.paper: (decision, origin)
        for decision, origin in taken
        if decision is not None
        and decision.paper is not None
        and (summary := active.get(decision.paper)) is not None
        and (decision.summary, decision.version) == (summary.id, summary.version)
    }


def is_about(finding: Finding, shown: Entry | None, material: Material) -> bool:
    """Whether a finding is about a line that is shown; what an editor rewrote has none."""
    active = material.active.get(finding.paper)
    about = finding.summary or (active.id if active else None)
    if shown is None or about is None or shown.summary != about:
        return False
    language = finding.language
    line = shown.lines.get(language) if language else None
    return language is None or (line is not None and line.origin != "editor")


def _on_show(material: Material, shown: Mapping[str, Entry | None]) -> tuple[Finding, ...]:
    return tuple(f for f in material.findings if is_about(f, shown.get(f.paper), material))


def _entry(material: Material, paper: Paper) -> Entry:
    decision, carried_from = material.decided(paper.id)
    if decision is not None and decision.action in SETTLING:
        seen = material.by_id.get(decision.summary or "")
        lines = lines_of(decision.lines or {}, seen, _authors(material, decision))
        if seen is None:
            lines |= _as_published(material, paper.id, lines)
        return Entry(
            paper=paper,
            summary=decision.summary,
            lines=lines,
            decision=decision,
            carried_from=carried_from,
        )
    pinned = material.published.get(paper.id)
    if pinned is not None and not pinned.gap:
        return pinned.but(decision=decision, carried_from=None)
    summary = material.active.get(paper.id) or material.stand_ins.get(paper.id)
    return Entry(
        paper=paper,
        summary=summary.id if summary else None,
        lines=lines_of(summary.lines, summary) if summary else {},
        gap=_gap(material, paper),
        decision=decision,
    )


def _as_published(
    material: Material, paper: str, lines: Mapping[Language, DigestLine]
) -> dict[Language, DigestLine]:
    """Those lines that readers saw: where they are from is known, though the candidate is lost."""
    shown = material.published[paper].lines if paper in material.published else {}
    return {
        language: shown[language]
        for language, line in lines.items()
        if language in shown and shown[language].text == line.text
    }


def _gap(material: Material, paper: Paper) -> Failure | None:
    """Why a model's line is missing where one was asked for."""
    if paper.id in material.active or paper.status == "withdrawn":
        return None
    gap = material.run.gaps.get(paper.id)
    return gap.failure if gap else Failure(kind="pending", reason="not summarized yet")


def _authors(material: Material, decision: Decision) -> Lines:
    """By language who wrote the line that was decided on, if an editor did."""
    known = material.state.author
    return {
        language: known(decision.paper or "", language, text) or decision.reviewer
        for language, text in (decision.lines or {}).items()
    }


def lines_of(
    lines: Lines, summary: Summary | None, authors: Lines | None = None
) -> dict[Language, DigestLine]:
    """Lines with their origin: the candidate's where they equal it, else the editor's.

    `authors` are the editors' names by language.
    """
    return {
        language: _line(lines[language], language, summary, (authors or {}).get(language))
        for language in LANGUAGES
        if language in lines
    }


def _line(text: str, language: Language, summary: Summary | None, author: str | None) -> DigestLine:
    if summary is not None and summary.lines.get(language) == text:
        return DigestLine(
            text=text, origin=summary.origin, model=summary.model, prompt=summary.prompt
        )
    return DigestLine(text=text, origin="editor", model=None, prompt=None, editor=author)


def texts(lines: Mapping[Language, DigestLine]) -> Lines:
    """The lines alone."""
    return {language: line.text for language, line in lines.items()}

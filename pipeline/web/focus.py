"""One paper as the review page shows it: its lines, what was found in them, its candidates."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline import ledger, rulebook
from pipeline.checks import form
from pipeline.checks.rules import Rules
from pipeline.composition import is_about, lines_of, texts
from pipeline.desk import View
from pipeline.errors import DamagedFile
from pipeline.outputs import Outputs
from pipeline.records import (
    Decision,
    DigestLine,
    Entry,
    Finding,
    Language,
    Lines,
    Paper,
    SnapshotName,
    Summary,
)
from pipeline.settings import Settings
from pipeline.snapshot import Snapshot
from pipeline.stages import check
from pipeline.stages.review import Sight
from pipeline.web.marking import WORST_FIRST, Marked, marked
from pipeline.web.strip import Item

MOST_CANDIDATES = 9
"""Candidates that a key shows; the newest ones where there are more."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Elsewhere:
    """The same paper in another snapshot: the lines that it shows, and what was decided."""

    snapshot: SnapshotName
    version: int
    lines: Lines
    decision: Decision | None


@dataclass(frozen=True)
class Focus:
    """The paper in focus, with the lines on show or those of the candidate that was chosen."""

    item: Item
    entry: Entry | None
    sight: Sight
    chosen: Summary | None
    candidates: Sequence[Summary]
    lines: dict[Language, DigestLine]
    findings: Sequence[Finding]
    marked: Marked

    @property
    def is_on_show(self) -> bool:
        """Whether these lines are those of the digest."""
        return self.chosen is None or self.chosen.id == self.sight.summary

    def is_newer(self, summary: Summary) -> bool:
        """Whether a candidate came after the decision that is in force."""
        decision = self.sight.decision
        return decision is not None and summary.created > decision.at


def focus(settings: Settings, view: View, item: Item, candidate: str | None) -> Focus:
    """The paper of `item`; `candidate` is another one whose lines are looked at instead."""
    paper, material, shown = item.paper, view.material, view.sight(item.paper.id)
    candidates = view.candidates(paper.id)
    chosen = next((s for s in candidates if s.id == candidate and s.id != shown.summary), None)
    of = chosen or material.by_id.get(shown.summary or "")
    lines = lines_of(chosen.lines if chosen else shown.lines, of)
    written = texts(lines)
    findings = _findings(settings, view, paper, of, written)
    rules = rulebook.rules_of(settings, of.prompt if of else None)
    return Focus(
        item=item,
        entry=view.entries.get(paper.id),
        sight=shown,
        chosen=chosen,
        candidates=_by_key(candidates, shown.summary),
        lines=lines,
        findings=findings,
        marked=marked(paper, written, findings, rules),
    )


def _by_key(candidates: Sequence[Summary], on_show: str | None) -> list[Summary]:
    """The newest ones; the one on show in the place of the oldest of them where it is older."""
    newest = [*candidates[-MOST_CANDIDATES:]]
    older = [s for s in candidates[:-MOST_CANDIDATES] if s.id == on_show]
    return [*older, *newest[len(older) :]]


def elsewhere(settings: Settings, snapshot: Snapshot, paper: Paper) -> dict[str, Elsewhere]:
    """The paper's last appearance `before` this snapshot, and in a `newer` version after it."""
    outputs = Outputs(settings.outputs)
    with ledger.opened(settings.cache, outputs, snapshot.topic) as shown:
        versions = shown.versions_of(paper.id)
    names = [name for name, _ in versions]
    if len(versions) < 2 or snapshot.name not in names:
        return {}
    place = names.index(snapshot.name)
    found = {}
    if place > 0:
        found["before"] = versions[place - 1]
    if newer := [one for one in versions[place + 1 :] if one[1] > paper.version]:
        found["newer"] = newer[-1]
    return {
        which: made
        for which, (name, version) in found.items()
        if (made := _there(outputs.snapshot(snapshot.topic, name), paper.id, version))
    }


def typed(
    settings: Settings, paper: Paper, base: Summary | None, lines: Lines
) -> tuple[list[Finding], Marked]:
    """What the checks find in lines that an editor writes, and where; `base` says whose rules."""
    as_candidate = _as_candidate(paper, base, lines)
    findings = check.findings_in(settings, paper, as_candidate)
    return findings, marked(
        paper, lines, findings, rulebook.rules_of(settings, as_candidate.prompt)
    )


def _there(snapshot: Snapshot, paper: str, version: int) -> Elsewhere | None:
    try:
        digest = snapshot.digest()
    except DamagedFile as error:  # the paper can be decided on all the same
        log.warning("%s", error)
        return None
    for entry in digest.papers if digest else ():
        if entry.paper.id == paper:
            return Elsewhere(snapshot.name, version, texts(entry.lines), entry.decision)
    for decision in digest.excluded if digest else ():
        if decision.paper == paper:
            return Elsewhere(snapshot.name, version, decision.lines or {}, decision)
    return None


def _findings(
    settings: Settings, view: View, paper: Paper, of: Summary | None, written: Lines
) -> list[Finding]:
    """Errors first: those of the candidate, or where an editor rewrote it, of the text as it is."""
    if of is None or written != of.lines:
        found = typed(settings, paper, of, written)[0] if written else []
    else:
        found = [*view.material.found_in.get(of.id, ())]
    entry = view.entries.get(paper.id)
    if entry is not None and of is not None and entry.summary == of.id:
        whole = view.material.found_in.get(None, ())
        found += [f for f in whole if f.paper == paper.id and is_about(f, entry, view.material)]
    return sorted(found, key=lambda finding: WORST_FIRST.index(finding.severity))


def _as_candidate(paper: Paper, base: Summary | None, lines: Lines) -> Summary:
    """An editor's text in the form in which the checks look at it."""
    if base is not None:
        return base.but(lines=lines)
    return Summary(
        id="",
        paper=paper.id,
        version=paper.version,
        lines=lines,
        origin="model",
        model="",
        prompt=None,
        prompt_fingerprint="",
        created=paper.latest,
    )


def lengths(lines: Lines, rules: Rules) -> dict[Language, tuple[int, int, int]]:
    """Of each line its length, and the shortest and the longest that its prompt asks for.

    In words of English and characters of Chinese.
    """
    return {
        language: (form.length(language, line), *rules.form.length[language])
        for language, line in lines.items()
    }

"""The lines that editors changed, beside what a prompt's candidate said."""

from collections.abc import Collection, Iterator

from pipeline import word_differences
from pipeline.decisions import State
from pipeline.outputs import Outputs
from pipeline.prompt_sources import written_in
from pipeline.prompting import folder
from pipeline.prompting.snapshots import each_read
from pipeline.records import Decision, Language, Record, Summary, Utc
from pipeline.settings import Settings
from pipeline.snapshot import Snapshot
from pipeline.text import amount


class Piece(Record, frozen=True, kw_only=True):
    """A piece of two lines, in their order: what the `old` has there, and what the `new` has."""

    old: str
    new: str


class EditedLine(Record, frozen=True, kw_only=True):
    """A candidate's line that an editor changed, and what was made of it.

    `snapshot` is named with its topic. `in_force`: the digest shows the editor's text, which
    no later decision has replaced. Joined, the `old` of `parts` are the line `before`, the
    `new` the one `after`.
    """

    snapshot: str
    paper: str
    title: str
    language: Language
    editor: str
    at: Utc
    in_force: bool
    prompt: str
    model: str
    before: str
    after: str
    parts: tuple[Piece, ...]


class EditList(Record, frozen=True, kw_only=True):
    """What editors changed: the answer of `paperline prompts list --edits --json`.

    `edits`, newest first, are the lines by a prompt's candidates that an editor changed, each
    time that one was. `left_out` names what could not be read, with the reason.
    """

    edits: tuple[EditedLine, ...]
    left_out: tuple[str, ...]


def edits(settings: Settings, names: Collection[str] = (), limit: int | None = None) -> EditList:
    """The newest `limit` edits of lines by these prompts, or by all.

    Raises `UsageError` where there is neither a prompt of a name nor an edit of a line by one.
    """
    left_out: list[str] = []

    def read(snapshot: Snapshot) -> list[EditedLine]:
        return _edited_in(snapshot, names, left_out)

    outputs = Outputs(settings.outputs)
    found = [line for lines in each_read(outputs, read, left_out) for line in lines]
    known = {*written_in(settings.prompts), *(line.prompt for line in found)}
    folder.check_names(names, known, "edited line")
    found.sort(key=lambda line: line.at, reverse=True)
    return EditList(edits=tuple(found[:limit]), left_out=tuple(left_out))


def _edited_in(snapshot: Snapshot, names: Collection[str], left_out: list[str]) -> list[EditedLine]:
    """Those of one snapshot; its candidates and papers are read only where it has edits."""
    decisions = snapshot.decisions()
    edited = {d.summary for d in decisions if d.action == "edit" and d.summary}
    if not edited:
        return []
    candidates = {s.id: s for s in snapshot.each_summary() if s.id in edited}
    state, made = State(), []
    for decision in decisions:
        candidate = candidates.get(decision.summary or "")
        if decision.action == "edit" and candidate and candidate.prompt:
            standing = state.in_force.get(candidate.paper)
            made += [
                (decision, candidate, language)
                for language in _changed(decision, candidate, standing)
            ]
        state.take(decision)
    chosen = [each for each in made if not names or each[1].prompt in names]
    papers = {candidate.paper for _, candidate, _ in chosen}
    titles = {p.id: p.title for p in snapshot.each_paper() if p.id in papers} if papers else {}
    if gone := len(edited - candidates.keys()):
        left_out.append(f"{snapshot}: {amount(gone, 'edited candidate')} cannot be found")
    return [
        _line(snapshot, *each, titles.get(each[1].paper, ""), state.in_force.get(each[1].paper))
        for each in chosen
    ]


def _changed(
    decision: Decision, candidate: Summary, standing: Decision | None
) -> Iterator[Language]:
    """The languages in which an edit changed the candidate's line, other than one before it.

    An edit has the lines of both languages, also that which an earlier one has changed.
    """
    same = standing is not None and standing.summary == candidate.id
    before = (standing.lines if standing and same else None) or candidate.lines
    for language, text in (decision.lines or {}).items():
        if text not in (candidate.lines.get(language, ""), before.get(language, "")):
            yield language


def _line(  # noqa: PLR0913  what a line is told with
    snapshot: Snapshot,
    decision: Decision,
    candidate: Summary,
    language: Language,
    title: str,
    standing: Decision | None,
) -> EditedLine:
    before, after = candidate.lines.get(language, ""), (decision.lines or {})[language]
    settled = standing is not None and standing.action in ("approve", "edit")
    shown = (standing.lines if standing and settled else None) or {}
    return EditedLine(
        snapshot=str(snapshot),
        paper=candidate.paper,
        title=title,
        language=language,
        editor=decision.reviewer,
        at=decision.at,
        in_force=shown.get(language) == after,
        prompt=candidate.prompt or "",
        model=candidate.model,
        before=before,
        after=after,
        parts=tuple(
            Piece(old=part.old, new=part.new) for part in word_differences.parts(before, after)
        ),
    )

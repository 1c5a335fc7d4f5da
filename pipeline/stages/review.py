"""Taking an editor's decision; it names exactly the text that the editor saw."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipeline.composition import Material, entry, texts
from pipeline.decisions import ON_LINES, SETTLING, sight
from pipeline.errors import Overtaken, UsageError
from pipeline.records import (
    LANGUAGES,
    Action,
    Decision,
    Entry,
    Language,
    Lines,
    Paper,
    Summary,
    utc,
    utc_text,
)
from pipeline.snapshot import Snapshot
from pipeline.text import CONTROL, one_line, shortened

LONGEST = 2_000
"""Characters of a line that an editor may write; a line of a digest has a tenth of it."""

SURROGATE = re.compile("[\ud800-\udfff]")
"""Half of a character, which no file can hold."""

LOOK = "Look at it again, then decide"


@dataclass(frozen=True)
class Wish:
    """What an editor wants done.

    `paper` is None for the introduction alone. `summary` is the candidate whose lines are
    meant, None for those on show; `text` are the new lines of an `edit`, where the language
    that is left out stays, or the introduction; `before` is where a `move` leads. `seen` is
    the `Sight.mark` of what the editor decided on: with it nothing is decided that changed
    since. `again` is a decision on the same paper whose lines are meant, as they were: with it
    comes no text.
    """

    action: Action
    paper: str | None = None
    summary: str | None = None
    text: Lines = field(default_factory=dict)
    note: str = ""
    before: str | None = None
    seen: str | None = None
    again: Decision | None = None


@dataclass(frozen=True)
class Sight:
    """What is on show of a paper: its lines, or those it was left out with."""

    version: int
    summary: str | None
    lines: Lines
    decision: Decision | None

    @classmethod
    def of(cls, entry: Entry) -> "Sight":
        """What the digest shows of a paper."""
        return cls(entry.paper.version, entry.summary, texts(entry.lines), entry.decision)

    @classmethod
    def left_out(cls, paper: Paper, decision: Decision) -> "Sight":
        """What a paper was left out with."""
        version = decision.version or paper.version
        return cls(version, decision.summary, decision.lines or {}, decision)

    @property
    def mark(self) -> str:
        """Fingerprint of all this, by which a change is noticed."""
        return sight(self.version, self.summary, self.lines, self.decision)


def on_show(material: Material, paper: str) -> Sight:
    """What an editor sees of a paper. Raises `UsageError` where there is no such paper."""
    if paper not in material.papers:
        raise UsageError(
            f"there is no paper {paper!r} in {material.run.topic}/{material.run.snapshot}",
            next_step="Name it by its arXiv id without a version; paperline status "
            f"{material.run.topic}/{material.run.snapshot} --json lists them",
        )
    decision, _ = material.decided(paper)
    shown = entry(material, material.papers[paper])
    if shown is None and decision is not None:
        return Sight.left_out(material.papers[paper], decision)
    return Sight.of(shown) if shown else Sight(material.papers[paper].version, None, {}, None)


def decide(
    snapshot: Snapshot, material: Material, wishes: Sequence[Wish], *, editor: str, at: datetime
) -> list[Decision]:
    """Take decisions, all of them or none, and have them on disk; `material.state` takes them in.

    Hold `snapshot.releasing()`, with `material` as it is on disk. Raises `UsageError`, or
    `Overtaken` where what the editor saw has changed since.
    """
    name = one_line(editor)
    if not name:
        raise UsageError("a decision needs an editor's name", next_step="Give it with --editor")
    decisions = [
        Decision(
            action=wish.action,
            editor=name,
            at=utc(at),
            note=shortened(one_line(wish.note), LONGEST),
            **_parts(material, wish, name),
        )
        for wish in wishes
    ]
    snapshot.append_decisions(decisions)
    for decision in decisions:
        material.state.take(decision)
    return decisions


def _parts(material: Material, wish: Wish, name: str) -> dict[str, Any]:
    """What a decision is about, and on which text."""
    parts = _of_whole(material, wish) if wish.paper is None else _of_paper(material, wish)
    first = wish.again.reviewer if wish.again else name
    return parts | {"restores": first if first != name else None}


def introduction_mark(introduction: Decision | None) -> str:
    """As `Sight.mark`, of the introduction."""
    return sight(0, None, (introduction.lines if introduction else None) or {}, introduction)


def arrangement_mark(material: Material, paper: str) -> str:
    """As `Sight.mark`, of whether and where editors have put a paper."""
    return f"arranged {material.state.arranged_times[paper]}"


def _of_whole(material: Material, wish: Wish) -> dict[str, Any]:
    """The parts of a decision on the digest as a whole."""
    if wish.action != "introduce":
        raise UsageError(f"{wish.action} needs a paper", next_step="Name it by its arXiv id")
    if wish.seen not in (None, introduction_mark(material.state.introduction)):
        raise Overtaken(_told(material, None), next_step=LOOK)
    before = material.state.introduction
    # A language that is left out stays; where both are, the introduction goes.
    kept = (before.lines if before and wish.text and wish.again is None else None) or {}
    text = {language: line for language, line in wish.text.items() if line.strip()}
    lines = {**{name: kept[name] for name in kept if name not in wish.text}, **_usable(text)}
    return {"paper": None, "version": None, "summary": None, "lines": lines}


def _of_paper(material: Material, wish: Wish) -> dict[str, Any]:
    """The parts of a decision on one paper."""
    paper = wish.paper or ""
    shown = on_show(material, paper)
    if wish.action not in ON_LINES:
        return _arranging(material, wish, paper)
    if wish.seen not in (None, shown.mark):
        raise Overtaken(_told(material, paper), next_step=LOOK)
    if wish.before is not None:
        raise _leads(wish)
    if wish.again is not None:
        summary, lines = wish.again.summary, wish.again.lines
        return {"paper": paper, "version": shown.version, "summary": summary, "lines": lines}
    lines = _candidate(material, wish, paper).lines if wish.summary else shown.lines
    given = _usable(wish.text)
    if bool(given) != (wish.action == "edit"):
        raise UsageError(
            "edit needs new text, and no other action takes any",
            next_step="Give --en or --zh with edit, and with nothing else",
        )
    lines = {**lines, **given}
    _whole(material, wish, lines)
    return {
        "paper": paper,
        "version": shown.version,
        "summary": wish.summary or shown.summary,
        "lines": lines,
    }


def _whole(material: Material, wish: Wish, lines: Lines) -> None:
    """Raises `UsageError` where readers would be shown less than a line in each language."""
    paper = wish.paper or ""
    withdrawn = material.papers[paper].status == "withdrawn"
    languages = {name for summary in material.checked for name in summary.lines}
    if wish.action == "edit" and not (languages or {*LANGUAGES}) <= lines.keys():
        raise UsageError(
            f"{paper} would have a line in one language alone",
            next_step="Write it in the other one too",
        )
    if wish.action == "approve" and not lines and not withdrawn:
        name = f"{material.run.topic}/{material.run.snapshot}"
        raise UsageError(
            f"there are no lines of {paper} to approve",
            where=name,
            next_step=f"Run paperline summarize {name}, or give the lines with edit",
        )


def _arranging(material: Material, wish: Wish, paper: str) -> dict[str, Any]:
    """The parts of a pin or a move, which leave a paper's lines alone."""
    if wish.action == "introduce" or wish.text or wish.summary:
        raise UsageError(
            f"{wish.action} of {paper} takes no lines", next_step="Use edit, or name no paper"
        )
    if wish.seen not in (None, arrangement_mark(material, paper)):
        raise Overtaken("somebody else has pinned or moved it since", next_step=LOOK)
    if wish.before is not None and (wish.action != "move" or wish.before == paper):
        raise _leads(wish)
    if wish.before is not None:
        on_show(material, wish.before)
    return {
        "paper": paper,
        "version": material.papers[paper].version,
        "summary": None,
        "lines": None,
        "before": wish.before,
    }


def _leads(wish: Wish) -> UsageError:
    return UsageError(
        f"{wish.action} of {wish.paper} leads before {wish.before}",
        next_step="Give --before with move, and another paper's id",
    )


def _candidate(material: Material, wish: Wish, paper: str) -> Summary:
    found = material.by_id.get(wish.summary or "")
    if found is None or found.paper != paper:
        raise UsageError(
            f"there is no checked candidate {wish.summary!r} of {paper}",
            where=f"{material.run.topic}/{material.run.snapshot}",
            next_step="Take one that the review page shows",
        )
    return found


def _told(material: Material, paper: str | None) -> str:
    """What has happened to a paper, or with None to the introduction, since an editor saw it."""
    history = [d for d in material.state.history(paper) if paper is None or d.action in ON_LINES]
    carried = material.decided(paper)[0] if paper else None
    last = history[-1] if history else carried
    if last is None:
        return "its lines have changed since you saw it"
    told = f"{last.editor} has decided since: {last.action}, at {utc_text(last.at)}"
    if last.action in SETTLING or paper is None:
        return told
    # Of what is not settled a model's run may have changed the lines.
    return f"its lines have changed since you saw it, or {told}"


def _usable(text: Lines) -> Lines:
    usable: dict[Language, str] = {}
    for language, line in text.items():
        if not line.strip() or CONTROL.search(line) or SURROGATE.search(line):
            raise UsageError(
                f"the {language} line is empty, or has a line break or control character",
                next_step="Give one line of text",
            )
        if len(line) > LONGEST:
            raise UsageError(
                f"the {language} line has {len(line)} characters, and may have {LONGEST}",
                next_step="Shorten it",
            )
        usable[language] = line.strip()
    return usable

"""What each prompt is, where it is used, what it wrote and what editors made of that."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from pipeline.decisions import State
from pipeline.errors import PaperlineError
from pipeline.exchange import AnswerKind
from pipeline.outputs import Outputs
from pipeline.preferences import Score, Tally, tally
from pipeline.prompt_sources import written_in
from pipeline.prompting import folder
from pipeline.prompting.snapshots import each_read
from pipeline.prompts import Prompt
from pipeline.records import Count, Decision, Language, Preference, Record, Summary
from pipeline.settings import Settings
from pipeline.snapshot import Snapshot
from pipeline.text import one_line

Fate = Literal["approved", "edited", "left out"]


class PromptFigures(Record, frozen=True, kw_only=True):
    """One prompt: what it is, where it is used, what it wrote and what became of that.

    `state`: `usable`; `damaged`, with its `fault`; or `gone`, without a file.
    What its file says is None where it is not usable. `fixed_tokens` are sent with every
    paper, the answer's schema included. `topics` name it in the settings; `active` names, with
    their topics, those newest snapshots whose lines are its. `lines` counts a model's
    candidates in all snapshots, in each that has them.

    `approved` (as they were), `edited` and `left_out` count the decisions that are in force on
    its candidates, in the snapshots where they were taken; the rates are shares of the three
    together, None before there is any. `choices` are blind ones against other prompts.
    """

    name: str
    state: Literal["usable", "damaged", "gone"]
    fault: str | None = None
    answers: AnswerKind | None = None
    description: str | None = None
    languages: tuple[Language, ...] | None = None
    fingerprint: str | None = None
    fixed_tokens: Count | None = None
    topics: tuple[str, ...]
    active: tuple[str, ...]
    lines: Count
    approved: Count
    edited: Count
    left_out: Count
    approval_rate: float | None
    edit_rate: float | None
    choices: dict[Language, Score]


class PromptList(Record, frozen=True, kw_only=True):
    """All prompts by name: the answer of `paperline prompts list --json`.

    `left_out` names the snapshots that could not be read, with the reason.
    """

    prompts: tuple[PromptFigures, ...]
    left_out: tuple[str, ...]


class _Read(NamedTuple):
    """What one snapshot says: its time, its active prompt, lines and fates by prompt, choices.

    `chosen` are the candidates that the choices are about.
    """

    snapshot: Snapshot
    instant: datetime
    active: str | None
    lines: Counter[str]
    fates: Counter[tuple[str, Fate]]
    preferences: list[Preference]
    chosen: list[Summary]


@dataclass
class _Whole:
    """The same of all snapshots together; `newest` is by topic."""

    lines: Counter[str] = field(default_factory=Counter)
    fates: Counter[tuple[str, Fate]] = field(default_factory=Counter)
    newest: dict[str, _Read] = field(default_factory=dict)
    preferences: list[Preference] = field(default_factory=list)
    chosen: dict[str, Summary] = field(default_factory=dict)

    def add(self, read: _Read) -> None:
        self.lines += read.lines
        self.fates += read.fates
        self.preferences += read.preferences
        self.chosen |= {summary.id: summary for summary in read.chosen}
        before = self.newest.get(read.snapshot.topic)
        if before is None or before.instant <= read.instant:
            self.newest[read.snapshot.topic] = read

    def active(self) -> set[str]:
        """The prompts of the newest snapshots."""
        return {read.active for read in self.newest.values() if read.active}

    def tally(self) -> Tally:
        """The blind choices, in the order in which they were made."""
        made = sorted(self.preferences, key=lambda preference: preference.at)
        return tally(made, self.chosen.values())


def figures(settings: Settings, names: Collection[str] = ()) -> PromptList:
    """Of the prompts of these names, or of all: those in the folder, used, or that wrote lines.

    Each snapshot is read once, and a damaged one left out. Raises `UsageError` where there
    never was a prompt of a name.
    """
    left_out: list[str] = []
    whole = _Whole()
    for read in each_read(Outputs(settings.outputs), _read, left_out):
        whole.add(read)
    there = set(written_in(settings.prompts))
    used = {topic.prompt for topic in settings.topic} | whole.active()
    known = sorted(there | used | whole.lines.keys())
    folder.check_names(names, known, "line")
    choices = whole.tally()
    found = tuple(
        _figures(settings, whole, choices, name, is_there=name in there)
        for name in known
        if not names or name in names
    )
    return PromptList(prompts=found, left_out=tuple(left_out))


def _read(snapshot: Snapshot) -> _Read:
    run = snapshot.run()
    in_force = State(snapshot.decisions()).in_force.values()
    preferences = snapshot.preferences()
    compared = {id_ for preference in preferences for id_ in preference.summaries}
    decided: dict[str, list[Decision]] = {}
    for decision in in_force:
        decided.setdefault(decision.summary or "", []).append(decision)
    read = _Read(snapshot, run.instant, run.prompt, Counter(), Counter(), preferences, [])
    for summary in snapshot.each_summary():
        if summary.id in compared:
            read.chosen.append(summary)
        if summary.origin == "model" and summary.prompt:
            read.lines[summary.prompt] += 1
            for decision in decided.get(summary.id, ()):
                if fate := _fate(decision, summary):
                    read.fates[summary.prompt, fate] += 1
    return read


def _fate(decision: Decision, summary: Summary) -> Fate | None:
    """What became of a candidate; None where that is not decided.

    An approval may be of an editor's text, and an edit may bring the candidate's own back.
    """
    if decision.action == "exclude":
        return "left out"
    if decision.action not in ("approve", "edit"):
        return None
    return "approved" if decision.lines == summary.lines else "edited"


def _figures(
    settings: Settings, whole: _Whole, choices: Tally, name: str, *, is_there: bool
) -> PromptFigures:
    approved, edited = whole.fates[name, "approved"], whole.fates[name, "edited"]
    left_out = whole.fates[name, "left out"]
    decided = approved + edited + left_out
    newest = (read for _, read in sorted(whole.newest.items()))
    told = PromptFigures(
        name=one_line(name),
        state="gone",
        topics=tuple(topic.name for topic in settings.topic if topic.prompt == name),
        active=tuple(str(read.snapshot) for read in newest if read.active == name),
        lines=whole.lines[name],
        approved=approved,
        edited=edited,
        left_out=left_out,
        approval_rate=approved / decided if decided else None,
        edit_rate=edited / decided if decided else None,
        choices=choices.of(name),
    )
    return _of_file(told, folder.found(settings.prompts, name)) if is_there else told


def _of_file(told: PromptFigures, found: Prompt | PaperlineError) -> PromptFigures:
    """With what the prompt's file says, or what is wrong with it."""
    if isinstance(found, PaperlineError):
        return told.but(state="damaged", fault=str(found))
    return told.but(
        state="usable",
        answers=found.answers,
        description=found.description,
        languages=found.languages,
        fingerprint=found.fingerprint,
        fixed_tokens=folder.fixed_tokens(found),
    )

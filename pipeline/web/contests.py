"""Blind choice: which contenders wrote lines of a snapshot, and what is asked about two of them.

Nothing that a question shows depends on who wrote which of its two lines: their order comes
from the texts, the editor and the language. The address of two contenders names neither.
"""

import functools
import itertools
import logging
import math
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal
from weakref import WeakKeyDictionary

from pipeline import prompts
from pipeline.composition import Material
from pipeline.contenders import NAMED, Contender, candidates_of
from pipeline.desk import Desk
from pipeline.errors import PromptError
from pipeline.preferences import Scores, Tally, Verdict
from pipeline.records import (
    LANGUAGES,
    Language,
    Paper,
    Preference,
    Summary,
    fingerprint,
)
from pipeline.settings import Settings

MOST_BACK = 9
"""How many earlier texts of a prompt are contenders beside its newest lines."""

MARK = re.compile("[0-9a-f]{16}")
"""What a contest is called in addresses, and may have been."""

CHANCE = 0.05
"""A lead is more than chance where chance alone would give one as large less often than this."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Question:
    """Which of two different lines of a paper is better."""

    paper: Paper
    language: Language
    one: Summary
    other: Summary

    def sides(self, editor: str) -> tuple[Summary, Summary]:
        """The left and the right one: by chance, and always the same for one editor."""
        ordered = sorted((self.one, self.other), key=self._line)
        lines = [self._line(summary) for summary in ordered]
        chance = fingerprint([editor, self.paper.id, self.language, lines])
        left, right = reversed(ordered) if int(chance[:8], 16) % 2 else ordered
        return left, right

    def lines(self, editor: str) -> tuple[str, str]:
        """The text of both sides."""
        left, right = self.sides(editor)
        return self._line(left), self._line(right)

    def mark(self, editor: str) -> str:
        """Fingerprint of what is shown, by which a change since is noticed."""
        shown = [self.paper.id, self.paper.version, self.language, *self.lines(editor)]
        return fingerprint(shown)[:16]

    def _line(self, summary: Summary) -> str:
        return summary.lines[self.language]


@dataclass(frozen=True)
class Contest:
    """Two contenders of a snapshot, and the candidate of each by paper."""

    contenders: tuple[Contender, Contender]
    candidates: tuple[Mapping[str, Summary], Mapping[str, Summary]]
    papers: Mapping[str, Paper]

    @cached_property
    def mark(self) -> str:
        """What it is called in addresses."""
        return fingerprint(sorted(map(str, self.contenders)))[:16]

    @cached_property
    def both(self) -> list[Paper]:
        """The papers of which both wrote lines, in the order in which they were fetched."""
        ones, others = self.candidates
        return [paper for id_, paper in self.papers.items() if id_ in ones and id_ in others]

    @cached_property
    def questions(self) -> list[Question]:
        """Of each paper one for each language in which the lines differ."""
        ones, others = self.candidates
        asked = [
            Question(paper, language, ones[paper.id], others[paper.id])
            for paper in self.both
            for language in LANGUAGES
        ]
        return [question for question in asked if _differ(question)]

    def place(self, paper: str, language: str) -> int | None:
        """The place of a question, from 0; None where there is none (any more)."""
        return self._places.get((paper, language))

    @cached_property
    def _places(self) -> dict[tuple[str, str], int]:
        return {(q.paper.id, q.language): place for place, q in enumerate(self.questions)}


def _differ(question: Question) -> bool:
    lines = [one.lines.get(question.language) for one in (question.one, question.other)]
    return None not in lines and lines[0] != lines[1]


class Field:
    """All contenders of a snapshot; those by its own prompt and model come first.

    `is_current`: whether the present text of a candidate's prompt wrote it.
    """

    def __init__(self, material: Material, is_current: Callable[[Summary], bool]) -> None:
        self._papers = material.papers
        self._candidates: dict[Contender, dict[str, Summary]] = {}
        written: dict[tuple[str, str], list[Summary]] = {}
        for summary in material.checked:
            if summary.prompt is not None:
                written.setdefault((summary.prompt, summary.model), []).append(summary)
        own = material.run.prompt, material.run.model
        for (prompt, model), summaries in sorted(written.items(), key=lambda w: w[0] != own):
            for back in range(MOST_BACK + 1):
                contender = Contender(prompt, model, back)
                if not NAMED.fullmatch(str(contender)):  # no command could name it
                    break
                found = candidates_of(contender, summaries, is_current)
                if not found:
                    break
                self._candidates[contender] = found

    @property
    def contenders(self) -> list[Contender]:
        """Whoever wrote lines of any paper."""
        return list(self._candidates)

    def contender(self, name: str) -> Contender | None:
        """The one of that name."""
        return next((known for known in self._candidates if str(known) == name), None)

    def against(self, contender: Contender) -> list[Contest]:
        """Its contests with each of the others."""
        return [c for c in self._by_mark.values() if contender in c.contenders]

    def contest(self, mark: str) -> Contest | None:
        """The contest with that mark."""
        return self._by_mark.get(mark)

    @cached_property
    def _by_mark(self) -> dict[str, Contest]:
        return {contest.mark: contest for contest in self._contests()}

    def _contests(self) -> Iterator[Contest]:
        for one, other in itertools.combinations(self._candidates, 2):
            candidates = self._candidates[one], self._candidates[other]
            yield Contest((one, other), candidates, self._papers)


@dataclass
class Choices:
    """A snapshot's contenders, and what was chosen.

    As of `material`, of the `contents` of the prompts and the `stamp` of the choices' file.
    """

    material: Material
    contents: str
    field: Field
    tally: Tally
    stamp: str

    def verdict(self, question: Question, editor: str) -> Verdict | None:
        """What an editor chose; None where there was no choice yet."""
        return self.tally.verdict(question.one, question.other, question.language, editor)

    def scores(self, contest: Contest, editor: str | None = None) -> Scores:
        """The score of a contest's first contender, by one editor's choices or by everybody's."""
        return self.tally.between(*contest.candidates, editor)

    def made(self, contest: Contest, editor: str) -> int:
        """How many of a contest's questions an editor has answered."""
        return sum(self.verdict(each, editor) is not None for each in contest.questions)

    def next_open(self, contest: Contest, editor: str, start: int = 0) -> Question | None:
        """The first question from a place on that an editor has not answered."""
        ahead = contest.questions[start:]
        return next((each for each in ahead if self.verdict(each, editor) is None), None)


class Contests:
    """The choices at each desk, kept until their files change. Used by any number of threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._turn = threading.Lock()
        self._kept: WeakKeyDictionary[Desk, Choices] = WeakKeyDictionary()

    def at(self, desk: Desk) -> Choices:
        """The choices as they are on disk. Raises `UsageError` before there is a digest."""
        material = desk.view().material
        contents = prompts.contents(self._settings.prompts)
        stamp = desk.snapshot.preferences_stamp()  # before reading: what comes meanwhile is new
        with self._turn:
            known = self._kept.get(desk)
        if known is not None and (known.material is not material or known.contents != contents):
            known = None
        if known is not None and known.stamp == stamp:
            return known
        field = known.field if known else Field(material, self._is_current(material))
        made = Choices(material, contents, field, Tally(material.checked), stamp)
        for preference in desk.snapshot.preferences():
            made.tally.take(preference)
        with self._turn:
            self._kept[desk] = made
        return made

    def _is_current(self, material: Material) -> Callable[[Summary], bool]:
        """What tells whether a prompt's present text wrote a candidate; none does if it is gone."""

        @functools.cache
        def present(name: str) -> prompts.Prompt | None:
            try:
                return prompts.load(self._settings.prompts, name)
            except PromptError as error:
                log.info("the newest lines by %s stand for it: %s", name, error)
                return None

        def is_current(summary: Summary) -> bool:
            prompt, paper = present(summary.prompt or ""), material.papers.get(summary.paper)
            if prompt is None or paper is None:
                return False
            return summary.prompt_fingerprint == prompt.fingerprint_for(paper)

        return is_current

    def record(self, desk: Desk, preference: Preference) -> None:
        """Append a choice; it is on disk when this returns. Hold `turn` and `releasing()`."""
        known = self.at(desk)
        desk.snapshot.append_preferences([preference])
        known.tally.take(preference)
        known.stamp = desk.snapshot.preferences_stamp()


def by_chance(won: int, lost: int) -> float:
    """How likely a lead as large as this one, of either side, is if each choice is a coin's toss.

    The two-sided sign test, exact; ties are left out beforehand: W. J. Dixon and A. M. Mood,
    "The Statistical Sign Test", J. Am. Stat. Assoc. 41 (1946), 557-566.
    """
    choices, ways, more = won + lost, 0, 1
    for fewer in range(min(won, lost) + 1):
        ways += more
        more = more * (choices - fewer) // (fewer + 1)  # the next binomial coefficient
    return min(1.0, math.exp(math.log(2) + math.log(ways) - choices * math.log(2)))


def better(scores: Scores) -> Literal[0, 1] | None:
    """Which of two contenders, the first or the second, the score of the first tells to be better.

    It leads in both languages, or in one while the other is even, and over both by more than
    chance would: p < `CHANCE` in the sign test over the choices that were no ties. Choices of
    several editors, or about both lines of a paper, are taken for independent of each other.
    None where that is so of neither.
    """
    leads = [score.won - score.lost for score in scores.values()]
    won = sum(score.won for score in scores.values())
    lost = sum(score.lost for score in scores.values())
    if min(leads) < 0 < max(leads) or by_chance(won, lost) >= CHANCE:
        return None
    return 0 if won > lost else 1

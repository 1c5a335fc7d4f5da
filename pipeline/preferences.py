"""What editors' blind choices add up to: wins, losses and ties of prompts and models; pure.

Of several choices by one editor between the same two lines the last one counts; different
editors count each. A candidate with the same line by the same prompt and model stands for the
other: a choice about it need not be made again.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from pipeline.records import LANGUAGES, Count, Language, Preference, Record, Summary

Verdict = Literal["one", "other", "tie"]

Side = tuple[str | None, str, str | None]
"""Prompt, model and line: what one of the two is known again by."""

Pair = tuple[str, Language, frozenset[Side]]
"""Paper, language, and the two sides."""


class Score(Record, frozen=True, kw_only=True):
    """How many blind choices were won, lost and tied."""

    won: Count = 0
    lost: Count = 0
    tied: Count = 0

    @property
    def choices(self) -> int:
        """All of them."""
        return self.won + self.lost + self.tied

    def plus(self, other: "Score") -> "Score":
        """The sum."""
        return Score(
            won=self.won + other.won, lost=self.lost + other.lost, tied=self.tied + other.tied
        )


Scores = dict[Language, Score]
"""By language; both are there."""


class Tally:
    """Choices between candidates, one after another. See `tally`."""

    def __init__(self, summaries: Iterable[Summary]) -> None:
        self._by_id = {summary.id: summary for summary in summaries}
        self._chosen: dict[Pair, dict[str, Side | None]] = {}
        self._gone: set[tuple[str, Language, frozenset[str]]] = set()

    @property
    def gone(self) -> int:
        """How many choices are left out since a candidate that they are about is not there."""
        return len(self._gone)

    def take(self, preference: Preference) -> None:
        """Add the next choice."""
        language, ids = preference.language, preference.summaries
        found = [self._by_id.get(id_) for id_ in ids]
        sides = {
            summary.id: _side(summary, language)
            for summary in found
            if summary is not None and summary.paper == preference.paper
        }
        if not {*ids} <= sides.keys():
            self._gone.add((preference.editor, language, frozenset(ids)))
            return
        pair = preference.paper, language, frozenset(sides.values())
        if len(pair[2]) == 2:  # nobody can prefer a line to itself
            preferred = sides[preference.preferred] if preference.preferred else None
            self._chosen.setdefault(pair, {})[preference.editor] = preferred

    def of(self, prompt: str, model: str | None = None) -> Scores:
        """The score of a prompt against all other prompts, or of it and a model against all else.

        Choices between two lines of its own, as by an earlier text, are none of it.
        """
        scores = _none()
        for (_, language, sides), chosen in list(self._chosen.items()):
            own = [side for side in sides if side[0] == prompt and model in (None, side[1])]
            if len(own) == 1:
                _count(scores, language, own[0], chosen)
        return scores

    def between(
        self,
        ones: Mapping[str, Summary],
        others: Mapping[str, Summary],
        editor: str | None = None,
    ) -> Scores:
        """The score of candidates against others of the same papers, each by paper.

        Of the choices of one `editor`, or of all.
        """
        scores = _none()
        for paper, one in ones.items():
            if paper not in others:
                continue
            for language in LANGUAGES:
                chosen = self._chosen.get(_pair(one, others[paper], language), {})
                if editor is not None:
                    chosen = {editor: chosen[editor]} if editor in chosen else {}
                _count(scores, language, _side(one, language), chosen)
        return scores

    def verdict(
        self, one: Summary, other: Summary, language: Language, editor: str
    ) -> Verdict | None:
        """Which of two candidates' lines an editor chose; None where there was no choice yet."""
        chosen = self._chosen.get(_pair(one, other, language), {})
        if editor not in chosen:
            return None
        preferred = chosen[editor]
        return "tie" if preferred is None else _won(preferred, _side(one, language))


def tally(preferences: Iterable[Preference], summaries: Iterable[Summary]) -> Tally:
    """What choices, oldest first, add up to where these candidates are there.

    They are of one snapshot, or of many. Of the candidates those alone are kept that the
    choices are about.
    """
    made = list(preferences)
    about = {id_ for preference in made for id_ in preference.summaries}
    counted = Tally(summary for summary in summaries if summary.id in about)
    for preference in made:
        counted.take(preference)
    return counted


def _side(summary: Summary, language: Language) -> Side:
    return summary.prompt, summary.model, summary.lines.get(language)


def _pair(one: Summary, other: Summary, language: Language) -> Pair:
    return one.paper, language, frozenset((_side(one, language), _side(other, language)))


def _won(preferred: Side, one: Side) -> Verdict:
    return "one" if preferred == one else "other"


def _none() -> Scores:
    return {language: Score() for language in LANGUAGES}


def _count(
    scores: Scores, language: Language, own: Side, chosen: Mapping[str, Side | None]
) -> None:
    for verdict in _verdicts(own, chosen):
        scores[language] = scores[language].plus(verdict)


def _verdicts(own: Side, chosen: Mapping[str, Side | None]) -> Iterator[Score]:
    for preferred in list(chosen.values()):
        if preferred is None:
            yield Score(tied=1)
        else:
            yield Score(won=1) if preferred == own else Score(lost=1)

"""Blind choice: two contenders, then one pair of lines after the other, then the result.

It decides nothing in the digest. What the checks found is not shown: it would tell whose a line
is, since a prompt has faults of its own, and would count for the checks a second time.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Literal

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pipeline.contenders import Contender
from pipeline.desk import Desk
from pipeline.records import LANGUAGES, Language, Paper, Preference, utc
from pipeline.snapshot import Snapshot
from pipeline.web.contests import MARK, Choices, Contest, Question, better
from pipeline.web.forms import fields
from pipeline.web.newsroom import Newsroom, address_of, session_of
from pipeline.web.problems import Told
from pipeline.web.templating import page

SIDES = ("left", "right", "tie")
"""What can be chosen."""

Chosen = Literal["left", "right", "tie"]


@dataclass(frozen=True)
class Row:
    """A contest in the list: against whom, and how many papers both wrote, lines that differ.

    `made` of these the editor has chosen between; `everybody` is the choices of all editors.
    """

    contest: Contest
    other: Contender
    made: int
    everybody: int


@dataclass(frozen=True)
class Outcome:
    """A paper whose lines differ: by language whose an editor chose, or "tie"; None if open."""

    paper: Paper
    chosen: dict[Language, Contender | str | None]


@dataclass(frozen=True)
class Sitting:
    """An editor at a contest."""

    request: Request
    desk: Desk
    choices: Choices
    contest: Contest

    @property
    def editor(self) -> str:
        """Who chooses."""
        return session_of(self.request).editor

    @property
    def address(self) -> str:
        """The contest's address."""
        return f"{address_of(self.desk.snapshot)}/choice/{self.contest.mark}"

    @property
    def left(self) -> int:
        """How many pairs are open."""
        return len(self.contest.questions) - self.choices.made(self.contest, self.editor)

    def at(self, place: int) -> str:
        """The address of a pair."""
        asked = self.contest.questions[place]
        return f"{self.address}?paper={asked.paper.id}&language={asked.language}"

    def following(self, start: int = 0, after: int | None = None) -> str:
        """The address of the first open pair from a place on.

        Behind the last one what to do with those that were skipped is asked first; the result,
        which has the names, follows where no pair is open. `after` is the place of the pair that
        was chosen between just now.
        """
        following = self.choices.next_open(self.contest, self.editor, start)
        if following is not None:
            found = self.contest.place(following.paper.id, following.language) or 0
            address = self.at(found)
        elif self.left:
            address = f"{self.address}?at=end"
        else:
            return f"{self.address}/result"
        return address if after is None else f"{address}&after={after + 1}"

    def after(self) -> int | None:
        """The place of the pair chosen between just now, where the address names one."""
        number = self.request.query_params.get("after", "")
        if not re.fullmatch("[0-9]{1,9}", number):
            return None
        place = int(number) - 1
        known = 0 <= place < len(self.contest.questions)
        return place if known and self.chosen(place) else None

    def chosen(self, place: int) -> Chosen | None:
        """The side that the editor chose before."""
        asked = self.contest.questions[place]
        verdict = self.choices.verdict(asked, self.editor)
        if verdict is None or verdict == "tie":
            return verdict
        left, _ = asked.sides(self.editor)
        return "left" if (left is asked.one) == (verdict == "one") else "right"


def contests(room: Newsroom, request: Request) -> Response:
    """The contenders to choose between. Query: `with`, the name of one of the two."""
    desk, editor = room.desks.asked_for(request), session_of(request).editor
    choices = room.contests.at(desk)
    known, name = choices.field.contenders, request.query_params.get("with")
    chosen = choices.field.contender(name) if name else next(iter(known), None)
    if name and chosen is None:
        raise HTTPException(404)
    return page(
        request,
        "choice.html.j2",
        snapshot=desk.snapshot,
        base=address_of(desk.snapshot),
        contenders=known,
        chosen=chosen,
        rows=[*_rows(choices, chosen, editor)] if chosen else [],
        adding=[
            f"paperline summarize {desk.snapshot} --prompt NAME",
            f"paperline check {desk.snapshot}",
        ],
    )


def _rows(choices: Choices, chosen: Contender, editor: str) -> Iterator[Row]:
    for contest in choices.field.against(chosen):
        yield Row(
            contest=contest,
            other=next(each for each in contest.contenders if each != chosen),
            made=choices.made(contest, editor),
            everybody=sum(score.choices for score in choices.scores(contest).values()),
        )


def question(room: Newsroom, request: Request) -> Response:
    """Two lines to choose between.

    Query: `paper` and `language`, else the next open pair; or `at=end`: what to do with those
    that were skipped. `after` is the number of the pair that was chosen between just now.
    """
    desk = room.desks.asked_for(request)
    sitting = _sitting(request, desk, room.contests.at(desk))
    if sitting is None:
        return _gone(request, desk)
    query = request.query_params
    if query.get("at") == "end" and sitting.left:
        return _end(sitting)
    if "paper" not in query and "language" not in query:
        return _onward(sitting)
    place = sitting.contest.place(query.get("paper", ""), query.get("language", ""))
    if place is not None:
        return _asked(sitting, place)
    if query.get("paper") in sitting.choices.material.papers and query.get("language") in LANGUAGES:
        return _onward(sitting)  # the two lines are the same by now
    raise HTTPException(404)


def choose(room: Newsroom, request: Request) -> Response:
    """Keep a choice, then show the next open pair.

    Form: `paper`, `language`, `seen` (the mark of the lines that were on the page), `chosen`.
    Where the lines have changed the answer is 409 with the lines as they are now, and nothing is
    kept. A choice that stands already is not kept twice.
    """
    desk, form = room.desks.asked_for(request), fields(request)
    chosen = form.get("chosen")
    if chosen not in SIDES or form.get("language") not in LANGUAGES:
        raise HTTPException(400)
    with desk.turn, desk.snapshot.releasing():
        sitting = _sitting(request, desk, room.contests.at(desk))
        if sitting is None:
            return _gone(request, desk)
        if form.get("paper") not in sitting.choices.material.papers:
            raise HTTPException(404)
        place = sitting.contest.place(form["paper"], form["language"])
        asked = None if place is None else sitting.contest.questions[place]
        stands = asked is not None and form.get("seen") == asked.mark(sitting.editor)
        if asked and place is not None and stands and sitting.chosen(place) != chosen:
            room.contests.record(desk, _preference(asked, sitting.editor, chosen))
    if place is None or not stands:
        return _changed(sitting, place)
    return _onward(sitting, place + 1, after=place)


def result(room: Newsroom, request: Request) -> Response:
    """Who won, with names: of the editor's own choices, and of everybody's."""
    desk = room.desks.asked_for(request)
    sitting = _sitting(request, desk, room.contests.at(desk))
    if sitting is None:
        return _gone(request, desk)
    choices, contest = sitting.choices, sitting.contest
    scores = choices.scores(contest)
    ahead = better(scores)
    return page(
        request,
        "choice_result.html.j2",
        snapshot=desk.snapshot,
        base=address_of(desk.snapshot),
        contest=contest,
        address=sitting.address,
        mine=choices.scores(contest, sitting.editor),
        everybody=scores,
        gone=choices.tally.gone,
        left=sitting.left,
        outcomes=[*_outcomes(choices, contest, sitting.editor)],
        better=None if ahead is None else contest.contenders[ahead],
        commands=_commands(desk.snapshot, contest.contenders, ahead),
    )


def _sitting(request: Request, desk: Desk, choices: Choices) -> Sitting | None:
    """None where a contest is not there any more; an address that none has had is none."""
    mark = request.path_params["contest"]
    contest = choices.field.contest(mark)
    if contest is not None:
        return Sitting(request, desk, choices, contest)
    if not MARK.fullmatch(mark):
        raise HTTPException(404)
    return None


def _gone(request: Request, desk: Desk) -> Response:
    return page(
        request,
        "choice_gone.html.j2",
        status=404,
        snapshot=desk.snapshot,
        base=address_of(desk.snapshot),
        sent=request.method == "POST",
    )


def _onward(sitting: Sitting, start: int = 0, after: int | None = None) -> Response:
    """On to the first open pair from a place on, or to what follows the last one."""
    return RedirectResponse(sitting.following(start, after), 303)


def _end(sitting: Sitting) -> Response:
    after, last = sitting.after(), len(sitting.contest.questions) - 1
    return page(
        sitting.request,
        "choice_end.html.j2",
        snapshot=sitting.desk.snapshot,
        base=address_of(sitting.desk.snapshot),
        address=sitting.address,
        all=last + 1,
        left=sitting.left,
        just=None if after is None else sitting.chosen(after),
        back=sitting.at(last if after is None else after),
        following=sitting.following(),
    )


def _asked(sitting: Sitting, place: int, problem: Told | None = None) -> Response:
    contest, asked, after = sitting.contest, sitting.contest.questions[place], sitting.after()
    before = place - 1 if after is None else after
    return page(
        sitting.request,
        "choice_question.html.j2",
        status=problem.status if problem else 200,
        snapshot=sitting.desk.snapshot,
        base=address_of(sitting.desk.snapshot),
        address=sitting.address,
        asked=asked,
        lines=asked.lines(sitting.editor),
        seen=asked.mark(sitting.editor),
        chosen=sitting.chosen(place),
        number=place + 1,
        all=len(contest.questions),
        made=len(contest.questions) - sitting.left,
        just=None if after is None else sitting.chosen(after),
        back=sitting.at(before) if before >= 0 else None,
        skip=sitting.following(place + 1),
        problem=problem,
    )


def _changed(sitting: Sitting, place: int | None) -> Response:
    """The lines as they are now; another pair where these two are the same by now."""
    contest = sitting.contest
    if place is None:
        following = sitting.choices.next_open(contest, sitting.editor)
        if following is None:
            return _onward(sitting)
        place = contest.place(following.paper.id, following.language) or 0
    return _asked(sitting, place, Told("choice-changed", status=409))


def _preference(asked: Question, editor: str, chosen: str) -> Preference:
    left, right = asked.sides(editor)
    preferred = {"left": left.id, "right": right.id}.get(chosen)
    return Preference(
        paper=asked.paper.id,
        version=asked.paper.version,
        language=asked.language,
        summaries=(left.id, right.id),
        preferred=preferred,
        editor=editor,
        at=utc(datetime.now(UTC)),
    )


def _outcomes(choices: Choices, contest: Contest, editor: str) -> Iterator[Outcome]:
    one, other = contest.contenders
    named: dict[str | None, Contender | str | None] = {"one": one, "other": other, "tie": "tie"}
    for _, questions in groupby(contest.questions, key=lambda asked: asked.paper.id):
        asked = list(questions)
        chosen = {each.language: named.get(choices.verdict(each, editor)) for each in asked}
        yield Outcome(asked[0].paper, chosen)


def _commands(
    snapshot: Snapshot, contenders: tuple[Contender, Contender], ahead: Literal[0, 1] | None
) -> list[str]:
    """What to do next: look at both side by side, and have the better prompt from now on.

    Either prompt where neither is `ahead`. No prompt is promoted for its earlier text, nor
    where only the models differ.
    """
    names = [shlex.quote(str(contender)) for contender in contenders]
    made = [f"paperline compare {snapshot} {' '.join(names)}"]
    if contenders[0].prompt != contenders[1].prompt:
        made += [
            f"paperline prompts promote {each.prompt} --topic {snapshot.topic}"
            for each in (contenders if ahead is None else [contenders[ahead]])
            if not each.back
        ]
    return made

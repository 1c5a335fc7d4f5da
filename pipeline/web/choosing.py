"""Blind choice: two contenders, then one pair of lines after the other, then the result.

It decides nothing in the digest. What the checks found is not shown: it would tell whose a line
is, since a prompt has faults of its own, and would count for the checks a second time.
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pipeline.contenders import Contender
from pipeline.desk import Desk
from pipeline.preferences import Scores
from pipeline.records import LANGUAGES, Language, Paper, Preference, utc
from pipeline.snapshot import Snapshot
from pipeline.web.contests import Choices, Contest, Question
from pipeline.web.forms import fields
from pipeline.web.newsroom import Newsroom, address_of, session_of
from pipeline.web.problems import Told
from pipeline.web.templating import page

SIDES = ("left", "right", "tie")
"""What can be chosen."""


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
    """Two lines to choose between. Query: `paper` and `language`; else the next open one."""
    desk = room.desks.asked_for(request)
    choices = room.contests.at(desk)
    contest = _contest(request, choices)
    query = request.query_params
    if "paper" not in query and "language" not in query:
        return _onward(request, desk, choices, contest)
    place = contest.place(query.get("paper", ""), query.get("language", ""))
    if place is not None:
        return _asked(request, desk, choices, contest, place)
    if query.get("paper") in choices.material.papers and query.get("language") in LANGUAGES:
        return _onward(request, desk, choices, contest)  # the two lines are the same by now
    raise HTTPException(404)


def choose(room: Newsroom, request: Request) -> Response:
    """Keep a choice, then show the next open pair.

    Form: `paper`, `language`, `seen` (the mark of the lines that were on the page), `chosen`.
    Where the lines have changed the answer is 409 with the lines as they are now, and nothing is
    kept. A choice that stands already is not kept twice.
    """
    desk, form, editor = room.desks.asked_for(request), fields(request), session_of(request).editor
    chosen = form.get("chosen")
    if chosen not in SIDES or form.get("language") not in LANGUAGES:
        raise HTTPException(400)
    with desk.turn, desk.snapshot.releasing():
        choices = room.contests.at(desk)
        contest = _contest(request, choices)
        if form.get("paper") not in choices.material.papers:
            raise HTTPException(404)
        place = contest.place(form["paper"], form["language"])
        asked = None if place is None else contest.questions[place]
        stands = asked is not None and form.get("seen") == asked.mark(editor)
        if asked and stands and _chosen(choices, asked, editor) != chosen:
            room.contests.record(desk, _preference(asked, editor, chosen))
    if place is None or not stands:
        return _changed(request, desk, choices, contest, place)
    return _onward(request, desk, choices, contest, place + 1)


def result(room: Newsroom, request: Request) -> Response:
    """Who won, with names: of the editor's own choices, and of everybody's."""
    desk, editor = room.desks.asked_for(request), session_of(request).editor
    choices = room.contests.at(desk)
    contest = _contest(request, choices)
    scores = choices.scores(contest)
    return page(
        request,
        "choice_result.html.j2",
        snapshot=desk.snapshot,
        base=address_of(desk.snapshot),
        contest=contest,
        address=_address(desk, contest),
        mine=choices.scores(contest, editor),
        everybody=scores,
        gone=choices.tally.gone,
        left=len(contest.questions) - choices.made(contest, editor),
        outcomes=[*_outcomes(choices, contest, editor)],
        commands=_commands(desk.snapshot, contest.contenders, scores),
    )


def _contest(request: Request, choices: Choices) -> Contest:
    found = choices.field.contest(request.path_params["contest"])
    if found is None:
        raise HTTPException(404)
    return found


def _address(desk: Desk, contest: Contest) -> str:
    return f"{address_of(desk.snapshot)}/choice/{contest.mark}"


def _at(desk: Desk, contest: Contest, asked: Question) -> str:
    return f"{_address(desk, contest)}?paper={asked.paper.id}&language={asked.language}"


def _onward(
    request: Request, desk: Desk, choices: Choices, contest: Contest, start: int = 0
) -> Response:
    """On to the first open pair from a place on, or to the result where there is none."""
    return RedirectResponse(_next(request, desk, choices, contest, start), 303)


def _next(request: Request, desk: Desk, choices: Choices, contest: Contest, start: int) -> str:
    following = choices.next_open(contest, session_of(request).editor, start)
    return _at(desk, contest, following) if following else f"{_address(desk, contest)}/result"


def _asked(  # noqa: PLR0913  what the page is about
    request: Request,
    desk: Desk,
    choices: Choices,
    contest: Contest,
    place: int,
    problem: Told | None = None,
) -> Response:
    asked, editor = contest.questions[place], session_of(request).editor
    return page(
        request,
        "choice_question.html.j2",
        status=problem.status if problem else 200,
        snapshot=desk.snapshot,
        base=address_of(desk.snapshot),
        address=_address(desk, contest),
        asked=asked,
        lines=asked.lines(editor),
        seen=asked.mark(editor),
        chosen=_chosen(choices, asked, editor),
        number=place + 1,
        all=len(contest.questions),
        made=choices.made(contest, editor),
        back=_at(desk, contest, contest.questions[place - 1]) if place else None,
        skip=_next(request, desk, choices, contest, place + 1),
        problem=problem,
    )


def _changed(
    request: Request, desk: Desk, choices: Choices, contest: Contest, place: int | None
) -> Response:
    """The lines as they are now; another pair where these two are the same by now."""
    if place is None:
        following = choices.next_open(contest, session_of(request).editor)
        if following is None:
            return _onward(request, desk, choices, contest)
        place = contest.place(following.paper.id, following.language) or 0
    problem = Told("choice-changed", status=409)
    return _asked(request, desk, choices, contest, place, problem)


def _chosen(choices: Choices, asked: Question, editor: str) -> str | None:
    """The side that an editor chose before."""
    verdict = choices.verdict(asked, editor)
    if verdict in (None, "tie"):
        return verdict
    left, _ = asked.sides(editor)
    return "left" if (left is asked.one) == (verdict == "one") else "right"


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
    snapshot: Snapshot, contenders: tuple[Contender, Contender], scores: Scores
) -> list[str]:
    """What to do next: look at both side by side, and have the better prompt from now on.

    No prompt is promoted for its earlier text, nor where only the models differ.
    """
    names = [shlex.quote(str(contender)) for contender in contenders]
    made = [f"paperline compare {snapshot} {' '.join(names)}"]
    lead = sum(score.won - score.lost for score in scores.values())
    better = [contenders[0]] if lead > 0 else [contenders[1]] if lead < 0 else [*contenders]
    if contenders[0].prompt != contenders[1].prompt:
        made += [
            f"paperline prompts promote {each.prompt} --topic {snapshot.topic}"
            for each in better
            if not each.back
        ]
    return made

"""Decisions from the review page: on one paper, on many, undone, and the digest's order."""

from dataclasses import replace
from typing import cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pipeline.decisions import ON_LINES
from pipeline.desk import Desk, View
from pipeline.errors import Overtaken, UsageError
from pipeline.records import LANGUAGES, Action, Lines
from pipeline.stages.review import Wish
from pipeline.text import one_line
from pipeline.web.forms import fields
from pipeline.web.newsroom import Newsroom, address_of, is_partial, session_of
from pipeline.web.problems import Told
from pipeline.web.reviewing import context, filter_of
from pipeline.web.strip import Strip
from pipeline.web.templating import page

ARRANGING = ("pin", "unpin", "up", "down")


def decide(room: Newsroom, request: Request) -> Response:
    """Decide on the paper in focus, then show the next one.

    Form: `paper`, `action`, `seen` (the mark of what was on the page), `summary` (another
    candidate), `en` and `zh` (with edit), `note`. Where somebody else was faster the answer
    is 409: the paper as it is now, with what was typed, and the question what to do.
    """
    desk, form = room.desks.asked_for(request), fields(request)
    paper, action = form.get("paper", ""), form.get("action", "")
    if action not in ON_LINES:
        raise HTTPException(400)
    before = desk.view()
    wish = Wish(
        action,
        paper,
        summary=form.get("summary") or None,
        note=form.get("note", ""),
        seen=form.get("seen", ""),
    )
    try:
        if action == "edit":
            wish = _edited(before, wish, form)
            _refuse_empty(wish)
        room.decide(session_of(request), desk, [wish])
    except (Overtaken, UsageError, Told) as error:
        return _refused(room, request, desk, wish, error)
    after = desk.view()
    following = Strip(after).next_undecided(paper, filter_of(form.get("show")))
    changed = _changed(request, before, after, [paper])
    return _shown(room, request, desk, changed, following or paper)


def _changed(request: Request, before: View, after: View, papers: list[str]) -> list[str] | None:
    """The `papers`, or None for the whole strip where it has changed otherwise, too.

    That is where they stand in another order, or somebody else has decided since the page was
    made, which says in `known` how many decisions it knows.
    """
    known = fields(request).get("known", "")
    as_known = known in ("", str(before.decisions))
    return papers if as_known and after.order == before.order else None


def _edited(view: View, wish: Wish, form: dict[str, str]) -> Wish:
    """The wish with the text that was typed; an approval where it is the text that was there."""
    candidate = view.material.by_id.get(wish.summary or "")
    there = candidate.lines if candidate else view.sight(wish.paper or "").lines
    typed = {name: one_line(form.get(name, "")) for name in LANGUAGES}
    # A line that never was may stay away.
    text: Lines = {name: line for name, line in typed.items() if line or name in there}
    if text == there:
        return replace(wish, action="approve")
    return replace(wish, text=text)


def _refuse_empty(wish: Wish) -> None:
    for name, line in wish.text.items():
        if not line:
            raise Told(f"empty-{name}")


def undo(room: Newsroom, request: Request) -> Response:
    """Take back what this editor did last, and show that paper."""
    desk = room.desks.asked_for(request)
    before = desk.view()
    try:
        undone = room.take_back(session_of(request), desk)
    except Overtaken:
        raise Told("undo-overtaken", status=409) from None
    if undone is None:
        raise Told("undo-nothing")
    papers = [wish.paper for wish in undone.wishes if wish.paper]
    here = fields(request).get("paper") or None
    changed = _changed(request, before, desk.view(), papers)
    return _shown(room, request, desk, changed, undone.paper or here, stayed=undone.overtaken)


def blameless(room: Newsroom, request: Request) -> Response:
    """The papers in which nothing was found, with their lines, to be approved together."""
    return _bulk(request, room.desks.asked_for(request))


def approve_blameless(room: Newsroom, request: Request) -> Response:
    """Approve exactly those papers and lines that the page of `blameless` showed. Form: `seen`."""
    desk, form = room.desks.asked_for(request), fields(request)
    with desk.turn:
        strip = Strip(desk.view())
        if form.get("seen") != strip.blameless_mark:
            told = Told("bulk-changed", status=409)
            return _bulk(request, desk, told)
        if wishes := strip.blameless_wishes():
            room.decide(session_of(request), desk, wishes)
    return RedirectResponse(address_of(desk.snapshot), 303)


def _bulk(request: Request, desk: Desk, problem: Told | None = None) -> Response:
    return page(
        request,
        "bulk.html.j2",
        status=409 if problem else 200,
        snapshot=desk.snapshot,
        base=address_of(desk.snapshot),
        strip=Strip(desk.view()),
        problem=problem,
    )


def arrange(room: Newsroom, request: Request) -> Response:
    """Pin the paper in focus or take the pin away, or move it by one place."""
    desk, form = room.desks.asked_for(request), fields(request)
    paper, action = form.get("paper", ""), form.get("action", "")
    if action not in ARRANGING:
        raise HTTPException(400)
    with desk.turn:
        wish = _moved(Strip(desk.view()), paper, action)
        if wish is not None:
            room.decide(session_of(request), desk, [wish])
    return _shown(room, request, desk, None, paper)


def _moved(strip: Strip, paper: str, action: str) -> Wish | None:
    """The wish that moves a paper among its like; None where it is at the end already."""
    item = strip.item(paper)
    if item is None:
        raise HTTPException(404)
    if action in ("pin", "unpin"):
        return Wish(cast("Action", action), paper)
    order = [i.paper.id for i in strip.items if i.pinned == item.pinned and i.state != "exclude"]
    if paper not in order:
        return None
    place = order.index(paper)
    if action == "up":
        return Wish("move", paper, before=order[place - 1]) if place else None
    behind = order[place + 2 : place + 3]
    return Wish("move", paper, before=next(iter(behind), None)) if place + 1 < len(order) else None


def _refused(
    room: Newsroom, request: Request, desk: Desk, wish: Wish, error: Overtaken | UsageError | Told
) -> Response:
    """The paper as it is now, with what was typed, and why nothing was decided."""
    strip = Strip(desk.view())
    item = strip.item(wish.paper or "")
    if item is None:
        raise error
    values = context(room, request, desk, strip, item, wish.summary)
    overtaken = isinstance(error, Overtaken)
    values |= {"conflict" if overtaken else "problem": error, "wish": wish, "typed": wish.text}
    partial = is_partial(request)
    values["changed"] = [item] if partial else None
    template = "decided.html.j2" if partial else "review.html.j2"
    return page(request, template, status=409 if overtaken else 400, **values)


def _shown(  # noqa: PLR0913  what is shown next
    room: Newsroom,
    request: Request,
    desk: Desk,
    changed: list[str] | None,
    paper: str | None,
    *,
    stayed: int = 0,
) -> Response:
    """The paper to look at next, with what changed around it; the whole strip for None.

    `stayed` decisions could not be taken back, which is told.
    """
    if not is_partial(request):
        show = filter_of(fields(request).get("show"))
        base = address_of(desk.snapshot)
        # A paper's id came from a form, and is only repeated where the desk knows it.
        known = paper if paper in desk.view().material.papers else ""
        return RedirectResponse(f"{base}?paper={known}&show={show}", 303)
    strip = Strip(desk.view())
    item = (strip.item(paper) if paper else None) or next(iter(strip.items), None)
    values = context(room, request, desk, strip, item)
    if stayed:
        values["problem"] = Told("undo-stayed", count=stayed)
    values["changed"] = (
        None if changed is None else [i for i in strip.items if i.paper.id in changed]
    )
    return page(request, "decided.html.j2", **values)

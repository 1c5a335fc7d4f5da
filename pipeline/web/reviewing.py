"""The review page: one paper in focus, the others in a strip."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pipeline import rulebook
from pipeline.checks.codes import CODES
from pipeline.desk import Desk, View
from pipeline.records import LANGUAGES, Lines
from pipeline.site.text import local_time
from pipeline.stages.review import LONGEST
from pipeline.text import one_line
from pipeline.web import focus as focuses
from pipeline.web.forms import fields
from pipeline.web.newsroom import Newsroom, address_of, is_partial, session_of
from pipeline.web.strip import FILTERS, Filter, Item, Strip
from pipeline.web.templating import page


def review(room: Newsroom, request: Request) -> Response:
    """The whole page, or where htmx asks the paper in focus alone.

    Query: `paper` (else the first that nobody has decided on), `candidate` (the id of another
    one to look at), `show` (a filter of the strip).
    """
    desk = room.desks.asked_for(request)
    query = request.query_params
    strip = Strip(desk.view())
    wanted = query.get("paper") or strip.next_undecided(None, filter_of(query.get("show")))
    item = strip.item(wanted) if wanted else next(iter(strip.items), None)
    if item is None and wanted:
        raise HTTPException(404)
    template = "focus.html.j2" if is_partial(request) else "review.html.j2"
    return page(
        request,
        template,
        **context(room, request, desk, strip, item, query.get("candidate")),
    )


def state(room: Newsroom, request: Request) -> Response:
    """How far the review and the release have come, as a part of the page."""
    desk = room.desks.asked_for(request)
    values = context(room, request, desk, Strip(desk.view()), None)
    return page(request, "state.html.j2", **values)


def checked(room: Newsroom, request: Request) -> Response:
    """What the checks find in lines as they are being typed, as a part of the page."""
    desk, form = room.desks.asked_for(request), fields(request)
    view = desk.view()
    paper = view.material.papers.get(form.get("paper", ""))
    if paper is None:
        raise HTTPException(404)
    base = view.material.by_id.get(form.get("base", ""))
    lines = written(form)
    findings, marked = focuses.typed(room.settings, paper, base, lines)
    rules = rulebook.rules_of(room.settings, base.prompt if base else None)
    return page(
        request,
        "live.html.j2",
        findings=findings,
        marked=marked,
        lengths=focuses.lengths(lines, rules),
        codes=CODES,
    )


def written(form: dict[str, str]) -> Lines:
    """The lines of a form that hold a text, each made one line; of a long one its beginning."""
    texts = {name: one_line(form.get(name, "")[:LONGEST]) for name in LANGUAGES}
    return {language: text for language, text in texts.items() if text}


def filter_of(name: str | None) -> Filter:
    """The filter of that name; all papers where there is none."""
    return next((known for known in FILTERS if known == name), "all")


def context(  # noqa: PLR0913  what the page is about
    room: Newsroom,
    request: Request,
    desk: Desk,
    strip: Strip,
    item: Item | None,
    candidate: str | None = None,
) -> dict[str, Any]:
    """What the templates of the review page need."""
    snapshot, view = desk.snapshot, strip.view
    chosen = filter_of(request.query_params.get("show") or fields(request).get("show"))
    values: dict[str, Any] = {
        "snapshot": snapshot,
        "base": address_of(snapshot),
        "digest": view.digest,
        "strip": strip,
        "chosen": chosen,
        "filters": FILTERS,
        "codes": CODES,
        "local": local_time(view.digest),
        "can_undo": bool(session_of(request).undo.get(str(snapshot))),
        "due": room.releases.is_due(snapshot),
        "trouble": room.releases.trouble(snapshot),
        "focus": None,
        "conflict": None,
        "problem": None,
        "typed": {},
    }
    if item is None:
        return values
    return values | _of_paper(room, view, desk, item, candidate)


def _of_paper(
    room: Newsroom, view: View, desk: Desk, item: Item, candidate: str | None
) -> dict[str, Any]:
    made = focuses.focus(room.settings, view, item, candidate)
    return {
        "focus": made,
        "elsewhere": focuses.elsewhere(room.settings, desk.snapshot, item.paper),
        "question": room.questions.about(desk.snapshot, item.paper.id),
        "models": room.questions.models(),
        "prompts": room.questions.prompts(),
    }

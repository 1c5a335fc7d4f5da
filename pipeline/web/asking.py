"""Asking again from the review page, and looking how far a question has come."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pipeline.desk import Desk
from pipeline.web.forms import fields
from pipeline.web.newsroom import Newsroom, address_of, is_partial
from pipeline.web.templating import page


def ask(room: Newsroom, request: Request) -> Response:
    """Have a model write further lines of a paper. Form: `paper`, `prompt`, `model`."""
    desk, form = room.desks.asked_for(request), fields(request)
    paper = form.get("paper", "")
    if paper not in desk.view().material.papers:
        raise HTTPException(404)
    room.questions.ask(desk.snapshot, paper, form.get("prompt", ""), form.get("model", ""))
    if not is_partial(request):
        return RedirectResponse(f"{address_of(desk.snapshot)}?paper={paper}", 303)
    return _state(room, request, desk, paper)


def asked(room: Newsroom, request: Request) -> Response:
    """How far the question about a paper has come, as a part of the page."""
    desk = room.desks.asked_for(request)
    return _state(room, request, desk, request.query_params.get("paper", ""))


def _state(room: Newsroom, request: Request, desk: Desk, paper: str) -> Response:
    return page(
        request,
        "question.html.j2",
        base=address_of(desk.snapshot),
        question=room.questions.about(desk.snapshot, paper),
        paper=paper,
    )

"""The preview of a digest as readers will see it; its introduction; publishing and withdrawing."""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from pipeline import releasing
from pipeline.decisions import waited_for
from pipeline.desk import Desk
from pipeline.errors import Overtaken, PaperlineError, UsageError
from pipeline.records import LANGUAGES, Lines
from pipeline.site.page import digest_page, tombstone_page
from pipeline.stages.review import Wish, introduction_mark
from pipeline.status import state_of
from pipeline.text import one_line
from pipeline.web.forms import fields
from pipeline.web.newsroom import Newsroom, address_of, session_of
from pipeline.web.problems import Told
from pipeline.web.strip import Strip
from pipeline.web.templating import page

FRAMED = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'self'; sandbox allow-popups"
    ),
    "X-Frame-Options": "SAMEORIGIN",
}
"""The digest's page holds its style and no script; it is shown in a frame of the preview."""


def preview(room: Newsroom, request: Request) -> Response:
    """What is missing before the digest can be published, and the digest in a frame."""
    return _preview(room, request, room.desks.asked_for(request))


def preview_page(room: Newsroom, request: Request) -> Response:
    """The digest's page as it will be."""
    desk = room.desks.asked_for(request)
    releases = desk.snapshot.publications()
    digest = desk.view().digest.but(status="published")
    if releases and releases[-1].why is not None:
        text = tombstone_page(digest, releases=releases)
    else:
        text = digest_page(digest, releases=releases)
    return HTMLResponse(text, headers=FRAMED)


def introduce(room: Newsroom, request: Request) -> Response:
    """Write the introduction. Form: `en`, `zh`, `seen`."""
    desk, form = room.desks.asked_for(request), fields(request)
    text: Lines = {name: one_line(form.get(name, "")) for name in LANGUAGES}
    wish = Wish("introduce", text=text, seen=form.get("seen", ""))
    there = desk.view().digest.introduction
    if {name: line for name, line in text.items() if line} == ((there and there.lines) or {}):
        return _back(desk)  # it is so already: the button was pressed twice
    try:
        room.decide(session_of(request), desk, [wish])
    except Overtaken:
        last = desk.view().material.state.history(None)[-1]
        told = Told("introduction-changed", status=409, editor=last.editor)
        return _preview(room, request, desk, problem=told, typed=text)
    except UsageError as error:
        return _preview(room, request, desk, problem=error, status=400, typed=text)
    return _back(desk)


def publish(room: Newsroom, request: Request) -> Response:
    """Publish the digest, as far as its own policy allows; one that was withdrawn comes back.

    Form: `seen`, the mark of the digest that was looked at: no other one is published.
    """
    desk, session = room.desks.asked_for(request), session_of(request)
    room.releases.finish(desk.snapshot)
    with desk.turn:
        strip = Strip(desk.view())
        digest = strip.view.digest
        if waiting := waited_for(digest, digest.policy):
            first = waiting[0].paper.id
            told = Told("undecided", status=409, count=len(waiting), paper=first)
            return _preview(room, request, desk, problem=told)
        if fields(request).get("seen") != strip.mark:
            told = Told("digest-changed", status=409)
            return _preview(room, request, desk, problem=told)
        now, name = datetime.now(UTC), session.editor
        releasing.release(room.settings, desk.snapshot, now, asked_under=digest.policy, by=name)
    room.releases.mended(desk.snapshot)
    room.releases.announce(desk.snapshot.topic)
    return _back(desk)


def unpublish(room: Newsroom, request: Request) -> Response:
    """Withdraw the digest. Form: `why`."""
    desk, why = room.desks.asked_for(request), fields(request).get("why", "")
    editor, now = session_of(request).editor, datetime.now(UTC)
    try:
        built = releasing.withdraw(room.settings, desk.snapshot, why, editor=editor, now=now)
        releasing.log_troubles(built)
    except UsageError as error:
        return _preview(room, request, desk, problem=error)
    return _back(desk)


def _preview(  # noqa: PLR0913  what the page is about
    room: Newsroom,
    request: Request,
    desk: Desk,
    *,
    problem: PaperlineError | None = None,
    status: int = 409,
    typed: Lines | None = None,
) -> Response:
    view = desk.view()
    introduction, strip = view.digest.introduction, Strip(view)
    lines = (introduction.lines if introduction else None) or {}
    return page(
        request,
        "preview.html.j2",
        status=status if problem else 200,
        snapshot=desk.snapshot,
        base=address_of(desk.snapshot),
        digest=view.digest,
        strip=strip,
        state=state_of(view.digest, desk.snapshot.publications()),
        trouble=room.releases.trouble(desk.snapshot),
        due=room.releases.is_due(desk.snapshot),
        introduction=lines if typed is None else typed,
        others=lines if typed is not None and typed != lines else {},
        seen=introduction_mark(introduction),
        problem=problem,
        publishes=room.settings.review.publish,
    )


def _back(desk: Desk) -> Response:
    return RedirectResponse(f"{address_of(desk.snapshot)}/preview", 303)

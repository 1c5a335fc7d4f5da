"""The preview of a digest as readers will see it; its introduction; publishing and withdrawing."""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from pipeline import run
from pipeline.decisions import waited_for
from pipeline.desk import Desk
from pipeline.errors import Overtaken, UsageError
from pipeline.records import LANGUAGES, Lines
from pipeline.site.page import digest_page, tombstone_page
from pipeline.stages.review import Wish
from pipeline.status import state_of
from pipeline.text import amount, one_line
from pipeline.web.focus import introduction_of
from pipeline.web.forms import fields
from pipeline.web.newsroom import Newsroom, session_of
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
        text = tombstone_page(digest, releases=releases, home="#", newer=None)
    else:
        text = digest_page(digest, releases=releases)
    return HTMLResponse(text, headers=FRAMED)


def introduce(room: Newsroom, request: Request) -> Response:
    """Write the introduction. Form: `en`, `zh`, `seen`."""
    desk, form = room.desks.asked_for(request), fields(request)
    text: Lines = {name: one_line(form.get(name, "")) for name in LANGUAGES}
    wish = Wish("introduce", text=text, seen=form.get("seen", ""))
    try:
        room.decide(session_of(request), desk, [wish])
    except (Overtaken, UsageError) as error:
        status = 409 if isinstance(error, Overtaken) else 400
        return _preview(room, request, desk, problem=error, status=status, typed=text)
    return _back(desk)


def publish(room: Newsroom, request: Request) -> Response:
    """Publish the digest, as far as its own policy allows; one that was withdrawn comes back."""
    desk = room.desks.asked_for(request)
    policy = desk.view().digest.policy
    room.releases.finish(desk.snapshot)
    now = datetime.now(UTC)
    digest = run.release(room.settings, desk.snapshot, now, asked_under=policy)
    room.releases.mended(desk.snapshot)
    waiting = waited_for(digest, policy)
    if waiting:
        error = UsageError(
            f"{amount(len(waiting), 'paper')} not decided on, the first is {waiting[0].paper.id}",
            next_step="Decide on them first",
        )
        return _preview(room, request, desk, problem=error)
    return _back(desk)


def unpublish(room: Newsroom, request: Request) -> Response:
    """Withdraw the digest. Form: `why`."""
    desk, why = room.desks.asked_for(request), fields(request).get("why", "")
    editor, now = session_of(request).editor, datetime.now(UTC)
    try:
        run.withdraw(room.settings, desk.snapshot, why, editor=editor, now=now)
    except UsageError as error:
        return _preview(room, request, desk, problem=error)
    return _back(desk)


def _preview(  # noqa: PLR0913  what the page is about
    room: Newsroom,
    request: Request,
    desk: Desk,
    *,
    problem: UsageError | Overtaken | None = None,
    status: int = 409,
    typed: Lines | None = None,
) -> Response:
    view = desk.view()
    introduction, mark = introduction_of(view)
    return page(
        request,
        "preview.html.j2",
        status=status if problem else 200,
        snapshot=desk.snapshot,
        base=f"/review/{desk.snapshot.topic}/{desk.snapshot.name}",
        digest=view.digest,
        strip=Strip(view),
        state=state_of(view.digest, desk.snapshot.publications()),
        trouble=room.releases.trouble(desk.snapshot),
        introduction=introduction if typed is None else typed,
        seen=mark,
        problem=problem,
        publishes=room.settings.review.publish,
    )


def _back(desk: Desk) -> Response:
    snapshot = desk.snapshot
    return RedirectResponse(f"/review/{snapshot.topic}/{snapshot.name}/preview", 303)

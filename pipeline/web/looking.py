"""The site for looking at it before, or without, a web server: what is published, and drafts.

Nobody signs in and nothing can be changed. What is below `/drafts/` and is no draft is what it
would be on the site, so that the links of a draft, which are relative, lead where they will.
"""

import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.errors import PaperlineError
from pipeline.site import words
from pipeline.site.assets import asset
from pipeline.site.templating import environment
from pipeline.site.words import Said
from pipeline.web import site_files
from pipeline.web.drafts import Drafts, waits_for
from pipeline.web.origins import Origins, is_loopback
from pipeline.web.templating import FOLDER

HEADERS = {
    # Another site's page may neither show nor read what is served here.
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""What every answer carries."""

UNSEEN = {"X-Robots-Tag": "noindex", "Cache-Control": "no-store"}
"""What everything carries that is not published."""

DRAFTS = "/drafts/"

AMBIGUOUS = re.compile(rb"%2f|%5c|%00", re.IGNORECASE)
"""Escapes of a path that one program reads as a name's part, and another as its end."""

REFUSALS = {
    404: Said("There is no such page here.", "这里没有这个页面。"),
    405: Said("Pages can be looked at here, and nothing else.", "这里只能浏览页面。"),
    421: Said(
        "This server does not go by that name. Open the address that the terminal shows.",
        "请打开终端里显示的地址，本服务不接受其他主机名。",
    ),
    500: Said("That did not work.", "出错了。"),
}
"""What is said of an HTTP status."""


def application(drafts: Drafts, known: Callable[[str], bool]) -> ASGIApp:
    """The app that shows the site and its drafts under the hosts that are `known`."""
    pages = _Pages(drafts)
    app = Starlette(
        routes=[
            Route("/", pages.front),
            Route("/drafts", pages.listing),
            Route(DRAFTS, pages.listing),
            Route("/drafts/{topic}/{name}.html", pages.draft),
            Route("/drafts/{path:path}", pages.elsewhere),
            Route("/{path:path}", pages.published),
        ],
        exception_handlers=dict.fromkeys((HTTPException, PaperlineError, Exception), _told),
    )
    app.router.redirect_slashes = False
    return _Door(app, known)


class _Pages:
    """What is at which address. Its functions run in threads, so files may be read."""

    def __init__(self, drafts: Drafts) -> None:
        self._drafts = drafts
        self._site = drafts.outputs.site

    def front(self, request: Request) -> Response:
        if not (self._site / "index.html").is_file():
            return site_files.moved(request, DRAFTS)
        return site_files.answer(self._site, request, "")

    def published(self, request: Request) -> Response:
        return site_files.answer(self._site, request, request.path_params["path"])

    def listing(self, request: Request) -> Response:
        if request.scope["path"] != DRAFTS:
            return site_files.moved(request, DRAFTS)
        zone = self._drafts.settings.zone
        return _page("drafts.html.j2", rows=self._drafts.rows(), zone=zone)

    def draft(self, request: Request) -> Response:
        topic, name = request.path_params["topic"], request.path_params["name"]
        text = self._drafts.page(topic, name)
        return self.elsewhere(request) if text is None else HTMLResponse(text, headers=UNSEEN)

    def elsewhere(self, request: Request) -> Response:
        path = request.scope["path"].removeprefix(DRAFTS)
        if path == "index.html":
            return site_files.moved(request, "/")
        if not site_files.is_there(self._site, path.removesuffix("/")):
            raise HTTPException(404)
        return site_files.moved(request, f"/{path}")


def names(address: str, port: int) -> Callable[[str], bool]:
    """Which Host headers are answered to: no other site's name (DNS rebinding).

    On loopback those of the review app, elsewhere any IP address, which is nobody's name.
    Raises `UsageError` where the address is none.
    """
    if is_loopback(address):
        origins = Origins(address, port)
        return lambda host: origins.of(host) is not None
    return _is_address


class _Door:
    """Refuses what comes under another name (421) or is no GET or HEAD (405)."""

    def __init__(self, app: ASGIApp, known: Callable[[str], bool]) -> None:
        self._app = app
        self._known = known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # the server's start and end; it speaks no WebSocket
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        hosts = request.headers.getlist("host")
        answer: Response | None = None
        if len(hosts) != 1 or not self._known(hosts[0]):
            answer = _refusal(421)
        elif request.method not in ("GET", "HEAD"):
            answer = _refusal(405, {"Allow": "GET, HEAD"})
        elif not scope["path"].startswith("/") or AMBIGUOUS.search(scope["raw_path"]):
            answer = _refusal(404)
        await (answer or self._app)(scope, receive, _with_headers(send))


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(HEADERS)
        await send(message)

    return send_with_headers


def _is_address(host: str) -> bool:
    try:
        parts = urlsplit(f"//{host}")
        ip_address(parts.hostname or "")
    except ValueError:
        return False
    return parts.netloc == host and "@" not in host


async def _told(_: Request, error: Exception) -> Response:
    """What an exception is to whoever asked; a defect is logged by the server."""
    if isinstance(error, HTTPException):
        return _refusal(error.status_code, error.headers)
    return _refusal(500, error=error if isinstance(error, PaperlineError) else None)


def _refusal(
    status: int, headers: Any = None, *, error: PaperlineError | None = None
) -> HTMLResponse:
    said = REFUSALS.get(status, REFUSALS[500])
    return _page("refusal.html.j2", status=status, headers=headers, said=said, error=error)


def _page(template: str, *, status: int = 200, headers: Any = None, **values: Any) -> HTMLResponse:
    """A page of this server's own, in the look of the site."""
    made = environment(FOLDER / "site_templates").get_template(template)
    text = made.render(words=words, style=f"/{asset('site.css')}", waits_for=waits_for, **values)
    return HTMLResponse(text, status_code=status, headers={**UNSEEN, **(headers or {})})

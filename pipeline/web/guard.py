"""What every request passes before a page sees it, and every answer before a browser does.

A change is accepted only from a form of this server's own pages: the request's origin is
this server, and the form carries the session's token. Each alone would do against a foreign
site (CSRF); together a fault in one opens nothing.
"""

import hmac
from urllib.parse import urlencode

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.errors import UsageError
from pipeline.web import forms, problems
from pipeline.web.origins import Origins, own_path, path_of
from pipeline.web.sessions import Session, SessionCookie, Sessions, is_secure

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
"""The Content-Security-Policy of pages that bring none of their own."""

HEADERS = {
    # By it pages tell this server's answers from those of a proxy in front of it.
    "X-Paperline": "1",
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    # Under no-referrer browsers send "Origin: null" with forms, which is refused below.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
"""What every answer carries that does not say otherwise itself."""

YEAR = 365 * 24 * 3600

OPEN = frozenset({"/login", "/enter", "/language"})
"""Paths for those who are not signed in yet; `/static/` is open too."""


class Guard:
    """ASGI middleware around the whole app.

    Refuses an unknown Host (421), another method than GET, HEAD and POST (405), a POST from
    elsewhere or without its session's `csrf` (403), a body that is no small form (413, 415,
    400). Sends those who are not signed in to /login. Puts into `scope["state"]` the
    `origin` under which the browser knows this server, the `session` or None, and the
    form's `fields`.

    The two forms before signing in, /login and /enter, have no session and so no token: the
    origin is what protects them, and their content is a secret that another site lacks.
    """

    def __init__(self, app: ASGIApp, origins: Origins, sessions: Sessions) -> None:
        self._app = app
        self._origins = origins
        self._sessions = sessions
        self._cookie = SessionCookie(origins.port)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or have the app answer it."""
        if scope["type"] != "http":  # the server's start and end; it speaks no WebSocket
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state.update(origin=None, session=None, fields={})
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except HTTPException as refused:
            answer = problems.refusal(request, refused.status_code, refused.detail, refused.headers)
        except UsageError as error:
            answer = problems.report(request, error)
        except ClientDisconnect:
            return
        send = _with_headers(send, secure=is_secure(state["origin"] or ""))
        await (answer or self._app)(scope, receive, send)

    async def _answer(self, request: Request) -> Response | None:
        """The answer to what does not reach the app, or None.

        Raises `HTTPException`, and `UsageError` for a form that cannot be read.
        """
        state = request.scope["state"]
        state["origin"] = self._origin(request)
        request.scope["scheme"] = state["origin"].partition(":")[0]  # TLS ends at the proxy
        if request.method not in ("GET", "HEAD", "POST"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD, POST"})
        if not request.scope["path"].startswith("/"):  # OPTIONS *, GET http://...
            raise HTTPException(400)
        session = self._sessions.find(request.cookies.get(self._cookie.name(state["origin"]), ""))
        state["session"] = session
        path = request.scope["path"]
        free = path in OPEN or path.startswith("/static/")
        if request.method == "POST":
            _refuse_foreign(request, state["origin"])
            state["fields"] = await forms.read(request)
            if session is not None and path not in OPEN:
                _refuse_without_token(session, state["fields"])
        return None if session or free else _signed_out(request)

    def _origin(self, request: Request) -> str:
        """The origin that the one Host header names. Raises `HTTPException` 421."""
        hosts = request.headers.getlist("host")
        origin = self._origins.of(hosts[0]) if len(hosts) == 1 else None
        if origin is None:
            raise HTTPException(421)
        return origin


def _refuse_foreign(request: Request, own: str) -> None:
    """Raise `HTTPException` 403 for a POST that another site's page, or no page, has sent.

    Every current browser sends Origin with a POST, as "null" where it hides it. Where something
    in between has removed it, Sec-Fetch-Site (Fetch Metadata, which no script can set) may
    vouch instead.
    """
    origins = request.headers.getlist("origin")
    if not origins:
        if request.headers.getlist("sec-fetch-site") != ["same-origin"]:
            raise HTTPException(403)
    elif origins != [own]:
        raise HTTPException(403)


def _refuse_without_token(session: Session, fields: dict[str, str]) -> None:
    """Raise `HTTPException` 403 for a form without the session's token."""
    given = fields.get("csrf", "").encode("utf-8")
    if not hmac.compare_digest(given, session.csrf.encode()):
        raise HTTPException(403)


def _signed_out(request: Request) -> Response:
    """The way to /login and back; a POST, which cannot be repeated there, is refused."""
    if request.headers.get("hx-request") == "true":
        back = path_of(request.headers.get("hx-current-url", "/"))
        return problems.refusal(
            request, 403, "signed-out", {"HX-Redirect": f"/login?{urlencode({'next': back})}"}
        )
    if request.method == "POST":
        return problems.refusal(request, 403, "signed-out")
    path, query = request.scope["raw_path"].decode("ascii"), request.url.query
    back = own_path(f"{path}?{query}" if query else path)
    return RedirectResponse(f"/login?{urlencode({'next': back})}", 303)


def _with_headers(send: Send, *, secure: bool) -> Send:
    """`send` that adds to an answer the headers it lacks."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if secure:
                headers.setdefault("Strict-Transport-Security", f"max-age={YEAR}")
        await send(message)

    return send_with_headers

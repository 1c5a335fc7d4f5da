"""The pages of signing in and out: /login, /enter and /logout."""

import logging

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pipeline.web.devices import Devices
from pipeline.web.forms import fields
from pipeline.web.links import Links
from pipeline.web.origins import own_path
from pipeline.web.passwords import Passwords
from pipeline.web.sessions import Clock, SessionCookie, Sessions
from pipeline.web.templating import page
from pipeline.web.throttle import Attempts, Throttle

Access = Passwords | Links
"""How one signs in: by name and password, or by the link in the terminal."""

log = logging.getLogger(__name__)


def routes(access: Access, sessions: Sessions, cookie: SessionCookie, clock: Clock) -> list[Route]:
    """The routes of signing in by `access` and out. A GET among them changes nothing."""
    door = _Door(sessions, cookie)
    way = (
        _ByPassword(access, door, Devices(access, cookie.port), clock)
        if isinstance(access, Passwords)
        else _ByLink(access, door)
    )
    return [*way.routes(), Route("/logout", door.log_out, methods=["POST"])]


class _Door:
    """Begins and ends sessions, and has the browser keep and forget them."""

    def __init__(self, sessions: Sessions, cookie: SessionCookie) -> None:
        self._sessions = sessions
        self._cookie = cookie

    def open(self, request: Request, editor: str, following: str) -> Response:
        """A new session under a new id, whatever id the browser brought."""
        self._forget(request)
        response = RedirectResponse(following, 303)
        origin = request.scope["state"]["origin"]
        self._cookie.set(response, origin, self._sessions.begin(editor))
        return response

    async def log_out(self, request: Request) -> Response:
        response = RedirectResponse("/login", 303)
        self._forget(request)
        self._cookie.delete(response, request.scope["state"]["origin"])
        return response

    def _forget(self, request: Request) -> None:
        origin = request.scope["state"]["origin"]
        self._sessions.end(request.cookies.get(self._cookie.name(origin), ""))


class _ByPassword:
    """Name and password, slowed where they fail.

    After 5 failures of a name the waits grow to 300 s. An address fails 50 times before it
    waits, and 8 s at most: behind a proxy all editors come from one address; that limit only
    keeps the work of argon2 small. A browser in which that editor has signed in before counts
    by itself and has a queue of its own, so that no stranger can keep the editor out of it.
    """

    def __init__(self, passwords: Passwords, door: _Door, devices: Devices, clock: Clock) -> None:
        self._passwords = passwords
        self._door = door
        self._devices = devices
        names = Throttle(free=5, longest=300.0, clock=clock)
        addresses = Throttle(free=50, longest=8.0, clock=clock)
        self._strangers = Attempts(names, addresses)
        self._acquainted = Attempts(Throttle(free=5, longest=300.0, clock=clock))

    def routes(self) -> list[Route]:
        return [
            Route("/login", self._ask, methods=["GET"]),
            Route("/login", self._answer, methods=["POST"]),
        ]

    async def _ask(self, request: Request) -> Response:
        following = own_path(request.query_params.get("next", "/"))
        if request.scope["state"]["session"]:
            return RedirectResponse(following, 303)
        return _page(request, "password", following=following)

    async def _answer(self, request: Request) -> Response:
        given = fields(request)
        name, following = given.get("name", "").strip(), own_path(given.get("next", "/"))
        wait, fits = await self._attempt(request, name, given.get("password", ""))
        if fits:
            answer = self._door.open(request, name, following)
            self._devices.remember(request, answer, name)
            return answer
        status = 429 if wait else 403
        answer = _page(request, "password", status, following=following, name=name, wait=wait)
        if wait:
            answer.headers["Retry-After"] = str(wait)
        return answer

    async def _attempt(self, request: Request, name: str, password: str) -> tuple[int, bool]:
        """Seconds to wait before an attempt is looked at, and whether this one succeeds."""
        address = request.client.host if request.client else ""
        device = self._devices.known(request, name)
        attempts, keys = (
            (self._acquainted, [device]) if device else (self._strangers, [name, address])
        )

        async def fits() -> bool:
            return await run_in_threadpool(self._passwords.fits, name, password)

        wait, done = await attempts.look(keys, fits)
        if done:
            log.info("%s signed in from %s", name, address)
        elif not wait:
            # What nobody is called may be a password, typed into the wrong field.
            told = name if name in self._passwords else "an unknown name"
            log.info("%s failed to sign in from %s", told, address)
        return wait, done


class _ByLink:
    """The link in the terminal, which leads to a page with a button.

    Chat programs and virus scanners follow links, and press none: the button spends it.
    """

    def __init__(self, links: Links, door: _Door) -> None:
        self._links = links
        self._door = door

    def routes(self) -> list[Route]:
        return [
            Route("/login", self._explain, methods=["GET"]),
            Route("/enter", self._ask, methods=["GET"]),
            Route("/enter", self._enter, methods=["POST"]),
        ]

    async def _explain(self, request: Request) -> Response:
        if request.scope["state"]["session"]:
            return RedirectResponse("/", 303)
        return _page(request, "link")

    async def _ask(self, request: Request) -> Response:
        if request.scope["state"]["session"]:
            return RedirectResponse("/", 303)
        token = request.query_params.get("token", "")
        if not self._links.opens(token):
            return _page(request, "spent", 403)
        return _page(request, "enter", token=token, name=self._links.editor)

    async def _enter(self, request: Request) -> Response:
        if self._links.spend(fields(request).get("token", "")):
            return self._door.open(request, self._links.editor, "/")
        if request.scope["state"]["session"]:  # the button was pressed twice
            return RedirectResponse("/", 303)
        return _page(request, "spent", 403)


def _page(  # noqa: PLR0913  what the ways need
    request: Request,
    way: str,
    status: int = 200,
    *,
    following: str = "/",
    name: str = "",
    token: str = "",
    wait: int = 0,
) -> Response:
    """The page of one `way`: `password`, `link` (in the terminal), `enter` or `spent`."""
    return page(
        request,
        "login.html.j2",
        status=status,
        way=way,
        following=following,
        name=name,
        token=token,
        wait=wait,
        failed=status == 403,
    )

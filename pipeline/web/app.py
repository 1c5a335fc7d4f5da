"""The app: pages for those who are signed in, behind the guard."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from pipeline.errors import PaperlineError
from pipeline.records import LANGUAGES
from pipeline.web import language, problems, signing_in
from pipeline.web.guard import YEAR, Guard
from pipeline.web.origins import Origins, own_path
from pipeline.web.sessions import Clock, SessionCookie, Sessions, is_secure
from pipeline.web.templating import STATIC, static_address

KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
"""The static files that are served, by the end of their names, and as what."""


def application(
    access: signing_in.Access,
    origins: Origins,
    pages: Sequence[BaseRoute],
    *,
    during: Sequence[AbstractContextManager[Any]] = (),
    clock: Clock = time.monotonic,
) -> ASGIApp:
    """The app that answers to `origins` and lets in by `access`.

    `pages` are for those who are signed in: `request.scope["state"]["session"]` is never None
    in them, and a POST has passed its CSRF check. What is in `during` is entered when the
    server starts and left, the last first, when it has answered its last request.
    """
    sessions, cookie = Sessions(clock), SessionCookie(origins.port)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        with ExitStack() as stack:
            for each in during:
                stack.enter_context(each)
            yield

    app = Starlette(
        routes=[
            *signing_in.routes(access, sessions, cookie, clock),
            Route("/language", _choose_language, methods=["GET"]),
            Route("/static/{name}", _static, methods=["GET"]),
            *pages,
        ],
        exception_handlers=dict.fromkeys(
            (HTTPException, PaperlineError, Exception), problems.handle
        ),
        lifespan=lifespan,
    )
    # Its redirects to a path with or without a slash would be answers that nobody wrote.
    app.router.redirect_slashes = False
    return Guard(app, origins, sessions)


async def _choose_language(request: Request) -> Response:
    """Keep the language that the reader chose, and go back."""
    chosen = request.query_params.get("to", "")
    if chosen not in LANGUAGES:
        raise HTTPException(400)
    response = RedirectResponse(own_path(request.query_params.get("next", "/")), 303)
    response.set_cookie(
        language.COOKIE,
        chosen,
        max_age=YEAR,
        secure=is_secure(request.scope["state"]["origin"]),
        httponly=True,
        samesite="lax",
    )
    return response


async def _static(request: Request) -> Response:
    """A file of `static/`; kept for a year where its address names its present content."""
    name = request.path_params["name"]
    # Compared with the names there are: no path is ever made of what was asked for.
    found = next((path for path in STATIC.iterdir() if path.name == name), None)
    kind = KINDS.get(found.suffix) if found else None
    if found is None or kind is None:
        raise HTTPException(404)
    current = f"{request.url.path}?{request.url.query}" == static_address(name)
    kept = f"public, max-age={YEAR}, immutable" if current else "no-cache"
    return FileResponse(found, media_type=kind, headers={"Cache-Control": kept})

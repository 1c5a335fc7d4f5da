"""The app's pages: templates with the words of the reader's language, and static files."""

import hashlib
import logging
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from pipeline.site.templating import environment
from pipeline.web import language as languages
from pipeline.web import words
from pipeline.web.origins import path_of

log = logging.getLogger(__name__)

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """The answer that `template` makes of `values`.

    Every template also has `say` (words in the reader's language), `language`, `tag` (the same
    as HTML names it), `session` (None before somebody is signed in), `here` (the path asked
    for, with its query; after a form the one of its page), `static` (the address of a static
    file) and `words`.
    """
    language = languages.of(request)
    text = (
        environment(FOLDER / "templates")
        .get_template(template)
        .render(
            say=languages.speaker(language),
            language=language,
            tag=languages.TAGS[language],
            session=request.scope.get("state", {}).get("session"),
            here=_here(request),
            static=static_address,
            words=words,
            **values,
        )
    )
    return HTMLResponse(text, status_code=status, headers=headers)


def prepare() -> None:
    """Load what the first page would have to wait for: the templates, and the checks' patterns."""
    from pipeline.checks import suite

    known = environment(FOLDER / "templates")
    for name in known.list_templates():
        known.get_template(name)
    log.debug("%d checks are ready", len(suite.CHECKS))


def static_address(name: str) -> str:
    """The address of a static file, which changes with its content so that it may be kept."""
    return f"/static/{name}?v={_digest(name)}"


@cache
def _digest(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


def _here(request: Request) -> str:
    if request.method == "POST":  # nobody can go back to its own address
        return path_of(request.headers.get("referer", ""))
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path

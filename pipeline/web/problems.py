"""Pages that say what went wrong and what to do next; never a traceback."""

import logging
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pipeline.errors import (
    AnswerRejected,
    BudgetReached,
    ModelRefused,
    Overtaken,
    PaperlineError,
    RequestRejected,
    SettingsError,
    Transient,
    UsageError,
)
from pipeline.web import words
from pipeline.web.templating import page


class Told(PaperlineError):
    """What an editor asked for and cannot have, in the reader's words.

    `reason` is one of `words.REFUSALS`, whose message has places for `values`; `status` is the
    HTTP status.
    """

    def __init__(self, reason: str, *, status: int = 400, **values: object) -> None:
        self.message = words.REFUSALS[reason]
        super().__init__(self.message.format(**values))
        self.status = status
        self.values = values


STATUSES: dict[type[Exception], int] = {
    UsageError: 400,
    Overtaken: 409,
    SettingsError: 500,
    BudgetReached: 409,
    ModelRefused: 502,
    RequestRejected: 502,
    AnswerRejected: 502,
    Transient: 503,
    PaperlineError: 500,
}
"""The HTTP status of an error, by the nearest of its classes."""

log = logging.getLogger(__name__)


def refusal(
    request: Request, status: int, reason: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """The answer of `status` in the reader's words; a fragment where htmx asks.

    `reason` tells apart what shares a status: `signed-out` (403).
    """
    return _answer(request, status, reason, headers, error=None)


def report(request: Request, error: PaperlineError) -> Response:
    """The answer that an error of ours is, with its text; logged where the server is at fault."""
    if isinstance(error, Told):
        return _answer(request, error.status, "", None, error=error)
    status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    if status == 500:
        log.error("%s", error)
    return _answer(request, status, "", None, error=error)


async def handle(request: Request, error: Exception) -> Response:
    """The answer to an exception: what Starlette calls for each.

    An `HTTPException` may have a `reason` as its detail. What is neither that nor an error of
    ours is a defect; the server logs it.
    """
    if isinstance(error, HTTPException):
        return refusal(request, error.status_code, error.detail, error.headers)
    if isinstance(error, PaperlineError):
        return report(request, error)
    return refusal(request, 500)


def _answer(
    request: Request,
    status: int,
    reason: str,
    headers: Mapping[str, str] | None,
    *,
    error: PaperlineError | None,
) -> Response:
    fragment = request.headers.get("hx-request") == "true"
    template = "problem_line.html.j2" if fragment else "problem.html.j2"
    # The message has a place of its own, so that what was being worked on stays on the page.
    aside = {"HX-Retarget": "#problem", "HX-Reswap": "innerHTML"} if fragment else {}
    return page(
        request,
        template,
        status=status,
        headers={**aside, **(headers or {})},
        code=status,
        reason=reason,
        error=error,
    )

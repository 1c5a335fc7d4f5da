"""The addresses of the pages, and what answers at each."""

import functools
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pipeline.web import asking, auditing, choosing, deciding, listing, publishing, reviewing
from pipeline.web.newsroom import Newsroom

Answer = Callable[[Newsroom, Request], Response]

OF_SNAPSHOT = "/review/{topic}/{name}"

READ: dict[str, Answer] = {
    "/": listing.listing,
    OF_SNAPSHOT: reviewing.review,
    f"{OF_SNAPSHOT}/state": reviewing.state,
    f"{OF_SNAPSHOT}/approve": deciding.blameless,
    f"{OF_SNAPSHOT}/asked": asking.asked,
    f"{OF_SNAPSHOT}/preview": publishing.preview,
    f"{OF_SNAPSHOT}/preview/page": publishing.preview_page,
    f"{OF_SNAPSHOT}/audit": auditing.audit,
    f"{OF_SNAPSHOT}/choice": choosing.contests,
    f"{OF_SNAPSHOT}/choice/{{contest}}": choosing.question,
    f"{OF_SNAPSHOT}/choice/{{contest}}/result": choosing.result,
}
"""Pages, and parts of pages."""

CHANGE: dict[str, Answer] = {
    f"{OF_SNAPSHOT}/decide": deciding.decide,
    f"{OF_SNAPSHOT}/undo": deciding.undo,
    f"{OF_SNAPSHOT}/approve": deciding.approve_blameless,
    f"{OF_SNAPSHOT}/arrange": deciding.arrange,
    f"{OF_SNAPSHOT}/check": reviewing.checked,
    f"{OF_SNAPSHOT}/ask": asking.ask,
    f"{OF_SNAPSHOT}/introduction": publishing.introduce,
    f"{OF_SNAPSHOT}/publish": publishing.publish,
    f"{OF_SNAPSHOT}/unpublish": publishing.unpublish,
    f"{OF_SNAPSHOT}/choice/{{contest}}": choosing.choose,
}
"""What forms are sent to."""


def routes(room: Newsroom) -> list[Route]:
    """All of them, for one newsroom. Their functions run in threads, so files may be read."""
    read = [
        Route(p, functools.partial(answer, room), methods=["GET"]) for p, answer in READ.items()
    ]
    change = [
        Route(path, functools.partial(answer, room), methods=["POST"])
        for path, answer in CHANGE.items()
    ]
    return [*read, *change]

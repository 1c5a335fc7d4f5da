"""The list of snapshots: what waits for editors, and what was published."""

import contextlib
import itertools
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from pipeline.errors import DamagedFile, PaperlineError
from pipeline.outputs import Outputs
from pipeline.snapshot import Snapshot
from pipeline.status import SnapshotStatus
from pipeline.web.newsroom import Newsroom
from pipeline.web.templating import page

ON_A_PAGE = 50
"""Snapshots that one page lists."""


@dataclass(frozen=True)
class Row:
    """One snapshot: its status, or what is wrong with its files."""

    snapshot: Snapshot
    status: SnapshotStatus | None
    problem: PaperlineError | None = None

    @property
    def waits(self) -> bool:
        """Whether its editors are waited for, to decide or to publish."""
        return self.status is not None and self.status.state in ("draft", "ready", "correcting")


def listing(room: Newsroom, request: Request) -> Response:
    """The snapshots of all topics, the newest first. Query: `page`, from 1."""
    outputs = Outputs(room.settings.outputs)
    topics = outputs.topics()
    pages = max(1, -(-sum(len(outputs.names(topic)) for topic in topics) // ON_A_PAGE))
    number = number_of(request, pages)
    return page(
        request,
        "list.html.j2",
        rows=[_row(room, snapshot) for snapshot in _shown(outputs, topics, number)],
        waiting=sum(
            _row(room, snapshot).waits
            for topic in topics
            for snapshot in outputs.that_may_wait(topic, outputs.times(topic))
        ),
        zone=room.settings.zone,
        number=number,
        pages=pages,
    )


def _shown(outputs: Outputs, topics: list[str], number: int) -> list[Snapshot]:
    """The snapshots of a page; those of several topics, or where an instant is lost, by name."""
    those = slice((number - 1) * ON_A_PAGE, number * ON_A_PAGE)
    if len(topics) == 1:
        with contextlib.suppress(DamagedFile):  # its row says so
            return [*itertools.islice(outputs.newest_first(topics[0]), those.start, those.stop)]
    named = [(name, topic) for topic in topics for name in outputs.names(topic)]
    named.sort(key=lambda each: each[0], reverse=True)
    return [outputs.snapshot(topic, name) for name, topic in named[those]]


def number_of(request: Request, pages: int) -> int:
    """The page that a query asks for, from 1 to the last one."""
    asked = request.query_params.get("page", "")
    valid = asked.isascii() and asked.isdigit() and len(asked) < 9
    return min(max(int(asked), 1), pages) if valid else 1


def _row(room: Newsroom, snapshot: Snapshot) -> Row:
    try:
        return Row(snapshot, room.statuses.of(snapshot))
    except PaperlineError as error:
        return Row(snapshot, None, error)

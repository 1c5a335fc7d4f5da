"""The list of snapshots: what waits for editors, and what was published."""

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
    newest = [s for topic in topics for s in reversed(_snapshots(outputs, topic))]
    if len(topics) > 1:
        newest.sort(key=lambda snapshot: snapshot.name, reverse=True)
    pages = max(1, -(-len(newest) // ON_A_PAGE))
    number = number_of(request, pages)
    shown = newest[(number - 1) * ON_A_PAGE : number * ON_A_PAGE]
    return page(
        request,
        "list.html.j2",
        rows=[_row(room, snapshot) for snapshot in shown],
        waiting=sum(_row(room, s).waits for s in newest if s.may_wait()),
        zone=room.settings.zone,
        number=number,
        pages=pages,
    )


def _snapshots(outputs: Outputs, topic: str) -> list[Snapshot]:
    """The topic's snapshots, oldest first; by their names where one's instant is lost."""
    try:
        return outputs.snapshots(topic)
    except DamagedFile:  # its row says so
        return [outputs.snapshot(topic, name) for name in sorted(outputs.stamps(topic))]


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

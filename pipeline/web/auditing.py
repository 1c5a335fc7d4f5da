"""Who decided what and when, with the text before and after; and every release."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from pipeline.composition import Material
from pipeline.decisions import ON_LINES
from pipeline.records import LANGUAGES, Decision, Language, Lines, Publication
from pipeline.site.text import local_time
from pipeline.web.listing import number_of
from pipeline.web.newsroom import Newsroom, address_of
from pipeline.web.templating import page

ON_A_PAGE = 200
"""Events that one page shows."""


@dataclass(frozen=True)
class Event:
    """One decision with the text that was in force before it, or one release and `what` it was."""

    at: datetime
    decision: Decision | None = None
    title: str = ""
    before: Lines = field(default_factory=dict)
    release: Publication | None = None
    what: str = ""

    @property
    def people(self) -> tuple[str, ...]:
        """Who asked for a release, else those whose decisions it rests on."""
        if self.release is None:
            return ()
        return (self.release.by,) if self.release.by else self.release.who

    @property
    def texts(self) -> list[tuple[Language, str, str]]:
        """Language, text before and text after; the same twice where it was not changed."""
        after = (self.decision.lines if self.decision else None) or {}
        pairs = [(name, self.before.get(name, ""), after.get(name, "")) for name in LANGUAGES]
        return [pair for pair in pairs if pair[1] or pair[2]]


def audit(room: Newsroom, request: Request) -> Response:
    """All decisions and releases, the newest first. Query: `page`, from 1."""
    desk = room.desks.asked_for(request)
    material = desk.view().material
    events = [*_decisions(material)]
    events += _releases(desk.snapshot.publications())
    # Sorted by time alone, so that what happened in one second stays in its order.
    newest = sorted(events, key=lambda event: event.at)[::-1]
    pages = max(1, -(-len(newest) // ON_A_PAGE))
    number = number_of(request, pages)
    return page(
        request,
        "audit.html.j2",
        snapshot=desk.snapshot,
        base=address_of(desk.snapshot),
        digest=desk.view().digest,
        local=local_time(desk.view().digest),
        events=newest[(number - 1) * ON_A_PAGE : number * ON_A_PAGE],
        number=number,
        pages=pages,
    )


def _decisions(material: Material) -> Iterator[Event]:
    """Every decision, the oldest first."""
    in_force: dict[str | None, Decision] = {}
    for decision in list(material.state.taken):
        paper = decision.paper
        title = material.papers[paper].title if paper and paper in material.papers else ""
        before: Lines = {}
        if decision.action in ON_LINES or paper is None:
            shown = material.active.get(paper or "") or material.stand_ins.get(paper or "")
            earlier = in_force.get(paper)
            before = (earlier.lines if earlier else shown.lines if shown else None) or {}
            in_force[paper] = decision
        yield Event(at=decision.at, decision=decision, title=title, before=before)


def _releases(publications: list[Publication]) -> Iterator[Event]:
    """Every release, the oldest first."""
    for before, release in zip([None, *publications], publications, strict=False):
        what: str = release.reason
        if before is not None and before.why is not None:
            what = "again"
        elif release.reason == "withdrawn" and release.why is None:
            what = "noticed"  # of single papers, by their authors
        yield Event(at=release.at, release=release, what=what)

"""What all pages of one server share."""

from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request

from pipeline.desk import Desk, View
from pipeline.errors import Overtaken
from pipeline.records import Decision
from pipeline.settings import Settings
from pipeline.snapshot import Snapshot
from pipeline.stages.review import Wish
from pipeline.web import undo
from pipeline.web.contests import Contests
from pipeline.web.desks import Desks
from pipeline.web.questions import Questions
from pipeline.web.releases import Releases
from pipeline.web.sessions import Session
from pipeline.web.statuses import Statuses
from pipeline.web.strip import Strip


@dataclass(frozen=True)
class Newsroom:
    """The settings, the desks, and what works beside the requests."""

    settings: Settings
    desks: Desks
    releases: Releases
    questions: Questions
    statuses: Statuses
    contests: Contests

    def decide(self, session: Session, desk: Desk, wishes: list[Wish]) -> list[Decision]:
        """Take decisions of the editor who is signed in; what follows from them comes later.

        Raises `UsageError`, or `Overtaken` where somebody else was faster.
        """
        with desk.turn:  # so that nobody else's decision is taken for this one
            before = desk.view()
            taken_back_by = undo.of(before, wishes)
            marks = undo.marks(before.material, taken_back_by)
            taken, after = desk.decided(wishes, editor=session.editor, at=datetime.now(UTC))
            done = undo.marked(after.material, taken_back_by, marks)
            session.undo.setdefault(str(desk.snapshot), []).append(done)
        self._follow(desk.snapshot, before, after)
        return taken

    def take_back(self, session: Session, desk: Desk) -> undo.Undo | None:
        """Take back what the editor did last in this session; None where nothing is left.

        Raises `Overtaken` where somebody else has decided since: that stays.
        """
        with desk.turn:  # so that two requests at once do not take back the same
            done: list[undo.Undo] = session.undo.get(str(desk.snapshot), [])
            if not done:
                return None
            before = desk.view()
            last = undo.standing(done[-1], before.material)
            try:
                _, after = desk.decided(last.wishes, editor=session.editor, at=datetime.now(UTC))
            except Overtaken:
                done.pop()
                raise
            done.pop()
            done[:] = [undo.following(one, last, after.material) for one in done]
        self._follow(desk.snapshot, before, after)
        return last

    def _follow(self, snapshot: Snapshot, before: View, after: View) -> None:
        """Have the digest released: at once where its last paper was settled.

        Corrections that follow on each other are one release.
        """
        opened = Strip(before).waited_for > 0 and Strip(after).waited_for == 0
        self.releases.ask(snapshot, at_once=opened)


def newsroom(settings: Settings) -> Newsroom:
    """The newsroom of one server; its `releases` and `questions` are entered while it runs."""
    return Newsroom(
        settings,
        Desks(settings),
        Releases(settings),
        Questions(settings),
        Statuses(),
        Contests(settings),
    )


def address_of(snapshot: Snapshot) -> str:
    """The address of a snapshot's review page, which the others of it begin with."""
    return f"/review/{snapshot.topic}/{snapshot.name}"


def session_of(request: Request) -> Session:
    """The session of a request, which every page has."""
    found: Session = request.scope["state"]["session"]
    return found


def is_partial(request: Request) -> bool:
    """Whether the page asks for a part of itself, by htmx."""
    return request.headers.get("hx-request") == "true"

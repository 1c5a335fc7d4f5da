"""What all pages of one server share."""

from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request

from pipeline.desk import Desk
from pipeline.errors import Overtaken
from pipeline.records import Decision
from pipeline.settings import Settings
from pipeline.stages.review import Wish
from pipeline.web import undo
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

    def decide(self, session: Session, desk: Desk, wishes: list[Wish]) -> list[Decision]:
        """Take decisions of the editor who is signed in; what follows from them comes later.

        Raises `UsageError`, or `Overtaken` where somebody else was faster.
        """
        with desk.turn:  # so that nobody else's decision is taken for this one
            taken_back_by = undo.of(desk.view(), wishes)
            taken = self._take(session, desk, wishes)
            done = undo.marked(desk.view().material, taken_back_by)
            session.undo.setdefault(str(desk.snapshot), []).append(done)
        return taken

    def take_back(self, session: Session, desk: Desk) -> undo.Undo | None:
        """Take back what the editor did last in this session; None where nothing is left.

        Raises `Overtaken` where somebody else has decided since: that stays.
        """
        with desk.turn:
            done = session.undo.get(str(desk.snapshot), [])
            if not done:
                return None
            last: undo.Undo = done[-1]
            try:
                self._take(session, desk, list(last.wishes))
            except Overtaken:
                done.pop()
                raise
            done.pop()
            return last

    def _take(self, session: Session, desk: Desk, wishes: list[Wish]) -> list[Decision]:
        taken = desk.decide(wishes, editor=session.editor, at=datetime.now(UTC))
        # The last one opens the gate: nobody waits for it any longer.
        settled = Strip(desk.view()).waited_for == 0
        self.releases.ask(desk.snapshot, at_once=settled)
        return taken


def newsroom(settings: Settings) -> Newsroom:
    """The newsroom of one server; its `releases` and `questions` are entered while it runs."""
    return Newsroom(settings, Desks(settings), Releases(settings), Questions(settings), Statuses())


def session_of(request: Request) -> Session:
    """The session of a request, which every page has."""
    found: Session = request.scope["state"]["session"]
    return found


def is_partial(request: Request) -> bool:
    """Whether the page asks for a part of itself, by htmx."""
    return request.headers.get("hx-request") == "true"

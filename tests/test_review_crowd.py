"""Many editors at one snapshot, while the night's run and a script work on the same topic."""

import itertools
import json
import random
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.decisions import State
from pipeline.outputs import Outputs
from pipeline.records import Decision
from pipeline.stages.review import Wish
from tests.desks import Room, a_desk
from tests.feeds import SmallArxiv, entry
from tests.model_server import ModelServer
from tests.web_client import CHEAP_HASH, Hand, Served, hidden, paperline, reviewing, texts

TOMORROW = datetime(2026, 5, 1, 20, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
ACTIONS = ("approve", "approve", "edit", "exclude", "hold", "reopen")


def a_crowded_desk(folder: Path, papers: int, editors: Sequence[str], url: str) -> Room:
    """A snapshot whose editors sign in by password, and a topic that finds more tomorrow."""
    names = "\n".join(f'{name} = "{CHEAP_HASH}"' for name in editors)
    return a_desk(
        folder,
        papers=papers,
        model=[f'base_url = "{url}/v1"', "requests_per_minute = 100000"],
        more=f'[arxiv]\nurl = "{url}/api/query"\ndelay = 0.0\n[review.editors]\n{names}',
    )


class Crowd:
    """Editors who decide at once, each so often, on papers that they share."""

    def __init__(self, room: Room, server: Served, editors: Sequence[str], each: int) -> None:
        base = f"/review/{room.snapshot}"
        self.hands = [Hand(name, base, server.signed_in(name)) for name in editors]
        self.half_way = threading.Event()
        self._each = each
        self._papers = [paper.id for paper in room.papers[1:]]
        self._taken = itertools.count(1)

    def decide(self, hand: Hand) -> None:
        """Take one editor's decisions, on papers drawn at random but for the first."""
        chance = random.Random(hand.name)
        for _ in range(self._each):
            hand.decide(chance.choice(ACTIONS), chance.choice(self._papers))
            if next(self._taken) == len(self.hands) * self._each // 2:
                self.half_way.set()


def work_by_night(folder: Path, over: threading.Event) -> None:
    """The nightly run, and until the editors are done further ones, which find nothing new."""
    for hour in itertools.count():
        done = paperline(folder, "run", "tides", "--at", f"{TOMORROW + hour * HOUR:%FT%TZ}")
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        if over.is_set():
            return


def assert_nothing_is_lost(
    folder: Path, arxiv: SmallArxiv, *, papers: int, editors: int, each: int
) -> None:
    """Have everybody decide during a night's run; compare what was said with what is there."""
    names = [f"editor-{number}" for number in range(editors)]
    ModelServer(arxiv.server)
    late = "2026-05-01T12:00:00Z"
    arxiv.entries = [entry(n, updated=late, published=late) for n in range(1, 9)]
    room = a_crowded_desk(folder, papers, names, arxiv.server.url_for("").rstrip("/"))
    first = room.id(1)
    with reviewing(folder) as (process, server), ThreadPoolExecutor(editors + 1) as threads:
        crowd = Crowd(room, server, names, each)
        over = threading.Event()
        night = threads.submit(work_by_night, folder, over)
        working = [threads.submit(crowd.decide, hand) for hand in crowd.hands]
        assert crowd.half_way.wait(300)
        script = paperline(
            folder, "decide", str(room.snapshot), first, "hold", "--editor", "Script"
        )
        assert (script.returncode, script.stderr) == (0, "")
        (hand, *_) = crowd.hands
        page = hand.client.get(f"{hand.base}?paper={first}").document
        assert texts(page, ".tags .state") == ["On hold"]
        assert texts(page, ".tags .by")[0].startswith("Script")
        for each_one in working:
            each_one.result()
        over.set()
        night.result()
        decisions = room.snapshot.decisions()
        assert_all_are_there(decisions, crowd.hands, scripted=1)
        assert_shown(room, hand, decisions)
        process.terminate()
        assert process.wait(60) == 0
    *signed_in, ended = (folder / "review.log").read_text("utf-8").splitlines()
    assert sorted(signed_in) == sorted(f"{name} signed in from 127.0.0.1" for name in names)
    assert ended.startswith("ending when ")
    assert_digests(room, decisions, made=len(arxiv.entries))


def assert_all_are_there(
    decisions: Sequence[Decision], hands: Sequence[Hand], *, scripted: int
) -> None:
    """The file has what was acknowledged, in the order of each editor, and nothing besides."""
    for hand in hands:
        assert hand.kept(decisions) == hand.acknowledged == hand.sent
    assert len(decisions) == sum(len(hand.acknowledged) for hand in hands) + scripted


def assert_shown(room: Room, hand: Hand, decisions: Sequence[Decision]) -> None:
    """The app shows of each paper the last decision: its mark is that of a desk read anew."""
    view = room.desk().view()
    assert view.material.state.in_force == State(decisions).in_force
    for paper in room.papers:
        page = hand.client.get(f"{hand.base}?paper={paper.id}", {"HX-Request": "true"}).document
        assert hidden(page, "#decision", "seen") == view.sight(paper.id).mark


def assert_digests(room: Room, decisions: Sequence[Decision], *, made: int) -> None:
    """The digest says what was decided; tomorrow's is there, and nobody has decided on it."""
    digest = room.digest()
    told = [each.decision for each in digest.papers] + [*digest.excluded]
    in_force = State(decisions).in_force
    assert {decision.paper: decision for decision in told if decision} == in_force
    assert len(told) == len(room.papers)
    _, tomorrow = Outputs(room.settings.outputs).snapshots("tides")
    assert len(tomorrow.papers()) == made
    lines = (tomorrow.folder / "2-summaries.jsonl").read_text("utf-8").splitlines()
    assert len({json.loads(line)["paper"] for line in lines}) == len(lines) == made
    assert tomorrow.decisions() == []


def test_a_page_can_be_looked_at_while_a_decision_waits_for_a_release(tmp_path):
    room = a_desk(tmp_path, papers=2)
    desk = room.desk()
    before = desk.view()
    wish = Wish("approve", room.id(1))
    with ThreadPoolExecutor(1) as threads:
        with room.snapshot.releasing():
            taken = threads.submit(desk.decide, [wish], editor="Mei Lan", at=room.later())
            while desk.turn.acquire(blocking=False):  # until the other thread has it
                desk.turn.release()
            assert desk.view() is before
        (decision,) = taken.result()
    assert desk.view().entries[room.id(1)].decision == decision


def test_four_editors_a_script_and_the_night_lose_nothing(tmp_path, arxiv):
    assert_nothing_is_lost(tmp_path, arxiv, papers=12, editors=4, each=20)


@pytest.mark.prove
def test_sixteen_editors_take_two_thousand_decisions_during_the_night(tmp_path, arxiv):
    assert_nothing_is_lost(tmp_path, arxiv, papers=200, editors=16, each=125)

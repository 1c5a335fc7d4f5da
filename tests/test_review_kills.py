"""The review app, killed at any instant: what an editor was told is decided, is decided."""

import http.client
import itertools
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.decisions import SETTLING, State
from pipeline.records import Decision
from tests.desks import Room, a_desk
from tests.web_client import CHEAP_HASH, Hand, Served, paperline, reviewing

EDITORS = ("alice", "bob")
SIGNING_IN = "[review.editors]\n" + "\n".join(f'{name} = "{CHEAP_HASH}"' for name in EDITORS)
ACTIONS = ("approve", "approve", "edit", "exclude", "hold", "reopen")
HALF = b'{"paper":"2604.90001","version":1,"acti'
"""What a power cut may leave of a line."""


@dataclass
class Stream:
    """Two editors who decide on the same papers until their server is gone."""

    room: Room
    hands: list[Hand]
    chance: random.Random

    @contextmanager
    def flowing(self, server: Served) -> Iterator[threading.Semaphore]:
        """Both decide while the block runs; the semaphore counts what was acknowledged."""
        answered = threading.Semaphore(0)
        threads = []
        for hand in self.hands:
            hand.client = server.signed_in(hand.name)
            arguments = (hand, random.Random(self.chance.random()), answered)
            threads.append(threading.Thread(target=self._decide, args=arguments))
        for thread in threads:
            thread.start()
        yield answered
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()

    def _decide(self, hand: Hand, chance: random.Random, answered: threading.Semaphore) -> None:
        papers = [paper.id for paper in self.room.papers]
        try:
            while True:
                hand.decide(chance.choice(ACTIONS), chance.choice(papers))
                answered.release()
        except (OSError, http.client.HTTPException):
            return  # the server is gone

    def assert_whole(self) -> list[Decision]:
        """What is on disk holds all that was acknowledged, and no more than was sent."""
        assert (self.room.snapshot.folder / "4-decisions.jsonl").read_bytes().endswith(b"\n")
        decisions = self.room.snapshot.decisions()
        kept = [hand.kept(decisions) for hand in self.hands]
        assert sum(map(len, kept)) == len(decisions)
        return decisions


def assert_kills_lose_nothing(folder: Path, *, papers: int, kills: int) -> None:
    """Kill the server so many times while two editors decide; then publish what they decided."""
    room = a_desk(folder, papers=papers, more=SIGNING_IN)
    file = room.snapshot.folder / "4-decisions.jsonl"
    base, chance = f"/review/{room.snapshot}", random.Random(11)
    nobody = Served(0, []).client()
    stream = Stream(room, [Hand(name, base, nobody) for name in EDITORS], chance)
    torn = 0
    for turn in range(kills):
        with reviewing(folder) as (process, server), stream.flowing(server) as answered:
            for _ in range(chance.randint(1, 20)):
                assert answered.acquire(timeout=60)
            # A decision takes some milliseconds: the kill comes anywhere within one.
            for _ in itertools.repeat(None, chance.randrange(500_000)):
                pass
            process.send_signal(signal.SIGKILL)
        stream.assert_whole()
        if turn % 3 == 0 and turn < kills - 1:
            with file.open("ab") as cut_off:
                cut_off.write(HALF)
            torn += 1
    aside = [path.read_bytes() for path in file.parent.glob(f"{file.name}.torn-*")]
    assert aside == [HALF] * torn
    assert "Traceback" not in (folder / "review.log").read_text("utf-8")
    assert_published_as_decided(room, stream.assert_whole())


def assert_published_as_decided(room: Room, decisions: list[Decision]) -> None:
    """Settle what is open, publish by command, and compare with the last decision on each."""
    in_force = State(decisions).in_force
    for number, paper in enumerate(room.papers, 1):
        last = in_force.get(paper.id)
        if last is None or last.action not in SETTLING:
            room.decide("approve", number)
    for command in ("assemble", "publish"):
        done = paperline(room.folder, command, str(room.snapshot))
        assert (done.returncode, done.stderr) == (0, "")
    digest = room.publications()[-1].digest
    released = [entry.decision for entry in digest.papers] + [*digest.excluded]
    expected = State(room.snapshot.decisions()).in_force
    assert {decision.paper: decision for decision in released if decision} == expected
    assert len(released) == len(room.papers)


def test_a_decision_that_was_acknowledged_outlives_a_kill(tmp_path):
    assert_kills_lose_nothing(tmp_path, papers=8, kills=3)


@pytest.mark.prove
def test_a_hundred_kills_under_a_stream_of_decisions_lose_nothing(tmp_path):
    assert_kills_lose_nothing(tmp_path, papers=30, kills=100)

"""Digests that wait for their editors for longer than they should."""

import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from pipeline.cli.outcomes import sentence
from pipeline.releasing import withdraw
from pipeline.report import Reminder, Report, overdue
from pipeline.snapshot import Snapshot
from tests.desks import Room, a_desk

HOUR = timedelta(hours=1)


@pytest.fixture
def room(tmp_path) -> Room:
    return a_desk(tmp_path)


def due(room: Room, at: datetime, *others: Room) -> list[tuple[str, datetime, int]]:
    """What a run at that time names."""
    snapshots = [one.snapshot for one in (room, *others)]
    return [(r.snapshot, r.since, r.waiting_for) for r in overdue(room.settings, snapshots, at)]


def begun(room: Room) -> datetime:
    return room.snapshot.run().instant


def test_a_draft_is_named_once_it_waits_for_longer_than_the_limit(room):
    assert due(room, begun(room) + 24 * HOUR) == []
    room.decide("approve", 1)
    room.release()
    late = begun(room) + 24 * HOUR + timedelta(seconds=1)
    assert due(room, late) == [(room.snapshot.name, begun(room), 2)]


def test_the_limit_is_a_setting(tmp_path):
    room = a_desk(tmp_path, remind_after=0.5)
    assert due(room, begun(room) + 0.4 * HOUR) == []
    assert len(due(room, begun(room) + 0.6 * HOUR)) == 1


def test_the_oldest_is_named_first(room):
    later = a_desk(room.folder, name="20260502_0405")
    named = due(room, begun(later) + 30 * HOUR, later)
    assert [name for name, _, _ in named] == [room.snapshot.name, later.snapshot.name]


def test_a_digest_that_waits_to_be_published_waits_for_no_decision(tmp_path):
    room = a_desk(tmp_path, publish="asked", policy="none")
    assert due(room, begun(room) + 25 * HOUR) == [(room.snapshot.name, begun(room), 0)]


def test_what_is_published_waits_for_nobody(room):
    room.settle()
    room.release()
    assert due(room, begun(room) + 100 * HOUR) == []


def test_a_correction_is_named_from_when_it_was_begun(room):
    room.settle()
    room.release()
    room.now += 100 * HOUR
    first = room.decide("hold", 1)
    room.now += HOUR
    room.decide("hold", 2)
    room.release()
    assert due(room, first.at + 24 * HOUR) == []
    assert due(room, first.at + 25 * HOUR) == [(room.snapshot.name, first.at, 2)]
    room.settle(1, 2)
    room.release()
    assert due(room, first.at + 100 * HOUR) == []


def test_a_correction_is_named_that_waits_to_be_published(tmp_path):
    room = a_desk(tmp_path, publish="asked")
    room.settle()
    room.release(asked_under="all")
    made = room.decide("exclude", 1)
    room.release()
    assert due(room, made.at + 25 * HOUR) == [(room.snapshot.name, made.at, 0)]


def test_what_was_withdrawn_waits_for_nobody(room):
    room.settle()
    room.release()
    withdraw(room.settings, room.snapshot, "A reason", editor="Ada", now=room.later())
    room.decide("hold", 1)
    room.release()
    assert due(room, begun(room) + 100 * HOUR) == []


def test_a_day_of_the_past_waits_from_when_it_was_filled_in(room):
    run = room.snapshot.run()
    filled = begun(room) + 200 * HOUR
    fetched = run.stages["fetch"].but(started=filled)
    stages = {**run.stages, "fetch": fetched}
    room.snapshot.write_run(run.but(backfilled=True, stages=stages))
    assert due(room, filled + 24 * HOUR) == []
    assert due(room, filled + 25 * HOUR) == [(room.snapshot.name, filled, 3)]


def test_a_snapshot_without_a_digest_is_not_named(tmp_path):
    room = a_desk(tmp_path, released=False)
    assert due(room, begun(room) + 100 * HOUR) == []


def test_of_what_is_published_no_file_is_read_but_for_its_last_byte(room, monkeypatch):
    room.settle()
    room.release()
    os.utime(room.snapshot.folder / "4-decisions.jsonl", (0, 0))  # the files' clock may be coarse

    def unread(*_: object) -> None:
        raise AssertionError("a file was read")

    for reads in ("run", "digest", "publications", "decisions", "papers"):
        monkeypatch.setattr(Snapshot, reads, unread)
    opened = Path.open

    def published_alone(path: Path, *mode: Any) -> Any:
        assert (path.name, mode) == ("6-published.jsonl", ("rb",))
        return opened(path, *mode)

    monkeypatch.setattr(Path, "open", published_alone)
    assert due(room, room.now + 100 * HOUR) == []


def test_a_report_with_reminders_follows_its_schema(room, repository):
    named = tuple(overdue(room.settings, [room.snapshot], room.now + 100 * HOUR))
    report = Report(
        topic="tides", at=room.now, snapshot=room.snapshot.name, made=False, reminders=named
    )
    schema = json.loads((repository / "docs" / "schema" / "run-answer.json").read_text("utf-8"))
    answer = json.loads(msgspec.json.encode([report]))
    jsonschema.validate(answer, schema)
    (told,) = answer[0]["reminders"]
    assert told == {
        "snapshot": room.snapshot.name,
        "since": "2026-04-30T20:05:00Z",
        "waiting_for": 3,
    }


@pytest.mark.parametrize(
    ("hours", "waiting_for", "said"),
    [
        (25, 1, "20260501_0405 for 25 hours for 1 decision"),
        (47.9, 2, "20260501_0405 for 47 hours for 2 decisions"),
        (72.5, 0, "20260501_0405 for 3 days for somebody to publish it"),
    ],
)
@pytest.mark.parametrize("made", [True, False])
def test_a_run_says_how_long_each_has_waited_and_for_what(room, hours, waiting_for, said, made):
    at = begun(room) + hours * HOUR
    named = Reminder(snapshot=room.snapshot.name, since=begun(room), waiting_for=waiting_for)
    report = Report(topic="tides", at=at, snapshot="20260503_0405", made=made)
    assert "still waiting" not in sentence(report)
    assert sentence(report.but(reminders=(named,))).endswith(f"; still waiting: {said}")
    twice = sentence(report.but(reminders=(named, named.but(snapshot="20260502_0405"))))
    assert twice.endswith(f"; still waiting: {said}, {said.replace('0501', '0502')}")

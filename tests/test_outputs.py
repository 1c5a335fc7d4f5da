from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pipeline.books import Run, Spend, Waiting
from pipeline.errors import Busy, DamagedFile, OutputError, UsageError
from pipeline.outputs import Outputs
from pipeline.records import Decision, Paper, Usage

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def outputs(tmp_path):
    return Outputs(tmp_path / "outputs")


def paper(number: int = 1) -> Paper:
    return Paper(
        id=f"2605.{number:05}",
        version=1,
        title=f"Tide {number}",
        authors=("Ada Moor",),
        abstract="We map tides.",
        first=NOON,
        latest=NOON,
        primary_category="physics.ao-ph",
        categories=("physics.ao-ph",),
        url="https://arxiv.org/abs/1",
        pdf_url="https://arxiv.org/pdf/1",
    )


def a_spend(name: str, **changes: Any) -> Spend:
    values: dict[str, Any] = {
        "id": name,
        "at": NOON,
        "topic": "tides",
        "snapshot": "20260501_2000",
        "paper": paper().id,
        "model": "m",
        "usage": Usage(usd=0.25),
    }
    return Spend(**{**values, **changes})


def made(outputs, name="20260501_2000", topic="tides", instant=NOON):
    run = Run(topic=topic, snapshot=name, instant=instant, time_zone="Asia/Shanghai")
    return outputs.create_snapshot(run, [paper()])


def test_a_snapshot_appears_whole_with_its_papers_and_run(outputs):
    snapshot = made(outputs)
    assert str(snapshot) == "tides/20260501_2000"
    assert snapshot.papers() == [paper()]
    assert snapshot.run().instant == NOON
    assert snapshot.summaries() == []
    assert snapshot.decisions() == []
    assert snapshot.publications() == []
    assert snapshot.digest() is None
    assert [p.name for p in snapshot.folder.parent.iterdir()] == ["20260501_2000"]


def test_a_snapshot_that_fails_half_way_leaves_nothing(outputs):
    def papers():
        yield paper()
        raise RuntimeError

    run = Run(topic="tides", snapshot="20260501_2000", instant=NOON, time_zone="UTC")
    with pytest.raises(RuntimeError):
        outputs.create_snapshot(run, papers())
    assert list(outputs.topic_folder("tides").iterdir()) == []
    assert outputs.snapshots("tides") == []


def test_a_snapshot_never_takes_the_place_of_another(outputs):
    first = made(outputs)
    with pytest.raises(OutputError):
        made(outputs, instant=NOON + timedelta(days=1))
    assert first.run().instant == NOON


def test_snapshots_are_ordered_by_instant_not_by_name(outputs):
    made(outputs, "20260501_2000", instant=NOON)
    made(outputs, "20260501_0800", instant=NOON + timedelta(hours=1))
    names = [snapshot.name for snapshot in outputs.snapshots("tides")]
    assert names == ["20260501_2000", "20260501_0800"]
    assert outputs.find("tides/latest").name == "20260501_0800"
    assert outputs.snapshots("none") == []


def test_a_snapshot_is_found_by_its_full_name_or_its_id_where_one_topic_has_it(outputs):
    made(outputs)
    assert str(outputs.find("20260501_2000")) == "tides/20260501_2000"
    assert str(outputs.find("tides/20260501_2000")) == "tides/20260501_2000"
    made(outputs, topic="waves")
    with pytest.raises(UsageError, match=r"several topics: tides/.*, waves/"):
        outputs.find("20260501_2000")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("waves/latest", "no topic 'waves' .* there are: tides"),
        ("20260502_2000", "the newest: tides/20260501_2000"),
        ("latest", "no snapshot 'latest'"),
        ("../tides/latest", "no topic"),
        ("", "no snapshot"),
    ],
)
def test_a_snapshot_that_is_not_there_says_what_is(outputs, name, message):
    made(outputs)
    with pytest.raises(UsageError, match=message):
        outputs.find(name)


def test_nothing_is_found_before_the_first_night(outputs):
    assert outputs.topics() == []
    with pytest.raises(UsageError, match="none yet"):
        outputs.find("tides/latest")


def test_a_name_is_the_instant_in_the_zone_or_the_next_free_minute(outputs):
    zone = ZoneInfo("Asia/Shanghai")
    assert outputs.free_name("tides", NOON, zone) == "20260501_2000"
    made(outputs, "20260501_2000")
    made(outputs, "20260501_2001")
    assert outputs.free_name("tides", NOON, zone) == "20260501_2002"
    assert outputs.free_name("waves", NOON, zone) == "20260501_2000"


def test_a_snapshot_without_its_run_is_damaged_and_says_what_to_do(outputs):
    snapshot = made(outputs)
    (snapshot.folder / "run.json").unlink()
    with pytest.raises(DamagedFile, match=r"run\.json: is missing"):
        snapshot.run()


def test_decisions_are_appended_in_order_under_the_lock(outputs):
    snapshot = made(outputs)
    first = Decision(
        paper=paper().id, version=1, action="hold", summary=None, lines=None, editor="W", at=NOON
    )
    with snapshot.releasing():
        snapshot.append_decisions([first])
        snapshot.append_decisions([first.but(action="reopen")])
    assert [decision.action for decision in snapshot.decisions()] == ["hold", "reopen"]


def test_a_topic_in_use_is_busy_at_once(outputs):
    with outputs.working_on("tides"):
        other = Outputs(outputs.root)
        with pytest.raises(Busy, match="topic tides"), other.working_on("tides"):
            pytest.fail("the lock was given twice")


def test_what_waits_is_replaced_and_an_empty_list_makes_no_file(outputs):
    outputs.write_waiting("tides", [])
    assert not outputs.topic_folder("tides").exists()
    waiting = [Waiting(paper=paper(n), reason="limit", since=NOON) for n in (2, 1)]
    outputs.write_waiting("tides", waiting)
    assert outputs.waiting("tides") == waiting
    outputs.write_waiting("tides", [])
    assert outputs.waiting("tides") == []


def test_spending_is_summed_by_utc_day_over_known_prices(outputs):
    outputs.append_spend(
        [
            a_spend("a"),
            a_spend("b", at=NOON + timedelta(hours=11)),
            a_spend("c", at=NOON + timedelta(hours=13)),
            a_spend("d", usage=Usage(usd=None)),
        ]
    )
    assert outputs.spent_on(NOON) == 0.5
    assert outputs.spent_on(NOON - timedelta(days=1)) == 0


def test_a_cost_that_was_booked_twice_counts_once(outputs):
    outputs.append_spend([a_spend("a"), a_spend("b")])
    outputs.append_spend([a_spend("a", at=NOON + timedelta(hours=1))])
    assert outputs.spent_on(NOON) == 0.5
    assert [spend.id for spend in outputs.spent_since(NOON)] == ["a", "b"]


def test_what_was_spent_lately_is_found_without_reading_the_years_before(outputs):
    outputs.append_spend([a_spend("old", at=NOON - timedelta(days=400))])
    path = outputs.root / "spend.jsonl"
    path.write_text("damaged long ago\n" + path.read_text())
    outputs.append_spend([a_spend("new")])
    assert [spend.id for spend in outputs.spent_since(NOON)] == ["new"]

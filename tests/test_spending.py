"""The day's spending, kept up with a file to which all commands append."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline import files, spending
from pipeline.books import Run, Spend, Stage
from pipeline.errors import DamagedFile
from pipeline.records import Usage
from pipeline.spending import DaySpending

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def a_spend(id_: str, *, at: datetime = NOON, usd: float | None = 0.25) -> Spend:
    return Spend(
        id=id_,
        at=at,
        topic="tides",
        snapshot="20260501_0405",
        paper="2605.00001",
        model="tide-1",
        usage=Usage(prompt_tokens=10, usd=usd),
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spend.jsonl"


def append(path: Path, *spends: Spend) -> None:
    files.append_lines(path, [spend.to_json() for spend in spends])


def test_without_a_file_nothing_was_spent_and_later_it_is_seen(path):
    day = DaySpending(path)
    assert day.on(NOON) == 0
    append(path, a_spend("a"))
    assert day.on(NOON) == 0.25


def test_what_others_append_is_counted_and_nothing_is_read_twice(path):
    append(path, a_spend("a"))
    day = DaySpending(path)
    assert day.on(NOON) == 0.25
    # What was read already may be anything: it is not looked at again.
    path.write_bytes(b"x" * (path.stat().st_size - 1) + b"\n")
    append(path, a_spend("b"), a_spend("c", usd=None))
    assert day.on(NOON) == 0.5


def test_an_answer_that_is_booked_again_counts_once(path):
    append(path, a_spend("a"), a_spend("b"))
    day = DaySpending(path)
    day.on(NOON)
    append(path, a_spend("b", at=NOON + timedelta(minutes=1)), a_spend("c"), a_spend("c"))
    assert day.on(NOON) == 0.75


def test_another_day_is_counted_from_its_own_beginning(path):
    append(path, a_spend("a"), a_spend("b", at=NOON + timedelta(days=1)))
    day = DaySpending(path)
    assert day.on(NOON) == 0.25
    assert day.on(NOON + timedelta(days=1)) == 0.25
    append(path, a_spend("c"), a_spend("d", at=NOON + timedelta(days=1)))
    assert day.on(NOON + timedelta(days=1)) == 0.5
    assert day.on(NOON) == 0.5


def test_a_file_that_was_replaced_by_a_shorter_one_is_read_anew(path):
    append(path, a_spend("a"), a_spend("b"))
    day = DaySpending(path)
    assert day.on(NOON) == 0.5
    path.unlink()
    append(path, a_spend("c"))
    assert day.on(NOON) == 0.25
    path.unlink()
    assert day.on(NOON) == 0


def test_a_line_that_is_being_written_counts_when_it_is_whole(path):
    append(path, a_spend("a"))
    line = a_spend("b").to_json() + "\n"
    day = DaySpending(path)
    for _ in range(2):  # as the first reading, and as a later one
        for part, sum_ in ((line[:20], 0.25), (line[20:], 0.5)):
            with path.open("a") as file:
                file.write(part)
            assert day.on(NOON) == sum_
        path.write_text(a_spend("a").to_json() + "\n")


@pytest.mark.parametrize("before", [True, False], ids=["found at first", "appended later"])
def test_a_damaged_line_is_told_at_every_call_and_never_counted_as_nothing(path, before):
    append(path, a_spend("a"))
    day = DaySpending(path)
    if not before:
        assert day.on(NOON) == 0.25
    with path.open("a") as file:
        file.write("damaged\n")
    append(path, a_spend("b"))
    for _ in range(3):
        with pytest.raises(DamagedFile):
            day.on(NOON)


def test_ids_are_remembered_only_as_far_back_as_an_answer_may_be_booked_again(path, monkeypatch):
    monkeypatch.setattr(spending, "REMEMBERED", 3)
    append(path, *(a_spend(f"{number}") for number in range(10)))
    day = DaySpending(path)
    day.on(NOON)
    append(path, a_spend("9"), *(a_spend(f"{number}") for number in range(10, 20)), a_spend("19"))
    assert day.on(NOON) == 20 * 0.25
    assert len(day._met._ids) == 3


def a_run(tokens: int, snapshot: str = "20260501_0405") -> Run:
    fetched = Stage(complete=True, started=NOON, seconds=0.0)
    stage = fetched.but(usage=Usage(prompt_tokens=tokens))
    stages = {"fetch": fetched, "summarize": stage}
    return Run(topic="tides", snapshot=snapshot, instant=NOON, time_zone="UTC", stages=stages)


def test_costs_that_a_snapshot_knows_and_the_books_lack_are_told_with_the_way_out(path):
    append(path, a_spend("a"), a_spend("b"))
    lost = spending.lost(path, [a_run(30), a_run(0, "20260502_0405")])
    assert lost is not None
    assert "lacks 10 tokens that tides/20260501_0405 cost" in str(lost)
    assert "Put the lines of a backup before" in str(lost)


def test_where_the_books_have_them_or_more_nothing_is_lost(path):
    append(path, a_spend("a"), a_spend("b"), a_spend("b"))
    assert spending.lost(path, [a_run(20)]) is None
    assert spending.lost(path, [a_run(10)]) is None
    assert spending.lost(path, []) is None

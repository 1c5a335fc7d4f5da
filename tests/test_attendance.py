"""Who is still to come, and when nobody is waited for any more."""

import pytest

from pipeline.llm.attendance import MOST_LOST, PLACED, Attendance


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def two(clock: Clock) -> Attendance:
    """Two that have begun, and have not joined yet."""
    attendance = Attendance(2, clock)
    attendance.begins()
    attendance.begins()
    return attendance


def test_a_first_one_is_waited_for_once_however_many_ask(two: Attendance, clock: Clock) -> None:
    assert not two.given_up()
    assert two.patience == PLACED
    clock.now += PLACED
    assert two.given_up()
    assert two.patience == 0.0


def test_the_wait_begins_anew_when_the_last_one_is_lost(two: Attendance, clock: Clock) -> None:
    two.joined(1)
    clock.now += 10 * PLACED
    assert two.lost("its node died", present=0)
    two.begins()
    assert not two.given_up()
    assert two.patience == PLACED
    clock.now += PLACED
    assert two.given_up()


def test_where_one_is_left_nothing_is_given_up(two: Attendance, clock: Clock) -> None:
    two.joined(1)
    two.joined(2)
    two.lost("killed", present=1)
    two.begins()
    clock.now += 10 * PLACED
    assert not two.given_up()


def test_where_none_can_begin_nobody_is_waited_for(two: Attendance) -> None:
    assert not two.failed("another version", broken=True)
    assert not two.given_up()
    assert not two.failed("another version", broken=True)
    assert two.given_up()
    assert two.trouble == "another version"


def test_losses_with_nothing_told_in_between_have_an_end(two: Attendance) -> None:
    lost = [two.lost("killed", present=0) for _ in range(2 * MOST_LOST + 1)]
    assert lost == [True] * 2 * MOST_LOST + [False]
    two.told()
    assert two.lost("killed", present=0)


def test_what_does_not_begin_again_and_again_is_not_begun_without_end(two: Attendance) -> None:
    for _ in range(2 * MOST_LOST):
        assert two.failed("no such node", broken=False)
        two.begins()
    assert not two.failed("no such node", broken=False)


def test_shares_are_reserved_until_all_are_there_or_are_waited_for_no_more(
    two: Attendance, clock: Clock
) -> None:
    assert two.reserved() == 2
    two.joined(1)
    assert two.reserved() == 2
    two.joined(2)
    assert two.reserved() == 0
    assert not two.wait_no_more()
    late = Attendance(2, clock)
    assert late.wait_no_more()
    assert late.reserved() == 0

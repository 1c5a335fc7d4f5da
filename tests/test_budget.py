"""What may still be spent: by one command, and by all of a day."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import BudgetReached
from pipeline.llm.budget import REREAD, Budget
from pipeline.records import Usage
from pipeline.settings import BudgetSettings


def budget(spent_today: float = 0.0, **limits: Any) -> Budget:
    everything: dict[str, Any] = {
        "usd_per_run": 1000.0,
        "tokens_per_run": 1_000_000,
        "usd_per_day": 1000.0,
    }
    return Budget(BudgetSettings(**{**everything, **limits}), lambda: spent_today)


def tokens(count: int) -> Usage:
    return Usage(prompt_tokens=count - count // 2, completion_tokens=count // 2)


def has_room(limited: Budget, estimate: Usage) -> bool:
    try:
        limited.reserve(estimate)
    except BudgetReached:
        return False
    limited.settle(estimate, Usage())
    return True


@pytest.mark.parametrize(
    ("limits", "fits", "too_much"),
    [
        ({"usd_per_run": 1.0}, Usage(usd=1.0), Usage(usd=1.25)),
        ({"tokens_per_run": 100}, tokens(100), tokens(101)),
        ({"usd_per_day": 1.0}, Usage(usd=1.0), Usage(usd=1.25)),
        ({"usd_per_run": 0.0}, Usage(), Usage(usd=0.25)),
        ({"tokens_per_run": 0}, Usage(), tokens(1)),
    ],
)
def test_a_limit_may_be_reached_and_not_passed(limits, fits, too_much):
    limited = budget(**limits)
    (name,) = limits
    with pytest.raises(BudgetReached, match=name):
        limited.reserve(too_much)
    limited.reserve(fits)


@pytest.mark.parametrize(
    ("limits", "part"),
    [
        ({"usd_per_run": 1.0}, Usage(usd=0.75)),
        ({"tokens_per_run": 100}, tokens(75)),
        ({"usd_per_day": 1.0}, Usage(usd=0.75)),
    ],
)
def test_what_is_set_aside_and_what_is_spent_both_count(limits, part):
    limited = budget(**limits)
    limited.reserve(part)
    assert not has_room(limited, part)
    limited.settle(part, part)
    assert not has_room(limited, part)


def test_what_was_set_aside_and_not_used_is_there_again():
    limited = budget(tokens_per_run=100)
    limited.reserve(tokens(100))
    limited.settle(tokens(100), tokens(10))
    assert has_room(limited, tokens(90))
    assert not has_room(limited, tokens(91))


def test_more_than_was_set_aside_may_turn_out_to_be_used():
    limited = budget(tokens_per_run=100)
    limited.reserve(tokens(50))
    limited.settle(tokens(50), tokens(95))
    assert has_room(limited, tokens(5))
    assert not has_room(limited, tokens(6))


def test_what_earlier_commands_spent_counts_for_the_day_and_not_for_this_command():
    limited = budget(spent_today=4.5, usd_per_run=1.0, usd_per_day=5.0)
    assert has_room(limited, Usage(usd=0.5))
    with pytest.raises(BudgetReached, match="usd_per_day = 5"):
        limited.reserve(Usage(usd=0.75))


def test_an_unknown_price_is_limited_by_tokens_only():
    limited = budget(usd_per_run=0.0, usd_per_day=0.0, tokens_per_run=100)
    unknown = tokens(60).but(usd=None)
    limited.reserve(unknown)
    limited.settle(unknown, unknown)
    with pytest.raises(BudgetReached, match="tokens_per_run"):
        limited.reserve(unknown)


def test_an_unknown_price_does_not_hide_the_known_ones():
    limited = budget(usd_per_run=1.0)
    limited.reserve(Usage(usd=None))
    limited.reserve(Usage(usd=0.75))
    assert not has_room(limited, Usage(usd=0.5))


def test_the_error_says_where_the_limit_is_set():
    with pytest.raises(BudgetReached) as caught:
        budget(tokens_per_run=7).reserve(tokens(8))
    assert str(caught.value) == "[budget] tokens_per_run = 7 is reached"


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=30))
def test_where_estimates_are_high_enough_no_limit_is_ever_passed(requests):
    limited = budget(tokens_per_run=100)
    spent = 0
    for estimate, used in requests:
        if has_room(limited, tokens(estimate)):
            limited.reserve(tokens(estimate))
            limited.settle(tokens(estimate), tokens(min(used, estimate)))
            spent += min(used, estimate)
    assert spent <= 100
    assert has_room(limited, tokens(100 - spent))


async def ask(limited: Budget, estimate: Usage, used: Usage, may_end: asyncio.Event) -> None:
    """One request that is answered when it may end."""
    async with limited.reserved(estimate) as spent:
        await may_end.wait()
        spent.append(used)


async def all_waiting() -> None:
    """Let every task go on until it waits for something."""
    for _ in range(10):
        await asyncio.sleep(0)


def now() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


async def test_what_a_request_used_is_spent_when_it_ends():
    limited = budget(tokens_per_run=100)
    await ask(limited, tokens(100), tokens(40), now())
    assert has_room(limited, tokens(60))
    assert not has_room(limited, tokens(61))


async def test_a_request_without_an_answer_spends_nothing():
    limited = budget(tokens_per_run=100)
    with pytest.raises(LookupError):
        async with limited.reserved(tokens(100)):
            raise LookupError
    assert has_room(limited, tokens(100))


async def test_a_request_that_is_given_up_spends_nothing():
    limited = budget(tokens_per_run=100)
    asked = asyncio.create_task(ask(limited, tokens(100), tokens(100), asyncio.Event()))
    await all_waiting()
    asked.cancel()
    await asyncio.wait([asked])
    assert has_room(limited, tokens(100))


async def test_a_request_waits_while_another_holds_what_may_be_left():
    limited = budget(tokens_per_run=100)
    first_may_end = asyncio.Event()
    first = asyncio.create_task(ask(limited, tokens(80), tokens(10), first_may_end))
    await all_waiting()
    second = asyncio.create_task(ask(limited, tokens(80), tokens(10), now()))
    await all_waiting()
    assert not second.done()
    first_may_end.set()
    async with asyncio.timeout(30):
        await asyncio.gather(first, second)
    assert has_room(limited, tokens(80))
    assert not has_room(limited, tokens(81))


async def test_all_that_wait_are_served_or_told_in_the_end():
    limited = budget(tokens_per_run=100)
    asked = [ask(limited, tokens(60), tokens(30), now()) for _ in range(5)]
    async with asyncio.timeout(30):
        ends = await asyncio.gather(*asked, return_exceptions=True)
    assert ends.count(None) == 2
    assert sum(isinstance(end, BudgetReached) for end in ends) == 3


async def test_a_request_that_does_not_fit_is_told_at_once_where_nothing_is_under_way():
    limited = budget(tokens_per_run=100)
    with pytest.raises(BudgetReached, match="tokens_per_run"):
        await ask(limited, tokens(101), tokens(1), now())


async def test_a_request_that_waited_in_vain_is_told():
    limited = budget(tokens_per_run=100)
    first_may_end = asyncio.Event()
    first = asyncio.create_task(ask(limited, tokens(80), tokens(80), first_may_end))
    await all_waiting()
    second = asyncio.create_task(ask(limited, tokens(80), tokens(80), now()))
    await all_waiting()
    first_may_end.set()
    async with asyncio.timeout(30):
        await first
        with pytest.raises(BudgetReached, match="tokens_per_run"):
            await second


def test_what_other_commands_spend_meanwhile_counts_for_the_day() -> None:
    spent, now = 0.0, 0.0
    limits = BudgetSettings(usd_per_run=100.0, usd_per_day=1.0)
    budget = Budget(limits, lambda: spent, lambda: now)
    budget.check(Usage(usd=0.5))
    spent, now = 0.8, REREAD
    with pytest.raises(BudgetReached, match="usd_per_day"):
        budget.check(Usage(usd=0.5))


def test_what_is_set_aside_for_a_later_command_holds_nobody_up() -> None:
    budget = Budget(BudgetSettings(tokens_per_run=100), lambda: 0.0)
    budget.commit(Usage(prompt_tokens=60))
    with pytest.raises(BudgetReached):
        asyncio.run(_asking(budget, Usage(prompt_tokens=60)))


async def _asking(budget: Budget, estimate: Usage) -> None:
    async with budget.reserved(estimate):
        pass

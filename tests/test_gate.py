"""How many requests are under way at once: fewer after an overload, more after successes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.llm.gate import CUT, Gate


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def overload(gate: Gate, clock: Clock) -> None:
    """A request leaves and meets an overload, a second after anything before it."""
    clock.now += 1
    gate.overloaded(clock.now)


def succeed(gate: Gate, times: int) -> None:
    for _ in range(times):
        gate.succeeded()


class Requests:
    """Requests that pass a gate and stay under way until they are ended, in any order."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._ends: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.under_way: list[str] = []

    async def begin(self, *names: str) -> None:
        for name in names:
            self._ends[name] = asyncio.Event()
            self._tasks[name] = asyncio.create_task(self._run(name))
        await all_waiting()

    async def end(self, name: str) -> None:
        self._ends[name].set()
        await self._tasks.pop(name)
        await all_waiting()

    async def give_up(self, name: str) -> None:
        self._tasks[name].cancel()
        await asyncio.wait([self._tasks.pop(name)])
        await all_waiting()

    async def end_all(self) -> None:
        for end in self._ends.values():
            end.set()
        await asyncio.gather(*self._tasks.values())

    async def _run(self, name: str) -> None:
        async with self._gate.passing():
            self.under_way.append(name)
            try:
                await self._ends[name].wait()
            finally:
                self.under_way.remove(name)


async def all_waiting() -> None:
    """Let every task go on until it waits for something."""
    for _ in range(10):
        await asyncio.sleep(0)


@asynccontextmanager
async def requests_through(gate: Gate) -> AsyncIterator[Requests]:
    requests = Requests(gate)
    async with asyncio.timeout(30):
        yield requests
        await requests.end_all()


async def test_no_more_requests_pass_than_the_gate_lets_through():
    async with requests_through(Gate(2)) as requests:
        await requests.begin("a", "b", "c", "d")
        assert requests.under_way == ["a", "b"]


async def test_a_waiting_request_passes_when_another_ends_first_come_first_served():
    async with requests_through(Gate(2)) as requests:
        await requests.begin("a", "b", "c", "d")
        await requests.end("b")
        assert requests.under_way == ["a", "c"]
        await requests.end("c")
        assert requests.under_way == ["a", "d"]


async def test_a_request_that_is_given_up_under_way_makes_room():
    async with requests_through(Gate(1)) as requests:
        await requests.begin("a", "b")
        await requests.give_up("a")
        assert requests.under_way == ["b"]


async def test_a_request_that_is_given_up_while_it_waits_holds_no_other_back():
    async with requests_through(Gate(1)) as requests:
        await requests.begin("a", "b", "c")
        await requests.give_up("b")
        await requests.end("a")
        assert requests.under_way == ["c"]


async def test_after_a_cut_none_passes_until_fewer_are_under_way_than_allowed(clock):
    gate = Gate(4, clock)
    async with requests_through(gate) as requests:
        await requests.begin("a", "b", "c", "d", "e")
        overload(gate, clock)
        assert gate.allowed == 2
        await requests.end("a")
        await requests.end("b")
        assert requests.under_way == ["c", "d"]
        await requests.end("c")
        assert requests.under_way == ["d", "e"]


async def test_successes_wake_waiting_requests(clock):
    gate = Gate(10, clock)
    for _ in range(20):
        overload(gate, clock)
    async with requests_through(gate) as requests:
        await requests.begin("a", "b", "c")
        assert requests.under_way == ["a"]
        succeed(gate, 2)
        await all_waiting()
        assert requests.under_way == ["a", "b", "c"]


async def test_a_request_that_passes_is_told_when(clock):
    gate = Gate(1, clock)
    clock.now = 7.0
    async with gate.passing() as since:
        clock.now = 9.0
        assert since == 7.0


async def test_a_request_that_waited_is_told_when_it_passed_and_not_when_it_came(clock):
    gate = Gate(1, clock)
    told = []

    async def pass_through() -> None:
        async with gate.passing() as since:
            told.append(since)

    async with gate.passing():
        waiting = asyncio.create_task(pass_through())
        await all_waiting()
        clock.now = 5.0
    await waiting
    assert told == [5.0]


async def test_an_error_under_way_makes_room():
    gate = Gate(1)
    with pytest.raises(LookupError):
        async with gate.passing():
            raise LookupError
    async with requests_through(gate) as requests:
        await requests.begin("a")
        assert requests.under_way == ["a"]


def test_all_are_allowed_until_an_overload():
    assert Gate(100).allowed == 100


def test_an_overload_cuts_the_number(clock):
    gate = Gate(100, clock)
    overload(gate, clock)
    assert gate.allowed == 100 * CUT


def test_the_overloads_of_one_round_cut_once(clock):
    gate = Gate(100, clock)
    clock.now = 5.0
    for since in (0.0, 1.0, 4.9, 0.0):
        gate.overloaded(since)
    assert gate.allowed == 70


def test_a_request_that_left_after_the_cut_cuts_again(clock):
    gate = Gate(100, clock)
    clock.now = 5.0
    gate.overloaded(1.0)
    clock.now = 6.0
    gate.overloaded(5.0)
    assert gate.allowed == 49


def test_recovery_is_fast_up_to_where_trouble_began_and_slow_from_there(clock):
    gate = Gate(100, clock)
    overload(gate, clock)
    succeed(gate, 20)
    assert gate.allowed == 90
    succeed(gate, 80)
    assert gate.allowed == 90
    succeed(gate, 20)
    assert gate.allowed == 91


def test_an_overload_after_an_answer_moves_the_place_of_trouble(clock):
    gate = Gate(100, clock)
    overload(gate, clock)
    succeed(gate, 1)
    overload(gate, clock)
    succeed(gate, 15)
    assert gate.allowed == 64
    succeed(gate, 10)
    assert gate.allowed == 64


def test_an_outage_leaves_the_place_of_trouble_where_it_was(clock):
    gate = Gate(100, clock)
    for _ in range(50):
        overload(gate, clock)
    assert gate.allowed == 1
    succeed(gate, 89)
    assert gate.allowed == 90


def test_enough_successes_bring_all_back_and_no_more(clock):
    gate = Gate(10, clock)
    overload(gate, clock)
    succeed(gate, 1000)
    assert gate.allowed == 10


async def test_one_request_always_passes_however_great_the_overload(clock):
    gate = Gate(3, clock)
    for _ in range(100):
        overload(gate, clock)
    async with requests_through(gate) as requests:
        await requests.begin("a", "b")
        assert requests.under_way == ["a"]


@given(st.integers(1, 50), st.lists(st.sampled_from(["overload", "again", "success"]), max_size=99))
def test_the_number_is_never_below_one_nor_above_the_most(most, events):
    clock = Clock()
    gate = Gate(most, clock)
    for event in events:
        before = gate.allowed
        if event == "success":
            gate.succeeded()
            assert before <= gate.allowed <= most
        else:
            clock.now += event == "overload"
            gate.overloaded(clock.now)
            assert 1 <= gate.allowed <= before


async def test_a_turn_that_came_to_a_request_that_was_cancelled_goes_to_the_next() -> None:
    gate = Gate(1)
    requests = Requests(gate)

    async def use() -> None:
        async with gate.passing():
            pass

    await requests.begin("first")
    second, third = asyncio.create_task(use()), asyncio.create_task(use())
    await all_waiting()
    ending = asyncio.create_task(requests.end("first"))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(ending, third)
    assert third.done()


async def test_a_smaller_gate_is_in_force_when_it_has_drained():
    gate = Gate(4)
    async with requests_through(gate) as requests:
        await requests.begin("a", "b", "c", "d", "e")
        gate.resize(2)
        draining = asyncio.create_task(gate.drained())
        await requests.end("a")
        assert not draining.done()
        await requests.end("b")
        assert draining.done()
        assert requests.under_way == ["c", "d"]


async def test_a_larger_gate_lets_those_through_who_wait():
    gate = Gate(2)
    async with requests_through(gate) as requests:
        await requests.begin("a", "b", "c", "d")
        gate.resize(3)
        await gate.drained()
        await all_waiting()
        assert requests.under_way == ["a", "b", "c"]


def test_what_an_overload_taught_holds_in_proportion_in_a_gate_of_another_size(clock):
    gate = Gate(100, clock)
    overload(gate, clock)
    gate.resize(50)
    assert gate.allowed == 35

"""The desk at which all months of a pass ask: what it lets through, and when it answers."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pipeline.bulk.desk import Desk
from pipeline.cache import AnswerCache
from pipeline.errors import ClusterUnavailable, OutputError
from pipeline.exchange import Job, Outcome
from pipeline.executors.online import Online
from pipeline.llm.budget import Budget
from pipeline.llm.keys import Secret
from pipeline.outputs import Outputs
from pipeline.settings import BudgetSettings, Settings
from tests.crowd import Crowd
from tests.jobs import KEY, job
from tests.model_server import error

MOST = 6
"""Jobs that are taken in at once: half as many again as may be under way."""


@pytest.fixture
async def desk(tmp_path: Path, crowd: Crowd) -> AsyncIterator[Desk]:
    """A desk that asks from this process; on a cluster other processes do it in its stead."""
    table = crowd.table(concurrency=4)
    settings = Settings(outputs=tmp_path / "outputs", cache=tmp_path / "cache", model=table)
    made = Desk()
    await made.open(settings, [(table, Secret(KEY))])
    made._asking = Online(  # type: ignore[assignment]  # another executor over providers
        [(table, KEY)], made._cache, Budget(BudgetSettings(), lambda: 0.0)
    )
    yield made
    crowd.let_go()
    await made.close()


async def test_answers_come_home_while_others_are_still_waited_for(
    desk: Desk, crowd: Crowd
) -> None:
    crowd.hold()
    await desk.begin("may")
    first = asyncio.create_task(desk.exchange("may", 1, [job(0), job(1)]))
    await until(crowd, 2)
    crowd.let_go()
    found, _ = await first
    while len(found) < 2:
        found += (await desk.exchange("may", 1, []))[0]
    assert {outcome.paper for outcome in found} == {"2601.00000", "2601.00001"}


async def test_one_month_alone_has_all_the_room_and_two_share_it(desk: Desk, crowd: Crowd) -> None:
    answered = [job(0)]
    for month in ("may", "june", "july"):
        assert await desk.begin(month) == (1, MOST)
    assert (await desk.exchange("may", 1, answered))[1] == MOST
    crowd.hold()
    june = asyncio.create_task(desk.exchange("june", 1, [job(1), job(2)]))
    await until(crowd, 2)
    assert (await desk.exchange("may", 1, answered))[1] == MOST // 2
    july = asyncio.create_task(desk.exchange("july", 1, [job(n) for n in range(3, 6)]))
    await until(crowd, 4)
    assert (await desk.exchange("may", 1, answered))[1] == MOST // 3
    crowd.let_go()
    found = [*(await june)[0], *(await july)[0]]
    while len(found) < 5:
        for month in ("june", "july"):
            found += (await desk.exchange(month, 1, []))[0]
    assert (await desk.exchange("may", 1, answered))[1] == MOST


async def test_months_that_are_lost_keep_no_room_from_the_others(
    desk: Desk, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lost(desk, crowd, "june", "july", "august")
    await desk.begin("may")
    assert (await desk.exchange("may", 1, []))[1] == MOST // 4
    monkeypatch.setattr("pipeline.bulk.desk.LATELY", 0.0)
    assert (await desk.exchange("may", 1, []))[1] == MOST


async def test_a_month_that_is_begun_again_takes_over_what_it_had_asked(
    desk: Desk, crowd: Crowd
) -> None:
    await lost(desk, crowd, "june")
    assert {each.paper for each in await all_of(desk, "june", [job(0), job(9)])} == {
        *("2601.00000", "2601.00009")
    }
    assert crowd.answered == 2
    with pytest.raises(ClusterUnavailable, match="june: was taken for lost"):
        await desk.exchange("june", 1, [])


async def test_what_stops_one_month_stops_all_without_a_further_request(
    desk: Desk, crowd: Crowd
) -> None:
    crowd.answer = lambda body: error(401)
    (outcome,) = await all_of(desk, "may", [job(0)])
    assert (outcome.failure, outcome.failure and outcome.failure.kind) == (
        *(await desk.stopped(), "refused"),
    )
    asked = len(crowd.bodies)
    assert [each.failure for each in await all_of(desk, "june", [job(1)])] == [outcome.failure]
    assert len(crowd.bodies) == asked


async def test_more_than_the_limit_is_never_under_way(desk: Desk, crowd: Crowd) -> None:
    months = {month: [job(n) for n in range(start, start + 9)] for month, start in MONTHS.items()}
    found = [
        outcome
        for outcomes in await asyncio.gather(*(all_of(desk, *each) for each in months.items()))
        for outcome in outcomes
    ]
    assert len({outcome.paper for outcome in found}) == crowd.answered == 27
    assert crowd.most <= 4
    assert (await desk.spent()).tokens == 27 * 150


async def test_what_the_cache_has_is_not_asked_for(desk: Desk, crowd: Crowd) -> None:
    await all_of(desk, "may", [job(n) for n in range(3)])
    found = await all_of(desk, "june", [job(n) for n in range(4)])
    assert [outcome.from_cache for outcome in sorted(found, key=lambda o: o.paper)] == [
        *(True, True, True, False)
    ]
    assert crowd.answered == 4


async def test_answers_that_cannot_be_kept_end_the_asking_of_all_months(
    desk: Desk, crowd: Crowd, tmp_path: Path
) -> None:
    (tmp_path / "outputs" / "spend.jsonl").mkdir(parents=True)
    with pytest.raises(OutputError):
        await all_of(desk, "may", [job(n) for n in range(9)])
    answered = crowd.answered
    assert answered <= MOST
    with pytest.raises(OutputError):
        await all_of(desk, "june", [job(20)])
    assert crowd.answered == answered


async def test_a_run_that_was_killed_has_its_costs_booked_first(
    desk: Desk, crowd: Crowd, tmp_path: Path
) -> None:
    outputs = Outputs(tmp_path / "outputs")
    (tmp_path / "outputs" / "spend.jsonl").mkdir(parents=True)
    with pytest.raises(OutputError):
        await all_of(desk, "may", [job(0)])
    (tmp_path / "outputs" / "spend.jsonl").rmdir()
    other = Desk()
    table = crowd.table()
    settings = Settings(outputs=outputs.root, cache=tmp_path / "cache", model=table)
    await other.open(settings, [(table, Secret(KEY))])
    await other.close()
    assert len((outputs.root / "spend.jsonl").read_text().splitlines()) == 1
    assert AnswerCache(tmp_path / "cache").stats().answers == 1


MONTHS = {"april": 100, "may": 200, "june": 300}


async def all_of(desk: Desk, month: str, jobs: list[Job]) -> list[Outcome]:
    """The outcomes of a month that asks as it has room."""
    found: list[Outcome] = []
    (attempt, room), taken = await desk.begin(month), 0
    while taken < len(jobs) or len(found) < taken:
        some = jobs[taken : taken + room]
        outcomes, room = await desk.exchange(month, attempt, some)
        taken += len(some)
        found += outcomes
    return found


async def lost(desk: Desk, crowd: Crowd, *months: str) -> None:
    """Months that ask about a paper each, are answered, and never fetch it."""
    crowd.hold()
    for number, month in enumerate(months):
        await desk.begin(month)
        asking = asyncio.create_task(desk.exchange(month, 1, [job(number)]))
        await until(crowd, number + 1)
        asking.cancel()
    crowd.let_go()
    asked = [task for month in months for task in desk._callers[month].asked.values()]
    await asyncio.wait(asked)


async def until(crowd: Crowd, under_way: int) -> None:
    await asyncio.to_thread(crowd.until, lambda: crowd.under_way == under_way)

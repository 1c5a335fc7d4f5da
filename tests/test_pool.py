"""Who asks next, and with which share of the limits: the driver's side of the cluster executor."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.cache import AnswerCache
from pipeline.errors import ClusterUnavailable
from pipeline.exchange import Answer, Request
from pipeline.llm import attendance
from pipeline.llm.abilities import Known
from pipeline.llm.asker import Asker
from pipeline.llm.attendance import MOST_LOST
from pipeline.records import Failure
from pipeline.settings import ProviderSettings
from tests.crowd import Crowd
from tests.jobs import KEY, job
from tests.model_server import error
from tests.near_pool import Near, NearPool

NOWHERE = "http://127.0.0.1:9/v1"


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[AnswerCache]:
    opened = AnswerCache(tmp_path / "cache")
    yield opened
    opened.close()


def request(number: int = 1, model: str = "test-model") -> Request:
    return job(number).request(model, {})


@contextlib.asynccontextmanager
async def running(
    crowd: Crowd, cache: AnswerCache, *tables: ProviderSettings, **options: Any
) -> AsyncIterator[NearPool]:
    """A pool with all its members; `tables`: those of the model, else one that fits."""
    keyed = [(table, KEY) for table in tables or (crowd.table(),)]
    pool = NearPool(keyed, Known(cache), **options)
    await pool.all_joined()
    try:
        yield pool
    finally:
        crowd.let_go()
        await pool.close()
        for actor in pool.actors:
            for provider in actor.asker._providers:
                await provider.close()


class Elsewhere(Asker):
    """An asker for which the first provider is at another address, where nobody is."""

    async def connect(self, tables: Any, keys: Any, notes: Any, shares: Any) -> None:
        tables = [type(tables[0])(**{**_values(tables[0]), "base_url": NOWHERE}), *tables[1:]]
        await super().connect(tables, keys, notes, shares)


def _values(table: ProviderSettings) -> dict[str, Any]:
    return {name: getattr(table, name) for name in table.__struct_fields__}


async def test_whoever_has_the_least_under_way_is_asked_next(crowd, cache):
    crowd.hold()
    async with running(crowd, cache) as pool, asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(pool.ask(0, request(number), 1))
        await asyncio.to_thread(crowd.until, lambda: crowd.under_way == 8)
        assert [actor.asked for actor in pool.actors] == [2] * 4
        crowd.let_go()


async def test_limits_are_parted_among_those_that_ask(crowd, cache):
    async with running(crowd, cache) as pool:
        await pool.settled()
        assert pool.shares == [[4]] * 4


async def test_the_share_of_one_that_is_lost_goes_to_the_others_and_back(crowd, cache):
    gate = asyncio.Event()

    class Late(Asker):
        async def ready(self, version: str) -> None:
            await gate.wait()

    def make(number: int) -> Near:
        return Near(Late() if number == 2 else Asker())

    async with running(crowd, cache, actors=2, make=make) as pool:
        pool.actors[0].lose()
        said = [await pool.ask(0, request(n), 1) for n in range(2)]
        assert pool.shares == [[1]]
        gate.set()
        await pool.all_joined()
        await pool.settled()
        assert pool.shares == [[2], [2]]
    assert all(isinstance(each, Answer) for each in said)
    assert pool.ended[0] is pool.actors[0], "it may be out of reach only, and ask on"


async def test_one_that_joins_waits_until_the_others_have_made_room(crowd, cache):
    gates = [asyncio.Event(), asyncio.Event()]
    gates[0].set()

    class Late(Asker):
        def __init__(self, gate: asyncio.Event) -> None:
            super().__init__()
            self.gate = gate

        async def ready(self, version: str) -> None:
            await self.gate.wait()

    keyed = [(crowd.table(concurrency=8), KEY)]
    crowd.hold()
    pool = NearPool(keyed, Known(cache), actors=2, make=lambda number: Near(Late(gates[number])))
    pool._attendance.wait_no_more()
    async with asyncio.TaskGroup() as group:
        for number in range(24):
            group.create_task(pool.ask(0, request(number), 1))
        await asyncio.to_thread(crowd.until, lambda: crowd.under_way == 8)
        gates[1].set()
        crowd.let_go()
    await pool.all_joined()
    await pool.settled()
    assert pool.shares == [[2], [2]]
    assert crowd.most == 8
    await pool.close()
    for actor in pool.actors:
        await actor.asker._providers[0].close()


async def test_a_provider_with_few_requests_is_asked_by_few(crowd, cache):
    tables = [crowd.table(), crowd.table(name="second", concurrency=2)]
    async with running(crowd, cache, *tables) as pool:
        for number in range(8):
            await pool.ask(1, request(number, "second"), 1)
        await pool.settled()
        assert pool.shares == [[4, 2]] * 4
    assert sum(actor.asked > 0 for actor in pool.actors) <= 2


@pytest.mark.parametrize(("per_minute", "actors"), [(1, 1), (60, 1), (120, 2), (10_000, 4)])
async def test_no_more_begin_than_a_request_a_second_is_there_for(crowd, cache, per_minute, actors):
    table = crowd.table(requests_per_minute=per_minute)
    async with running(crowd, cache, table) as pool:
        assert len(pool.actors) == actors


async def test_a_provider_that_is_down_for_one_is_asked_by_the_others_with_its_share(crowd, cache):
    def make(number: int) -> Near:
        return Near(Elsewhere() if number == 0 else Asker())

    async with running(crowd, cache, crowd.table(retry_seconds=0.0), make=make) as pool:
        said = [await pool.ask(0, request(number), 1) for number in range(9)]
        await pool.settled()
        assert pool.shares == [[3]] * 4
    assert all(isinstance(each, Answer) for each in said)
    assert pool.actors[0].asked == 1


async def test_a_provider_that_is_down_for_all_is_asked_no_more(crowd, cache):
    async with running(crowd, cache, crowd.table(base_url=NOWHERE, retry_seconds=0.0)) as pool:
        said = [await pool.ask(0, request(number), 1) for number in range(9)]
    assert {each.kind for each in said if isinstance(each, Failure)} == {"unavailable"}
    assert [actor.asked for actor in pool.actors] == [1] * 4


async def test_a_refused_key_is_found_out_once_by_each(crowd, cache):
    crowd.answer = lambda _: error(401, "invalid_api_key")
    async with running(crowd, cache) as pool:
        said = [await pool.ask(0, request(number), 1) for number in range(9)]
    assert {each.kind for each in said if isinstance(each, Failure)} == {"refused"}
    assert len(crowd.bodies) == 4


async def test_a_paper_that_loses_everybody_who_asks_about_it_is_given_up(crowd, cache):
    class Deadly(Asker):
        near: Near

        async def ask(self, which: int, request: Request, room: int) -> Any:
            if "Paper 3\n" in request.messages[1].content:
                self.near.lose()
            return await super().ask(which, request, room)

    def make(_: int) -> Near:
        asker = Deadly()
        asker.near = Near(asker)
        return asker.near

    async with running(crowd, cache, make=make) as pool:
        said = {number: await pool.ask(0, request(number), 1) for number in range(6)}
        await pool.all_joined()
        assert len(pool._members) == 4
    failed = said.pop(3)
    assert isinstance(failed, Failure)
    assert failed.kind == "content"
    assert f"lost, {MOST_LOST} times" in failed.reason
    assert all(isinstance(each, Answer) for each in said.values())


async def test_where_everybody_is_lost_at_once_again_and_again_no_more_begin(crowd, cache):
    class Doomed(Asker):
        near: Near

        async def ask(self, which: int, request: Request, room: int) -> Any:
            self.near.lose()
            return await super().ask(which, request, room)

    def make(_: int) -> Near:
        asker = Doomed()
        asker.near = Near(asker)
        return asker.near

    said: list[Any] = []
    async with running(crowd, cache, actors=2, make=make) as pool:
        with pytest.raises(ClusterUnavailable, match="no process that could ask is left"):
            while True:
                said.append(await pool.ask(0, request(len(said)), 1))
    assert len(pool.actors) == 2 + 2 * MOST_LOST


async def test_a_cluster_without_room_is_not_waited_for_without_end(crowd, cache, monkeypatch):
    monkeypatch.setattr(attendance, "PLACED", 0.01)

    class Never(Asker):
        async def ready(self, version: str) -> None:
            await asyncio.Event().wait()

    pool = NearPool([(crowd.table(), KEY)], Known(cache), make=lambda _: Near(Never()))
    with pytest.raises(ClusterUnavailable) as raised:
        await pool.ask(0, request(), 1)
    assert "[cluster] address = local" in raised.value.where
    assert "every answer that came is kept" in raised.value.next_step
    monkeypatch.setattr(pool._attendance, "_deadline", 0.0)
    with pytest.raises(ClusterUnavailable):
        await pool.ask(0, request(), 1)
    await pool.close()


async def test_a_cluster_that_has_room_for_fewer_is_told_at_once(crowd, cache, caplog):
    async with running(crowd, cache) as pool:
        pool.look_for_room(4)
        assert not caplog.records
        pool.look_for_room(0)
    assert "the cluster has room for 0 of 4 processes that ask" in caplog.text


async def test_what_actors_warn_of_is_told_by_the_driver_and_once(crowd, cache, caplog):
    name = "a-model-without-a-price"
    async with running(crowd, cache, crowd.table(name=name, price={})) as pool:
        for number in range(8):
            await pool.ask(0, request(number, name), 1)
    told = [record.message for record in caplog.records if record.name == "pipeline.ray_pool"]
    assert len(told) == len(set(told))
    assert any(f"the price of {name} is not known" in each for each in told)


async def test_an_answer_under_way_to_a_driver_that_is_interrupted_is_taken(crowd, cache):
    asked, gate = asyncio.Event(), asyncio.Event()

    class Held(Asker):
        async def ask(self, which: int, request: Request, room: int) -> Any:
            asked.set()
            await gate.wait()
            return await super().ask(which, request, room)

    said: list[Any] = []
    async with running(crowd, cache, actors=1, make=lambda _: Near(Held())) as pool:

        async def work() -> None:
            said.append(await pool.ask(0, request(1), 1))
            said.append(await pool.ask(0, request(2), 1))

        task = asyncio.create_task(work())
        await asked.wait()
        task.cancel()
        gate.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert len(said) == 1
    assert isinstance(said[0], Answer)
    assert len(crowd.bodies) == 1


async def test_another_version_of_paperline_does_not_ask(crowd, cache):
    class Older(Asker):
        async def ready(self, version: str) -> None:
            await super().ready("0.0.1")

    async with running(crowd, cache, make=lambda _: Near(Older())) as pool:
        with pytest.raises(ClusterUnavailable, match=r"and this one 0\.0\.1"):
            await pool.ask(0, request(), 1)


async def test_what_one_learns_of_a_model_is_no_less_known_for_what_others_believe(crowd, cache):
    good = crowd.answer
    crowd.answer = lambda body: (
        error(400, message="response_format json_schema: no")
        if body.get("response_format", {}).get("type") == "json_schema"
        else good(body)
    )
    crowd.hold()
    async with running(crowd, cache) as pool, asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(pool.ask(0, request(number), 1))
        await asyncio.to_thread(crowd.until, lambda: crowd.under_way == 4)
        crowd.let_go()
    assert len(crowd.bodies) == 8
    known = Known(cache).of(crowd.table(), "test-model")
    assert known.form == "json_object"
    pool._known.close()
    assert Known(cache).of(crowd.table(), "test-model").answers == 4


async def test_who_begins_later_knows_what_was_learned(crowd, cache):
    good = crowd.answer
    crowd.answer = lambda body: (
        error(400, message="response_format: no") if "response_format" in body else good(body)
    )
    async with running(crowd, cache, actors=1) as pool:
        await pool.ask(0, request(1), 1)
        asked = len(crowd.bodies)
        pool.actors[0].lose()
        await pool.ask(0, request(2), 1)
    assert len(crowd.bodies) == asked + 1


async def test_nothing_that_waits_is_sent_once_asking_is_stopped(crowd, cache):
    crowd.hold()
    async with running(crowd, cache, crowd.table(concurrency=4)) as pool:
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(pool.ask(0, request(n), 1)) for n in range(12)]
            await asyncio.to_thread(crowd.until, lambda: crowd.under_way == 4)
            pool.stop(stop=True)
            await pool.settled()
            crowd.let_go()
        assert len(crowd.bodies) == 4
        assert sum(isinstance(task.result(), Answer) for task in asked) == 4
        pool.stop(stop=False)
        await pool.settled()
        assert isinstance(await pool.ask(0, request(12), 1), Answer)

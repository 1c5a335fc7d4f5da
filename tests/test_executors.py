"""One contract for all executors: the same jobs, the same outcomes, cache and books."""

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from pipeline.books import Spend
from pipeline.cache import AnswerCache
from pipeline.errors import BatchRunning
from pipeline.exchange import Executor, Outcome
from pipeline.executors.batch import Batch
from pipeline.executors.cluster import Cluster
from pipeline.executors.embedded import Embedded
from pipeline.executors.online import Online
from pipeline.glossary import Glossary
from pipeline.llm.budget import Budget
from pipeline.outputs import Outputs
from pipeline.settings import BudgetSettings, ModelSettings
from tests.batch_server import BatchServer
from tests.jobs import KEY, fingerprint_of, job
from tests.model_server import ModelServer
from tests.ray_cluster import Nodes

JOBS = 7


class Bench:
    """Every executor, over the same server and cache."""

    def __init__(self, folder: Path, httpserver: HTTPServer, nodes: Callable[[], Nodes]) -> None:
        self.online = ModelServer(httpserver)
        self.batches = BatchServer(httpserver)
        self.cache = AnswerCache(folder / "cache")
        self._nodes = nodes
        self._outputs = Outputs(folder / "outputs")
        self._settings = ModelSettings(
            name="test-model",
            base_url=self.online.base_url,
            price={"input": 1.0, "output": 1.0},
            requests_per_minute=1_000_000,
            tokens_per_minute=1_000_000_000,
        )

    def open(self, name: str) -> Executor:
        """The executor of that name, as one command opens it."""
        if name == "embedded":
            return Embedded(Glossary({"paper": "论文"}), datetime(2026, 1, 1, tzinfo=UTC))
        budget = Budget(BudgetSettings(), lambda: 0.0)
        if name == "cluster":
            settings = self._nodes().settings()
            return Cluster(settings, [(self._settings, KEY)], self.cache, budget)
        online = Online([(self._settings, KEY)], self.cache, budget)
        if name == "online":
            return online
        return Batch(
            self._settings,
            KEY,
            cache=self.cache,
            outputs=self._outputs,
            budget=budget,
            online=online,
        )

    def run(self, name: str, *, redo: bool = False) -> tuple[list[Outcome], list[Spend]]:
        """What comes of the jobs, by as many commands as it takes."""
        spent: list[Spend] = []
        while True:
            outcomes: list[Outcome] = []
            with contextlib.closing(self.open(name)) as executor:
                try:
                    executor.run(
                        (job(number) for number in range(JOBS)),
                        outcomes.append,
                        paid=spent.extend,
                        redo=redo,
                    )
                except BatchRunning:
                    self.batches.finish()
                    continue
            return outcomes, spent


@pytest.fixture
def bench(
    tmp_path: Path, httpserver: HTTPServer, request: pytest.FixtureRequest
) -> Iterator[Bench]:
    made = Bench(tmp_path, httpserver, lambda: request.getfixturevalue("ray_nodes"))
    yield made
    made.cache.close()


every = pytest.mark.parametrize("name", ["online", "batch", "cluster", "embedded"])
asking = pytest.mark.parametrize("name", ["online", "batch", "cluster"])


@every
def test_each_job_has_exactly_one_outcome_with_both_lines(bench: Bench, name: str) -> None:
    outcomes, _ = bench.run(name)
    assert sorted(o.paper for o in outcomes) == [f"2601.{n:05d}" for n in range(JOBS)]
    assert all(set(outcome.lines or {}) == {"en", "zh"} for outcome in outcomes)
    assert all(outcome.failure is None for outcome in outcomes)


@every
def test_nothing_to_do_delivers_nothing(bench: Bench, name: str) -> None:
    with contextlib.closing(bench.open(name)) as executor:
        told: list[object] = []
        executor.run([], told.append, paid=told.append)
    assert told == []


@asking
def test_every_answer_is_in_the_cache_and_in_the_books(bench: Bench, name: str) -> None:
    outcomes, spent = bench.run(name)
    assert sorted(spend.paper for spend in spent) == sorted(o.paper for o in outcomes)
    assert len({spend.id for spend in spent}) == JOBS
    for number in range(JOBS):
        (answer,) = bench.cache.answers(fingerprint_of(job(number)))
        assert answer.usage in [spend.usage for spend in spent]


@pytest.mark.parametrize(
    ("before", "name"),
    [
        ("online", "online"),
        ("online", "batch"),
        ("batch", "online"),
        ("batch", "batch"),
        ("online", "cluster"),
        pytest.param("cluster", "online", marks=pytest.mark.prove),
    ],
)
def test_an_answer_serves_every_executor_and_is_paid_once(
    bench: Bench, name: str, before: str
) -> None:
    first, _ = bench.run(before)
    second, spent = bench.run(name)
    assert spent == []
    assert {o.paper: o.lines for o in first} == {o.paper: o.lines for o in second}
    assert all(outcome.from_cache for outcome in second)


@pytest.mark.parametrize("name", ["online", pytest.param("cluster", marks=pytest.mark.prove)])
def test_redo_asks_anew_and_keeps_the_old_answers(bench: Bench, name: str) -> None:
    bench.run("online")
    _, spent = bench.run(name, redo=True)
    assert len(spent) == JOBS
    assert len(bench.cache.answers(fingerprint_of(job(1)))) == 2


def test_a_batch_redone_asks_anew_once(bench: Bench) -> None:
    bench.run("online")
    _, spent = bench.run("batch", redo=True)
    assert len(spent) == JOBS
    assert len(bench.batches.batches) == 1
    assert bench.online.bodies[JOBS:] == []

"""The cluster executor on real Ray processes: what is lost, what it costs, what nobody sees."""

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline import doctor, errors
from pipeline.books import Spend
from pipeline.cache import AnswerCache
from pipeline.errors import ClusterUnavailable, PaperlineError, SettingsError
from pipeline.exchange import Job, Outcome
from pipeline.executors.cluster import Cluster
from pipeline.executors.online import Online
from pipeline.llm import attendance
from pipeline.llm.budget import Budget
from pipeline.llm.keys import Secret
from pipeline.ray_session import as_raised, joined, ours
from pipeline.settings import (
    BudgetSettings,
    ClusterSettings,
    ModelSettings,
    ProviderSettings,
    Settings,
)
from tests import processes
from tests.crowd import PATIENCE, Crowd
from tests.jobs import KEY, job
from tests.model_server import error, good_lines
from tests.ray_cluster import Nodes

RARE_KEY = "sk-rare-5f1c0ffee-not-found"


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[AnswerCache]:
    opened = AnswerCache(tmp_path / "cache")
    yield opened
    opened.close()


class Run:
    """One command's executor at work in a thread of its own."""

    def __init__(
        self,
        settings: ClusterSettings,
        table: ModelSettings,
        cache: AnswerCache,
        *,
        key: str = KEY,
        budget: BudgetSettings | None = None,
    ) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self.paid: list[Spend] = []
        self.error: BaseException | None = None
        keyed = [(each, key) for each in table.providers]
        limits = Budget(budget or BudgetSettings(), lambda: 0.0)
        self.executor = Cluster(settings, keyed, cache, limits)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._jobs: Iterator[Job] = iter(())

    def start(self, jobs: Iterator[Job]) -> "Run":
        self._jobs = jobs
        self._thread.start()
        return self

    def end(self) -> "Run":
        """Wait for the end; an error is raised here."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        if self.error is not None:
            raise self.error
        return self

    def _work(self) -> None:
        try:
            with contextlib.closing(self.executor):
                self.executor.run(
                    self._jobs,
                    lambda outcome: self.outcomes.update({outcome.paper: outcome}),
                    paid=self.paid.extend,
                )
        except Exception as error:  # noqa: BLE001  raised again by `end`
            self.error = error

    @property
    def members(self) -> int:
        """How many ask."""
        providers: Any = self.executor._providers
        return len(providers[0]._pool._members) if providers else 0


def jobs(count: int) -> Iterator[Job]:
    return (job(number) for number in range(count))


def assert_all_have_lines(run: Run, count: int) -> None:
    assert sorted(run.outcomes) == [f"2601.{number:05d}" for number in range(count)]
    assert all(outcome.lines for outcome in run.outcomes.values())


def test_a_node_that_is_lost_costs_what_was_on_its_wire_and_another_takes_its_place(
    ray_nodes: Nodes, crowd: Crowd, cache: AnswerCache
) -> None:
    first, second = (ray_nodes.add(middle=2) for _ in range(2))
    run = Run(ray_nodes.settings(4, middle=1), crowd.table(concurrency=8), cache)
    count = 0

    def until_four_ask() -> Iterator[Job]:
        nonlocal count
        rejoined = False
        while count < 40 or (not rejoined and count < 20_000):
            rejoined = rejoined or (count > 24 and run.members == 4)
            yield job(count)
            count += 1

    crowd.hold()
    run.start(until_four_ask())
    crowd.until(lambda: crowd.under_way == 8)
    ray_nodes.kill(first)
    # What was lost still stands there unanswered; the two that are left ask twice as much each.
    crowd.until(lambda: crowd.under_way == 12)
    third = ray_nodes.add(middle=2)
    crowd.let_go()
    run.end()
    assert count < 20_000, "the third node's processes ask, too"
    assert_all_have_lines(run, count)
    assert crowd.answered <= count + 4
    assert len(run.paid) == count
    assert crowd.most <= 12
    for node in (second, third):
        ray_nodes.remove(node)


def test_a_process_that_is_killed_costs_what_was_on_its_wire(
    ray_nodes: Nodes, crowd: Crowd, cache: AnswerCache, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    crowd.hold()
    run = Run(ray_nodes.settings(2), crowd.table(concurrency=4), cache).start(jobs(12))
    crowd.until(lambda: crowd.under_way == 4)
    victim = processes.named("ray::Asker", below=os.getpid())[0]
    os.kill(victim, signal.SIGKILL)
    crowd.until(lambda: crowd.under_way == 6)
    crowd.let_go()
    run.end()
    assert_all_have_lines(run, 12)
    assert crowd.answered <= 12 + 2
    assert "a process was lost with" in caplog.text


@pytest.mark.prove
def test_where_all_are_lost_it_is_said_and_the_same_command_pays_for_nothing_twice(
    ray_nodes: Nodes, crowd: Crowd, cache: AnswerCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = ray_nodes.add(only=2)
    settings, table = ray_nodes.settings(2, only=1), crowd.table(concurrency=4)

    def some(body: dict[str, Any]) -> Any:
        if crowd.answered == 3:
            crowd.hold()
        return good_lines(body)

    crowd.answer = some
    run = Run(settings, table, cache).start(jobs(12))
    crowd.until(lambda: crowd.answered >= 4 and crowd.under_way == 4)
    with monkeypatch.context() as patch:
        patch.setattr(attendance, "PLACED", 0.1)
        ray_nodes.kill(only)
        with pytest.raises(ClusterUnavailable) as raised:
            run.end()
    assert "node" in raised.value.what
    assert raised.value.where == (
        f"[cluster] address = {ray_nodes.address}, reserving {{'only': 1}}"
    )
    assert "run the same command again: every answer that came is kept" in raised.value.next_step
    crowd.answer = good_lines
    crowd.let_go()
    again = Run(ray_nodes.settings(2, asking=1), table, cache).start(jobs(12)).end()
    assert_all_have_lines(again, 12)
    kept = {outcome.paper for outcome in again.outcomes.values() if outcome.from_cache}
    assert kept == {spend.paper for spend in run.paid}
    assert len(run.paid) + len(again.paid) == 12


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "invalid_api_key"),
        pytest.param(503, "overloaded", marks=pytest.mark.prove),
        pytest.param(429, "insufficient_quota", marks=pytest.mark.prove),
    ],
)
def test_what_a_provider_refuses_is_told_as_by_the_online_executor_and_its_fallback_is_asked(
    ray_nodes: Nodes, crowd: Crowd, cache: AnswerCache, status: int, code: str
) -> None:
    crowd.answer = lambda body: (
        error(status, code) if body["model"] != "second" else good_lines(body)
    )
    table = crowd.table(retry_seconds=0.0, concurrency=4)
    alone = Run(ray_nodes.settings(2), table, cache).start(jobs(6)).end()
    online: dict[str, Outcome] = {}
    budget = Budget(BudgetSettings(), lambda: 0.0)
    with contextlib.closing(Online([(table, KEY)], cache, budget)) as executor:
        executor.run(jobs(6), lambda o: online.update({o.paper: o}), paid=lambda _: None)
    assert {paper: o.failure for paper, o in alone.outcomes.items()} == {
        paper: o.failure for paper, o in online.items()
    }
    second = ProviderSettings(
        name="second", base_url=table.base_url, price=table.price, concurrency=4
    )
    with_fallback = crowd.table(retry_seconds=0.0, concurrency=4, fallback=(second,))
    run = Run(ray_nodes.settings(2), with_fallback, cache).start(jobs(6)).end()
    assert {outcome.model for outcome in run.outcomes.values()} == {"second"}
    assert_all_have_lines(run, 6)


@pytest.mark.prove
def test_a_reached_budget_stops_asking_and_says_which(
    ray_nodes: Nodes, crowd: Crowd, cache: AnswerCache
) -> None:
    budget = BudgetSettings(tokens_per_run=600)
    run = Run(ray_nodes.settings(2), crowd.table(concurrency=4), cache, budget=budget)
    run.start(jobs(8)).end()
    assert sum(spend.usage.tokens for spend in run.paid) <= 600
    assert crowd.answered == len(run.paid)
    failures = [outcome.failure for outcome in run.outcomes.values() if outcome.failure]
    assert {(failure.kind, failure.reason) for failure in failures} == {
        ("budget", "[budget] tokens_per_run = 600 is reached")
    }
    assert len(failures) == 8 - len(run.paid)


@pytest.mark.prove
def test_what_is_learned_of_a_model_is_not_learned_anew_by_the_next_run(
    ray_nodes: Nodes, crowd: Crowd, cache: AnswerCache
) -> None:
    crowd.answer = lambda body: (
        error(400, message="response_format: no; 'temperature' does not support 0.2")
        if "response_format" in body or "temperature" in body
        else good_lines(body)
    )
    table = crowd.table(concurrency=4, parameters={"temperature": 0.2})
    first = Run(ray_nodes.settings(2), table, cache).start(jobs(6)).end()
    assert_all_have_lines(first, 6)
    asked = len(crowd.bodies)
    more = (job(number) for number in range(12))
    second = Run(ray_nodes.settings(2), table, cache).start(more).end()
    assert_all_have_lines(second, 12)
    assert len(crowd.bodies) == asked + 6


@pytest.mark.prove
def test_the_key_is_with_the_driver_and_those_who_ask_and_nowhere_else(
    ray_nodes: Nodes, crowd: Crowd, cache: AnswerCache
) -> None:
    crowd.hold()
    run = Run(ray_nodes.settings(2), crowd.table(concurrency=4), cache, key=RARE_KEY)
    run.start(jobs(4))
    crowd.until(lambda: crowd.under_way == 4)
    family = processes.below(os.getpid())
    askers = processes.named("ray::Asker", below=os.getpid())
    others = set(family) - set(askers)
    assert len(askers) == 2
    # The test can find a key in a process's memory, object store included, where there is one.
    assert all(processes.holds(pid, RARE_KEY) for pid in askers)
    names = {pid: processes.title(pid) for pid in others if processes.holds(pid, RARE_KEY)}
    assert not names
    assert any("raylet" in processes.title(pid) for pid in others)
    assert any("gcs_server" in processes.title(pid) for pid in others)
    for pid in family:
        assert RARE_KEY not in processes.title(pid) + processes.environment(pid)
    crowd.let_go()
    run.end()
    assert not processes.files_with(ray_nodes.folder, RARE_KEY)


def test_no_traceback_shows_the_key() -> None:
    assert "rare" not in repr(Secret(RARE_KEY)) + str(Secret(RARE_KEY)) + repr([Secret(RARE_KEY)])


class Raiser:
    """A Ray actor that raises what it is told to."""

    def unlike(self, error: Exception) -> None:
        raise error


def every_error() -> list[PaperlineError]:
    """One of each class, with all of its fields."""
    said = {"where": "over there", "next_step": "Do this"}
    found: list[PaperlineError] = []
    for kind in vars(errors).values():
        if not (isinstance(kind, type) and issubclass(kind, PaperlineError)):
            continue
        if kind is errors.AnswerRejected:
            found.append(kind("not-json", "what it was"))
        elif kind is errors.RequestRejected:
            found.append(kind("what it was", status=400, said="no", **said))
        elif kind is errors.ModelUnavailable:
            found.append(kind("what it was", retry_after=2.5, overload=True, **said))
        else:
            found.append(kind("what it was", **said))
    return found


def test_an_error_of_ours_comes_from_another_process_as_what_it_is(ray_nodes: Nodes) -> None:
    import ray

    raiser = ray.remote(Raiser).options(num_cpus=0).remote()
    for raised in every_error():
        with pytest.raises(PaperlineError) as caught, as_raised():
            ray.get(raiser.unlike.remote(raised))
        assert type(caught.value) is type(raised)
        assert vars(caught.value) == vars(raised)
        assert str(caught.value) == str(raised)
    with pytest.raises(KeyError), as_raised():
        ray.get(raiser.unlike.remote(KeyError("a defect")))
    ray.kill(raiser)


def test_an_error_of_ours_is_found_behind_whatever_was_raised_from_it() -> None:
    inner = errors.OutputError("No space left on device", where="cache")
    outer = RuntimeError("the pipeline failed")
    outer.__cause__ = inner
    assert ours(outer) is inner
    assert ours(RuntimeError("a defect")) is None


def test_without_ray_the_command_that_installs_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SettingsError) as raised, joined(ClusterSettings()):
        pass
    assert raised.value.exit_code == 2
    assert "pip install 'paperline[ray]'" in raised.value.next_step


@pytest.mark.parametrize("address", ["127.0.0.1:9", "[::1]:9"])
def test_an_address_at_which_nobody_is_is_an_error_at_once(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    with pytest.raises(ClusterUnavailable) as raised, joined(ClusterSettings(address=address)):
        pass
    assert raised.value.exit_code == 1
    assert raised.value.where == f"[cluster] address = {address}"
    assert "Connection refused" in raised.value.what
    assert "ray status" in raised.value.next_step


def test_the_doctor_says_whether_all_that_ask_have_room(ray_nodes: Nodes, tmp_path: Path) -> None:
    def found(wanted: ClusterSettings) -> doctor.Finding:
        table = ModelSettings(name="test-model", executor="cluster")
        settings = Settings(
            model=table, cluster=wanted, outputs=tmp_path / "outputs", cache=tmp_path / "cache"
        )
        return doctor._cluster(settings)

    enough = found(ray_nodes.settings(2, asking=1))
    assert enough.well
    assert "room for all 2 processes that ask" in enough.what
    scarce = found(ray_nodes.settings(3, made_up=1))
    assert not scarce.well
    assert "room for 0 of 3 processes that ask. Lower [cluster] actors" in scarce.what

"""The batch executor against a real HTTP server: submitted once, collected later, nothing lost."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from pipeline.books import Spend
from pipeline.cache import AnswerCache
from pipeline.errors import BatchRunning, UsageError
from pipeline.exchange import Outcome
from pipeline.executors.batch import ROUNDS, Batch
from pipeline.executors.online import Online
from pipeline.llm.batches import line, split
from pipeline.llm.budget import Budget
from pipeline.outputs import Outputs
from pipeline.settings import BudgetSettings, ModelSettings
from pipeline.snapshot import Snapshot
from tests.batch_server import BatchServer, good
from tests.jobs import KEY, job
from tests.model_server import ModelServer


class Desk:
    """What one command after the other has at hand."""

    def __init__(self, folder: Path, httpserver: HTTPServer) -> None:
        self.remote = BatchServer(httpserver)
        self.online = ModelServer(httpserver)
        self.cache = AnswerCache(folder / "cache")
        self.outputs = Outputs(folder / "outputs")
        self.spent: list[Spend] = []
        self.submits = True
        self.settings: dict[str, Any] = {"price": {"input": 1.0, "output": 1.0}}

    @property
    def snapshot(self) -> Snapshot:
        return self.outputs.snapshot("demo", "20260101_0405")

    def executor(self, budget: BudgetSettings | None = None) -> Batch:
        """The executor as one command opens it."""
        settings = ModelSettings(name="test-model", base_url=self.online.base_url, **self.settings)
        limits = Budget(budget or BudgetSettings(), lambda: 0.0)
        return Batch(
            settings,
            KEY,
            cache=self.cache,
            outputs=self.outputs,
            budget=limits,
            online=Online([(settings, KEY)], self.cache, limits, asks=2),
            submit=self.submits,
        )

    def command(self, count: int = 4, budget: BudgetSettings | None = None) -> dict[str, Outcome]:
        """Run the executor over `count` jobs as one command would."""
        outcomes: dict[str, Outcome] = {}
        with contextlib.closing(self.executor(budget)) as executor:
            executor.run(
                [job(number) for number in range(count)],
                lambda outcome: outcomes.update({outcome.paper: outcome}),
                paid=self.spent.extend,
            )
        return outcomes

    def submit(self, count: int = 4) -> None:
        """Run a command that ends because a batch runs."""
        with pytest.raises(BatchRunning, match="Run the same command again"):
            self.command(count)


@pytest.fixture
def desk(tmp_path: Path, httpserver: HTTPServer) -> Iterator[Desk]:
    made = Desk(tmp_path, httpserver)
    yield made
    made.cache.close()


def test_a_batch_is_submitted_once_and_collected_by_the_same_command(desk: Desk) -> None:
    desk.submit()
    desk.submit()
    assert len(desk.remote.batches) == 1
    desk.remote.finish()
    outcomes = desk.command()
    assert outcomes["2601.00002"].lines == {"en": "A line about Paper 2.", "zh": "一句话。"}
    assert len(outcomes) == len(desk.spent) == 4
    assert desk.online.bodies == []
    assert desk.snapshot.batch() is None


def test_what_was_collected_is_in_the_cache_and_asked_for_never_again(desk: Desk) -> None:
    desk.submit()
    desk.remote.finish()
    desk.command()
    assert all(outcome.from_cache for outcome in desk.command().values())
    assert len(desk.remote.batches) == 1


def test_a_batch_costs_half(desk: Desk) -> None:
    desk.submit(1)
    desk.remote.finish()
    desk.command(1)
    (spend,) = desk.spent
    assert spend.usage.usd == pytest.approx(150 / 1_000_000 / 2)


@pytest.mark.parametrize("moment", ["before the upload", "after the upload", "after the batch"])
def test_a_run_that_is_killed_while_it_submits_submits_nothing_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    kept = Snapshot.write_batch
    writes = {"before the upload": 1, "after the upload": 2, "after the batch": 3}[moment]

    def killed(snapshot: Snapshot, state: Any) -> None:
        nonlocal writes
        writes -= 1
        if writes > 0 or moment == "before the upload":
            kept(snapshot, state)
        if writes == 0:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Snapshot, "write_batch", killed)
        with pytest.raises(KeyboardInterrupt):
            desk.command()
    desk.submit()
    assert len(desk.remote.batches) == 1
    assert len(desk.remote.files) == 1
    desk.remote.finish()
    assert len(desk.command()) == 4
    assert len(desk.remote.answered) == 4


def test_what_failed_or_expired_is_submitted_again_and_the_rest_is_kept(desk: Desk) -> None:
    def half(body: dict[str, Any]) -> Any:
        number = int(body["messages"][1]["content"].partition("\n")[0][-1])
        return [good(body), (500, {"error": {"message": "later"}}), None, good(body)][number]

    desk.remote.answer = half
    desk.submit()
    desk.remote.finish("expired")
    desk.submit()
    first, second = desk.remote.batches.values()
    assert len(desk.remote.lines(first.file)) == 4
    assert len(desk.remote.lines(second.file)) == 2
    desk.remote.answer = good
    desk.remote.finish()
    assert len(desk.command()) == 4
    assert len(desk.remote.answered) == 4


def test_what_is_left_undone_again_and_again_is_asked_for_online(desk: Desk) -> None:
    desk.remote.answer = lambda _: None
    for _ in range(ROUNDS):
        desk.submit(2)
        desk.remote.finish("expired")
    outcomes = desk.command(2)
    assert len(desk.remote.batches) == ROUNDS
    assert len(desk.online.bodies) == 2
    assert all(outcome.lines for outcome in outcomes.values())


def test_what_was_answered_unusably_is_asked_for_online(desk: Desk) -> None:
    def silent(body: dict[str, Any]) -> Any:
        status, answer = good(body)
        answer["choices"][0]["message"]["content"] = ""
        return status, answer

    desk.remote.answer = silent
    desk.submit(2)
    desk.remote.finish()
    outcomes = desk.command(2)
    assert len(desk.remote.batches) == 1
    assert len(desk.online.bodies) == 2
    assert len(desk.spent) == 4
    assert all(outcome.lines for outcome in outcomes.values())


def test_a_form_that_the_batch_refuses_is_lowered_and_nothing_is_lost(desk: Desk) -> None:
    def strict(body: dict[str, Any]) -> Any:
        if body.get("response_format", {}).get("type") == "json_schema":
            return 400, {"error": {"message": "response_format json_schema is not supported"}}
        return good(body)

    desk.remote.answer = strict
    desk.submit()
    desk.remote.finish()
    desk.submit()
    desk.remote.finish()
    assert len(desk.command()) == 4
    assert desk.online.bodies == []


def test_a_parameter_that_the_batch_refuses_is_left_out_and_nothing_is_paid_twice(
    desk: Desk,
) -> None:
    def cool(body: dict[str, Any]) -> Any:
        if "temperature" in body:
            return 400, {"error": {"message": "'temperature' does not support 0.5"}}
        return good(body)

    desk.remote.answer = cool
    desk.settings["parameters"] = {"temperature": 0.5}
    desk.submit()
    desk.remote.finish()
    desk.submit()
    desk.remote.finish()
    assert len(desk.command()) == 4
    assert len(desk.remote.answered) == 4


def test_past_the_deadline_the_batch_is_cancelled_and_the_rest_asked_for_online(
    desk: Desk,
) -> None:
    desk.remote.answer = lambda body: good(body) if "Paper 1" in str(body) else None
    desk.submit()
    desk.settings["batch_deadline"] = 1e-9
    outcomes = desk.command()
    (batch,) = desk.remote.batches.values()
    assert batch.status == "cancelled"
    assert len(desk.online.bodies) == 3
    assert len(outcomes) == 4


def test_a_batch_at_another_address_is_not_forgotten(desk: Desk, httpserver: HTTPServer) -> None:
    desk.submit()
    desk.online.base_url = httpserver.url_for("/other")
    with pytest.raises(UsageError, match="a batch of this snapshot is at"):
        desk.command()
    assert desk.snapshot.batch() is not None


def test_what_the_budget_does_not_allow_is_not_submitted(desk: Desk) -> None:
    with pytest.raises(BatchRunning):
        desk.command(4, BudgetSettings(tokens_per_run=700))
    (batch,) = desk.remote.batches.values()
    assert 0 < len(desk.remote.lines(batch.file)) < 4


def test_where_there_are_no_batches_all_is_asked_for_online(
    desk: Desk, httpserver: HTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    httpserver.clear_all_handlers()
    ModelServer.__init__(desk.online, httpserver)
    httpserver.expect_request("/v1/files").respond_with_json(
        {"error": {"message": "no such route"}}, status=404
    )
    outcomes = desk.command()
    assert all(outcome.lines for outcome in outcomes.values())
    assert "knows no batches" in caplog.text


def test_an_upload_that_fails_in_passing_is_tried_again_and_arrives_once(
    desk: Desk, httpserver: HTTPServer
) -> None:
    httpserver.expect_oneshot_request("/v1/files", method="POST").respond_with_data("", status=503)
    desk.submit()
    assert len(desk.remote.files) == 1


def test_answers_to_nothing_that_was_asked_are_left_out_and_none_counts_twice(desk: Desk) -> None:
    desk.submit()
    desk.remote.finish()
    (batch,) = desk.remote.batches.values()
    name, content = desk.remote.files[str(batch.output)]
    foreign = content.splitlines()[0].replace(b"2601.00000:", b"zzz:")
    desk.remote.files[str(batch.output)] = name, content + content + foreign + b"\n"
    desk.command()
    assert len(desk.spent) == 4


def test_a_batch_that_the_provider_forgot_is_asked_for_again(desk: Desk) -> None:
    desk.submit()
    state = desk.snapshot.batch()
    assert state is not None
    lost = [part.but(batch="batch-9") for part in state.parts]
    desk.snapshot.write_batch(state.but(parts=tuple(lost)))
    desk.submit()
    desk.remote.finish()
    assert len(desk.command()) == 4


def test_online_collects_what_a_batch_was_paid_for_before_it_asks(desk: Desk) -> None:
    desk.submit()
    desk.submits = False
    desk.submit()
    desk.remote.finish()
    assert len(desk.command()) == 4
    assert desk.online.bodies == []
    assert desk.snapshot.batch() is None


def test_what_a_batch_was_paid_for_is_collected_though_nothing_is_left_to_ask(desk: Desk) -> None:
    desk.submit()
    desk.remote.finish()
    with contextlib.closing(desk.executor()) as executor:
        executor.collect("demo", "20260101_0405", paid=desk.spent.extend)
    assert len(desk.spent) == 4


def test_a_batch_then_online_within_one_budget_ends(desk: Desk) -> None:
    def silent(body: dict[str, Any]) -> Any:
        status, answer = good(body)
        answer["choices"][0]["message"]["content"] = ""
        return status, answer

    desk.remote.answer = silent
    desk.submit()
    desk.remote.finish()
    outcomes = desk.command(4, BudgetSettings(tokens_per_run=900))
    kinds = [outcome.failure.kind if outcome.failure else "" for outcome in outcomes.values()]
    assert len(kinds) == 4
    assert "budget" in kinds


def test_the_key_goes_to_the_tables_own_address(desk: Desk) -> None:
    desk.submit()
    assert desk.remote.keys == {f"Bearer {KEY}"}


@pytest.mark.parametrize(("most", "size", "parts"), [(2, 10**6, 3), (100, 250, 5), (100, 10**6, 1)])
def test_a_batch_is_split_by_the_providers_limits(most: int, size: int, parts: int) -> None:
    lines = [line(f"id-{number}", {"x": "y" * 100}) for number in range(5)]
    made = list(split(lines, most, size))
    assert len(made) == parts
    assert [each for part in made for each in part] == lines

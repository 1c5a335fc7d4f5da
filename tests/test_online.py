"""The online executor against a real HTTP server."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from pipeline.books import Spend
from pipeline.cache import AnswerCache
from pipeline.errors import OutputError
from pipeline.exchange import Job, Outcome
from pipeline.executors.online import Online
from pipeline.llm import limits, provider
from pipeline.llm.asking import ASKS, READY, Keeper
from pipeline.llm.budget import Budget
from pipeline.llm.provider import MOST_REJECTED, TRIES
from pipeline.settings import BudgetSettings, ModelSettings, ProviderSettings
from tests.jobs import KEY, fingerprint_of, job
from tests.model_server import ModelServer, completion, error, good_lines


@pytest.fixture
def server(httpserver: HTTPServer) -> ModelServer:
    return ModelServer(httpserver)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[AnswerCache]:
    opened = AnswerCache(tmp_path / "cache")
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LONGEST_WAIT", 0.01)
    monkeypatch.setattr(provider, "BACKOFF", lambda _: 0.001)


def settings_for(server: ModelServer, **changes: Any) -> ModelSettings:
    values: dict[str, Any] = {
        "name": "test-model",
        "base_url": server.base_url,
        "timeout": 5.0,
        "requests_per_minute": 1_000_000,
        "tokens_per_minute": 1_000_000_000,
        "price": {"input": 1.0, "output": 1.0},
    }
    return ModelSettings(**{**values, **changes})


def execute(
    server: ModelServer,
    cache: AnswerCache,
    jobs: list[Job],
    *,
    budget: BudgetSettings | None = None,
    redo: bool = False,
    paid: list[Spend] | None = None,
    **changes: Any,
) -> dict[str, Outcome]:
    """The outcomes by paper; `changes` are settings of the model."""
    settings = settings_for(server, **changes)
    outcomes: dict[str, Outcome] = {}
    spent: list[Spend] = [] if paid is None else paid
    keyed = [(each, KEY) for each in settings.providers]
    with contextlib.closing(
        Online(keyed, cache, Budget(budget or BudgetSettings(), lambda: 0.0))
    ) as executor:
        executor.run(
            jobs,
            lambda outcome: outcomes.update({outcome.paper: outcome}),
            paid=spent.extend,
            redo=redo,
        )
    return outcomes


def test_every_job_gets_lines_of_the_model(server: ModelServer, cache: AnswerCache) -> None:
    outcomes = execute(server, cache, [job(n) for n in range(20)], concurrency=4)
    assert len(outcomes) == 20
    assert outcomes["2601.00007"].lines == {
        "en": "A line about Paper 7.",
        "zh": "一句关于这篇论文的话。",
    }


def test_a_second_run_is_answered_from_the_cache_alone(
    server: ModelServer, cache: AnswerCache
) -> None:
    first = execute(server, cache, [job(1), job(2)])
    paid: list[Spend] = []
    second = execute(server, cache, [job(1), job(2)], paid=paid)
    assert len(server.bodies) == 2
    assert paid == []
    assert all(outcome.from_cache for outcome in second.values())
    assert {k: o.lines for k, o in second.items()} == {k: o.lines for k, o in first.items()}


def test_redo_asks_anew_and_keeps_the_old_answer(server: ModelServer, cache: AnswerCache) -> None:
    execute(server, cache, [job(1)])
    execute(server, cache, [job(1)], redo=True)
    assert len(server.bodies) == 2
    assert len(cache.answers(fingerprint_of(job(1)))) == 2


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503])
def test_a_passing_failure_is_asked_again(
    server: ModelServer, cache: AnswerCache, status: int
) -> None:
    server.queue.extend([error(status), error(status)])
    assert execute(server, cache, [job(1)])["2601.00001"].lines
    assert len(server.bodies) == 3


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, "invalid_api_key", "key was not accepted"),
        (403, "forbidden", "may not do this"),
        (404, "model_not_found", "there is no model"),
        (429, "insufficient_quota", "quota is used up"),
        (418, "bad", "the request was refused"),
    ],
)
def test_a_final_refusal_stops_asking_at_once(
    server: ModelServer, cache: AnswerCache, status: int, code: str, words: str
) -> None:
    server.always = lambda _: error(status, code)
    outcomes = execute(server, cache, [job(n) for n in range(10)], concurrency=1)
    assert len(server.bodies) == 1
    assert len(outcomes) == 10
    for outcome in outcomes.values():
        assert outcome.lines is None
        assert outcome.failure is not None
        assert outcome.failure.kind == "refused"
        assert words in outcome.failure.reason
        assert KEY not in outcome.failure.reason


def test_a_server_that_is_down_ends_the_asking_with_one_reason(cache: AnswerCache) -> None:
    class Gone:
        base_url = "http://127.0.0.1:9/v1"

    outcomes = execute(Gone(), cache, [job(n) for n in range(50)], concurrency=2)  # type: ignore[arg-type]
    assert len(outcomes) == 50
    assert {o.failure.kind for o in outcomes.values() if o.failure} == {"unavailable"}
    (reason,) = {o.failure.reason for o in outcomes.values() if o.failure}
    assert "the connection failed or broke off" in reason


def test_one_paper_that_always_fails_does_not_stop_the_others(
    server: ModelServer, cache: AnswerCache
) -> None:
    good = server.always
    server.always = lambda body: (
        error(500) if "Paper 3\n" in body["messages"][1]["content"] else good(body)
    )
    outcomes = execute(server, cache, [job(n) for n in range(60)], concurrency=3)
    failed = [o for o in outcomes.values() if o.lines is None]
    assert [o.paper for o in failed] == ["2601.00003"]


def test_an_unusable_answer_is_asked_again_with_what_was_wrong(
    server: ModelServer, cache: AnswerCache
) -> None:
    server.queue.append(completion('{"en": "Only English.", "zh": "Only English."}'))
    paid: list[Spend] = []
    outcome = execute(server, cache, [job(1)], paid=paid)["2601.00001"]
    assert outcome.lines
    assert len(paid) == 2
    assert "not in Simplified Chinese" in server.bodies[1]["messages"][-1]["content"]


def test_an_answer_that_stays_unusable_is_a_failure_with_its_reason(
    server: ModelServer, cache: AnswerCache
) -> None:
    server.always = lambda _: completion("I am sorry.")
    outcome = execute(server, cache, [job(1)])["2601.00001"]
    assert outcome.lines is None
    assert outcome.failure is not None
    assert outcome.failure.kind == "content"
    assert "not-json" in outcome.failure.reason
    assert len(server.bodies) == ASKS
    assert len(cache.answers(fingerprint_of(job(1)))) == ASKS


def test_a_cut_answer_gets_more_room_at_the_next_attempt(
    server: ModelServer, cache: AnswerCache
) -> None:
    server.queue.append(completion('{"en": "Half', finish_reason="length"))
    execute(server, cache, [job(1)])
    first, second = (body["max_completion_tokens"] for body in server.bodies)
    assert second == 2 * first


def test_a_reached_budget_stops_asking_and_says_which(
    server: ModelServer, cache: AnswerCache
) -> None:
    outcomes = execute(
        server,
        cache,
        [job(n) for n in range(5)],
        concurrency=5,
        budget=BudgetSettings(tokens_per_run=600),
    )
    assert len(server.bodies) == 3
    failures = [o.failure for o in outcomes.values() if o.failure]
    assert [f.kind for f in failures] == ["budget"] * 2
    assert "tokens_per_run" in failures[0].reason


GOOD = '{"en": "A line.", "zh": "一句话。"}'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Maintenance</html>",
        b'{"choices": [{"message": {"content": "cut o',
        b"\xff\xfe",
        b"[]",
        b'{"choices": [null]}',
        b'{"choices": "none"}',
        b'{"choices": [{"message": null}]}',
        b'{"choices": [{"message": {"content": 7}}]}',
        b'{"choices": [{"message": {"content": ["a"]}}]}',
        b'{"choices": [{"message": {"content": "\\ud800"}}]}',
    ],
)
def test_whatever_a_server_sends_with_status_200_ends_in_lines_or_a_gap(
    server: ModelServer, cache: AnswerCache, body: bytes
) -> None:
    server.queue.append(Response(body, content_type="application/json"))
    (outcome,) = execute(server, cache, [job(1)]).values()
    assert outcome.lines == {"en": "A line about Paper 1.", "zh": "一句关于这篇论文的话。"}


@pytest.mark.parametrize(
    "usage", [{}, None, 7, {"prompt_tokens": "12"}, {"prompt_tokens": 5.5}, {"prompt_tokens": -5}]
)
def test_where_no_tokens_are_told_they_are_estimated_and_that_is_said(
    server: ModelServer, cache: AnswerCache, usage: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    body = {"choices": [{"message": {"content": GOOD}, "finish_reason": "stop"}], "usage": usage}
    server.queue.append(Response(json.dumps(body), content_type="application/json"))
    (outcome,) = execute(server, cache, [job(1)]).values()
    assert outcome.lines == {"en": "A line.", "zh": "一句话。"}
    assert outcome.usage.tokens > 0
    assert "they are estimated" in caplog.text


def test_more_cached_than_sent_tokens_are_not_believed(
    server: ModelServer, cache: AnswerCache
) -> None:
    usage = {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 50}}
    body = {"choices": [{"message": {"content": GOOD}}], "usage": usage}
    server.queue.append(Response(json.dumps(body), content_type="application/json"))
    (outcome,) = execute(server, cache, [job(1)]).values()
    assert outcome.usage.cached_tokens == 5


@pytest.mark.parametrize("wait", ["inf", "nan", "-1", "soon", "0.01"])
def test_an_absurd_wait_that_a_server_asks_for_is_bounded(
    server: ModelServer, cache: AnswerCache, wait: str
) -> None:
    server.queue.append(error(429, headers={"retry-after": wait}))
    (outcome,) = execute(server, cache, [job(1)]).values()
    assert outcome.lines


def test_what_a_provider_says_is_told_without_what_looks_like_a_key(
    server: ModelServer, cache: AnswerCache
) -> None:
    body = {"error": {"message": "Bad key sk-abcdef123456\nfor\x1b you", "code": "odd"}}
    server.always = lambda _: Response(json.dumps(body), 418, content_type="application/json")
    (outcome,) = execute(server, cache, [job(1)]).values()
    assert outcome.failure
    assert "(418): Bad key (not shown) for you" in outcome.failure.reason


def test_the_answer_is_asked_for_by_a_strict_schema(
    server: ModelServer, cache: AnswerCache
) -> None:
    execute(server, cache, [job(1)], parameters={})
    schema = server.bodies[0]["response_format"]["json_schema"]
    assert schema["strict"] is True
    assert schema["schema"]["required"] == ["en", "zh"]
    assert server.keys == [f"Bearer {KEY}"]


def test_a_redirect_to_another_host_is_refused(
    server: ModelServer, cache: AnswerCache, httpserver: HTTPServer
) -> None:
    elsewhere = f"http://localhost:{httpserver.port}/stolen"
    httpserver.expect_request("/stolen").respond_with_data("")
    server.always = lambda _: Response("", 307, headers={"Location": elsewhere})
    outcome = execute(server, cache, [job(1)])["2601.00001"]
    assert outcome.lines is None
    assert not [r for r, _ in httpserver.log if r.path == "/stolen"]


def test_an_html_page_instead_of_an_answer_is_a_passing_failure(
    server: ModelServer, cache: AnswerCache
) -> None:
    server.queue.append(Response("<html>busy</html>", content_type="text/html"))
    assert execute(server, cache, [job(1)])["2601.00001"].lines


def test_content_is_kept_as_text_whatever_it_holds(server: ModelServer, cache: AnswerCache) -> None:
    lines = {"en": "It uses \\textbf{bold} & $x < y$.", "zh": "使用 \\frac{1}{2}。"}
    server.queue.append(completion(json.dumps(lines)))
    assert execute(server, cache, [job(1)])["2601.00001"].lines == lines


def test_a_request_that_names_the_form_of_answer_lowers_it_for_good(
    server: ModelServer, cache: AnswerCache
) -> None:
    good = server.always

    def simple(body: dict[str, Any]) -> Response:
        if "response_format" in body:
            return error(400, message=f"response_format {body['response_format']['type']}: no")
        return good(body)

    server.always = simple
    outcomes = execute(server, cache, [job(n) for n in range(6)], concurrency=2)
    assert all(outcome.lines for outcome in outcomes.values())
    asked = len(server.bodies)
    execute(server, cache, [job(n) for n in range(6, 9)])
    assert len(server.bodies) == asked + 3, "the form is remembered for address and model"


def test_in_a_lower_form_the_messages_say_what_the_schema_would(
    server: ModelServer, cache: AnswerCache
) -> None:
    server.queue.append(error(422, message="unknown field response_format"))
    execute(server, cache, [job(1)])
    assert server.bodies[1]["response_format"] == {"type": "json_object"}
    assert '{"en": "...", "zh": "..."}' in server.bodies[1]["messages"][0]["content"]


def test_a_random_400_is_asked_again_and_lowers_nothing(
    server: ModelServer, cache: AnswerCache
) -> None:
    server.queue.append(error(400, message="something odd"))
    outcomes = execute(server, cache, [job(n) for n in range(3)], concurrency=1)
    assert all(outcome.lines for outcome in outcomes.values())
    assert {body["response_format"]["type"] for body in server.bodies} == {"json_schema"}


def test_a_form_that_is_refused_without_a_name_is_found_out_by_trying(
    server: ModelServer, cache: AnswerCache
) -> None:
    good = server.always
    server.always = lambda body: good(body) if "response_format" not in body else error(400)
    outcomes = execute(server, cache, [job(n) for n in range(4)], concurrency=1)
    assert all(outcome.lines for outcome in outcomes.values())
    assert sum("response_format" in body for body in server.bodies) <= READY * 3 + 1
    asked = len(server.bodies)
    execute(server, cache, [job(4)])
    assert len(server.bodies) == asked + 1


def but_for_paper_3(body: dict[str, Any]) -> Response:
    about = body["messages"][1]["content"]
    return error(400, message="bad content") if "Paper 3\n" in about else good_lines(body)


def test_one_paper_that_the_provider_rejects_is_a_gap_of_its_own(
    server: ModelServer, cache: AnswerCache
) -> None:
    server.always = but_for_paper_3
    outcomes = execute(server, cache, [job(n) for n in range(12)], concurrency=2)
    (failed,) = [o for o in outcomes.values() if o.failure]
    assert failed.paper == "2601.00003"
    assert failed.failure
    assert failed.failure.kind == "content"
    assert "bad content" in failed.failure.reason


def test_a_provider_that_rejects_everything_is_asked_no_further(
    server: ModelServer, cache: AnswerCache
) -> None:
    server.always = lambda _: error(400, message="no")
    outcomes = execute(server, cache, [job(n) for n in range(50)], concurrency=1)
    assert len(outcomes) == 50
    assert len(server.bodies) <= 4 * MOST_REJECTED


def test_a_parameter_that_the_model_refuses_is_left_out_and_paid_once(
    server: ModelServer, cache: AnswerCache
) -> None:
    good = server.always
    server.always = lambda body: (
        error(400, message="'temperature' does not support 0.2")
        if "temperature" in body
        else good(body)
    )
    warm: dict[str, Any] = {"parameters": {"temperature": 0.2, "seed": 7}}
    paid: list[Spend] = []
    first = execute(server, cache, [job(1)], paid=paid, **warm)
    again = execute(server, cache, [job(1)], paid=paid, **warm)
    assert first["2601.00001"].lines == again["2601.00001"].lines
    assert server.bodies[-1]["seed"] == 7
    assert len(paid) == 1


def test_a_server_that_knows_only_max_tokens_gets_max_tokens(
    server: ModelServer, cache: AnswerCache
) -> None:
    good = server.always
    server.always = lambda body: (
        error(400, message="Unrecognized request argument: max_completion_tokens")
        if "max_completion_tokens" in body
        else good(body)
    )
    assert execute(server, cache, [job(1)])["2601.00001"].lines
    assert "max_tokens" in server.bodies[-1]


def test_a_model_with_little_room_is_allowed_no_more_than_the_lines(
    server: ModelServer, cache: AnswerCache
) -> None:
    good = server.always
    server.always = lambda body: (
        error(400, message="maximum context length is 2048 tokens")
        if body["max_completion_tokens"] > 1000
        else good(body)
    )
    assert execute(server, cache, [job(1)])["2601.00001"].lines
    assert server.bodies[-1]["max_completion_tokens"] == 400


def test_a_model_that_reasons_gets_room_for_it_and_is_asked_the_same_again(
    server: ModelServer, cache: AnswerCache
) -> None:
    server.queue.append(
        completion("", finish_reason="length", reasoning_tokens=50, completion_tokens=50)
    )
    outcome = execute(server, cache, [job(1)])["2601.00001"]
    first, second = server.bodies
    assert outcome.lines
    assert first["messages"] == second["messages"]
    assert second["max_completion_tokens"] > first["max_completion_tokens"]


FALLBACK: dict[str, Any] = {
    "name": "second",
    "api_key_env": "SECOND_KEY",
    "concurrency": 2,
    "price": {"input": 1.0, "output": 1.0},
    "requests_per_minute": 1_000_000,
    "tokens_per_minute": 1_000_000_000,
}


def down_but_for_the_second(body: dict[str, Any]) -> Response:
    return good_lines(body) if body["model"] == "second" else error(503)


def test_a_model_that_is_down_is_left_for_its_fallback(
    server: ModelServer, cache: AnswerCache
) -> None:
    server.always = down_but_for_the_second
    fallback = ProviderSettings(base_url=server.base_url, **FALLBACK)
    outcomes = execute(
        server, cache, [job(n) for n in range(30)], concurrency=2, fallback=(fallback,)
    )
    assert {outcome.model for outcome in outcomes.values()} == {"second"}
    assert all(outcome.lines for outcome in outcomes.values())
    asked = sum(body["model"] == "test-model" for body in server.bodies)
    assert asked <= READY * 2 * TRIES, "nothing more is sent to a model that is down"


def test_a_fallbacks_answer_serves_later_runs_too(server: ModelServer, cache: AnswerCache) -> None:
    server.always = down_but_for_the_second
    fallback = ProviderSettings(base_url=server.base_url, **FALLBACK)
    execute(server, cache, [job(1)], fallback=(fallback,))
    server.always = good_lines
    asked = len(server.bodies)
    (outcome,) = execute(server, cache, [job(1)], fallback=(fallback,)).values()
    assert (outcome.from_cache, outcome.model) == (True, "second")
    assert len(server.bodies) == asked


def test_answers_on_the_wire_are_kept_when_something_else_fails(
    server: ModelServer, cache: AnswerCache
) -> None:
    settings = settings_for(server, concurrency=4)
    delivered: list[Outcome] = []

    def full(outcome: Outcome) -> None:
        delivered.append(outcome)
        raise OutputError("No space left on device", where="2-summaries.jsonl")

    executor = Online([(settings, KEY)], cache, Budget(BudgetSettings(), lambda: 0.0))
    with contextlib.closing(executor), pytest.raises(OutputError):
        executor.run([job(n) for n in range(40)], full, paid=lambda _: None)
    kept = sum(len(cache.answers(fingerprint_of(job(n)))) for n in range(40))
    assert kept == len(server.bodies)
    assert len(server.bodies) <= 12, "nothing more is asked"


def test_limits_and_connections_serve_all_runs_of_a_command(
    server: ModelServer, cache: AnswerCache
) -> None:
    executor = Online(
        [(settings_for(server), KEY)],
        cache,
        Budget(BudgetSettings(tokens_per_run=600), lambda: 0.0),
    )
    outcomes: list[Outcome] = []
    with contextlib.closing(executor):
        for number in range(6):
            executor.run([job(number)], outcomes.append, paid=lambda _: None)
    reached = [o.failure.kind for o in outcomes if o.failure]
    assert len(outcomes) == 6
    assert reached
    assert set(reached) == {"budget"}


def test_jobs_are_taken_as_they_are_needed_and_never_all_at_once(
    server: ModelServer, cache: AnswerCache
) -> None:
    taken = delivered = most = 0

    def jobs() -> Iterator[Job]:
        nonlocal taken, most
        for number in range(60):
            taken += 1
            most = max(most, taken - delivered)
            yield job(number)

    def deliver(_: Outcome) -> None:
        nonlocal delivered
        delivered += 1

    executor = Online(
        [(settings_for(server, concurrency=5), KEY)], cache, Budget(BudgetSettings(), lambda: 0.0)
    )
    with contextlib.closing(executor):
        executor.run(jobs(), deliver, paid=lambda _: None)
    assert delivered == 60
    assert most <= READY * 5 + 1


def test_one_rejected_paper_is_not_asked_again_and_again_while_others_succeed(
    server: ModelServer, cache: AnswerCache
) -> None:
    server.always = but_for_paper_3
    execute(server, cache, [job(n) for n in range(80)], concurrency=8)
    asked = sum("Paper 3\n" in body["messages"][1]["content"] for body in server.bodies)
    assert asked <= 4


def test_a_body_without_end_is_a_passing_failure_and_not_kept_in_memory(
    server: ModelServer, cache: AnswerCache
) -> None:
    server.queue.append(Response(b" " * 10_000_000, content_type="application/json"))
    assert execute(server, cache, [job(1)])["2601.00001"].lines
    assert len(server.bodies) == 2


def test_half_an_emoji_is_an_answer_that_was_paid_for(
    server: ModelServer, cache: AnswerCache
) -> None:
    content = '{"en": "A line.\\ud83d", "zh": "一句话。"}'
    body = completion(content).get_data().replace(b"\\\\ud83d", b"\\ud83d")
    server.always = lambda _: Response(body, content_type="application/json")
    paid: list[Spend] = []
    execute(server, cache, [job(1)], paid=paid)
    assert 1 <= len(paid) <= ASKS
    assert len(server.bodies) == len(paid)


def test_a_key_that_a_server_repeats_is_kept_nowhere(
    server: ModelServer, cache: AnswerCache
) -> None:
    server.queue.append(completion(f'{{"en": "The key {KEY} it is.", "zh": "一句话。"}}'))
    outcome = execute(server, cache, [job(1)])["2601.00001"]
    assert outcome.lines == {"en": "The key (not shown) it is.", "zh": "一句话。"}
    (answer,) = cache.answers(fingerprint_of(job(1)))
    assert KEY not in answer.to_json()


def test_a_long_unusable_answer_is_not_sent_back_whole(
    server: ModelServer, cache: AnswerCache
) -> None:
    server.queue.append(completion("x" * 100_000))
    execute(server, cache, [job(1)])
    assert len(json.dumps(server.bodies[1])) < 5000


@pytest.mark.parametrize("content", ["{" * 15_000, "{" * 200_000])
def test_braces_without_end_hold_nothing_up(
    server: ModelServer, cache: AnswerCache, content: str
) -> None:
    server.queue.append(completion(content))
    assert execute(server, cache, [job(1)])["2601.00001"].lines


def test_an_error_of_one_ends_all_that_are_at_work_at_once_and_leaves_no_gap(
    server: ModelServer, cache: AnswerCache
) -> None:
    settings = settings_for(server, concurrency=4)
    executor = Online([(settings, KEY)], cache, Budget(BudgetSettings(), lambda: 0.0))
    delivered: list[Outcome] = []

    def full(_: Outcome) -> None:
        raise OutputError("No space left on device", where="2-summaries.jsonl")

    async def both() -> list[BaseException | None]:
        keeper = Keeper(cache, lambda _: None)
        halves = (iter([job(n) for n in range(20)]), iter([job(n) for n in range(20, 400)]))
        works = (
            executor.work(halves[0], full, keeper),
            executor.work(halves[1], delivered.append, keeper),
        )
        ended = [*await asyncio.gather(*works, return_exceptions=True)]
        more = iter([job(n) for n in range(400, 410)])
        await executor.work(more, delivered.append, keeper)
        keeper.close()
        await executor.end()
        return ended

    ended = asyncio.run(both())
    assert [type(error) for error in ended] == [OutputError, OutputError]
    assert len(server.bodies) < 60
    assert all(outcome.lines for outcome in delivered)
    assert len(delivered) >= 10, "what follows is asked again"

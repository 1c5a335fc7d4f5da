"""Limits, budget and token counts."""

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.errors import SettingsError
from pipeline.llm import tokens
from pipeline.llm.budget import Budget
from pipeline.llm.keys import PLACEHOLDER_KEY, api_key
from pipeline.llm.limits import Bucket
from pipeline.records import Message, Usage
from pipeline.settings import BudgetSettings, ModelSettings

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_lets_no_more_through_in_a_minute_than_its_amount_and_burst() -> None:
    clock = Clock()
    bucket = Bucket(60, burst=6.0, clock=clock)
    waits = [bucket.take(1) for _ in range(66)]
    assert waits[:6] == [0.0] * 6
    assert waits[-1] == pytest.approx(60.0)


def test_a_bucket_refills_no_higher_than_its_burst() -> None:
    clock = Clock()
    bucket = Bucket(60, burst=6.0, clock=clock)
    clock.now = 3600.0
    assert [bucket.take(1) for _ in range(7)][-1] == pytest.approx(1.0)


def test_a_request_larger_than_the_bucket_passes_and_the_next_one_waits() -> None:
    bucket = Bucket(600, burst=6.0, clock=Clock())
    assert bucket.take(160) == pytest.approx(10.0)
    assert bucket.take(10) == pytest.approx(11.0)


def test_what_was_estimated_too_high_is_given_back() -> None:
    bucket = Bucket(600, burst=6.0, clock=Clock())
    bucket.take(60)
    bucket.give(40)
    assert bucket.take(40) == 0.0


@pytest.mark.parametrize(
    ("spent", "today", "name"),
    [
        (Usage(usd=1.0), 0.0, "usd_per_run"),
        (Usage(prompt_tokens=60, completion_tokens=40, usd=None), 0.0, "tokens_per_run"),
        (Usage(usd=0.5), 4.5, "usd_per_day"),
    ],
)
def test_a_reached_limit_is_named(spent: Usage, today: float, name: str) -> None:
    budget = Budget(BudgetSettings(usd_per_run=1.0, tokens_per_run=100, usd_per_day=5.0), today)
    small = Usage(prompt_tokens=1, usd=0.001)
    assert budget.reserve(spent) is None
    assert name in (budget.reserve(small) or "")
    budget.settle(spent, Usage())
    assert budget.reserve(small) is None
    budget.settle(small, spent)
    assert budget.outstanding == 0
    assert name in (budget.reserve(small) or "")


def test_without_its_table_tokens_are_estimated_and_that_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    tokens.counter.cache_clear()
    with caplog.at_level(logging.WARNING):
        counts = [tokens.count_messages([Message(role="user", content="x " * 40)]) for _ in "ab"]
    tokens.counter.cache_clear()
    assert counts[0] > 40
    assert len([r for r in caplog.records if "estimates" in r.message]) == 1


def test_a_table_with_a_wrong_checksum_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / tokens.TABLE).write_bytes(b"half a table")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    assert tokens.table_path() is None
    assert (tmp_path / tokens.TABLE).exists()


def test_openais_own_address_without_a_key_is_an_error_that_names_the_variable() -> None:
    with pytest.raises(SettingsError, match="OPENAI_API_KEY"):
        api_key(ModelSettings(), {})


def test_another_address_gets_a_placeholder_and_never_openais_key() -> None:
    local = ModelSettings(base_url="http://127.0.0.1:1/v1", api_key_env="LOCAL_KEY")
    assert api_key(local, {"OPENAI_API_KEY": "sk-other"}) == PLACEHOLDER_KEY

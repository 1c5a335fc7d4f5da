"""What a request weighs: its tokens, their price, and the key that it is sent with."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import SettingsError
from pipeline.exchange import Message, Request
from pipeline.llm import prices, tokens
from pipeline.llm.keys import PLACEHOLDER_KEY, api_key
from pipeline.llm.prices import priced
from pipeline.records import Language, Usage
from pipeline.settings import ModelSettings, ProviderSettings

USED = Usage(prompt_tokens=1_000_000, completion_tokens=500_000)
UNKNOWN = "invented-tide-1"


def forget_what_is_known() -> None:
    tokens.counter.cache_clear()
    tokens._count_fixed.cache_clear()
    prices._listed.cache_clear()


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Nothing counted and nothing said before, and no table on this machine."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    forget_what_is_known()
    yield
    forget_what_is_known()


def request(*contents: str, languages: tuple[Language, ...] = ("en", "zh")) -> Request:
    return Request(
        messages=tuple(Message(role="user", content=content) for content in contents),
        model="test-model",
        parameters={},
        languages=languages,
    )


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        (" \n ", 0),
        ("kettle", 1),
        ("kettles", 2),
        ("A kettle sings.", 4),
        ("水壶会唱歌。", 6),
        ("1234567", 3),
        ("$x^2$", 5),
    ],
)
def test_tokens_are_estimated_by_word_digits_and_sign(text, count):
    assert tokens.estimate(text) == count


@given(st.text(), st.text())
def test_an_estimate_of_two_texts_is_the_sum_of_theirs(one, other):
    assert tokens.estimate(f"{one} {other}") == tokens.estimate(one) + tokens.estimate(other)


@given(st.text())
def test_an_estimate_is_never_more_than_a_token_a_character(text):
    assert tokens.estimate(text) <= len(text)


def test_without_its_table_tokens_are_estimated_and_that_is_said_once(caplog):
    with caplog.at_level(logging.INFO):
        counts = [tokens.counter()(text) for text in ("A kettle sings.", "A kettle.")]
    assert counts == [4, 3]
    (record,) = caplog.records
    assert "TIKTOKEN_CACHE_DIR" in record.getMessage()


def test_with_its_table_tokens_are_tiktokens_and_nothing_is_said(monkeypatch, tmp_path, caplog):
    encoding = SimpleNamespace(encode_ordinary=lambda text: [0] * (len(text) * 3))
    asked = []

    def get_encoding(name: str) -> Any:
        asked.append(name)
        return encoding

    monkeypatch.setattr(tokens, "table_path", lambda: tmp_path)
    monkeypatch.setattr(tiktoken, "get_encoding", get_encoding)
    assert [tokens.counter()(text) for text in ("ab", "abc")] == [6, 9]
    assert asked == ["o200k_base"]
    assert [r for r in caplog.records if r.name.startswith("pipeline")] == []


def test_a_table_with_a_wrong_checksum_is_not_used_and_not_removed(tmp_path):
    table = tmp_path / tokens.TABLE
    table.write_bytes(b"half a table")
    assert tokens.table_path() is None
    assert table.read_bytes() == b"half a table"


def test_the_right_table_is_found(tmp_path, monkeypatch):
    (tmp_path / tokens.TABLE).write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    monkeypatch.setattr(tokens, "CHECKSUM", empty)
    assert tokens.table_path() == tmp_path / tokens.TABLE


def test_a_conversation_has_the_tokens_of_its_turns_and_of_its_format():
    turns = [
        Message(role="system", content="Summarize."),
        Message(role="user", content="A kettle sings."),
    ]
    contents = tokens.estimate("Summarize.") + tokens.estimate("A kettle sings.")
    assert tokens.count_messages(turns) == tokens.FRAME + 2 * tokens.PER_MESSAGE + contents


def test_the_answer_schema_counts_with_a_request():
    one, two = request("x", languages=("en",)), request("x")
    messages = tokens.count_messages(one.messages)
    assert messages < tokens.count_request(one) < tokens.count_request(two)


def test_a_table_with_a_price_is_believed():
    settings = ModelSettings(name=UNKNOWN, price={"input": 0.5, "output": 4.0})
    assert priced(USED, settings, UNKNOWN).usd == pytest.approx(0.5 + 2.0)


def test_a_tables_price_goes_before_the_price_list():
    settings = ModelSettings(name="gpt-5-mini", price={"input": 1000.0, "output": 0.0})
    assert priced(USED, settings, "gpt-5-mini").usd == pytest.approx(1000.0)


def test_cached_tokens_cost_what_the_table_says_of_them():
    settings = ModelSettings(name=UNKNOWN, price={"input": 1.0, "cached": 0.1, "output": 0.0})
    usage = USED.but(cached_tokens=400_000)
    assert priced(usage, settings, UNKNOWN).usd == pytest.approx(0.6 + 0.04)


def test_cached_tokens_cost_as_much_as_others_where_the_table_does_not_say():
    settings = ModelSettings(name=UNKNOWN, price={"input": 1.0, "output": 0.0})
    usage = USED.but(cached_tokens=400_000)
    assert priced(usage, settings, UNKNOWN).usd == pytest.approx(1.0)


def test_a_tables_price_is_that_of_its_own_model_only():
    settings = ModelSettings(name="gpt-5-mini", price={"input": 1.0, "output": 1.0})
    assert priced(USED, settings, UNKNOWN).usd is None


def test_a_known_models_price_is_in_the_list_and_its_cached_tokens_are_cheaper():
    settings = ModelSettings(name="gpt-5-mini")
    fresh, cached = (
        priced(USED.but(cached_tokens=count), settings, "gpt-5-mini").usd
        for count in (0, 1_000_000)
    )
    assert fresh is not None
    assert cached is not None
    assert 0 < cached < fresh


def test_a_price_changes_nothing_but_the_price():
    usage = USED.but(cached_tokens=5, reasoning_tokens=7)
    settings = ModelSettings(name=UNKNOWN, price={"input": 1.0, "output": 1.0})
    assert priced(usage, settings, UNKNOWN).but(usd=0.0) == usage


def test_an_unknown_price_is_none_and_that_is_said_once_for_each_model(caplog):
    with caplog.at_level(logging.WARNING):
        usages = [
            priced(USED, ModelSettings(), model) for model in (UNKNOWN, UNKNOWN, "invented-tide-2")
        ]
    assert [usage.usd for usage in usages] == [None] * 3
    assert [record.args for record in caplog.records] == [(UNKNOWN,), ("invented-tide-2",)]


def test_a_key_is_read_from_the_variable_that_the_table_names():
    settings = ProviderSettings(base_url="https://models.example/v1", api_key_env="TIDE_KEY")
    environ = {"TIDE_KEY": " key-of-tide\n", "OPENAI_API_KEY": "key-of-openai"}
    assert api_key(settings, environ) == "key-of-tide"


@pytest.mark.parametrize("environ", [{}, {"OPENAI_API_KEY": " "}, {"TIDE_KEY": "key-of-tide"}])
def test_openais_own_address_without_a_key_is_an_error_that_names_the_variable(environ):
    with pytest.raises(SettingsError, match="OPENAI_API_KEY is not set"):
        api_key(ModelSettings(), environ)


def test_another_address_gets_a_placeholder_and_never_openais_key():
    local = ModelSettings(base_url="http://127.0.0.1:1/v1", api_key_env="LOCAL_KEY")
    assert api_key(local, {"OPENAI_API_KEY": "key-of-openai"}) == PLACEHOLDER_KEY

"""What a provider answered becomes lines, or the reason why it holds none."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import AnswerRejected
from pipeline.llm.answers import lines_of
from pipeline.records import Answer, Message, Request, Usage
from pipeline.text import CONTROL

REQUEST = Request(
    messages=(Message(role="user", content="Title: x"),),
    model="test-model",
    parameters={},
    languages=("en", "zh"),
    max_output_tokens=400,
)


def answer(content: str | None, **changes: str) -> Answer:
    return Answer(
        content=content,
        refusal=changes.get("refusal"),
        finish_reason=changes.get("finish_reason", "stop"),
        model="test-model",
        usage=Usage(),
        created=datetime(2026, 1, 1, tzinfo=UTC),
    )


def both(en: str, zh: str) -> Answer:
    return answer(json.dumps({"en": en, "zh": zh}))


def test_good_lines_are_returned_as_they_are() -> None:
    assert lines_of(both("A kettle sings.", "水壶会唱歌。"), REQUEST) == (
        {"en": "A kettle sings.", "zh": "水壶会唱歌。"},
        (),
    )


def test_white_space_around_a_line_is_mended_and_recorded() -> None:
    lines, mended = lines_of(both(" A kettle sings.\n", "水壶会唱歌。"), REQUEST)
    assert lines["en"] == "A kettle sings."
    assert mended == ("en-whitespace",)


@pytest.mark.parametrize(
    ("given_answer", "code"),
    [
        (answer(None, refusal="I will not"), "refusal"),
        (answer("{}", finish_reason="content_filter"), "filter"),
        (answer('{"en": "A ke', finish_reason="length"), "length"),
        (answer(None), "empty"),
        (answer("  "), "empty"),
        (answer("A kettle sings."), "not-json"),
        (answer('{"en": "A kettle sings."}'), "wrong-shape"),
        (answer('{"en": 1, "zh": "水壶"}'), "wrong-shape"),
        (answer('{"en": "A", "zh": "水壶", "note": "x"}'), "wrong-shape"),
        (both("", "水壶会唱歌。"), "empty"),
        (both("A kettle\nsings.", "水壶会唱歌。"), "control-character"),
        (both("A kettle \x0crac sings.", "水壶会唱歌。"), "control-character"),
        (both("水壶会唱歌。", "水壶会唱歌。"), "wrong-language"),
        (both("A kettle sings.", "A kettle sings."), "wrong-language"),
    ],
)
def test_an_answer_without_usable_lines_is_rejected_with_a_code(
    given_answer: Answer, code: str
) -> None:
    with pytest.raises(AnswerRejected) as caught:
        lines_of(given_answer, REQUEST)
    assert caught.value.code == code


@given(st.text(), st.text())
def test_whatever_passes_is_one_line_without_control_characters(en: str, zh: str) -> None:
    try:
        lines, _ = lines_of(both(en, zh), REQUEST)
    except AnswerRejected:
        return
    assert all(line and not CONTROL.search(line) for line in lines.values())

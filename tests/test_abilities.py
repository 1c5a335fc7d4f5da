"""What a provider's model takes, as it is learned, remembered and obeyed."""

from datetime import timedelta
from typing import Any

import pytest

from pipeline.exchange import Job, Message, Request
from pipeline.llm.abilities import (
    ENOUGH,
    KEPT_FOR,
    REASONING_ROOM,
    Abilities,
    Known,
    body_of,
    request_to,
)
from pipeline.settings import ModelSettings, ProviderSettings
from tests.jobs import job

TIDE = ModelSettings(name="tide-1", base_url="https://models.example/v1", max_output_tokens=400)
FRESH = Abilities.unknown()


class Memory:
    """What a cache remembers, and how often it was told."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.times = 0

    def recall(self, key: str) -> str | None:
        return self.texts.get(key)

    def remember(self, key: str, text: str) -> None:
        self.texts[key] = text
        self.times += 1


def request(**changes: Any) -> Request:
    values: dict[str, Any] = {
        "messages": (
            Message(role="system", content="Summarize."),
            Message(role="user", content="Title: A Kettle"),
        ),
        "model": "tide-1",
        "parameters": {},
        "languages": ("en", "zh"),
    }
    return Request(**{**values, **changes})


def body(abilities: Abilities, room: int = 1, **changes: Any) -> dict[str, Any]:
    return body_of(request(**changes), abilities, TIDE, room)


def allowed(abilities: Abilities, room: int = 1, **parameters: Any) -> int:
    """Tokens that the answer may have beyond those of the lines."""
    found = body(abilities, room, parameters=parameters)[abilities.limit]
    assert isinstance(found, int)
    return found - TIDE.max_output_tokens * room


@pytest.mark.parametrize(
    "said",
    [
        "response_format is not supported by this model",
        "unknown field: responseformat",
        "'response_format' of type 'json_schema' is not supported",
        "json_object must be supported by the model",
    ],
)
@pytest.mark.parametrize(
    ("form", "lower"), [("json_schema", "json_object"), ("json_object", "text")]
)
def test_a_refusal_that_names_the_form_of_answer_lowers_it(said, form, lower):
    before = FRESH.but(form=form, proved=True)
    assert before.lowered(said, []) == FRESH.but(form=lower, proved=False)


def test_the_lowest_form_cannot_be_lowered():
    assert FRESH.but(form="text").lowered("response_format is not supported", []) is None


@pytest.mark.parametrize(
    "said",
    [
        "max_completion_tokens is not known here, use max_tokens instead",
        "unknown parameter: max_completion_tokens",
        "unrecognized request argument supplied: max_completion_tokens",
        "got an unexpected keyword 'max_completion_tokens'",
        "unsupported parameter: 'max_completion_tokens'",
    ],
)
def test_a_model_that_does_not_know_the_new_name_of_the_limit_is_told_the_old_one(said):
    lowered = FRESH.lowered(said, [])
    assert lowered == FRESH.but(limit="max_tokens")
    assert lowered.lowered(said, []) is None


def test_a_refused_parameter_is_the_one_that_is_named():
    sent = ["temperature", "top_p"]
    assert FRESH.lowered("top_p is not supported", sent) == FRESH.but(refused=("top_p",))


def test_parameters_are_refused_one_after_the_other():
    once = FRESH.but(refused=("top_p",))
    twice = FRESH.but(refused=("top_p", "temperature"))
    assert once.lowered("top_p and temperature cannot be set", ["top_p", "temperature"]) == twice


def test_a_parameter_is_found_whatever_its_case_is():
    assert FRESH.lowered("topp is unknown", ["topP"]) == FRESH.but(refused=("topP",))


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ("", ["temperature"]),
        ("bad request", ["temperature"]),
        ("temperatures are high", ["temperature"]),
        ("temperature is not supported", []),
        ("temperature is not supported", ["top_p"]),
        ("axb", ["a.b"]),
    ],
)
def test_a_refusal_that_names_nothing_that_was_sent_teaches_nothing(said, sent):
    assert FRESH.lowered(said, sent) is None


def test_the_form_is_lowered_before_a_parameter_is_left_out():
    said = "response_format cannot be used with temperature"
    assert FRESH.lowered(said, ["temperature"]) == FRESH.but(form="json_object")


def test_what_is_refused_is_not_sent():
    abilities = FRESH.but(refused=("top_p",))
    assert abilities.taken({"top_p": 1, "seed": 7}) == {"seed": 7}


def test_answers_prove_the_form_and_show_the_most_reasoning():
    after = FRESH.after(300).after(100)
    assert after == FRESH.but(proved=True, reasoning=300, answers=2)


def test_abilities_are_believed_for_a_month():
    assert not FRESH.outdated(FRESH.learned + KEPT_FOR)
    assert FRESH.outdated(FRESH.learned + KEPT_FOR + timedelta(seconds=1))


def test_a_model_that_was_never_asked_is_asked_for_the_strictest_form():
    found = Known(Memory()).of(TIDE, "tide-1")
    assert found == Abilities(learned=found.learned)
    assert found.form == "json_schema"


def test_what_was_learned_is_known_at_once_and_to_later_commands():
    memory = Memory()
    learned = FRESH.but(form="text", refused=("seed",), limit="max_tokens")
    known = Known(memory)
    known.learn(TIDE, "tide-1", learned)
    assert known.of(TIDE, "tide-1") == learned
    assert Known(memory).of(TIDE, "tide-1") == learned


def test_what_one_model_takes_says_nothing_of_another_or_of_another_address():
    memory = Memory()
    elsewhere = ModelSettings(name="tide-1", base_url="https://other.example/v1")
    Known(memory).learn(TIDE, "tide-1", FRESH.but(form="text"))
    known = Known(memory)
    assert known.of(TIDE, "tide-2").form == "json_schema"
    assert known.of(elsewhere, "tide-1").form == "json_schema"


def test_reasoning_is_remembered_when_the_command_ends_and_not_after_each_answer():
    memory = Memory()
    known = Known(memory)
    abilities = known.of(TIDE, "tide-1")
    for _ in range(5):
        abilities = abilities.after(40)
        known.learn(TIDE, "tide-1", abilities)
    assert memory.times == 0
    known.close()
    assert memory.times == 1
    assert Known(memory).of(TIDE, "tide-1") == abilities


def test_a_model_that_was_not_asked_is_not_remembered():
    memory = Memory()
    known = Known(memory)
    known.of(TIDE, "tide-1")
    known.close()
    assert memory.texts == {}


def test_outdated_abilities_are_learned_anew():
    memory = Memory()
    old = FRESH.but(form="text", learned=FRESH.learned - KEPT_FOR - timedelta(days=1))
    Known(memory).learn(TIDE, "tide-1", old)
    assert memory.texts
    assert Known(memory).of(TIDE, "tide-1").form == "json_schema"


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"form": "text"}', '{"form": "xml"}'])
def test_damaged_abilities_are_learned_anew(damage):
    memory = Memory()
    Known(memory).learn(TIDE, "tide-1", FRESH.but(form="text"))
    memory.texts = dict.fromkeys(memory.texts, damage)
    assert memory.texts
    assert Known(memory).of(TIDE, "tide-1").form == "json_schema"


def asked(settings: ProviderSettings, known: Known, *, first: bool, **parameters: Any) -> Request:
    a_job: Job = job(1).but(model="tide-9", parameters=parameters)
    return request_to(settings, a_job, known, first=first)


def test_the_first_provider_is_asked_for_the_jobs_model_and_a_fallback_for_its_own():
    known = Known(Memory())
    assert asked(TIDE, known, first=True).model == "tide-9"
    assert asked(TIDE, known, first=False).model == "tide-1"


def test_the_prompts_parameters_go_before_the_tables():
    settings = ProviderSettings(name="tide-1", parameters={"seed": 1, "top_p": 0.5})
    found = asked(settings, Known(Memory()), first=True, seed=2)
    assert found.parameters == {"seed": 2, "top_p": 0.5}


def test_parameters_that_the_model_refused_are_no_part_of_the_request():
    known = Known(Memory())
    known.learn(TIDE, "tide-9", FRESH.but(refused=("seed",)))
    assert asked(TIDE, known, first=True, seed=2, top_p=0.5).parameters == {"top_p": 0.5}
    assert asked(TIDE, known, first=False, seed=2).parameters == {"seed": 2}


def test_a_schema_says_what_form_the_answer_has():
    found = body(FRESH, parameters={"seed": 2})
    assert found == {
        "model": "tide-1",
        "messages": [
            {"role": "system", "content": "Summarize."},
            {"role": "user", "content": "Title: A Kettle"},
        ],
        "max_completion_tokens": found["max_completion_tokens"],
        "seed": 2,
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": "lines",
                "strict": True,
                "schema": {
                    "type": "object",
                    "properties": {"en": {"type": "string"}, "zh": {"type": "string"}},
                    "required": ["en", "zh"],
                    "additionalProperties": False,
                },
            },
        },
    }


@pytest.mark.parametrize(
    ("form", "response_format"), [("json_object", {"type": "json_object"}), ("text", None)]
)
def test_without_a_schema_the_first_message_says_what_form_the_answer_has(form, response_format):
    found = body(FRESH.but(form=form))
    demand = 'Answer with one JSON object and nothing else: {"en": "...", "zh": "..."}'
    assert found["messages"][0] == {"role": "system", "content": f"Summarize.\n{demand}"}
    assert found["messages"][1] == {"role": "user", "content": "Title: A Kettle"}
    assert found.get("response_format") == response_format


def test_a_prompt_that_says_the_form_itself_is_left_as_it_is():
    says_it = 'Answer with {"zh": "..."}'
    messages = (Message(role="system", content=says_it),)
    found = body(FRESH.but(form="text"), messages=messages, languages=("zh",))
    assert found["messages"] == [{"role": "system", "content": says_it}]


@pytest.mark.parametrize("limit", ["max_completion_tokens", "max_tokens"])
def test_the_limit_has_the_name_that_the_model_knows(limit):
    found = body(FRESH.but(limit=limit, tight=True))
    assert {name: found[name] for name in found if name.startswith("max_")} == {limit: 400}


def test_a_refused_parameter_is_not_in_the_body():
    found = body(FRESH.but(refused=("seed",)), parameters={"seed": 2, "top_p": 0.5})
    assert "seed" not in found
    assert found["top_p"] == 0.5


@pytest.mark.parametrize("effort", REASONING_ROOM)
def test_a_model_has_room_for_reasoning_by_the_effort_that_it_is_told(effort):
    assert allowed(FRESH, reasoning_effort=effort) == REASONING_ROOM[effort]


@pytest.mark.parametrize("parameters", [{}, {"reasoning_effort": "x"}, {"reasoning_effort": 7}])
def test_an_effort_that_is_not_known_is_taken_for_a_medium_one(parameters):
    assert allowed(FRESH, **parameters) == REASONING_ROOM["medium"]


def test_more_reasoning_than_expected_widens_the_room_at_once():
    assert allowed(FRESH.after(5000)) == 10_000
    assert allowed(FRESH.after(5000), reasoning_effort="high") == 10_000
    assert allowed(FRESH.after(10)) == REASONING_ROOM["medium"]


def test_after_enough_answers_what_was_used_tells_the_room():
    abilities = FRESH
    for _ in range(ENOUGH):
        abilities = abilities.after(70)
    assert allowed(abilities) == 140


def test_a_model_that_never_reasons_has_no_room_for_it_in_the_end():
    assert allowed(FRESH.but(answers=ENOUGH)) == 0


def test_more_room_multiplies_all_of_it():
    assert allowed(FRESH, 3) == 3 * REASONING_ROOM["medium"]


@pytest.mark.parametrize(
    "said",
    [
        "this model's context length is 2048 tokens",
        "max_tokens is too large: 2900",
        "max_completion_tokens must be at most 1024",
    ],
)
def test_a_model_without_so_many_tokens_has_room_for_the_lines_only(said):
    lowered = FRESH.lowered(said, [])
    assert lowered == FRESH.but(tight=True)
    assert allowed(lowered) == 0
    assert lowered.lowered(said, []) is None


def test_two_who_asked_the_same_model_know_together_what_each_found() -> None:
    one = Abilities.unknown().but(form="json_object", refused=("seed",), proved=True)
    other = Abilities.unknown().but(limit="max_tokens", refused=("seed", "top_p"), tight=True)
    for both in (one.with_taught(other), other.with_taught(one)):
        assert (both.form, both.proved) == ("json_object", True)
        assert both.limit == "max_tokens"
        assert sorted(both.refused) == ["seed", "top_p"]
        assert both.tight

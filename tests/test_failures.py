"""Whatever fails in asking a model becomes one of our errors, which says what to do."""

import re
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import errors
from pipeline.errors import ModelRefused, ModelUnavailable, PaperlineError, RequestRejected
from pipeline.llm.failures import KINDS, ONE_REQUEST, OVERLOAD, PASSING, failure_of, timed_out
from pipeline.settings import ModelSettings
from pipeline.text import CONTROL

TIDE = ModelSettings(
    name="tide-1",
    base_url="https://user:pass@models.example:8443/v1",
    api_key_env="TIDE_KEY",
    timeout=12.5,
)
REQUEST = httpx2.Request("POST", "https://models.example:8443/v1/chat/completions")
WHERE = "models.example:8443 (tide-1)"


def refusal(
    status: int, body: object = None, headers: dict[str, str] | None = None
) -> openai.APIStatusError:
    """What the SDK raises for that answer; `body` is what it found under `error`."""
    response = httpx2.Response(status, headers=headers, request=REQUEST)
    return openai.APIStatusError("as the SDK says it", response=response, body=body)


def told(message: object, **more: object) -> dict[str, object]:
    return {"message": message, "type": None, "code": None, "param": None, **more}


KEY = "k-invented-key-of-a-tide"


def failure(status: int, body: object = None, **headers: str) -> PaperlineError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return failure_of(refusal(status, body, named), TIDE, KEY)


def signs_of(name: str) -> set[int]:
    """The statuses that the table names for one kind."""
    (signs,) = (kind.signs for kind in KINDS if kind.name == name)
    return {int(status) for status in re.findall(r"\b\d{3}\b", signs)}


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529, 599])
def test_a_status_that_passes_makes_the_model_unavailable(status):
    error = failure(status, told("come back later"))
    assert isinstance(error, ModelUnavailable)
    assert str(error) == f"{WHERE}: the server answered {status}"
    assert error.retry_after is None


@pytest.mark.parametrize(
    ("status", "overload"), [(429, True), (503, True), (529, True), (408, False), (500, False)]
)
def test_an_overload_is_told_from_other_failures(status, overload):
    error = failure(status)
    assert isinstance(error, ModelUnavailable)
    assert error.overload is overload


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "3"}, 3),
        ({"Retry_After_Ms": "250"}, 0.25),
        ({"retry_after": "nan"}, None),
    ],
)
def test_the_wait_that_the_server_asks_for_is_kept(headers, seconds):
    error = failure(429, **headers)
    assert isinstance(error, ModelUnavailable)
    assert error.retry_after == seconds


def test_one_that_asks_to_wait_for_days_is_left_alone_and_the_wait_is_told():
    error = failure(429, retry_after="172800")
    assert isinstance(error, ModelRefused)
    assert "172800 seconds" in error.what


def test_a_redirect_is_told_with_where_it_leads():
    error = failure(307, location="https://elsewhere.example/v1")
    assert isinstance(error, ModelRefused)
    assert error.what == "a redirect to elsewhere.example was refused"


def test_the_key_itself_is_never_told_whatever_it_looks_like():
    assert KEY not in str(failure(400, told(f"you sent {KEY}!")))


@pytest.mark.parametrize(
    ("status", "what", "next_step"),
    [
        (401, "the key was not accepted (401)", "Check the variable TIDE_KEY"),
        (403, "the key may not do this (403)", "Ask the provider what the key may use"),
        (404, "there is no model 'tide-1' (404)", "Check [model] name and base_url"),
    ],
)
def test_a_status_that_stays_refuses_the_model_and_says_what_to_do(status, what, next_step):
    error = failure(status, told("no"))
    assert isinstance(error, ModelRefused)
    assert (error.where, error.what, error.next_step) == (WHERE, what, next_step)


@pytest.mark.parametrize("status", [402, 405, 410, 418, 451])
def test_any_other_status_refuses_the_model_with_what_was_said(status):
    error = failure(status, told("We brew tea only"))
    assert isinstance(error, ModelRefused)
    assert error.what == f"the request was refused ({status}): We brew tea only"


@pytest.mark.parametrize("status", [429, 403, 400])
@pytest.mark.parametrize("field", ["code", "type"])
def test_a_used_up_quota_refuses_the_model_whatever_the_status_is(status, field):
    error = failure(status, told("slow down", **{field: "insufficient_quota"}))
    assert isinstance(error, ModelRefused)
    assert error.what == "the account's quota is used up"


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_status_that_is_about_the_request_rejects_it_alone(status):
    error = failure(status, told("Temperature must be 1", param="temperature"))
    assert isinstance(error, RequestRejected)
    assert error.what == f"the request was refused ({status}): Temperature must be 1"
    assert error.status == status
    assert error.said == "temperature temperature must be 1"


@pytest.mark.parametrize("status", [500, 501, 503])
@pytest.mark.parametrize("named", ["response_format", "JSON_schema", "json_object"])
def test_a_server_that_fails_over_the_form_of_answer_rejects_the_request(status, named):
    error = failure(status, told(f"{named} is not implemented"))
    assert isinstance(error, RequestRejected)
    assert named.lower() in error.said


@pytest.mark.parametrize("body", [None, "no", [], {}, told(None), told("")])
def test_a_refusal_without_a_reason_is_said_to_have_none(body):
    assert failure(400, body).what == "the request was refused (400): no reason given"


def test_a_detail_in_another_shape_is_told_as_it_is():
    said = failure(422, {"detail": [{"loc": ["body", "max_tokens"], "msg": "extra"}]})
    assert "max_tokens" in said.what


def test_a_code_stands_in_for_a_message():
    assert failure(400, told("", code="bad_kettle")).what.endswith(": bad_kettle")


def test_what_the_provider_says_is_held_short_and_to_one_line():
    what = failure(400, told("a\r\n\tb\u2028c\x1b[31m " + "x" * 5000)).what
    assert what.startswith("the request was refused (400): a b c[31m xxx")
    assert len(what) < 300


SECRETS = [
    "sk-invented123456",
    "sk-proj-invented_1234.56",
    "SK-INVENTED123456",
    "sk-inv***************456",
    "sk_invented123456",
    "key-invented123456",
    "pk_invented123456",
    "Bearer invented.123456",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 418, 422, 429, 500])
def test_no_error_tells_a_key(status, secret):
    error = failure(status, told(f"Incorrect API key provided: {secret}."))
    assert "inv" not in repr(vars(error)).lower()
    assert "inv" not in str(error).lower()


def test_a_key_is_not_told_where_the_message_is_cut_inside_it():
    error = failure(400, told("x" * 193 + " sk-invented123456"))
    assert "sk-" not in str(error)


def test_what_only_begins_like_a_key_is_told():
    assert failure(400, told("key-value pairs, a task-oriented risk")).what.endswith(
        "pairs, a task-oriented risk"
    )


def test_an_address_is_told_without_its_user_and_password():
    assert "pass" not in str(failure(500))
    assert "pass" not in str(failure_of(openai.APIConnectionError(request=REQUEST), TIDE, KEY))


def test_a_timeout_makes_the_model_unavailable_and_counts_as_an_overload():
    error = failure_of(openai.APITimeoutError(request=REQUEST), TIDE, KEY)
    assert isinstance(error, ModelUnavailable)
    assert str(error) == f"{WHERE}: no answer within 12.5 seconds"
    assert error.overload
    assert vars(timed_out(TIDE)) == vars(error)


def test_a_lost_connection_makes_the_model_unavailable():
    error = failure_of(openai.APIConnectionError(message="reset", request=REQUEST), TIDE, KEY)
    assert isinstance(error, ModelUnavailable)
    assert str(error) == f"{WHERE}: the connection failed or broke off. Check [model] base_url"
    assert not error.overload


def test_an_answer_that_the_sdk_cannot_read_makes_the_model_unavailable():
    response = httpx2.Response(200, request=REQUEST)
    unreadable = openai.APIResponseValidationError(response=response, body=None)
    assert isinstance(failure_of(unreadable, TIDE, KEY), ModelUnavailable)


def test_the_sdks_own_errors_are_translated_as_it_makes_them():
    response = httpx2.Response(
        400, json={"error": told("No seed here", param="seed")}, request=REQUEST
    )
    with openai.OpenAI(api_key="none", base_url="https://models.example/v1") as sdk:
        made = sdk._make_status_error_from_response(response)
    error = failure_of(made, TIDE, KEY)
    assert isinstance(made, openai.BadRequestError)
    assert isinstance(error, RequestRejected)
    assert error.said == "seed no seed here"


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.integers(300, 599),
    JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(("message", "code", "type"), JSON)),
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"])),
)
def test_any_refusal_becomes_an_error_of_one_line_that_the_table_names(status, body, wait):
    error = failure(status, body, retry_after=wait)
    assert type(error).__name__ in {kind.error for kind in KINDS}
    assert not CONTROL.search(str(error))
    assert len(str(error)) < 500


def test_the_table_names_errors_that_exist_each_once():
    named = [getattr(errors, kind.error) for kind in KINDS]
    assert all(issubclass(each, PaperlineError) for each in named)
    assert len(set(named)) == len(named)


@pytest.mark.parametrize(
    ("name", "statuses"), [("passing", PASSING), ("of the request", ONE_REQUEST)]
)
def test_the_table_names_the_statuses_that_are_obeyed(name, statuses):
    assert signs_of(name) == statuses


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_status_in_the_table_becomes_the_error_beside_it(kind):
    made = {type(failure(status)).__name__ for status in signs_of(kind.name)}
    assert made <= {kind.error}


def test_every_overload_is_a_failure_that_passes():
    assert all(isinstance(failure(status), ModelUnavailable) for status in OVERLOAD)

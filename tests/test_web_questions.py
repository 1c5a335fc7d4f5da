"""Asking a model again from the review page, over HTTP against the real servers."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from pipeline.outputs import Outputs
from pipeline.settings import Settings
from pipeline.web.questions import Answer as Answered
from tests.desks import Room, a_desk, lines_of
from tests.model_server import ModelServer, completion, error, good_lines
from tests.web_client import ReviewApp, Reviewer, review_app, text_of, texts

PATIENCE = 60
"""Seconds after which a test that waits for an answer has failed."""


@pytest.fixture
def model(httpserver: HTTPServer) -> ModelServer:
    return ModelServer(httpserver)


@pytest.fixture
def desk(tmp_path: Path, model: ModelServer) -> Room:
    return asking(tmp_path, model)


def asking(folder: Path, model: ModelServer, *, more: str = "", **how: Any) -> Room:
    """Two papers, and the models tide-1 and tide-2 that can be asked about them."""
    provider = (
        f'base_url = "{model.base_url}"',
        "timeout = 5.0",
        "retry_seconds = 0.05",
        "price = { input = 1.0, output = 2.0 }",
    )
    table = [*provider, "[[model.fallback]]", 'name = "tide-2"', *provider]
    return a_desk(folder, papers=2, model=table, more=more, **how)


@pytest.fixture
def app(desk: Room) -> Iterator[ReviewApp]:
    with review_app(desk.settings) as running:
        yield running


@pytest.fixture
def alice(app: ReviewApp, desk: Room) -> Reviewer:
    return app.reviewer(desk)


def ask(reviewer: Reviewer, number: int = 1, **fields: str) -> Any:
    form = {"paper": reviewer.desk.id(number), "prompt": "one_line", "model": "tide-1", **fields}
    return reviewer.post("/ask", partial=False, **form)


def answered(app: ReviewApp, desk: Room, number: int = 1) -> Answered:
    """What the last question about a paper came to."""
    question = app.room.questions.about(desk.snapshot, desk.id(number))
    assert question is not None
    return question.answer.result(PATIENCE)


def told(reviewer: Reviewer, number: int = 1) -> Any:
    answer = reviewer.get("/asked", partial=True, paper=reviewer.desk.id(number))
    assert answer.status == 200
    return answer.document


def spent(desk: Room) -> list[dict[str, Any]]:
    text = (desk.settings.outputs / "spend.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_the_new_lines_are_a_candidate_beside_those_on_show(app, alice, desk, model) -> None:
    answer = ask(alice)
    assert (answer.status, answer.headers["Location"]) == (303, f"{alice.base}?paper={desk.id(1)}")
    new = answered(app, desk)
    assert (new.failure, new.from_cache) == (None, False)
    document = told(alice)
    assert "tide-1 has answered." in text_of(document)
    assert "150 tokens, $0.0002" in text_of(document)
    (link,) = document.cssselect("a[data-open]")
    shown = alice.client.get(link.get("href")).document
    assert texts(shown, '.shown .line[lang="en"]') == [
        "A line about Tidal Adapters 1: Fine-Tuning a Current Model for One Harbour."
    ]
    assert texts(shown, ".candidates a") == [
        "1 one_line · tide-1 on show",
        "2 one_line · tide-1",
    ]
    assert texts(alice.page(1), '.shown .line[lang="en"]') == [lines_of(1)["en"]]
    assert desk.snapshot.decisions() == []
    assert len(model.bodies) == 1


def test_what_it_cost_is_booked(app, alice, desk) -> None:
    ask(alice, model="tide-2")
    answered(app, desk)
    (booked,) = spent(desk)
    assert (booked["paper"], booked["model"]) == (desk.id(1), "tide-2")
    assert booked["usage"]["usd"] == pytest.approx(0.0002)


def test_the_page_answers_meanwhile_and_the_same_is_not_asked_twice(
    app, alice, desk, model
) -> None:
    go_on = threading.Event()

    def slowly(body: dict[str, Any]) -> Response:
        go_on.wait(PATIENCE)
        return good_lines(body)

    model.always = slowly
    with ThreadPoolExecutor(4) as many:
        assert {a.status for a in many.map(lambda _: ask(alice), range(4))} == {303}
    waiting = told(alice)
    assert "tide-1 is being asked with the prompt one_line …" in text_of(waiting)
    assert waiting.get_element_by_id("question").get("hx-get").endswith(f"?paper={desk.id(1)}")
    assert ask(alice, model="tide-2").status == 303
    assert alice.decide("approve", 2).status == 303
    assert "is being asked" in text_of(alice.page(1).get_element_by_id("question"))
    assert text_of(told(alice, 2)) == ""
    go_on.set()
    answered(app, desk)
    assert "has answered" in text_of(told(alice))
    assert told(alice).get_element_by_id("question").get("hx-get") is None
    assert len(model.bodies) == 1


def test_the_same_lines_once_more_are_no_candidate(app, alice, desk, model) -> None:
    for _ in range(2):
        ask(alice)
        answered(app, desk)
    assert "tide-1 gave the same lines as before." in text_of(told(alice))
    assert len(alice.page(1).cssselect(".candidates a")) == 2
    assert len(model.bodies) == 2, "asked anew, since an editor wants other lines"


@pytest.mark.parametrize(
    "wrong", [{"prompt": "check"}, {"prompt": "../x"}, {"model": "gpt-9"}, {"model": "embedded"}]
)
def test_what_the_page_does_not_offer_is_refused(alice, desk, model, wrong) -> None:
    answer = ask(alice, **wrong)
    assert answer.status == 400
    assert "Choose one of the prompts and models that the page offers" in answer.text
    assert model.bodies == []


def test_the_page_offers_the_prompts_and_models_that_may_be_asked(alice) -> None:
    document = alice.page(1)
    assert texts(document, "#ask-prompt option") == [
        "one_line",
        "plain_language",
        "results_first",
        "three_sentences",
    ]
    assert texts(document, "#ask-model option") == ["tide-1", "tide-2"]


def test_a_model_that_is_down_is_told_and_nothing_else_changes(app, alice, desk, model) -> None:
    model.always = lambda _: error(503)
    ask(alice)
    assert answered(app, desk).failure is not None
    assert "tide-1 gave no lines:" in text_of(told(alice))
    assert texts(alice.page(1), '.shown .line[lang="en"]') == [lines_of(1)["en"]]
    assert texts(alice.page(1), ".head .flag") == []
    model.always = good_lines
    ask(alice)
    assert answered(app, desk).failure is None


def test_what_the_provider_says_is_shown_as_text(app, alice, desk, model) -> None:
    model.always = lambda _: error(404, message="no <img src=x> here")
    ask(alice)
    failure = answered(app, desk).failure
    assert failure is not None
    assert failure.reason in text_of(told(alice))
    assert told(alice).cssselect("img") == []


def test_an_answer_that_is_markup_is_shown_as_text(app, alice, desk, model) -> None:
    lines = {"en": "<script>alert(1)</script> A model.", "zh": "<b>模型</b>。"}
    model.always = lambda _: completion(json.dumps(lines))
    ask(alice)
    answered(app, desk)
    assert told(alice).cssselect("script, b") == []


def test_a_budget_that_is_reached_is_told(tmp_path, model) -> None:
    desk = asking(tmp_path, model, more="[budget]\ntokens_per_run = 1")
    with review_app(desk.settings) as app:
        alice = app.reviewer(desk)
        ask(alice)
        failure = answered(app, desk).failure
        assert failure is not None
        assert failure.kind == "budget"
        assert failure.reason in text_of(told(alice))
    assert model.bodies == []


def test_a_key_that_is_missing_is_told_on_the_page_and_in_the_log(tmp_path, caplog) -> None:
    desk = a_desk(tmp_path)
    with review_app(desk.settings) as app:
        alice = app.reviewer(desk)
        ask(alice)
        question = app.room.questions.about(desk.snapshot, desk.id(1))
        assert question is not None
        assert question.answer.exception(PATIENCE) is not None
        assert "OPENAI_API_KEY" in texts(told(alice), ".problem")[0]
    assert f"tide-1 was not asked about {desk.id(1)}" in caplog.text


def test_a_run_that_works_on_the_topic_comes_first(app, alice, desk, model) -> None:
    with Outputs(desk.settings.outputs).working_on("tides"):
        ask(alice)
        assert "is being asked" in text_of(told(alice))
        assert alice.page(1) is not None
        assert model.bodies == []
    assert answered(app, desk).failure is None


def test_the_end_of_the_server_does_not_wait_for_a_run(desk, model) -> None:
    with (
        Outputs(desk.settings.outputs).working_on("tides"),
        review_app(desk.settings) as app,
    ):
        ask(app.reviewer(desk))
    assert model.bodies == []


def test_the_embedded_model_can_be_asked_where_it_is_the_one_that_is_named(desk) -> None:
    embedded = desk.settings.model.renamed("embedded")
    settings: Settings = msgspec.structs.replace(desk.settings, model=embedded)
    with review_app(settings) as app:
        alice = app.reviewer(desk)
        ask(alice, model="embedded")
        new = answered(app, desk)
        assert new.summary is not None
        shown = alice.page(1, candidate=new.summary)
        assert texts(shown, ".origin") == ["Picked from title and abstract by a program"] * 2


class TestSecondOpinions:
    """With `[check] judge` a model says of the lines on show whether the abstract has them."""

    @pytest.fixture
    def desk(self, tmp_path: Path, model: ModelServer) -> Room:
        model.always = self.answer
        return asking(tmp_path, model, more="[check]\njudge = true")

    def answer(self, body: dict[str, Any]) -> Response:
        if "English line: " not in body["messages"][1]["content"]:
            return good_lines(body)
        return completion(
            json.dumps({name: {"supported": False, "why": "no <harbour>"} for name in ("en", "zh")})
        )

    def test_are_asked_for_with_the_question_and_shown(self, app, alice, desk, model) -> None:
        ask(alice)
        answered(app, desk)
        found = texts(alice.page(1), ".shown .finding .message")
        assert any("no <harbour>" in message for message in found)
        assert {booked["stage"] for booked in spent(desk)} == {"summarize", "check"}
        before = len(model.bodies)
        ask(alice)
        answered(app, desk)
        assert len(model.bodies) == before + 1, "opinions that were paid for are kept"

    def test_of_another_model_are_not_paid_for(self, app, alice, desk, model) -> None:
        ask(alice, model="tide-2")
        answered(app, desk)
        assert [body["model"] for body in model.bodies] == ["tide-2"]

"""What a night says: one line a topic, its lines in runs.jsonl, and levels that mean something."""

import json
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from pipeline.books import Invocation
from pipeline.cli.outcomes import sentence
from pipeline.outputs import Outputs
from pipeline.records import Usage, each_record
from pipeline.report import Missing, Report
from tests.digests import INSTANT
from tests.model_server import ModelServer, completion, error, good_lines
from tests.test_night import FIRST_NIGHT, SECOND_NIGHT, Machine

NOWHERE = "http://127.0.0.1:9/api/query"


@pytest.fixture
def machine(tmp_path: Path, httpserver: HTTPServer) -> Machine:
    return Machine(tmp_path, ModelServer(httpserver))


def runs(machine: Machine) -> list[Invocation]:
    """The lines of runs.jsonl, the oldest first."""
    lines = (machine.folder / "outputs" / "runs.jsonl").read_text("utf-8").splitlines()
    return list(each_record(lines, Invocation, where="runs.jsonl"))


def logged(machine: Machine) -> list[dict[str, Any]]:
    """What the last command logged, which is nothing but objects."""
    return [json.loads(line) for line in machine.errors.splitlines()]


def levels(machine: Machine) -> set[str]:
    return {each["level"] for each in logged(machine)}


def add_topic(machine: Machine, name: str) -> None:
    with (machine.folder / "paperline.toml").open("a", encoding="utf-8") as file:
        file.write(f'[[topic]]\nname = "{name}"\nquery = "all:fine"\n')


class TestOnStandardOutput:
    def test_each_topic_has_one_line_also_where_all_fail(self, machine: Machine) -> None:
        machine.configure(feed=NOWHERE)
        add_topic(machine, "other")
        said = machine.paperline("run", "--at", FIRST_NIGHT, code=1).splitlines()
        assert [line.partition(": ")[0] for line in said] == ["demo", "other"]
        for line in said:
            assert ": failed: " in line
            assert "; next: " in line
        errors = [line for line in machine.errors.splitlines() if line.startswith("error: ")]
        assert [line.split(": ")[1] for line in errors] == ["demo", "other"]

    def test_json_has_each_topic_also_where_one_is_not_finished(self, machine: Machine) -> None:
        machine.configure(model="embedded")
        add_topic(machine, "other")
        with Outputs(machine.folder / "outputs").working_on("demo"):
            said = machine.paperline("run", "--at", FIRST_NIGHT, "--json", code=75)
        busy, done = json.loads(said)
        assert (busy["topic"], busy["exit_code"], busy["code"]) == ("demo", 75, "Busy")
        assert "in use by another" in busy["error"]
        assert busy["next_step"] == "Run the same command again when it has finished"
        assert (done["topic"], done["exit_code"], done["error"]) == ("other", 0, None)
        assert {each["run"] for each in (busy, done)} == {line.run for line in runs(machine)}

    def test_settings_that_keep_the_run_from_beginning_are_each_topics_failure(
        self, machine: Machine
    ) -> None:
        machine.configure(base_url="https://api.openai.com/v1")
        del machine.environ["OPENAI_API_KEY"]
        (line,) = machine.paperline("run", "--at", FIRST_NIGHT, code=2).splitlines()
        assert line.startswith("demo: failed: api_key_env of gpt-5-mini: ")
        (told,) = json.loads(machine.paperline("run", "--at", FIRST_NIGHT, "--json", code=2))
        assert told["code"] == "SettingsError"
        assert not (machine.folder / "outputs").exists()

    @pytest.mark.parametrize("unusable", ["newer", "no folder"])
    @pytest.mark.parametrize("notify", ["", '[notify]\npublished = ["mailto://a@b.example"]\n'])
    def test_an_outputs_folder_that_cannot_be_used_is_each_topics_failure(
        self, machine: Machine, unusable: str, notify: str
    ) -> None:
        machine.configure(model="embedded")
        add_topic(machine, "other")
        with (machine.folder / "paperline.toml").open("a", encoding="utf-8") as file:
            file.write(notify)
        path = machine.folder / "outputs"
        if unusable == "newer":
            path.mkdir()
            (path / "format.json").write_text('{"format": 99}')
        else:
            path.write_text("")
        said = machine.paperline("run", "--at", FIRST_NIGHT, code=1).splitlines()
        assert [line.partition(": failed: ")[0] for line in said] == ["demo", "other"]
        assert all("outputs/format.json: " in line for line in said)
        told = json.loads(machine.paperline("run", "--at", FIRST_NIGHT, "--json", code=1))
        assert [each["topic"] for each in told] == ["demo", "other"]
        kind = "NewerFormat" if unusable == "newer" else "OutputError"
        assert {each["code"] for each in told} == {kind}

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({}, "demo: nothing new, and no digest yet"),
            ({"snapshot": "20260501_0405"}, "20260501_0405 waiting for somebody to publish it"),
            ({"snapshot": "20260501_0405", "made": True, "waiting_for": 2}, "for 2 decisions: "),
            ({"snapshot": "20260501_0405", "published": True}, "published: not on the site yet"),
            ({"snapshot": "20260501_0405", "taken_back": True}, "withdrawn: "),
            ({"error": "x: is down", "exit_code": 1}, "demo: failed: x: is down; next: Run paper"),
            ({"error": "x", "code": "Interrupted", "next_step": "y"}, "demo: interrupted; next: y"),
            ({"error": "it runs", "exit_code": 75, "next_step": "Wait"}, "not finished: it runs"),
            ({"missing": (Missing(reason="a\n\x1b[31mb"),)}, "; missing: 1 × a [31mb"),
            ({"error": "a\nerror: b\x1b", "exit_code": 1}, "demo: failed: a error: b; next: "),
        ],
    )
    def test_every_ending_is_one_line_that_no_terminal_obeys(
        self, changes: dict[str, Any], words: str
    ) -> None:
        report = Report(topic="demo", at=INSTANT, snapshot=None, made=False).but(**changes)
        said = sentence(report)
        assert words in said
        assert said.isprintable()


class TestRunsJsonl:
    def test_has_a_line_at_the_beginning_and_one_at_the_end(self, machine: Machine) -> None:
        machine.paperline("run", "--at", FIRST_NIGHT)
        begun, ended = runs(machine)
        assert (begun.result, begun.ended, begun.exit_code) == ("begun", None, None)
        assert (ended.run, ended.topic, ended.begun) == (begun.run, "demo", begun.begun)
        assert ended.result == "done"
        assert ended.snapshot == "20260115_0405"
        assert ended.made
        assert ended.counts["new"] == ended.counts["model_lines"] == 9
        assert ended.counts["waiting_for"] == 9
        assert ended.usage.usd is not None
        assert ended.usage.usd > 0
        assert "last run: ended" in machine.paperline("status")
        (state,) = json.loads(machine.paperline("status", "--json"))
        assert state["last_run"]["run"] == ended.run

    def test_says_what_was_missing_and_what_went_wrong(self, machine: Machine) -> None:
        machine.model.always = lambda _: completion("I am sorry.")
        machine.configure(limit="1")
        machine.paperline("run", "--at", FIRST_NIGHT, code=3)
        machine.configure(feed=NOWHERE)
        machine.paperline("run", "--at", SECOND_NIGHT, code=1)
        with Outputs(machine.folder / "outputs").working_on("demo"):
            machine.paperline("run", "--at", SECOND_NIGHT, code=75)
        ended = [line for line in runs(machine) if line.ended]
        assert [(line.result, line.exit_code) for line in ended] == [
            ("missing", 3),
            ("failed", 1),
            ("unfinished", 75),
        ]
        assert [line.code for line in ended] == [None, "ArxivUnavailable", "Busy"]
        # Earlier gaps were asked for before the error was raised, and cost something.
        assert ended[1].usage.prompt_tokens == 3 * 100

    def test_of_a_run_that_was_killed_has_no_end_and_status_says_so(self, machine: Machine) -> None:
        assert ended_while_asking(machine, signal.SIGKILL) == (-9, "", "")
        (begun,) = runs(machine)
        assert begun.result == "begun"
        assert "and not ended: if it runs no more, run it again" in machine.paperline("status")
        machine.paperline("run", "--at", FIRST_NIGHT)
        assert [line.result for line in runs(machine)] == ["begun", "begun", "done"]

    @pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 1)])
    def test_of_a_run_that_was_ended_says_interrupted(
        self, machine: Machine, number: signal.Signals, code: int
    ) -> None:
        ended, said, errors = ended_while_asking(machine, number)
        assert ended == code
        assert errors.startswith("error: demo: interrupted. Run the same command again: ")
        assert "Traceback" not in errors
        assert said == (
            "demo: interrupted; next: Run the same command again: it goes on, and what was paid "
            "for is kept\n"
        )
        begun, last = runs(machine)
        assert (begun.result, begun.exit_code) == ("begun", None)
        assert (last.result, last.exit_code, last.code) == ("interrupted", code, "Interrupted")

    @pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 1)])
    def test_of_a_run_that_was_ended_tells_of_each_topic_in_json_too(
        self, machine: Machine, number: signal.Signals, code: int
    ) -> None:
        ended, said, _ = ended_while_asking(machine, number, "--json", other="other")
        assert ended == code
        first, second = json.loads(said)
        for told, what in ((first, "was done"), (second, "began")):
            assert (told["exit_code"], told["code"]) == (code, "Interrupted")
            assert told["error"] == f"stopped before it {what}"
            assert told["next_step"].startswith("Run the same command again")
        assert (first["topic"], second["topic"]) == ("demo", "other")
        lines = {line.topic: line.result for line in runs(machine)}
        assert lines == {"demo": "interrupted", "other": "interrupted"}

    def test_that_cannot_be_written_costs_no_night_and_is_one_warning(
        self, machine: Machine
    ) -> None:
        machine.configure(model="embedded")
        (machine.folder / "outputs" / "runs.jsonl").mkdir(parents=True)
        machine.paperline("run", "--at", FIRST_NIGHT)
        (told,) = [line for line in machine.errors.splitlines() if line.startswith("warning: ")]
        assert "what came of the run is not written down: " in told
        assert len(machine.digest()["papers"]) == 9

    def test_that_is_damaged_is_read_from_its_end_and_else_said(self, machine: Machine) -> None:
        machine.configure(model="embedded")
        path = machine.folder / "outputs" / "runs.jsonl"
        path.parent.mkdir()
        path.write_text("damaged\n")
        assert "no snapshot yet" in machine.paperline("status")
        assert "Move the file away: nothing depends on it" in machine.errors
        machine.paperline("run", "--at", FIRST_NIGHT)
        assert "last run: ended" in machine.paperline("status")
        assert machine.errors == ""


class TestTheLastRun:
    def test_of_each_topic_is_found_without_reading_what_was_before(self, outputs: Outputs) -> None:
        damaged = outputs.root / "runs.jsonl"
        damaged.parent.mkdir()
        damaged.write_text("damaged long ago\n")
        for number, topic in enumerate(("tides", "lamps", "tides")):
            at = INSTANT + timedelta(days=number)
            line = Invocation(run=f"r{number}", topic=topic, at=at, begun=at, version="1")
            outputs.append_invocation(line.but(ended=at, result="done", usage=Usage()))
        found = outputs.last_runs(["lamps", "tides"])
        assert {topic: line.run for topic, line in found.items()} == {"lamps": "r1", "tides": "r2"}


class TestLevels:
    def test_a_clean_night_warns_of_nothing_and_says_what_each_line_is_about(
        self, machine: Machine
    ) -> None:
        add_topic(machine, "other")
        machine.paperline("--log-format", "json", "run", "--at", FIRST_NIGHT)
        told = logged(machine)
        assert levels(machine) == {"info"}
        assert len({each["run"] for each in told}) == 1
        assert {each["topic"] for each in told} == {"demo", "other"}
        at_work = [each for each in told if each.get("stage") == "summarize"]
        assert {each["snapshot"] for each in at_work} == {"20260115_0405"}
        machine.paperline("--quiet", "run", "--at", FIRST_NIGHT)
        assert machine.errors == ""

    def test_nor_does_one_that_overcame_what_went_wrong(self, machine: Machine) -> None:
        machine.model.queue.extend([error(500), error(429), completion("I am sorry.")])
        outputs = machine.folder / "outputs"
        outputs.mkdir()
        for name in ("runs", "spend"):
            (outputs / f"{name}.jsonl").write_text('{"torn')
        damaged = machine.folder / "cache" / "answers"
        damaged.mkdir(parents=True)
        (damaged / "cache.db").write_bytes(b"no database" * 1000)
        machine.configure(retry_seconds="20.0")
        machine.paperline("--log-format", "json", "run", "--at", FIRST_NIGHT)
        assert levels(machine) == {"info"}
        assert all(e["lines"]["en"]["origin"] == "model" for e in machine.digest()["papers"])
        messages = " ".join(each["message"] for each in logged(machine))
        assert "is damaged" in messages
        assert "torn" in messages

    def test_what_is_missing_is_a_warning_and_what_failed_an_error_with_what_to_do(
        self, machine: Machine
    ) -> None:
        machine.configure(limit="1")
        machine.model.always = lambda _: completion("I am sorry.")
        machine.paperline("--log-format", "json", "run", "--at", FIRST_NIGHT, code=3)
        (told,) = [each for each in logged(machine) if each["level"] == "warning"]
        assert (
            "The next run tries again; see paperline status demo/20260115_0405" in told["message"]
        )
        assert told["topic"] == "demo"
        machine.configure(feed=NOWHERE)
        machine.paperline("--log-format", "json", "run", "--at", SECOND_NIGHT, code=1)
        (failed,) = [each for each in logged(machine) if each["level"] == "error"]
        assert (failed["topic"], failed["message"][:6]) == ("demo", "demo: ")

    def test_a_refused_key_for_which_a_fallback_stands_in_is_a_warning(
        self, machine: Machine
    ) -> None:
        def first_is_refused(body: dict[str, Any]) -> Response:
            refused = body["model"] == "gpt-5-mini"
            return error(401, "invalid_api_key") if refused else good_lines(body)

        machine.model.always = first_is_refused
        machine.configure(limit="2")
        with (machine.folder / "paperline.toml").open("a", encoding="utf-8") as file:
            file.write(
                f'[[model.fallback]]\nname = "gpt-5-nano"\nbase_url = "{machine.model.base_url}"\n'
            )
        machine.paperline("--log-format", "json", "run", "--at", FIRST_NIGHT)
        (told,) = [each for each in logged(machine) if each["level"] == "warning"]
        assert told["message"].startswith("gpt-5-nano writes lines meanwhile: ")
        assert "the key was not accepted (401)" in told["message"]
        assert told["paper"].startswith("2601.")


def ended_while_asking(
    machine: Machine, number: signal.Signals, *options: str, other: str = ""
) -> tuple[int, str, str]:
    """A run that gets a signal while the model keeps it waiting: exit code and what it said."""
    asked, gate = threading.Event(), threading.Event()

    def held(body: dict[str, Any]) -> Response:
        asked.set()
        gate.wait(120)
        return good_lines(body)

    machine.model.always = held
    machine.configure(limit="1")
    if other:
        add_topic(machine, other)
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "--quiet", "run", "--at", FIRST_NIGHT, *options],
        cwd=machine.folder,
        env=machine.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert asked.wait(60)
        process.send_signal(number)
        said, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        gate.set()
        machine.model.always = good_lines
    return process.returncode, said, errors

"""`paperline prompts`, as an operator and a script meet it."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from click.testing import CliRunner, Result

from pipeline import prompts as prompt_files
from pipeline.cli.main import cli
from pipeline.cli.prompting import prompts
from pipeline.errors import PaperlineError
from pipeline.prompting.edits import EditList
from pipeline.prompting.figures import PromptList
from pipeline.prompting.rendering import Rendering
from pipeline.records import Record
from tests.desks import Room, a_desk, lines_of
from tests.digests import a_paper
from tests.nights import PROMPTS
from tests.stage_bench import NAME as SNAPSHOT
from tests.stage_bench import ROOT, StageBench, recorded_papers
from tests.testbed_servers import serving, statistics

NAME = "tides/20260501_0405"
EN = "Fits one harbour to 4 cm."


@pytest.fixture
def room(tmp_path) -> Room:
    """In the folder in which the commands run."""
    return a_desk(tmp_path, model=["price = { input = 2.0, output = 10.0 }"])


def run(*arguments: str, config: Path | None = None) -> Result:
    chosen = ["--config", str(config)] if config else []
    return CliRunner().invoke(cli, [*chosen, "prompts", *arguments], catch_exceptions=False)


def said(*arguments: str) -> str:
    """What the command says where all is well."""
    done = run(*arguments)
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout


def error_of(*arguments: str) -> PaperlineError:
    """The error that ends the command, which says nothing else."""
    done = CliRunner().invoke(prompts, list(arguments))
    assert done.stdout == ""
    assert isinstance(done.exception, PaperlineError), done.output
    assert done.exception.exit_code == 2
    return done.exception


def answer(kind: type[Record], *arguments: str) -> Any:
    """The JSON that the command prints, which has the shape of this record."""
    found = json.loads(said(*arguments, "--json"))
    jsonschema.validate(found, msgspec.json.schema(kind))
    return found


def own_prompts(room: Room) -> Path:
    """A folder of prompts that may be changed."""
    own = room.folder / "prompts"
    shutil.copytree(PROMPTS, own)
    file = room.folder / "paperline.toml"
    file.write_text(file.read_text().replace(str(PROMPTS), "prompts"))
    return own


class TestList:
    def test_prints_a_row_of_figures_for_each_prompt(self, room):
        room.decide("approve", 1)
        room.decide("edit", 2, text={"en": EN})
        head, *rows = said("list", "one_line", "check").splitlines()
        columns = (
            "NAME LANGUAGES FINGERPRINT TOKENS LINES APPROVED EDITED LEFT OUT BLIND EN BLIND ZH"
        )
        assert " ".join(head.split()) == columns
        (row,) = (row for row in rows if row.startswith("one_line"))
        fingerprint = prompt_files.load(PROMPTS, "one_line").fingerprint
        assert row.split()[1:4] == ["en", "zh", fingerprint[:12]]
        assert row.split()[5:] == ["3", "1", "(50%)", "1", "(50%)", "0", "(0%)", "-", "-"]
        assert f"    the prompt of tides; active in {NAME}" in rows
        assert "    judges lines" in rows
        assert not any(row.startswith("results_first") for row in rows)

    def test_prints_a_dash_for_shares_before_there_is_any_decision(self, room):
        (row,) = (r for r in said("list").splitlines() if r.startswith("one_line"))
        assert row.split()[5:] == ["3", "-", "-", "-", "-", "-"]

    def test_prints_whole_fingerprints_as_json(self, room):
        found = answer(PromptList, "list")
        told = {each["name"]: each for each in found["prompts"]}
        prompt = prompt_files.load(PROMPTS, "one_line")
        assert told["one_line"]["fingerprint"] == prompt.fingerprint
        assert told["one_line"]["lines"] == 3

    def test_warns_of_damaged_prompts_and_snapshots_and_goes_on(self, room):
        (own_prompts(room) / "broken.md.j2").write_text("\x1b[31mno front matter")
        a_desk(room.folder, name="20260502_0405", released=False)
        own = (room.folder / "paperline.toml").read_text().replace(str(PROMPTS), "prompts")
        (room.folder / "paperline.toml").write_text(own)
        (room.snapshot.folder / "run.json").write_text("{")
        done = run("list")
        assert done.exit_code == 0
        snapshot, prompt = done.stderr.splitlines()
        assert snapshot.startswith(f"warning: {NAME} is left out: ")
        assert prompt.startswith("warning: ")
        assert "broken.md.j2: does not begin with settings" in prompt
        assert "    damaged" in done.stdout.splitlines()
        found = json.loads(run("list", "--json").stdout)
        assert "does not begin" in {e["name"]: e["fault"] for e in found["prompts"]}["broken"]

    def test_a_name_that_never_was_is_a_usage_error(self, room):
        assert "no prompt 'mislaid'" in str(error_of("list", "mislaid"))

    def test_without_any_snapshot_the_prompts_are_there_all_the_same(self):
        assert "one_line" in said("list")
        assert said("list", "--edits") == "no editor has changed a line yet\n"


class TestEdits:
    def test_prints_what_the_editor_made_of_the_line(self, room):
        room.decide("edit", 2, text={"en": lines_of(2)["en"].replace("one harbour", "a port")})
        head, title, text = said("list", "--edits").splitlines()
        what = [NAME, room.id(2), "en", "Mei", "Lan", "one_line@tide-1"]
        assert head.split() == ["2026-05-01T00:07:00Z", *what]
        assert title.strip() == room.papers[1].title
        assert text.strip() == (
            "Tidal Adapters 2 fits a coastal model to [-one harbour-]{+a port+} "
            "with an error of 4 cm."
        )

    def test_prints_the_newest_first_and_at_most_so_many(self, room):
        room.decide("edit", 1, text={"en": EN})
        room.decide("edit", 1, text={"en": "Another."})
        heads = said("list", "--edits").splitlines()[::3]
        assert [head.endswith("(not in force)") for head in heads] == [False, True]
        (one,) = answer(EditList, "list", "--edits", "--limit", "1", "one_line")["edits"]
        assert (one["after"], one["in_force"]) == ("Another.", True)
        assert "".join(part["old"] for part in one["parts"]) == one["before"]
        assert "".join(part["new"] for part in one["parts"]) == one["after"]

    def test_a_limit_without_edits_is_a_usage_error(self, room):
        done = run("list", "--limit", "2")
        assert (done.exit_code, done.stdout) == (2, "")

    def test_what_a_terminal_would_obey_is_left_out(self, tmp_path):
        room = a_desk(
            tmp_path,
            papers=[a_paper(1, title="Tides \x1b[2J\u202eseen")],
            lines=lambda n: {**lines_of(n), "en": "Fits \x1b]0;x\x07 harbours."},
        )
        room.decide("edit", 1, text={"en": EN})
        for shown in (said("list", "--edits"), run("render", "one_line", NAME).stdout):
            assert not set("\x1b\x07\u202e") & set(shown)
            assert "Tides [2Jseen" in shown


class TestShow:
    def test_prints_settings_chain_blocks_and_the_exact_text(self, room):
        shown = said("show", "results_first")
        prompt = prompt_files.load(PROMPTS, "results_first")
        front = tomllib.loads(shown.split("+++\n")[1])
        assert front["name"] == "results_first"
        assert (front["languages"], front["sentences"]) == (["en", "zh"], 1)
        assert "extends:      one_line\n" in shown
        assert "includes:     nothing\n" in shown
        assert "replaces:     lines (of one_line)\n" in shown
        assert f"fingerprint:  {prompt.fingerprint}\n" in shown
        system, user = prompt.blank
        assert shown.endswith(f"--- system\n{system.content}\n--- user\n{user.content}\n")

    def test_a_judging_prompt_can_be_shown(self, room):
        assert 'answers = "verdicts"' in said("show", "check")

    def test_a_prompt_that_is_not_there_is_an_error_that_says_which_there_are(self, room):
        assert "there are: check, one_line," in str(error_of("show", "mislaid"))

    def test_what_a_terminal_would_obey_is_left_out_and_blanks_stay(self, room):
        text = '+++\nname = "odd"\ndescription = "d"\nlanguages = ["en"]\n+++\n'
        text += "{% block system %}Two  blanks\x1b[2J\ttab{% endblock %}"
        text += "{% block user %}{{ abstract }}{% endblock %}"
        (own_prompts(room) / "odd.md.j2").write_text(text)
        assert "--- system\nTwo  blanks[2J\ttab\n" in said("show", "odd")


class TestRender:
    def test_prints_exactly_the_messages_their_tokens_and_the_sum(self, room):
        shown = run("render", "one_line", "tides/latest").stdout
        for paper in room.papers:
            system, user = prompt_files.load(PROMPTS, "one_line").messages(paper)
            assert f"=== {paper.id}  {paper.title}\n--- system\n{system.content}\n" in shown
            assert f"--- user\n{user.content}\n--- " in shown
        assert "for 1 term: fine-tuning = 微调\n" in shown
        last = shown.splitlines()[-1]
        assert last.startswith(
            f"{NAME}: one_line for tide-1: 3 papers, 0 of them answered already; "
        )
        assert "asking for 3 would take about" in last

    def test_prints_json_whose_totals_are_the_sums(self, room):
        found = json.loads(run("render", "one_line", NAME, "--json").stdout)
        jsonschema.validate(found, msgspec.json.schema(Rendering))
        assert [each["paper"] for each in found["papers"]] == [paper.id for paper in room.papers]
        told, totals = found["papers"], found["totals"]
        assert totals["prompt_tokens"] == sum(each["usage"]["prompt_tokens"] for each in told)
        assert totals["term_tokens"] == sum(each["term_tokens"] for each in told) > 0
        assert totals["usage"]["usd"] == pytest.approx(sum(e["usage"]["usd"] for e in told))

    def test_another_model_can_be_named(self, room):
        found = json.loads(
            run("render", "one_line", NAME, room.id(1), "--model", "gpt-5-mini", "--json").stdout
        )
        (one,) = found["papers"]
        assert found["model"] == "gpt-5-mini"
        assert 0 < one["usage"]["usd"] < 0.01  # by the price list, not by the table's own price

    def test_a_paper_that_is_not_there_is_a_usage_error(self, room):
        assert "there is no paper '2604.1'" in str(error_of("render", "one_line", NAME, "2604.1"))

    def test_a_withdrawn_paper_is_remarked_on(self, tmp_path):
        a_desk(tmp_path, papers=[a_paper(1, status="withdrawn")])
        shown = said("render", "one_line", NAME)
        assert "2604.90001 is withdrawn, so no model is asked about it\n" in shown
        assert "0 papers, 0 of them answered already" in shown

    @pytest.mark.parametrize("limits", [(), ("--no-schema", "400")])
    def test_what_it_tells_is_what_the_stage_then_takes_and_is_not_paid_again(
        self, testbed, tmp_path, monkeypatch, limits
    ):
        monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(testbed / "tiktoken"))
        with serving(testbed / "llm_server.py", "--count", "tiktoken", *limits) as url:
            bench = StageBench(tmp_path, url, recorded_papers(testbed), 12)
            told = _totals(tmp_path)
            assert statistics(url)["requests"] == 0
            assert bench.summarize("--prompt", "results_first") == 0, bench.errors
        used = bench.run()["stages"]["summarize"]["usage"]
        assert (told["papers"], told["cached"]) == (12, 0)
        if not limits:  # a model that takes no schema is told the answer's form in words
            assert told["prompt_tokens"] == used["prompt_tokens"]
        again = _totals(tmp_path)
        assert (again["cached"], again["usage"]["usd"]) == (12, 0)


def _totals(folder: Path) -> dict[str, Any]:
    """What a process of its own renders, which counts tokens by the tables of its environment."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pipeline",
            "prompts",
            "render",
            "results_first",
            SNAPSHOT,
            "--json",
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
    )
    totals: dict[str, Any] = json.loads(done.stdout)["totals"]
    return totals


class TestPromote:
    def test_says_what_the_prompt_was_and_is_and_how_the_newest_snapshot_gets_it(self, room):
        file = room.folder / "paperline.toml"
        told = said("promote", "results_first", "--topic", "tides")
        assert told.splitlines() == [
            f"{file}: the prompt of tides was one_line, and is results_first",
            "Snapshots that are there keep theirs. To have the newest one's lines by it:",
            "  paperline summarize tides/latest --prompt results_first --activate",
        ]
        (topic,) = tomllib.loads(file.read_text())["topic"]
        assert topic["prompt"] == "results_first"
        assert room.snapshot.run().prompt == "one_line"

    def test_says_so_where_it_is_the_topics_already(self, room):
        before = (room.folder / "paperline.toml").read_bytes()
        told = said("promote", "one_line", "--topic", "tides")
        assert told.endswith("one_line is the prompt of tides already; nothing was written\n")
        assert (room.folder / "paperline.toml").read_bytes() == before

    def test_changes_the_file_that_config_names(self, room):
        other = room.folder / "other.toml"
        shutil.copy(room.folder / "paperline.toml", other)
        before = (room.folder / "paperline.toml").read_bytes()
        assert run("promote", "results_first", "--topic", "tides", config=other).exit_code == 0
        assert 'prompt = "results_first"' in other.read_text()
        assert (room.folder / "paperline.toml").read_bytes() == before

    @pytest.mark.parametrize(
        ("name", "topic", "what"),
        [
            ("check", "tides", "is a judging prompt"),
            ("mislaid", "tides", "there is no prompt 'mislaid'"),
            ("results_first", "lamps", "there is no topic 'lamps'; configured: tides"),
        ],
    )
    def test_what_cannot_be_is_an_error_and_changes_nothing(self, room, name, topic, what):
        before = (room.folder / "paperline.toml").read_bytes()
        assert what in str(error_of("promote", name, "--topic", topic))
        assert (room.folder / "paperline.toml").read_bytes() == before

    def test_without_a_settings_file_it_is_an_error(self):
        assert "there is no topic 'tides'" in str(
            error_of("promote", "one_line", "--topic", "tides")
        )

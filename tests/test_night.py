"""A whole night as its operator and editor see it: the command line, real files, a real server."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from pipeline.cache import AnswerCache
from pipeline.desk import Desk
from pipeline.outputs import Outputs
from pipeline.records import Publication, Summary, each_record
from pipeline.settings import Settings, SiteSettings
from pipeline.stages.review import Wish
from tests.model_server import ModelServer, completion, error, good_lines

ROOT = Path(__file__).parent.parent
FEEDS = ROOT / "pipeline" / "demo"
FIRST_NIGHT = "2026-01-15T04:05+08:00"
SECOND_NIGHT = "2026-01-16T04:05+08:00"


class Machine:
    """A folder with a configuration, in which paperline is run as a real process."""

    def __init__(self, folder: Path, model: ModelServer) -> None:
        self.folder = folder
        self.model = model
        self.environ = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OPENAI_API_KEY": "sk-test-secret",
        }
        self.configure()

    def configure(self, **changes: str) -> None:
        values = {
            "base_url": self.model.base_url,
            "prompts": str(ROOT / "prompts"),
            "feed": (FEEDS / "night1.atom").as_uri(),
            "model": "gpt-5-mini",
            "policy": "all",
            "select": "new",
            "limit": "100",
            "retry_seconds": "0.5",
            "concurrency": "32",
            **changes,
        }
        (self.folder / "paperline.toml").write_text(
            f'prompts = "{values["prompts"]}"\nsite.search = false\n'
            f'[arxiv]\nurl = "{values["feed"]}"\ndelay = 0.0\npatience = 0.0\n'
            f'[model]\nname = "{values["model"]}"\ntimeout = 5.0\n'
            f"retry_seconds = {values['retry_seconds']}\n"
            f"concurrency = {values['concurrency']}\n"
            "requests_per_minute = 1000000\ntokens_per_minute = 1000000000\n"
            f'base_url = "{values["base_url"]}"\n'
            f'[review]\npolicy = "{values["policy"]}"\n'
            f'[[topic]]\nname = "demo"\nquery = "all:fine"\nselect = "{values["select"]}"\n'
            f"limit = {values['limit']}\n",
            encoding="utf-8",
        )

    def paperline(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "pipeline", *arguments],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        self.errors = done.stderr
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        assert "sk-test-secret" not in done.stdout + done.stderr
        return done.stdout

    def approve(self, papers: list[str]) -> None:
        """Take the decisions that the command takes one by one; what it does then is its next's."""
        settings = Settings(
            outputs=self.folder / "outputs",
            cache=self.folder / "cache",
            site=SiteSettings(search=False),
        )
        (snapshot,) = Outputs(settings.outputs).snapshots("demo")
        wishes = [Wish("approve", paper) for paper in papers]
        Desk(settings, snapshot).decide(wishes, editor="Ada", at=datetime.now(UTC))

    def snapshot(self, name: str = "20260115_0405") -> Path:
        return self.folder / "outputs" / "demo" / name

    def digest(self, name: str = "20260115_0405") -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.snapshot(name) / "5-digest.json").read_text())
        return found

    def spent(self) -> list[dict[str, Any]]:
        text = (self.folder / "outputs" / "spend.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]

    def site(self) -> list[str]:
        folder = self.folder / "outputs" / "site"
        return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.html"))


@pytest.fixture
def machine(tmp_path: Path, httpserver: HTTPServer) -> Machine:
    return Machine(tmp_path, ModelServer(httpserver))


def papers(machine: Machine) -> list[str]:
    return [entry["paper"]["id"] for entry in machine.digest()["papers"]]


def test_a_night_ends_with_a_line_by_the_model_for_every_paper(machine: Machine) -> None:
    said = machine.paperline("run", "--at", FIRST_NIGHT)
    digest = machine.digest()
    assert "demo/20260115_0405: 9 new, 0 revised, 9 lines by a model, 0 gaps" in said
    assert len(digest["papers"]) == 9
    for entry in digest["papers"]:
        assert {lang: line["origin"] for lang, line in entry["lines"].items()} == {
            "en": "model",
            "zh": "model",
        }


def test_running_again_at_once_asks_nothing_and_says_so(machine: Machine) -> None:
    machine.paperline("run", "--at", FIRST_NIGHT)
    before = {p: p.read_bytes() for p in machine.snapshot().iterdir() if p.is_file()}
    said = machine.paperline("run", "--at", FIRST_NIGHT)
    assert "nothing new" in said
    assert len(machine.model.bodies) == 9
    assert {p: p.read_bytes() for p in machine.snapshot().iterdir() if p.is_file()} == before


def test_what_is_undecided_is_not_on_the_site_and_the_last_decision_publishes_it(
    machine: Machine,
) -> None:
    machine.configure(model="embedded")
    machine.paperline("run", "--at", FIRST_NIGHT)
    assert machine.site() == []
    *most, last = papers(machine)
    machine.approve(most)
    assert machine.site() == []
    said = machine.paperline("decide", "demo/latest", last, "approve", "--editor", "Ada")
    assert "published" in said
    assert "demo/20260115_0405.html" in machine.site()
    path = machine.snapshot() / "6-published.jsonl"
    (release,) = each_record(path.read_text().splitlines(), Publication, where="6")
    assert release.reason == "first"
    assert release.who == ("Ada",)
    assert [e.lines["en"].text for e in release.digest.papers] == [
        entry["lines"]["en"]["text"] for entry in machine.digest()["papers"]
    ]


def test_an_edit_is_published_as_the_editors_and_a_later_one_as_a_correction(
    machine: Machine,
) -> None:
    machine.configure(policy="none", model="embedded")
    machine.paperline("run", "--at", FIRST_NIGHT)
    paper = papers(machine)[0]
    machine.paperline(
        "decide", "demo/latest", paper, "edit", "--zh", "改过的一句。", "--editor", "Ada"
    )
    entry = machine.digest()["papers"][0]
    assert entry["lines"]["zh"] == {
        "text": "改过的一句。",
        "origin": "editor",
        "editor": "Ada",
        "model": None,
        "prompt": None,
    }
    assert entry["lines"]["en"]["origin"] == "embedded"
    releases = (machine.snapshot() / "6-published.jsonl").read_text().splitlines()
    assert [json.loads(line)["reason"] for line in releases] == ["first", "correction"]


def test_an_excluded_paper_leaves_the_digest_and_a_record(machine: Machine) -> None:
    machine.configure(model="embedded")
    machine.paperline("run", "--at", FIRST_NIGHT)
    paper = papers(machine)[0]
    machine.paperline("decide", "demo/latest", paper, "exclude", "--editor", "Ada")
    assert paper not in papers(machine)
    assert [d["paper"] for d in machine.digest()["excluded"]] == [paper]


def test_the_second_night_shows_what_is_new_or_revised(machine: Machine) -> None:
    machine.configure(model="embedded")
    machine.paperline("run", "--at", FIRST_NIGHT)
    machine.configure(feed=(FEEDS / "night2.atom").as_uri(), model="embedded")
    said = machine.paperline("run", "--at", SECOND_NIGHT)
    assert "demo/20260116_0405: 8 new, 1 revised" in said
    assert machine.digest("20260116_0405")["earlier"] == ["20260115_0405"]


def test_decisions_on_the_same_lines_are_carried_to_the_next_latest_digest(
    machine: Machine,
) -> None:
    machine.configure(select="latest", model="embedded")
    machine.paperline("run", "--at", FIRST_NIGHT)
    machine.paperline("decide", "demo/latest", "2601.90009", "approve", "--editor", "Ada")
    machine.configure(select="latest", model="embedded", feed=(FEEDS / "night2.atom").as_uri())
    machine.paperline("run", "--at", SECOND_NIGHT)
    entries = {e["paper"]["id"]: e for e in machine.digest("20260116_0405")["papers"]}
    assert entries["2601.90009"]["carried_from"] == "20260115_0405"
    assert entries["2601.90008"]["decision"] is None


def test_a_failed_model_leaves_labelled_stand_ins_and_a_later_run_heals_them(
    machine: Machine,
) -> None:
    good = machine.model.always
    machine.model.always = lambda _: completion("I am sorry.")
    machine.paperline("run", "--at", FIRST_NIGHT, code=3)
    digest = machine.digest()
    assert all(entry["gap"]["reason"].startswith("not-json") for entry in digest["papers"])
    assert all(e["lines"]["en"]["origin"] == "embedded" for e in digest["papers"])
    run = json.loads((machine.snapshot() / "run.json").read_text())
    assert len(run["gaps"]) == 9
    machine.model.always = good
    assert "9 of 9 gaps healed" in machine.paperline("run", "--at", SECOND_NIGHT)
    assert all(e["lines"]["en"]["origin"] == "model" for e in machine.digest()["papers"])


def test_unusable_answers_are_asked_for_again_on_two_more_nights_and_never_twice_in_one(
    machine: Machine,
) -> None:
    machine.model.always = lambda _: completion("I am sorry.")
    machine.configure(limit="1", select="latest")
    asked = []
    for hour in ("15T04:05", "15T05:00", "16T04:05", "17T04:05", "18T04:05"):
        machine.paperline("run", "--at", f"2026-01-{hour}+08:00", code=3)
        asked.append(len(machine.model.bodies))
    assert asked == [3, 3, 6, 9, 9]
    run = json.loads((machine.snapshot() / "run.json").read_text())
    (gap,) = run["gaps"].values()
    assert gap["nights"] == ["2026-01-15", "2026-01-16", "2026-01-17"]
    assert run["stages"]["summarize"]["usage"]["prompt_tokens"] == 9 * 100


def test_lines_that_the_books_have_lost_are_told_until_they_are_back(machine: Machine) -> None:
    machine.paperline("run", "--at", FIRST_NIGHT)
    books = machine.folder / "outputs" / "spend.jsonl"
    whole = books.read_text()
    books.write_text("".join(whole.splitlines(keepends=True)[:-2]))
    machine.paperline("run", "--at", FIRST_NIGHT, code=3)
    assert "spend.jsonl: lacks 300 tokens that demo/20260115_0405 cost" in machine.errors
    said = machine.paperline("doctor", "--offline", code=1)
    assert "FAIL  journals: " in said
    assert "Put the lines of a backup before" in said
    books.write_text(whole)
    machine.paperline("run", "--at", FIRST_NIGHT)


def test_the_budget_of_a_run_holds_for_all_its_topics_together(machine: Machine) -> None:
    machine.configure(limit="1")
    with (machine.folder / "paperline.toml").open("a") as file:
        file.write('[[topic]]\nname = "other"\nquery = "all:fine"\nlimit = 5\n')
        file.write("[budget]\ntokens_per_run = 750\n")
    machine.paperline("run", "--at", FIRST_NIGHT, code=3)
    assert len(machine.model.bodies) == 1
    other = json.loads((machine.folder / "outputs/other/20260115_0405/run.json").read_text())
    reasons = [gap["failure"]["reason"] for gap in other["gaps"].values()]
    assert reasons == ["[budget] tokens_per_run = 750 is reached"] * 4


def test_the_budget_of_a_day_holds_over_all_commands(machine: Machine) -> None:
    machine.paperline("run", "--at", FIRST_NIGHT)
    with (machine.folder / "paperline.toml").open("a") as file:
        file.write("[budget]\nusd_per_day = 0.0001\n")
    machine.paperline("summarize", "demo/latest", "--redo", code=3)
    assert "usd_per_day = 0.0001 is reached" in machine.errors
    assert len(machine.model.bodies) == 9
    assert {line["origin"] for e in machine.digest()["papers"] for line in e["lines"].values()} == {
        "model"
    }


def test_an_earlier_gap_whose_prompt_is_gone_is_said_and_does_not_stop_tonight(
    machine: Machine,
) -> None:
    prompts = machine.folder / "prompts"
    shutil.copytree(ROOT / "prompts", prompts)
    machine.configure(prompts=str(prompts))
    source = (prompts / "one_line.md.j2").read_text()
    (prompts / "old.md.j2").write_text(source.replace('"one_line"', '"old"'))
    machine.model.always = lambda _: completion("I am sorry.")
    machine.paperline("run", "--at", FIRST_NIGHT, "--prompt", "old", code=3)
    (prompts / "old.md.j2").unlink()
    machine.configure(prompts=str(prompts), feed=(FEEDS / "night2.atom").as_uri())
    said = machine.paperline("run", "--at", SECOND_NIGHT, code=3)
    assert "20260116_0405" in said
    assert "there is no prompt 'old'" in machine.errors


def test_an_entry_that_cannot_be_read_is_named_and_counts_as_missing(machine: Machine) -> None:
    text = (FEEDS / "night1.atom").read_text().replace("2601.90009v1", "2601.90009")
    (machine.folder / "damaged.atom").write_text(text)
    machine.configure(feed=(machine.folder / "damaged.atom").as_uri())
    machine.paperline("fetch", "demo", "--at", FIRST_NIGHT, code=3)
    machine.paperline("run", "--at", FIRST_NIGHT, code=3)
    (line,) = [x for x in machine.errors.splitlines() if x.startswith("warning:")]
    assert "2601.90009: its id is not the address of a version" in line


def test_a_trial_of_another_prompt_tells_its_own_failures_and_costs_no_night(
    machine: Machine,
) -> None:
    prompts = machine.folder / "prompts"
    shutil.copytree(ROOT / "prompts", prompts)
    machine.configure(prompts=str(prompts))
    (prompts / "results.md.j2").write_text(
        '+++\nname = "results"\n+++\n{% extends "one_line.md.j2" %}'
        "{% block user %}Begin with the result.\n{{ super() }}{% endblock %}"
    )
    machine.paperline("run", "--at", FIRST_NIGHT)
    machine.model.always = lambda _: completion("I am sorry.")
    machine.paperline("summarize", "demo/latest", "--prompt", "results", code=3)
    assert "9 × not-json" in machine.errors
    machine.model.always = good_lines
    machine.paperline("summarize", "demo/latest", "--prompt", "results")
    machine.configure(prompts=str(prompts), feed=(FEEDS / "night2.atom").as_uri())
    assert "demo/20260116_0405: 8 new" in machine.paperline("run", "--at", SECOND_NIGHT)


def test_a_run_that_was_cut_off_before_publishing_is_published_by_the_next(
    machine: Machine,
) -> None:
    machine.configure(policy="none", model="embedded")
    machine.paperline("run", "--at", FIRST_NIGHT)
    (machine.snapshot() / "6-published.jsonl").unlink()
    digest = machine.digest()
    (machine.snapshot() / "5-digest.json").write_text(json.dumps({**digest, "status": "draft"}))
    run = json.loads((machine.snapshot() / "run.json").read_text())
    del run["stages"]["assemble"]
    (machine.snapshot() / "run.json").write_text(json.dumps(run))
    (machine.folder / "outputs" / ".site.json").unlink()
    shutil.rmtree(machine.folder / "outputs" / "site")
    machine.paperline("run", "--at", FIRST_NIGHT)
    assert len((machine.snapshot() / "6-published.jsonl").read_text().splitlines()) == 1
    assert "demo/20260115_0405.html" in machine.site()


def test_a_run_that_was_cut_off_before_the_site_was_written_is_caught_up_with(
    machine: Machine,
) -> None:
    machine.configure(policy="none", model="embedded")
    machine.paperline("run", "--at", FIRST_NIGHT)
    shutil.rmtree(machine.folder / "outputs" / "site")
    machine.paperline("run", "--at", FIRST_NIGHT)
    assert "demo/20260115_0405.html" in machine.site()


def test_a_lost_digest_is_made_again_under_the_policy_it_had(machine: Machine) -> None:
    machine.configure(policy="none", model="embedded")
    machine.paperline("run", "--at", FIRST_NIGHT)
    before = machine.digest()
    (machine.snapshot() / "5-digest.json").unlink()
    machine.configure(policy="all")
    machine.paperline("run", "--at", FIRST_NIGHT)
    assert machine.digest() == before


def test_a_snapshot_that_lost_a_paper_is_refused_and_nothing_of_it_is_published(
    machine: Machine,
) -> None:
    machine.configure(model="embedded")
    machine.paperline("run", "--at", FIRST_NIGHT)
    path = machine.snapshot() / "1-papers.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    paper = papers(machine)[0]
    machine.paperline("decide", "demo/latest", paper, "approve", "--editor", "Ada", code=1)
    assert "1-papers.jsonl: is not what was fetched. Restore it" in machine.errors


def test_a_decision_on_the_night_before_carries_over_to_a_draft_that_is_there_already(
    machine: Machine,
) -> None:
    machine.configure(select="latest", model="embedded")
    machine.paperline("run", "--at", FIRST_NIGHT)
    machine.configure(select="latest", model="embedded", feed=(FEEDS / "night2.atom").as_uri())
    machine.paperline("run", "--at", SECOND_NIGHT)
    machine.paperline("decide", "20260115_0405", "2601.90009", "approve", "--editor", "Ada")
    entries = {e["paper"]["id"]: e for e in machine.digest("20260116_0405")["papers"]}
    assert entries["2601.90009"]["carried_from"] == "20260115_0405"


def test_a_correction_names_who_made_it_and_nobody_else(machine: Machine) -> None:
    machine.configure(limit="2", model="embedded")
    machine.paperline("run", "--at", FIRST_NIGHT)
    one, other = papers(machine)
    machine.paperline("decide", "demo/latest", one, "approve", "--editor", "Ada")
    machine.paperline("decide", "demo/latest", other, "approve", "--editor", "Ada")
    edit = ("decide", "demo/latest", one, "edit", "--en", "A better line.", "--editor", "Bo")
    machine.paperline(*edit)
    releases = (machine.snapshot() / "6-published.jsonl").read_text().splitlines()
    assert [json.loads(line)["who"] for line in releases] == [["Ada"], ["Bo"]]


def test_a_refused_key_ends_in_one_clear_line_and_keeps_the_papers(machine: Machine) -> None:
    machine.model.always = lambda _: error(401, "invalid_api_key")
    machine.paperline("run", "--at", FIRST_NIGHT, code=3)
    (line,) = [x for x in machine.errors.splitlines() if x.startswith("warning:")]
    assert "the key was not accepted (401)" in line
    assert len(machine.digest()["papers"]) == 9


def test_a_missing_key_for_openai_is_said_before_anything_is_done(machine: Machine) -> None:
    machine.configure(base_url="https://api.openai.com/v1")
    del machine.environ["OPENAI_API_KEY"]
    machine.paperline("run", "--at", FIRST_NIGHT, code=2)
    assert "OPENAI_API_KEY is not set" in machine.errors
    assert not (machine.folder / "outputs").exists()


def test_an_unreachable_arxiv_is_a_failure_that_leaves_nothing_half_done(machine: Machine) -> None:
    machine.configure(feed="http://127.0.0.1:9/api/query")
    machine.paperline("run", "--at", FIRST_NIGHT, code=1)
    assert len([x for x in machine.errors.splitlines() if x.startswith("error:")]) == 1
    assert not list(machine.folder.rglob("1-papers.jsonl"))


def test_a_malformed_configuration_is_one_line_with_key_and_place(machine: Machine) -> None:
    (machine.folder / "paperline.toml").write_text('[arxiv]\ndelay = "often"\n')
    machine.paperline("run", code=2)
    assert machine.errors.strip() == (
        'error: paperline.toml:2: arxiv.delay: found "often", expected a number'
    )


def test_an_output_folder_that_cannot_be_written_is_one_clear_line(machine: Machine) -> None:
    (machine.folder / "outputs").write_text("a file in the way")
    machine.paperline("run", "--at", FIRST_NIGHT, code=1)
    assert "choose another folder" in machine.errors
    assert (machine.folder / "outputs").read_text() == "a file in the way"


@pytest.mark.parametrize("size", ["8k", "40k", "100k"])
def test_a_full_disk_is_one_clear_line_and_leaves_no_half_written_file(
    machine: Machine, size: str
) -> None:
    folder = machine.folder / "outputs"
    folder.mkdir()
    mount = f"mount -t tmpfs -o size={size} paperline {folder}"
    keep = f"cp -r {folder} {machine.folder}/kept"
    night = f"{sys.executable} -m pipeline --quiet run --executor embedded --at {FIRST_NIGHT}"
    done = in_own_mounts(machine, f"{mount} && {{ {night}; code=$?; {keep}; exit $code; }}")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "The disk is full" in line
    kept = [path for path in (machine.folder / "kept").rglob("*") if path.is_file()]
    assert [path for path in kept if ".part" in path.as_posix()] == []
    for path in kept:
        text = path.read_text("utf-8")
        if path.suffix == ".jsonl":
            assert all(json.loads(row) for row in text.splitlines())
            assert not text or text.endswith("\n")
        elif path.suffix == ".json":
            json.loads(text)


def test_a_read_only_file_system_is_one_clear_line(machine: Machine) -> None:
    folder = machine.folder / "outputs"
    folder.mkdir()
    night = f"{sys.executable} -m pipeline --quiet run --executor embedded --at {FIRST_NIGHT}"
    done = in_own_mounts(machine, f"mount -t tmpfs -o ro paperline {folder} && {night}")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "The file system is read-only" in line


def schema(name: str) -> Any:
    """The published schema of that name."""
    return json.loads((ROOT / "docs" / "schema" / f"{name}.json").read_text("utf-8"))


def in_own_mounts(machine: Machine, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script where what it mounts is seen by itself alone; skip where that is not allowed."""
    unshare = ["unshare", "--mount", "--map-root-user"]
    try:
        probe = [*unshare, "mount", "-t", "tmpfs", "paperline", "/mnt"]
        subprocess.run(probe, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as problem:
        pytest.skip(f"this machine allows no mounts of our own: {problem}")
    return subprocess.run(
        [*unshare, "sh", "-c", script],
        cwd=machine.folder,
        env=machine.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_stage_that_lost_its_file_makes_it_again_from_the_cache(machine: Machine) -> None:
    machine.paperline("fetch", "demo", "--at", FIRST_NIGHT)
    machine.paperline("summarize", "demo/latest")
    (machine.snapshot() / "2-summaries.jsonl").unlink()
    machine.paperline("run", "--at", FIRST_NIGHT)
    assert len(machine.model.bodies) == 9
    path = machine.snapshot() / "2-summaries.jsonl"
    kept = list(each_record(path.read_text().splitlines(), Summary, where="2"))
    assert len(kept) == 9


def test_a_run_that_is_killed_while_it_asks_is_resumed_and_pays_for_nothing_twice(
    machine: Machine,
) -> None:
    answered = threading.Event()

    def after_five(body: dict[str, Any]) -> Response:
        if len(machine.model.bodies) > 5:
            answered.set()
            time.sleep(1)
        return good_lines(body)

    machine.configure(concurrency="1")
    machine.model.always = after_five
    night = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "run", "--at", FIRST_NIGHT],
        cwd=machine.folder,
        env=machine.environ,
        stderr=subprocess.DEVNULL,
    )
    assert answered.wait(60)
    night.kill()
    night.wait()
    machine.model.always = good_lines
    before = len(machine.model.bodies)
    machine.paperline("run", "--at", FIRST_NIGHT)
    assert len(machine.digest()["papers"]) == 9
    spent = machine.spent()
    asked_again = len(machine.model.bodies) - before
    booked = {
        line["id"]: line for line in spent
    }.values()  # one may be booked twice, and counts once
    assert sorted(line["paper"] for line in booked) == sorted(papers(machine))
    assert asked_again < 9
    run = json.loads((machine.snapshot() / "run.json").read_text())
    usage = run["stages"]["summarize"]["usage"]
    assert usage["prompt_tokens"] == sum(line["usage"]["prompt_tokens"] for line in booked)


def test_trying_another_model_asks_it_though_a_fallback_wrote_the_lines(machine: Machine) -> None:
    machine.configure(base_url="http://127.0.0.1:9/v1")
    with (machine.folder / "paperline.toml").open("a") as file:
        file.write(
            f'[[model.fallback]]\nname = "second"\nbase_url = "{machine.model.base_url}"\n'
            'api_key_env = "SECOND_KEY"\n'
        )
    machine.paperline("run", "--at", FIRST_NIGHT)
    assert {e["lines"]["en"]["model"] for e in machine.digest()["papers"]} == {"second"}
    machine.configure()
    machine.paperline("summarize", "demo/latest", "--model", "third")
    assert sum(body["model"] == "third" for body in machine.model.bodies) == 9


def test_activating_a_prompt_that_has_its_lines_closes_the_gaps(machine: Machine) -> None:
    machine.model.always = lambda _: completion("", refusal="no")
    machine.paperline("run", "--at", FIRST_NIGHT, code=3)
    machine.model.always = good_lines
    prompts = machine.folder / "prompts"
    shutil.copytree(ROOT / "prompts", prompts)
    text = (prompts / "one_line.md.j2").read_text()
    (prompts / "two.md.j2").write_text(text.replace('"one_line"', '"two"').replace("You ", "Do "))
    machine.configure(prompts=str(prompts))
    machine.paperline("summarize", "demo/latest", "--prompt", "two")
    said = machine.paperline("summarize", "demo/latest", "--prompt", "two", "--activate")
    assert "0 gaps" in said
    assert json.loads((machine.snapshot() / "run.json").read_text())["gaps"] == {}


def test_costs_that_a_killed_run_noted_are_booked_by_the_next(machine: Machine) -> None:
    machine.paperline("run", "--at", FIRST_NIGHT)
    spent = machine.spent()
    (machine.folder / "outputs" / "spend.jsonl").unlink()
    cache = AnswerCache(machine.folder / "cache")
    cache.remember("unbooked:1", json.dumps(spent))
    cache.close()
    machine.paperline("run", "--at", FIRST_NIGHT)
    assert [line["id"] for line in machine.spent()] == [line["id"] for line in spent]
    machine.paperline("run", "--at", FIRST_NIGHT)
    assert len(machine.spent()) == 9


def test_a_dry_run_foretells_the_cost_and_asks_and_writes_nothing(machine: Machine) -> None:
    said = machine.paperline("run", "--dry-run", "--at", FIRST_NIGHT)
    assert "9 papers to summarize, 0 of them answered already" in said
    assert machine.model.bodies == []
    assert not (machine.folder / "outputs").exists()
    machine.paperline("run", "--at", FIRST_NIGHT)
    answer = json.loads(machine.paperline("run", "--dry-run", "--at", SECOND_NIGHT, "--json"))
    jsonschema.validate(answer, schema("dry-run-answer"))
    assert answer[0]["papers"] == 0


def test_a_paper_of_two_topics_is_foretold_and_paid_once(machine: Machine) -> None:
    with (machine.folder / "paperline.toml").open("a") as file:
        file.write('[[topic]]\nname = "other"\nquery = "all:fine"\n')
    first, second = machine.paperline("run", "--dry-run", "--at", FIRST_NIGHT).splitlines()
    assert "asking for 9" in first
    assert "asking for 0" in second
    machine.paperline("run", "--at", FIRST_NIGHT)
    assert len(machine.model.bodies) == 9


def test_the_cache_tells_what_it_holds_and_forgets_what_is_old(machine: Machine) -> None:
    machine.paperline("run", "--at", FIRST_NIGHT)
    (machine.snapshot() / "2-summaries.jsonl").unlink()
    machine.paperline("summarize", "demo/latest")
    answer = json.loads(machine.paperline("cache", "stats", "--json"))
    jsonschema.validate(answer, schema("cache-answer"))
    assert (answer["answers"], answer["hits"]) == (9, 9)
    assert answer["saved_usd"] > 0
    assert "0 answers removed" in machine.paperline("cache", "clear", "--older-than", "1d")
    assert "9 answers removed" in machine.paperline("cache", "clear")
    machine.paperline("cache", "clear", "--older-than", "soon", code=2)
    assert "expected an age" in machine.errors


def test_what_was_only_fetched_on_an_earlier_night_gets_its_lines(machine: Machine) -> None:
    machine.configure(policy="none")
    machine.paperline("fetch", "demo", "--at", FIRST_NIGHT)
    machine.configure(policy="none", feed=(FEEDS / "night2.atom").as_uri())
    machine.paperline("fetch", "demo", "--at", SECOND_NIGHT)
    assert machine.site() == []
    machine.paperline("run", "--at", SECOND_NIGHT)
    for entry in machine.digest()["papers"]:
        assert {line["origin"] for line in entry["lines"].values()} == {"model"}


def test_nothing_without_lines_is_approved_or_released(machine: Machine) -> None:
    machine.paperline("fetch", "demo", "--at", FIRST_NIGHT)
    machine.paperline("publish", "demo/latest", code=2)
    assert "there are no lines yet" in machine.errors
    machine.paperline("assemble", "demo/latest")
    machine.paperline("decide", "demo/latest", papers(machine)[0], "approve", code=2)
    assert "no lines" in machine.errors
    assert machine.site() == []


def test_with_arxiv_down_earlier_gaps_are_healed_all_the_same(machine: Machine) -> None:
    machine.configure(base_url="http://127.0.0.1:9/v1")
    machine.paperline("run", "--at", FIRST_NIGHT, code=3)
    machine.configure(feed="http://127.0.0.1:9/api")
    machine.paperline("run", "--at", SECOND_NIGHT, code=1)
    assert "127.0.0.1:9" in machine.errors
    run = json.loads((machine.snapshot() / "run.json").read_text())
    assert run["gaps"] == {}
    assert len(machine.model.bodies) == 9


def test_a_gap_that_stays_open_after_healing_is_still_missing(machine: Machine) -> None:
    machine.model.always = lambda _: completion("", refusal="I will not.")
    machine.paperline("run", "--at", FIRST_NIGHT, code=3)
    machine.configure(feed=(FEEDS / "night2.atom").as_uri())
    machine.paperline("run", "--at", SECOND_NIGHT, code=3)
    assert machine.errors.count("refusal") >= 1
    answer = json.loads(machine.paperline("run", "--at", SECOND_NIGHT, "--json", code=3))
    assert {missing["snapshot"] for missing in answer[0]["missing"]} == {"20260116_0405"}


def test_a_digest_published_under_a_looser_policy_waits_for_nothing(machine: Machine) -> None:
    machine.paperline("run", "--at", FIRST_NIGHT)
    machine.configure(policy="none")
    machine.paperline("publish", "demo/latest")
    assert "waiting" not in machine.paperline("status")
    (release,) = (machine.snapshot() / "6-published.jsonl").read_text().splitlines()
    assert json.loads(release)["digest"]["policy"] == "none"


@pytest.mark.parametrize("key", ["sk-test\nsecret", "sk-test-é", "two words"])
def test_a_key_that_cannot_be_one_is_an_error_that_names_its_variable(
    machine: Machine, key: str
) -> None:
    machine.environ["OPENAI_API_KEY"] = key
    machine.paperline("run", "--at", FIRST_NIGHT, code=2)
    assert "OPENAI_API_KEY" in machine.errors
    assert key not in machine.errors


def test_a_key_is_never_written_anywhere(machine: Machine) -> None:
    machine.model.always = lambda _: error(401, message="Bad key sk-test-secret given")
    machine.paperline("--debug", "run", "--at", FIRST_NIGHT, code=3)
    machine.model.always = good_lines
    machine.paperline("--debug", "run", "--at", FIRST_NIGHT)
    for path in machine.folder.rglob("*"):
        if path.is_file():
            assert b"sk-test-secret" not in path.read_bytes(), path


def test_a_prompt_that_cannot_be_used_is_found_before_arxiv_is_asked(machine: Machine) -> None:
    machine.paperline("run", "--prompt", "nope", "--at", FIRST_NIGHT, code=2)
    assert not machine.snapshot().exists()


def test_without_prompts_of_ones_own_those_that_come_with_paperline_are_used(
    machine: Machine,
) -> None:
    path = machine.folder / "paperline.toml"
    path.write_text(path.read_text().partition("\n")[2])
    machine.paperline("run", "--at", FIRST_NIGHT)
    assert len(machine.model.bodies) == 9


def test_spend_is_kept_for_every_answer_that_was_paid_for(machine: Machine) -> None:
    machine.paperline("run", "--at", FIRST_NIGHT)
    lines = (machine.folder / "outputs" / "spend.jsonl").read_text().splitlines()
    assert len(lines) == 9
    assert all(json.loads(line)["usage"]["usd"] > 0 for line in lines)


def test_status_tells_what_is_waited_for_and_the_next_command(machine: Machine) -> None:
    machine.paperline("run", "--at", FIRST_NIGHT)
    said = machine.paperline("status")
    answer = json.loads(machine.paperline("status", "demo/latest", "--json"))
    jsonschema.validate(answer, schema("status-answer"))
    errors = sum(paper["errors"] for paper in answer[0]["papers"])
    assert errors >= 9  # all nine have one Chinese line
    assert f"demo/20260115_0405: draft, 9 papers, {errors} errors, " in said
    assert "waiting for 9 decisions" in said
    assert "next: paperline review" in said


def test_a_run_answers_json_when_asked(machine: Machine) -> None:
    answer = json.loads(machine.paperline("run", "--at", FIRST_NIGHT, "--json"))
    jsonschema.validate(answer, schema("run-answer"))
    (report,) = answer
    assert report["new"] == 9
    assert report["waiting_for"] == 9


def test_a_decision_on_a_paper_that_is_not_there_changes_nothing(machine: Machine) -> None:
    machine.configure(model="embedded")
    machine.paperline("run", "--at", FIRST_NIGHT)
    machine.paperline("decide", "demo/latest", "2601.99999", "approve", code=2)
    assert "there is no paper '2601.99999'" in machine.errors
    assert not (machine.snapshot() / "4-decisions.jsonl").exists()


def test_the_demonstration_needs_no_network_and_no_key(machine: Machine, tmp_path: Path) -> None:
    machine.environ["TMPDIR"] = str(tmp_path)
    del machine.environ["OPENAI_API_KEY"]
    said = machine.paperline("demo")
    pages = [word for word in said.split() if word.endswith(".html")]
    assert len(pages) == 2
    assert all(Path(page).is_file() for page in pages)
    assert machine.model.bodies == []


def test_a_wrong_line_is_found_named_and_held_back_until_an_editor_has_seen_it(
    machine: Machine,
) -> None:
    machine.configure(policy="flagged", limit="1")

    def lines(body: dict[str, Any]) -> Response:
        right = json.loads(
            json.loads(good_lines(body).get_data())["choices"][0]["message"]["content"]
        )
        return completion(json.dumps({**right, "zh": "方法与结果的一句话，误差下降 98.76%。"}))

    machine.model.always = lines
    said = machine.paperline("run", "--at", FIRST_NIGHT)
    assert ", 0 gaps, 1 error, " in said
    assert "waiting for 1 decision" in said
    (held,) = papers(machine)
    table = machine.paperline("check", "demo/latest").splitlines()
    assert re.fullmatch(rf"error +{held} +zh +number-unknown +98\.76% is neither .*", table[0])
    assert table[-1] == "demo/20260115_0405: 1 candidate checked, 1 error, 0 warnings, 1 note"
    assert "published" in machine.paperline("decide", "demo/latest", held, "approve")


def test_a_second_opinion_is_foretold_asked_booked_and_told_where_it_cannot_be_had(
    machine: Machine,
) -> None:
    unusable: list[str] = []

    def opinions(body: dict[str, Any]) -> Response:
        schema = json.dumps(body.get("response_format", {}))
        if "supported" not in schema:
            return good_lines(body)
        title = body["messages"][1]["content"].partition("\n")[0]
        if not unusable or (title == unusable[0] and len(unusable) < 3):
            unusable.append(title)
            return completion("It is all true.")
        yes = {"supported": True, "why": ""}
        return completion(json.dumps({"en": yes, "zh": yes}))

    def foretold() -> int:
        answer = json.loads(machine.paperline("run", "--at", FIRST_NIGHT, "--dry-run", "--json"))
        usage = answer[0]["usage"]
        return int(usage["prompt_tokens"] + usage["completion_tokens"])

    machine.configure(concurrency="1")
    without = foretold()
    path = machine.folder / "paperline.toml"
    path.write_text(path.read_text() + "[check]\njudge = true\n", encoding="utf-8")
    assert foretold() > without * 1.5
    machine.model.always = opinions
    machine.paperline("run", "--at", FIRST_NIGHT, code=3)
    assert "check: no second opinion on 1 candidate: " in machine.errors
    stages = [line.get("stage", "summarize") for line in machine.spent()]
    assert (stages.count("summarize"), stages.count("check")) == (9, 3 + 8)
    missing = [f for f in machine.digest()["findings"] if f["code"] == "judge-missing"]
    assert len(missing) == 1
    assert "next: paperline check demo/20260115_0405" in machine.paperline("status")
    machine.paperline("run", "--at", FIRST_NIGHT)
    assert "judge-missing" not in {finding["code"] for finding in machine.digest()["findings"]}
    assert len(machine.spent()) == len(stages) + 1

"""The workflows of `recipes/github/`, run as GitHub would: nights, pull requests, publishing."""

import json
import re
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from pipeline.records import utc_text
from recipes.github.waiting import MOST, body, code, listed
from tests import feeds
from tests.github_jobs import Job, Repository, index_of_packages, run_workflow, workflow
from tests.model_server import ModelServer, error, good_lines
from tests.testbed_servers import serving, statistics

FILES = ("nightly.yml", "publish.yml")
PAGE = "lamps/" + "[0-9]" * 8 + "_" + "[0-9]" * 4 + ".html"
SECRETS = {"OPENAI_API_KEY": "sk-test"}
SETTINGS = """\
[site]
title = "Lantern Papers"
search = false

[arxiv]
url = "{arxiv}"
delay = 0.0
patience = 0.2

[model]
name = "test-model"
base_url = "{model}"
retry_seconds = 0.2
price = {{ input = 0.1, output = 0.4 }}

[review]
policy = "{policy}"

[[topic]]
name = "lamps"
query = "{query}"
"""


def lanterns(*numbers: int) -> list[feeds.Entry]:
    """Papers that arXiv has had for two hours."""
    moment = utc_text(datetime.now(UTC) - timedelta(hours=2))
    return [feeds.entry(number, updated=moment, published=moment) for number in numbers]


class Operator:
    """A repository whose nights ask a small arXiv and a small model."""

    def __init__(self, folder: Path, server: HTTPServer) -> None:
        self.folder = folder
        self.arxiv = feeds.SmallArxiv(server, entries=lanterns(1, 2))
        self.model = ModelServer(server)
        self.repository = Repository(folder, self.settings())

    def settings(self, policy: str = "all") -> str:
        return SETTINGS.format(
            arxiv=self.arxiv.url, model=self.model.base_url, policy=policy, query="all:lantern"
        )

    def night(self, *new: int, **more: Any) -> dict[str, Job]:
        """The nightly workflow, after these papers appeared."""
        self.arxiv.entries += lanterns(*new)
        return run_workflow(self.repository, "nightly.yml", **{"secrets": SECRETS, **more})

    def merged(self, *how: str, login: str = "mei-lan") -> dict[str, Job]:
        """What follows when somebody merges the pull request."""
        event = self.repository.merge(login, *how)
        return run_workflow(self.repository, "publish.yml", event=event)

    def published(self) -> list[Any]:
        """What main says was published."""
        return self.repository.records("main", "/6-published.jsonl")

    def editor(self, clone: Path, paper: str, *decision: str) -> None:
        """A decision by the command line, as an editor makes it in a clone."""
        command = [sys.executable, "-m", "pipeline", "decide", "lamps/latest", paper, *decision]
        surroundings = {**self.repository.environment, "PYTHONPATH": str(clone)}
        subprocess.run(command, cwd=clone, env=surroundings, check=True, capture_output=True)
        self.repository.git("add", "--force", "outputs/lamps", at=clone)


@pytest.fixture
def operator(tmp_path: Path, httpserver: HTTPServer) -> Operator:
    return Operator(tmp_path / "github", httpserver)


def well(jobs: dict[str, Job]) -> dict[str, Job]:
    """The jobs, none of which failed."""
    for job in jobs.values():
        assert not job.failed, job.log
    return jobs


@pytest.mark.parametrize("name", FILES)
def test_the_file_is_a_workflow_by_github_s_schema(repository, name):
    command = [sys.executable, "-m", "check_jsonschema"]
    schema = ("--builtin-schema", "vendor.github-workflows")
    file = repository / "recipes" / "github" / name
    checked = subprocess.run([*command, *schema, file], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("name", FILES)
def test_no_script_takes_anything_from_outside_into_its_text(name):
    scripts = [step["run"] for step in steps(name) if "run" in step]
    assert len(scripts) >= 3
    assert not [script for script in scripts if "${{" in script]


@pytest.mark.parametrize("name", FILES)
def test_keys_and_tokens_are_given_to_the_steps_that_need_them_and_to_nothing_else(name):
    found = workflow(name)
    assert found["permissions"] == {}
    with_secrets = {s.get("name") for s in steps(name) if "secrets." in json.dumps(s)}
    with_token = {s.get("name") for s in steps(name) if "github.token" in json.dumps(s)}
    assert with_secrets == ({"The night"} if name == "nightly.yml" else {"Approve and publish"})
    assert with_secrets.isdisjoint(with_token)
    for step in steps(name):
        found_elsewhere = json.dumps({k: v for k, v in step.items() if k != "env"})
        assert not re.search(r"secrets\.|github\.token", found_elsewhere)
    for job in found["jobs"].values():
        assert "env" not in job
        assert job["permissions"]


@pytest.mark.parametrize("name", FILES)
def test_actions_are_github_s_own_and_named_by_a_version(name):
    used = [step["uses"] for step in steps(name) if "uses" in step]
    assert used
    assert all(re.fullmatch(r"actions/[a-z/-]+@v[0-9]+", each) for each in used)


def test_the_two_workflows_never_run_at_once():
    assert {workflow(name)["concurrency"] for name in FILES} == {"paperline"}


def steps(name: str) -> list[dict[str, Any]]:
    return [step for job in workflow(name)["jobs"].values() for step in job["steps"]]


def test_a_night_is_read_as_a_pull_request_and_merging_it_publishes_the_digest(operator):
    night = well(operator.night())
    (pull,) = operator.repository.pulls
    assert (pull["head"], pull["base"], pull["state"]) == ("nights", "main", "open")
    assert "`` Lantern" not in pull["body"]
    assert "- ` 2603.90001 ` ` Lantern 1 `" in pull["body"]
    assert "  - en: ` A line about Lantern 1. `" in pull["body"]
    assert "  - **error** (zh): ` the same line stands in 2603.90002 `" in pull["body"]
    assert list(night) == ["night"], "nothing is published yet"
    assert "lamps" in night["night"].summary
    assert operator.published() == []

    published = well(operator.merged())
    (release,) = operator.published()
    assert release["reason"] == "first"
    assert {d["editor"] for d in operator.repository.records("main", "/4-decisions.jsonl")} == {
        "mei-lan"
    }
    assert {d["note"] for d in operator.repository.records("main", "/4-decisions.jsonl")} == {
        "pull request 1"
    }
    assert published["site"].deployed
    (page,) = operator.repository.pages[-1].glob(PAGE)
    assert "A line about Lantern 1." in page.read_text("utf-8")


def test_the_next_night_goes_on_from_main_and_pays_for_nothing_twice(operator):
    well(operator.night())
    well(operator.merged())
    night = well(operator.night(3))
    asked = [body["messages"][1]["content"].partition("\n")[0] for body in operator.model.bodies]
    assert sorted(asked) == [f"Title: Lantern {number}" for number in (1, 2, 3)]
    assert night["site"].deployed
    first, second = operator.repository.pulls
    assert (first["state"], second["state"]) == ("merged", "open")
    assert "Lantern 3" in second["body"]
    assert "Lantern 1" not in second["body"]
    well(operator.merged(login="ada"))
    assert len(operator.published()) == 2


def test_nights_continue_on_their_branch_while_it_is_open_and_need_no_cache_for_its_lines(operator):
    well(operator.night())
    operator.repository.cached.clear()
    well(operator.night(3))
    assert len(operator.model.bodies) == 3
    (pull,) = operator.repository.pulls
    assert "Lantern 1" in pull["body"]
    assert "Lantern 3" in pull["body"]
    well(operator.merged())
    assert len(operator.published()) == 2


def test_a_squashed_pull_request_was_merged_too_and_the_branch_begins_anew(operator):
    well(operator.night())
    well(operator.merged("--squash"))
    well(operator.night(3))
    main = operator.repository.git("rev-parse", "main", at=operator.repository.origin)
    base = operator.repository.git("merge-base", "main", "nights", at=operator.repository.origin)
    assert main == base


def test_an_approval_holds_for_the_merged_text_even_if_main_moved_since(operator):
    well(operator.night())
    event = operator.repository.merge("mei-lan")
    later = operator.repository.clone("later")
    (later / "paperline.toml").write_text(operator.settings() + "limit = 7\n", "utf-8")
    operator.repository.commit(later, "Another limit", "main")
    well(run_workflow(operator.repository, "publish.yml", event=event))
    assert len(operator.published()) == 1
    parents = [
        operator.repository.git("rev-parse", commit, at=operator.repository.origin)
        for commit in ("main^1^", "main^2")
    ]
    moved = operator.repository.git("rev-parse", "HEAD", at=later)
    assert parents == [event["pull_request"]["merge_commit_sha"], moved]
    settings = operator.repository.git("show", "main:paperline.toml", at=operator.repository.origin)
    assert settings.endswith("limit = 7")


def test_a_paper_left_out_on_the_branch_before_is_not_published(operator):
    well(operator.night())
    clone = operator.repository.clone("editor", "nights")
    operator.editor(clone, "2603.90001", "exclude", "--editor", "Ada")
    operator.repository.commit(clone, "Leave one out", "nights")
    well(operator.merged())
    (release,) = operator.published()
    assert [entry["paper"]["id"] for entry in release["digest"]["papers"]] == ["2603.90002"]


def test_a_stand_in_is_never_approved_by_merging_and_its_real_line_comes_with_the_next_one(
    operator,
):
    operator.model.always = lambda asked: (
        error(400, "content_filter") if "Lantern 1" in str(asked) else good_lines(asked)
    )
    night = well(operator.night())["night"]
    assert any("Something is missing" in said for said in night.annotations)
    (pull,) = operator.repository.pulls
    assert re.search(r"Lantern 1 ` \(.*\*\*gap\*\*: ", pull["body"])
    well(operator.merged())
    (decision,) = operator.repository.records("main", "/4-decisions.jsonl")
    assert decision["paper"] == "2603.90002"
    assert operator.published() == []

    operator.model.always = good_lines
    well(operator.night(now=utc_text(datetime.now(UTC) + timedelta(days=1))))
    assert "Lantern 1" in operator.repository.pulls[-1]["body"]
    assert "Lantern 2" not in operator.repository.pulls[-1]["body"]
    well(operator.merged())
    assert len(operator.published()) == 1


def test_where_no_editor_is_asked_for_the_night_goes_to_main_and_is_shown(operator):
    clone = operator.repository.clone("operator")
    (clone / "paperline.toml").write_text(operator.settings("none"), "utf-8")
    operator.repository.commit(clone, "Ask nobody", "main")
    night = well(operator.night())
    assert operator.repository.pulls == []
    assert len(operator.published()) == 1
    assert night["site"].deployed
    well(operator.night(3))
    assert len(operator.published()) == 2


def test_a_night_that_fails_is_red_and_keeps_what_was_paid_for(operator):
    well(operator.night())
    operator.arxiv.answers = [Response("no", 503)] * 50
    operator.arxiv.entries += lanterns(3)
    failed = operator.night()
    assert failed["night"].failed
    assert failed["night"].outcomes["night"] == "failure"
    assert failed["night"].outcomes["push"] == "success"
    assert len(operator.repository.cached) == 2
    assert list(failed) == ["night"]


def test_without_the_key_the_night_is_red_and_says_which_variable_is_missing(operator):
    clone = operator.repository.clone("operator")
    text = operator.settings().replace(operator.model.base_url, "https://api.openai.com/v1")
    (clone / "paperline.toml").write_text(text, "utf-8")
    operator.repository.commit(clone, "OpenAI", "main")
    failed = operator.night(secrets={})["night"]
    assert failed.failed
    assert "OPENAI_API_KEY" in failed.log


def test_a_night_that_is_not_finished_is_no_failure_and_its_outputs_are_kept(operator):
    ended = operator.night(instead="exit 75")["night"]
    assert not ended.failed, ended.log
    assert ["Not finished" in said for said in ended.annotations] == [True]
    assert len(operator.repository.cached) == 1


def test_what_a_night_prints_is_no_command_to_github(operator):
    hostile = "echo '::error::of a title'; echo '::add-path::/tmp'"
    ended = operator.night(instead=hostile)["night"]
    assert "::error::of a title" in ended.log
    assert ended.annotations == []
    assert "    ::error::of a title" in ended.summary


def test_what_an_editor_pushes_during_the_night_is_merged(operator):
    well(operator.night())
    clone = operator.repository.clone("editor", "nights")
    operator.editor(clone, "2603.90001", "approve", "--editor", "Ada")

    def meanwhile(asked: dict[str, Any]) -> Response:
        operator.repository.commit(clone, "Approve one", "nights")
        return good_lines(asked)

    operator.model.queue.append(meanwhile)
    well(operator.night(3))
    (decision,) = operator.repository.records("nights", "/4-decisions.jsonl")
    assert decision["editor"] == "Ada"
    (pull,) = operator.repository.pulls
    assert "Lantern 1" not in pull["body"]
    assert "Lantern 3" in pull["body"]


def test_a_night_that_contradicts_an_editor_s_push_is_kept_on_a_branch_of_its_own(operator):
    well(operator.night())
    clone = operator.repository.clone("editor", "nights")
    spent = clone / "outputs" / "spend.jsonl"
    spent.write_text(spent.read_text("utf-8") + "a line of theirs\n", "utf-8")

    def meanwhile(asked: dict[str, Any]) -> Response:
        operator.repository.commit(clone, "Contradict", "nights")
        return good_lines(asked)

    operator.model.queue.append(meanwhile)
    failed = operator.night(3)["night"]
    assert failed.failed
    (kept,) = re.findall(r"is on the branch (nights-[0-9]+)\.", failed.log)
    assert len(operator.repository.records(kept, "/2-summaries.jsonl")) == 3


def test_main_and_nights_that_contradict_each_other_stop_the_night_before_anything_is_paid(
    operator,
):
    well(operator.night())
    for branch in ("main", "nights"):
        clone = operator.repository.clone(f"on-{branch}", branch)
        (clone / "paperline.toml").write_text(f"# {branch}\n", "utf-8")
        operator.repository.commit(clone, "Contradict", branch)
    paid = len(operator.model.bodies)
    failed = operator.night(3)["night"]
    assert failed.outcomes["branch"] == "failure"
    assert "Merge main into nights by hand" in failed.annotations[0]
    assert failed.outcomes["night"] == failed.outcomes["commit"] == "skipped"
    assert len(operator.model.bodies) == paid


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"merged": False},
        {"head": {"ref": "another", "repo": {"full_name": "kelp/digests"}}},
        {"head": {"ref": "nights", "repo": {"full_name": "stranger/digests"}}},
    ],
)
def test_only_a_merged_pull_request_of_this_repository_s_nights_publishes(operator, change):
    merged = {
        "merged": True,
        "merge_commit_sha": operator.repository.git(
            "rev-parse", "main", at=operator.repository.origin
        ),
        "merged_by": {"login": "mei-lan"},
        "number": 1,
        "body": None,
        "head": {"ref": "nights", "repo": {"full_name": "kelp/digests"}},
    }
    event = {"pull_request": {**merged, **change}}
    assert bool(run_workflow(operator.repository, "publish.yml", event=event)) == (not change)


def test_the_repository_holds_what_counts_and_neither_locks_nor_the_site(operator):
    well(operator.night())
    well(operator.merged())
    files = operator.repository.files("main")
    assert "outputs/spend.jsonl" in files
    assert [path for path in files if path.endswith("/run.json")]
    assert [path for path in files if "/." in path] == ["outputs/.gitkeep"]
    assert [path for path in files if path.startswith("outputs/site/")] == []


def test_a_title_has_no_effect_in_a_pull_request():
    hostile = "`@everyone` #1 <img src=x> $x$ [a](http://b)\n::error::\x1b[31m"
    forged = f"{hostile}\n<!-- lines {'0' * 64} -->\n"
    paper = {"id": "2603.90001", "title": hostile, "decision": None, "gap": "a ``reason``"}
    state = {"topic": "lamps", "snapshot": "20260312_0405", "waiting_for": 1, "papers": [paper]}
    entry = {"paper": paper, "lines": {"en": {"text": forged}, "zh": {"text": "一句话。"}}}
    finding = {"paper": "2603.90001", "severity": "error", "language": "en", "message": forged}
    digest = {"papers": [entry], "findings": [finding]}
    text = body([state], {"lamps/20260312_0405": digest}, "https://github.com")
    shown = "`@everyone` #1 <img src=x> $x$ [a](http://b) ::error:: [31m"
    forged = f"`` {shown} <!-- lines {'0' * 64} --> ``"
    assert text.splitlines()[-4:] == [
        f"- ` 2603.90001 ` `` {shown} `` (**gap**: ``` a ``reason`` ```)",
        f"  - en: {forged}",
        "  - zh: ` 一句话。 `",
        f"  - **error** (en): {forged}",
    ]
    assert listed(text) == set(), "no text makes a fingerprint, and a stand-in has none"
    assert code("") == ""


def test_a_list_too_long_for_github_says_how_much_is_left_out():
    papers = [{"id": f"2603.9{number:04}", "title": "x" * 200, "decision": None, "gap": None}
              for number in range(1000)]  # fmt: skip
    state = {"topic": "lamps", "snapshot": "20260312_0405", "waiting_for": 1, "papers": papers}
    entries = [{"paper": paper, "lines": {"en": {"text": "One."}}} for paper in papers]
    digest = {"papers": entries, "findings": []}
    text = body([state], {"lamps/20260312_0405": digest}, "https://github.com")
    assert len(text) < MOST + 100
    (left,) = re.findall(r"\n\*\*([0-9]+) papers more have no room here\.", text)
    assert len(listed(text)) == 1000 - int(left)


def test_the_recorded_papers_become_a_published_digest(testbed, tmp_path):
    with (
        serving(testbed / "arxiv_server.py") as arxiv,
        serving(testbed / "llm_server.py") as model,
    ):
        text = SETTINGS.format(
            arxiv=f"{arxiv}/api/query", model=f"{model.removesuffix('/v1')}/v1", policy="all",
            query='all:\\"meta learning\\"',
        )  # fmt: skip
        repository = Repository(tmp_path / "github", f"{text}limit = 12\n")
        now = "2026-04-14T00:30:00Z"
        set_clock(arxiv, now)
        well(run_workflow(repository, "nightly.yml", secrets=SECRETS, now=now))
        event = repository.merge("mei-lan")
        published = well(run_workflow(repository, "publish.yml", event=event))
        told = statistics(model)
    (release,) = repository.records("main", "/6-published.jsonl")
    assert len(release["digest"]["papers"]) >= 1
    assert {line["origin"] for entry in release["digest"]["papers"]
            for line in entry["lines"].values()} == {"model"}  # fmt: skip
    assert told["duplicates"] == 0
    assert published["site"].deployed
    assert list(repository.pages[-1].glob(PAGE))


def set_clock(arxiv: str, now: str) -> None:
    """Move the test bed's clock."""
    asked = urllib.request.Request(f"{arxiv}/__clock", data=json.dumps({"now": now}).encode())
    with urllib.request.urlopen(asked):
        pass


@pytest.mark.prove
def test_the_workflows_with_the_packages_installed_as_they_say(operator):
    operator.repository.surroundings |= index_of_packages()
    well(operator.night(real_install=True))
    event = operator.repository.merge("mei-lan")
    well(run_workflow(operator.repository, "publish.yml", event=event, real_install=True))
    assert len(operator.published()) == 1

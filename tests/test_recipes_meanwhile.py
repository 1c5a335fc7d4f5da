"""What people do while the workflows of `recipes/github/` are at work, or after they looked."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from pipeline.records import utc_text
from tests.github_jobs import Job, Repository, run_workflow
from tests.model_server import error, good_lines
from tests.test_recipes_github import Operator, well

MERGES = {"merge": (), "squash": ("--squash",)}


class Editors:
    """People at work on the repository of an operator whose first night was made."""

    def __init__(self, operator: Operator) -> None:
        self.operator = operator
        self.repository: Repository = operator.repository
        self.event: dict[str, Any] = {}
        self.drafts: list[bool] = []

    def force_a_merge(self, *how: str, delete: bool = False) -> None:
        """Take the draft's mark away and merge at once."""
        (pull,) = self.repository.pulls
        self.repository.change_pull(pull["number"], draft=False)
        self.event = self.repository.merge("mei-lan", *how)
        if delete:
            self.delete()

    def delete(self) -> None:
        """Take the branch away."""
        at = self.repository.clone("deleting")
        self.repository.git("push", "--quiet", "origin", ":nights", at=at)

    def look(self) -> None:
        """Note whether the pull request can be merged now."""
        self.drafts.append(self.repository.pulls[0]["draft"])

    def during_a_night(self, act: Callable[[], None], *new: int, **more: Any) -> dict[str, Job]:
        """A night with these papers, in which this happens when the model is asked first."""

        def meanwhile(asked: dict[str, Any]) -> Response:
            act()
            return good_lines(asked)

        self.operator.model.queue.append(meanwhile)
        return self.operator.night(*new, **more)

    def publish(self) -> dict[str, Job]:
        """What follows the merge."""
        return run_workflow(self.repository, "publish.yml", event=self.event)


@pytest.fixture
def editors(tmp_path: Path, httpserver: HTTPServer) -> Editors:
    operator = Operator(tmp_path / "github", httpserver)
    well(operator.night())
    return Editors(operator)


def tomorrow(days: int = 1) -> str:
    return utc_text(datetime.now(UTC) + timedelta(days=days))


def test_nobody_can_merge_while_a_night_works(editors):
    editors.repository.change_pull(1, auto=True)
    well(editors.during_a_night(editors.look, 3))
    assert editors.drafts == [True]
    (pull,) = editors.repository.pulls
    assert not pull["draft"]
    assert not pull["auto"], "what waited to be merged was another list"


def test_a_night_that_fails_leaves_a_pull_request_that_can_be_merged(editors):
    failed = editors.operator.night(instead="exit 1")["night"]
    assert failed.failed
    assert ["pr", "ready", "--undo", "1"] in editors.repository.calls
    assert not editors.repository.pulls[0]["draft"]


def test_where_the_plan_has_no_drafts_the_night_says_so_and_goes_on(editors):
    editors.repository.surroundings["PLAN_WITHOUT_DRAFTS"] = "yes"
    night = well(editors.during_a_night(editors.look, 3))["night"]
    assert editors.drafts == [False]
    assert ["Do not merge until the night has ended" in said for said in night.annotations] == [
        True
    ]


def test_a_stranger_s_pull_request_is_never_touched(editors):
    repository = editors.repository
    theirs = {**repository.pulls[0], "number": 2, "fork": True, "body": "theirs"}
    pulls = json.dumps([*repository.pulls, theirs])
    (repository.folder / "pulls.json").write_text(pulls, "utf-8")
    well(editors.operator.night(3))
    ours, stranger = repository.pulls
    assert "Lantern 3" in ours["body"]
    assert stranger == theirs


@pytest.mark.parametrize("delete", [False, True])
@pytest.mark.parametrize("how", MERGES)
def test_a_merge_during_a_night_that_is_forced_all_the_same_stops_no_later_night(
    editors, how, delete
):
    well(editors.during_a_night(lambda: editors.force_a_merge(*MERGES[how], delete=delete), 3))
    first, second = editors.repository.pulls
    assert (first["state"], second["state"]) == ("merged", "open")
    well(editors.publish())
    (release,) = editors.operator.published()
    assert len(release["digest"]["papers"]) == 2, "the third one stood in no merged text"
    well(editors.operator.night(4))
    well(editors.operator.night(5))
    well(editors.operator.merged())
    assert len(editors.operator.published()) == 4
    assert len(editors.operator.model.bodies) == 5


@pytest.mark.parametrize("how", MERGES)
def test_a_night_that_heals_what_is_merged_meanwhile_is_kept_aside_and_the_next_one_heals_it(
    tmp_path, httpserver, how
):
    operator = Operator(tmp_path / "github", httpserver)
    operator.model.always = lambda asked: (
        error(400, "content_filter") if "Lantern 1" in str(asked) else good_lines(asked)
    )
    well(operator.night())
    operator.model.always = good_lines
    editors = Editors(operator)
    merge = MERGES[how]
    failed = editors.during_a_night(lambda: editors.force_a_merge(*merge), 3, now=tomorrow())
    (kept,) = re.findall(r"is on the branch (nights-[0-9]+)\.", failed["night"].log)
    assert len(operator.repository.records(kept, "/2-summaries.jsonl")) > 2
    well(editors.publish())
    paid = len(operator.model.bodies)
    well(operator.night(now=tomorrow(2)))
    assert len(operator.model.bodies) == paid, "its lines are in the cache"
    assert "Lantern 1" in operator.repository.pulls[-1]["body"]
    assert "Lantern 3" in operator.repository.pulls[-1]["body"]
    well(operator.merged())
    assert len(operator.published()) == 2


def test_a_branch_that_is_deleted_unmerged_during_a_night_keeps_tonight_on_its_own(editors):
    failed = editors.during_a_night(editors.delete, 3)["night"]
    assert failed.failed
    (kept,) = re.findall(r"is on the branch (nights-[0-9]+)\.", failed.log)
    assert len(editors.repository.records(kept, "/2-summaries.jsonl")) == 3
    well(editors.operator.night())
    assert "Lantern 3" in editors.repository.pulls[-1]["body"]


def test_what_an_editor_pushes_after_a_squashed_merge_is_not_overwritten(editors):
    clone = editors.repository.clone("editor", "nights")

    def act() -> None:
        editors.force_a_merge("--squash")
        editors.operator.editor(clone, "2603.90001", "hold", "--editor", "Ada")
        editors.repository.commit(clone, "Too late", "nights")

    failed = editors.during_a_night(act, 3)["night"]
    assert failed.failed
    (decision,) = editors.repository.records("nights", "/4-decisions.jsonl")
    assert decision["editor"] == "Ada"


def test_merging_approves_only_what_the_pull_request_showed(editors):
    shown = editors.repository.pulls[0]["body"]
    well(editors.operator.night(3))
    editors.repository.change_pull(1, body=shown)
    published = well(editors.operator.merged())["publish"]
    (release,) = editors.operator.published()
    assert len(release["digest"]["papers"]) == 2
    assert ["stay undecided" in said for said in published.annotations] == [True]
    assert "` Lantern 3 `" in published.summary
    well(editors.operator.night())
    assert "Lantern 3" in editors.repository.pulls[-1]["body"]
    well(editors.operator.merged())
    assert len(editors.operator.published()) == 2


def test_a_line_that_is_another_since_it_was_shown_is_not_approved(editors):
    clone = editors.repository.clone("editor", "nights")
    for path in clone.glob("outputs/lamps/*/[25]-*"):
        text = path.read_text("utf-8")
        path.write_text(text.replace("A line about Lantern 1.", "Lantern 1 is bad."), "utf-8")
    editors.repository.commit(clone, "Another line", "nights")
    well(editors.operator.merged())
    decided = editors.repository.records("main", "/4-decisions.jsonl")
    assert [decision["paper"] for decision in decided] == ["2603.90002"]
    assert editors.operator.published() == []


@pytest.mark.parametrize("body", [None, "", "I have read them all."])
def test_a_pull_request_without_its_list_approves_nothing(editors, body):
    editors.repository.change_pull(1, body=body)
    well(editors.operator.merged())
    assert editors.repository.records("main", "/4-decisions.jsonl") == []

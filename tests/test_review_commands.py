"""decide, introduce, unpublish and publish, as a script meets them."""

import json
from typing import Any

import click
import jsonschema
import pytest
from click.testing import CliRunner, Result

from pipeline.cli.decisions import decide, introduce, unpublish
from pipeline.cli.diagnosis import status
from pipeline.cli.stages import publish
from pipeline.errors import PaperlineError
from pipeline.records import Decision
from tests.desks import Room, a_desk, lines_of
from tests.terminal import Terminal

NAME = "tides/20260501_0405"
ONE, TWO, THREE = "2604.90001", "2604.90002", "2604.90003"


@pytest.fixture
def room(tmp_path, monkeypatch) -> Room:
    """In the folder in which the commands run."""
    monkeypatch.setenv("LOGNAME", "mei")
    return a_desk(tmp_path)


def said(command: click.Command, *arguments: str) -> str:
    """What the command says where all is well."""
    done = CliRunner().invoke(command, list(arguments), catch_exceptions=False)
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout


def error_of(command: click.Command, *arguments: str) -> PaperlineError:
    """The error that ends the command, which says nothing else."""
    done: Result = CliRunner().invoke(command, list(arguments))
    assert done.stdout == ""
    assert isinstance(done.exception, PaperlineError), done.output
    assert len(str(done.exception).splitlines()) == 1
    assert done.exception.next_step
    return done.exception


def last(room: Room) -> Decision:
    return room.snapshot.decisions()[-1]


def order(room: Room) -> list[str]:
    return [entry.paper.id for entry in room.digest().papers]


class TestDecide:
    def test_says_what_is_still_waited_for(self, room):
        assert (
            said(decide, NAME, ONE, "approve")
            == f"{NAME} {ONE}: approve; waiting for 2 decisions\n"
        )
        assert said(decide, "tides/latest", TWO, "exclude").endswith("; waiting for 1 decision\n")
        assert said(decide, "20260501_0405", THREE, "hold").endswith("; waiting for 1 decision\n")
        assert room.publications() == []

    def test_publishes_with_the_last_paper(self, room):
        room.settle(1, 2)
        assert said(decide, NAME, THREE, "approve") == f"{NAME} {THREE}: approve; published\n"
        assert room.on_the_site(lines_of(1)["en"])

    def test_is_by_whoever_is_logged_in_unless_it_names_an_editor(self, room):
        said(decide, NAME, ONE, "approve")
        assert last(room).editor == "mei"
        said(decide, NAME, ONE, "hold", "--editor", "Ada", "--note", "Ask the authors.")
        assert (last(room).editor, last(room).note) == ("Ada", "Ask the authors.")

    def test_edits_one_line_or_both(self, room):
        said(decide, NAME, ONE, "edit", "--zh", "改过的一句。")
        assert last(room).lines == {"en": lines_of(1)["en"], "zh": "改过的一句。"}
        said(decide, NAME, ONE, "edit", "--en", "By hand.", "--zh", "手写。")
        assert last(room).lines == {"en": "By hand.", "zh": "手写。"}

    def test_takes_nothing_on_lines_that_the_digest_has_not_shown_yet(self, room):
        room.decide("edit", 1, text={"en": "By a hand that was killed.", "zh": "手写。"})
        refused = error_of(decide, NAME, ONE, "approve")
        assert "Look at it again" in refused.next_step
        assert room.digest().papers[0].lines["en"].text == "By a hand that was killed."
        said(decide, NAME, ONE, "approve")
        assert last(room).lines == {"en": "By a hand that was killed.", "zh": "手写。"}

    def test_takes_another_candidate(self, room):
        room.write(other := room.candidate(1, lines_of(1, flaw="note"), model="tide-2"))
        said(decide, NAME, ONE, "approve", "--summary", other.id)
        assert (last(room).summary, last(room).lines) == (other.id, other.lines)

    def test_pins_unpins_and_moves(self, room):
        assert said(decide, NAME, THREE, "pin") == f"{NAME} {THREE}: pin; waiting for 3 decisions\n"
        assert order(room) == [THREE, ONE, TWO]
        assert room.digest().papers[0].pinned
        said(decide, NAME, THREE, "unpin")
        assert order(room) == [ONE, TWO, THREE]
        said(decide, NAME, TWO, "move", "--before", ONE)
        assert order(room) == [TWO, ONE, THREE]
        said(decide, NAME, TWO, "move")
        assert order(room) == [ONE, THREE, TWO]

    def test_names_the_command_that_publishes_where_that_must_be_asked(self, tmp_path):
        room = a_desk(tmp_path, publish="asked")
        room.settle(1, 2)
        assert said(decide, NAME, THREE, "approve").endswith(f"; ready: paperline publish {NAME}\n")
        assert said(publish, NAME).startswith(f"{NAME}: published\n")
        corrected = said(decide, NAME, ONE, "exclude")
        assert corrected.endswith(f"; ready: paperline publish {NAME}\n")
        assert said(status).splitlines()[0] == (
            f"{NAME}: correcting, 3 papers; next: paperline publish {NAME}"
        )

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ((NAME, "2604.99999", "approve"), "there is no paper '2604.99999' in tides/2026"),
            ((NAME, f"{ONE}v1", "approve"), "Name it by its arXiv id without a version"),
            (("tides/20260101_0405", ONE, "approve"), "there is no snapshot"),
            (("../tides", ONE, "approve"), "there is no topic '..'"),
            ((NAME, ONE, "edit"), "edit needs new text, and no other action takes any"),
            ((NAME, ONE, "edit", "--en", ""), "the en line is empty, or has a line break"),
            ((NAME, ONE, "edit", "--en", "x" * 2001), "has 2001 characters, and may have 2000"),
            ((NAME, ONE, "approve", "--zh", "一句。"), "edit needs new text, and no other action"),
            ((NAME, ONE, "approve", "--summary", "1"), f"no checked candidate '1' of {ONE}"),
            ((NAME, ONE, "approve", "--before", TWO), "Give --before with move, and another"),
            ((NAME, ONE, "move", "--before", ONE), "Give --before with move, and another"),
            ((NAME, ONE, "move", "--before", "2604.99999"), "there is no paper '2604.99999'"),
            ((NAME, ONE, "pin", "--en", "A line."), "takes no lines"),
            ((NAME, ONE, "hold", "--editor", " "), "Give it with --editor"),
        ],
    )
    def test_refuses_what_cannot_be_in_one_line(self, room, arguments, message):
        error = error_of(decide, *arguments)
        assert message in str(error)
        assert error.exit_code == 2
        assert room.snapshot.decisions() == []

    def test_knows_no_other_action(self, room):
        done = CliRunner().invoke(decide, [NAME, ONE, "introduce"])
        assert done.exit_code == 2
        assert "'introduce' is not one of" in done.stderr

    def test_needs_a_digest(self, tmp_path):
        a_desk(tmp_path, released=False)
        assert "Run paperline run tides" in str(error_of(decide, NAME, ONE, "approve"))


class TestIntroduce:
    def test_writes_replaces_and_takes_away(self, room):
        assert said(introduce, NAME, "--en", "Today.", "--zh", "今日。") == (
            f"{NAME}: introduced; waiting for 3 decisions\n"
        )
        assert last(room).lines == {"en": "Today.", "zh": "今日。"}
        said(introduce, NAME, "--en", "Tomorrow.", "--editor", "Ada")
        introduction = room.digest().introduction
        assert introduction is not None
        both = {"en": "Tomorrow.", "zh": "今日。"}  # what is left out stays
        assert (introduction.lines, introduction.editor) == (both, "Ada")
        assert said(introduce, NAME) == (
            f"{NAME}: without an introduction; waiting for 3 decisions\n"
        )
        assert room.digest().introduction is None

    def test_of_blanks_is_none(self, room):
        assert "without an introduction" in said(introduce, NAME, "--en", " ")
        assert room.digest().introduction is None

    def test_of_something_published_publishes_it_again(self, room):
        room.settle()
        room.release()
        assert said(introduce, NAME, "--zh", "今日。") == f"{NAME}: introduced; published\n"
        assert room.on_the_site("今日。")

    def test_refuses_a_line_break(self, room):
        assert error_of(introduce, NAME, "--en", "One.\nTwo.").exit_code == 2
        assert room.snapshot.decisions() == []


class TestUnpublish:
    def test_leaves_the_reason_until_it_is_published_again(self, room):
        room.settle()
        room.release()
        assert said(unpublish, NAME, "--why", "A wrong table") == f"{NAME}: withdrawn\n"
        assert "by mei: A wrong table" in room.page
        assert said(status).startswith(f"{NAME}: withdrawn, 3 papers\n")
        assert said(decide, NAME, ONE, "exclude").endswith(f"ready: paperline publish {NAME}\n")
        assert said(publish, NAME).startswith(f"{NAME}: published\n")
        assert "Published again on " in room.page

    def test_needs_a_reason(self, room):
        room.settle()
        room.release()
        assert "Say it: readers see it" in str(error_of(unpublish, NAME, "--why", " "))
        done = CliRunner().invoke(unpublish, [NAME])
        assert (done.exit_code, "'--why'" in done.stderr) == (2, True)
        assert len(room.publications()) == 1

    def test_needs_something_published(self, room):
        error = error_of(unpublish, NAME, "--why", "A wrong table")
        assert str(error) == f"{NAME} is not published. See paperline status {NAME}"
        assert error.exit_code == 2


def test_publish_says_what_is_still_waited_for(room):
    room.settle(1)
    assert said(publish, NAME).startswith(f"{NAME}: waiting for 2 decisions\n")
    assert room.publications() == []


class TestAProcess:
    """The same with real ones: exit codes, and what they leave to one another."""

    @pytest.fixture
    def terminal(self, tmp_path) -> Terminal:
        return Terminal(tmp_path, "")

    def test_decides_publishes_withdraws_and_publishes_again(self, terminal):
        room = a_desk(terminal.folder, papers=1)
        assert terminal("decide", NAME, ONE, "approve", "--editor", "Ada") == 0
        assert terminal.said == f"{NAME} {ONE}: approve; published\n"
        assert terminal("unpublish", NAME, "--why", "A wrong table", "--editor", "Bo") == 0
        assert terminal("unpublish", NAME, "--why", "Again") == 2
        assert terminal.errors == f"error: {NAME} is not published. See paperline status {NAME}\n"
        assert terminal("publish", NAME) == 0
        assert [(p.who, p.why) for p in room.publications()] == [
            (("Ada",), None),
            (("Bo",), "A wrong table"),
            (("Ada",), None),
        ]

    def test_refuses_bytes_that_are_no_text_in_one_line(self, terminal):
        room = a_desk(terminal.folder, papers=1)
        assert terminal("decide", NAME, "\udcff", "edit", "--en", "\udcff") == 2
        (line,) = terminal.errors.splitlines()
        assert line.startswith("error: there is no paper '\\udcff'")
        assert room.snapshot.decisions() == []

    @pytest.mark.parametrize("form", [[], ["--json"]], ids=["a sentence", "JSON"])
    def test_of_a_night_names_what_waits_and_ends_well(self, terminal, form, arxiv, repository):
        more = f'[arxiv]\nurl = "{arxiv.url}"\ndelay = 0.0\npatience = 0.3\n'
        room = a_desk(terminal.folder, publish="asked", more=more, policy="none")
        later = a_desk(
            terminal.folder, publish="asked", more=more, name="20260502_0405", policy="none"
        )
        later.release(asked_under="none")
        at = ("--at", "2026-05-03T10:05+08:00")
        assert terminal("run", "--executor", "embedded", *at, *form) == 0
        assert terminal.errors == ""
        assert room.publications() == []
        if form:
            answer: list[dict[str, Any]] = json.loads(terminal.said)
            schema = json.loads((repository / "docs" / "schema" / "run-answer.json").read_text())
            jsonschema.validate(answer, schema)
            (told,) = answer[0]["reminders"]
            assert (told["snapshot"], told["waiting_for"]) == (room.snapshot.name, 0)
        else:
            assert terminal.said.endswith(
                "; still waiting: 20260501_0405 for 2 days for somebody to publish it\n"
            )

"""`paperline fetch` and `run` as an operator meets them: words, exit codes, files."""

import re

import pytest
from werkzeug import Response

from pipeline.cli import past
from pipeline.errors import UsageError
from tests.feeds import atom, entry
from tests.terminal import Terminal

NIGHT = ("--at", "2026-03-12T04:05+08:00")
NEXT = ("--at", "2026-03-13T04:05+08:00")


@pytest.fixture
def paperline(tmp_path, arxiv) -> Terminal:
    return Terminal(
        tmp_path,
        f'[arxiv]\nurl = "{arxiv.url}"\ndelay = 0.0\npatience = 0.3\n'
        '[model]\nname = "embedded"\n'
        '[[topic]]\nname = "lamps"\nquery = "all:lantern"\nlimit = 2\n',
    )


def test_a_fetch_says_what_became_of_every_paper(arxiv, paperline) -> None:
    arxiv.entries = [entry(1), entry(2), entry(3)]
    assert paperline("fetch", "lamps", *NIGHT) == 0
    assert paperline.said == "lamps/20260312_0405: 3 fetched, 2 new, 1 waiting\n"


def test_a_quiet_night_is_no_failure(arxiv, paperline) -> None:
    assert paperline("fetch", "lamps", *NIGHT) == 0
    assert paperline.said == "lamps: nothing new: no papers\n"
    assert paperline("run", *NEXT) == 0
    assert paperline.said == "lamps: nothing new, and no digest yet\n"


@pytest.mark.parametrize("command", [("fetch", "lamps"), ("run",)])
def test_a_failed_night_is_none_too_quiet_and_leaves_everything_as_it_was(
    arxiv, paperline, command
) -> None:
    arxiv.entries = [entry(1)]
    paperline("run", *NIGHT)
    before = paperline.files()
    arxiv.answers = [Response("busy", status=503)] * 50
    assert paperline(*command, *NEXT) == 1
    assert "answered with status 503" in paperline.errors
    assert "again later" in paperline.errors
    assert paperline.files() == before


@pytest.mark.parametrize("command", [("fetch", "lamps"), ("run",)])
def test_a_night_with_papers_missing_ends_with_3_and_says_how_many(
    arxiv, paperline, command
) -> None:
    arxiv.answers = [Response(atom([entry(1)], total=2))] * 99
    assert paperline(*command, *NIGHT) == 3
    assert "1 of 2 announced entries did not arrive" in paperline.errors
    assert "20260312_0405" in paperline.said
    arxiv.answers = []
    arxiv.entries = [entry(1), entry(2)]
    assert paperline(*command, *NEXT) == 0
    assert "20260313_0405" in paperline.said
    assert "1 new" in paperline.said


def test_a_run_says_how_many_papers_wait_and_for_how_long(arxiv, paperline) -> None:
    arxiv.entries = [entry(n, hours=n) for n in range(1, 8)]
    paperline("run", *NIGHT)
    assert ", 5 papers wait for room, 0 tokens" in paperline.said
    paperline("run", *NEXT)
    assert ", 3 papers wait for room, the longest for 1 day, 0 tokens" in paperline.said
    paperline("run", "--at", "2026-03-14T04:05+08:00")
    assert ", 1 paper waits for room, the longest for 2 days, 0 tokens" in paperline.said


def test_a_paper_by_hand_waits_and_is_shown_by_the_next_run(arxiv, paperline) -> None:
    arxiv.entries = [entry(7, hours=4000, title="Lanterns of old")]
    assert paperline("fetch", "lamps", "--paper", "2603.90007") == 0
    assert paperline.said == "lamps: 2603.90007v1 waits for the next snapshot: Lanterns of old\n"
    assert not list(paperline.outputs.glob("lamps/2*"))
    assert paperline("run", *NIGHT) == 0
    assert "lamps/20260312_0405: 1 new" in paperline.said


def test_a_dry_run_writes_nothing_into_the_outputs(arxiv, paperline) -> None:
    arxiv.entries = [entry(1)]
    assert paperline("run", "--dry-run", *NIGHT) == 0
    assert paperline.files() == {}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("fetch", "lights"), "there is no topic 'lights'; configured: lamps"),
        (("fetch", "lamps", "--paper", "lantern"), "'lantern' is no arXiv id"),
        (("fetch", "lamps", "--paper", "2603.90009"), "there is no paper 2603.90009"),
        (
            ("backfill", "lamps", "--from", "2026-03-01", "--to", "2026-03-02", "--dump", "gone"),
            "File 'gone' does not exist",
        ),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_done(arxiv, paperline, arguments, told) -> None:
    assert paperline(*arguments) == 2
    assert told in paperline.errors
    assert paperline.files() == {}


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [
        ("2026-03-1", "2026-03-02", "--from: found '2026-03-1', expected a date"),
        ("2026-03-05", "2026-03-02", "2026-03-05 is after 2026-03-02"),
        ("2026-03-05", "20260399", "--to: found '20260399', expected a date"),
        ("1066-10-14", "2026-03-02", "--from: found '1066-10-14', expected a year from 1991"),
    ],
)
def test_days_that_cannot_be_are_told(first, last, told) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        past._days(first, last)

"""Which candidates a snapshot's active prompt and model have, when there are several texts."""

from datetime import UTC, datetime
from typing import Any

from pipeline.books import Run
from pipeline.candidates import active
from pipeline.records import Summary, prompt_fingerprint
from tests.digests import a_paper, a_summary

TEXT, LATER_TEXT = "a" * 64, "b" * 64


def run(**changes: Any) -> Run:
    return Run(
        topic="tides",
        snapshot="20260501_0405",
        instant=datetime(2026, 4, 30, 20, 5, tzinfo=UTC),
        time_zone="UTC",
        prompt="one_line",
        prompt_fingerprint="c" * 64,
        template_fingerprint=TEXT,
        model="tide-1",
    ).but(**changes)


def candidate(line: str, text: str = TEXT, **changes: Any) -> Summary:
    """By that text of the prompt one_line, with the `terms` that are named."""
    fingerprint = prompt_fingerprint(text, changes.get("terms", {}))
    return a_summary(a_paper(), {"en": line}, **{"prompt_fingerprint": fingerprint, **changes})


def shown(made: Run, *candidates: Summary) -> str:
    return active(made, candidates)[a_paper().id].lines["en"]


def test_the_text_that_is_active_comes_before_a_later_one() -> None:
    assert shown(run(), candidate("first"), candidate("later", LATER_TEXT)) == "first"


def test_a_later_text_stands_in_where_the_active_one_wrote_nothing() -> None:
    assert shown(run(), candidate("later", LATER_TEXT)) == "later"


def test_lines_with_terms_that_are_not_in_force_stay_beside() -> None:
    new = candidate("new", terms={"tide gauge": "验潮仪"})
    assert shown(run(), candidate("old"), new) == "old"
    assert shown(run(terms={"tide gauge": "潮位计"}), candidate("old"), new) == "old"


def test_lines_with_all_terms_that_are_in_force_come_first_in_whatever_order_they_were_made() -> (
    None
):
    made = run(terms={"tide gauge": "验潮仪", "kelp": "海藻"})
    old = candidate("old")
    new = candidate("new", terms={"tide gauge": "验潮仪"})
    assert shown(made, old, new) == "new"
    assert shown(made, new, old) == "new"


def test_a_snapshot_of_before_there_were_terms_shows_what_it_showed() -> None:
    made = run(prompt_fingerprint=TEXT, template_fingerprint=None)
    assert shown(made, candidate("old"), candidate("later", LATER_TEXT)) == "old"

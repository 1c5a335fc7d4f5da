"""Papers that somebody asks for by their id."""

import dataclasses

import pytest
from werkzeug import Response

from pipeline.errors import ArxivUnavailable, UsageError
from tests.feeds import NOW, atom, entry
from tests.nights import DAY, statuses, titles


def test_a_paper_by_hand_waits_for_the_next_snapshot_only(arxiv, night, outputs) -> None:
    arxiv.entries = [entry(7, hours=4000)]
    (paper,) = night.by_hand(["2603.90007"])
    assert paper.title == "Lantern 7"
    assert [(w.paper.id, w.reason) for w in outputs.waiting("lamps")] == [("2603.90007", "by hand")]
    assert outputs.snapshots("lamps") == []
    arxiv.entries = [entry(1)]
    assert titles(night(NOW + DAY).snapshot) == ["Lantern 1", "Lantern 7"]
    assert outputs.waiting("lamps") == []
    assert night(NOW + 2 * DAY).snapshot is None


def test_it_is_shown_whatever_the_filters_and_the_limit_say(arxiv, night, outputs) -> None:
    arxiv.entries = [entry(7, hours=4000, title="A survey of lanterns")]
    night.by_hand(["2603.90007"])
    arxiv.entries = [entry(1), entry(2)]
    fetched = night(limit=1, exclude=("survey",), categories=("math.*",))
    assert titles(fetched.snapshot) == ["A survey of lanterns"]
    assert fetched.counts["filtered_categories"] == 2


def test_a_quiet_night_makes_a_snapshot_of_it(arxiv, night) -> None:
    night()
    arxiv.entries = [entry(7, hours=4000)]
    night.by_hand(["2603.90007"])
    arxiv.entries = []
    assert titles(night(NOW + DAY).snapshot) == ["Lantern 7"]


def test_it_is_added_to_the_newest_ones_too(arxiv, night, outputs) -> None:
    arxiv.entries = [entry(7, hours=4000)]
    night.by_hand(["2603.90007"])
    arxiv.entries = [entry(1, hours=1), entry(2, hours=2)]
    fetched = night(NOW + DAY, select="latest", limit=2)
    assert titles(fetched.snapshot) == ["Lantern 1", "Lantern 7"]
    assert outputs.waiting("lamps") == []


def test_it_is_shown_in_the_version_of_the_night_that_shows_it(arxiv, night) -> None:
    arxiv.entries = [entry(7, hours=4000)]
    night.by_hand(["2603.90007"])
    gone = entry(7, version=2, hours=-20, comment="This paper has been withdrawn")
    arxiv.entries = [dataclasses.replace(gone, updated="2026-01-01T00:00:00Z")]
    assert statuses(night(NOW + DAY).snapshot) == {"2603.90007": "withdrawn"}


@pytest.mark.parametrize("select", ["new", "latest"])
def test_the_newest_ones_and_the_new_ask_for_it_again(arxiv, night, select) -> None:
    arxiv.entries = [entry(7, hours=4000)]
    night.by_hand(["2603.90007"])
    arxiv.entries = [entry(7, version=2, hours=4000, title="Lantern VII")]
    assert titles(night(NOW + DAY, select=select).snapshot) == ["Lantern VII"]


def test_one_that_arxiv_announces_and_does_not_send_is_no_unknown_one(arxiv, night) -> None:
    arxiv.answers = [Response(atom([], total=1)) for _ in range(9)]
    with pytest.raises(ArxivUnavailable, match="1 of 1 papers asked for did not arrive"):
        night.by_hand(["2603.90007"])


@pytest.mark.parametrize(
    "written", ["2603.90007", "2603.90007v1", "arXiv:2603.90007", " 2603.90007 ", "2603.90007V1"]
)
def test_an_id_may_be_written_as_people_do(arxiv, night, written) -> None:
    arxiv.entries = [entry(7)]
    assert [paper.id for paper in night.by_hand([written])] == ["2603.90007"]


@pytest.mark.parametrize("written", ["", "lantern", "2603.90007v0", "../2603.90007", "2603.9,1"])
def test_what_is_no_id_is_refused_before_arxiv_is_asked(arxiv, night, written) -> None:
    with pytest.raises(UsageError, match="is no arXiv id"):
        night.by_hand([written])
    assert arxiv.requests == []


def test_an_id_that_arxiv_does_not_know_adds_none(arxiv, night, outputs) -> None:
    arxiv.entries = [entry(7)]
    with pytest.raises(UsageError, match=r"there is no paper 2603\.90009"):
        night.by_hand(["2603.90007", "2603.90009"])
    assert outputs.waiting("lamps") == []


def test_what_was_shown_is_not_shown_again_but_its_next_version_is(arxiv, night) -> None:
    arxiv.entries = [entry(7)]
    night()
    with pytest.raises(UsageError, match=r"2603\.90007v1 was shown already") as caught:
        night.by_hand(["2603.90007"])
    assert caught.value.where == "lamps/20260312_0405"
    arxiv.entries = [entry(7, version=2, comment="12 pages")]
    night.by_hand(["2603.90007"])
    assert statuses(night(NOW + DAY).snapshot) == {"2603.90007": "revised"}


def test_one_that_waits_for_room_goes_first_and_keeps_its_place_in_time(
    arxiv, night, outputs
) -> None:
    arxiv.entries = [entry(1, hours=1), entry(2, hours=2), entry(3, hours=3)]
    night(limit=1)
    night.by_hand(["2603.90003"], NOW + DAY)
    since = {w.paper.id: w.since for w in outputs.waiting("lamps")}
    assert since["2603.90003"] == NOW
    assert titles(night(NOW + DAY, limit=1).snapshot) == ["Lantern 3"]
    assert [w.paper.title for w in outputs.waiting("lamps")] == ["Lantern 2"]

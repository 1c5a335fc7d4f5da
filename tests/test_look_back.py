"""How far a night looks back, and what happens where not everything arrived."""

import json
from datetime import timedelta

import jsonschema
import pytest
from werkzeug import Response

from pipeline.books import Waiting
from pipeline.errors import ArxivUnavailable, DamagedFile
from pipeline.stages.fetch import make_up_for_waiting
from tests.digests import a_paper
from tests.feeds import NOW, atom, entry
from tests.nights import DAY, titles


def looked_back(outputs) -> list[int]:
    """By night, the days that it looked back, oldest night first."""
    return [(f.at - f.since).days for f in reversed(list(outputs.fetches("lamps")))]


class TestDays:
    def test_the_first_night_looks_back_three_and_the_next_fourteen_more_than_a_night(
        self, night, outputs
    ) -> None:
        for count in range(3):
            night(NOW + count * DAY)
        assert looked_back(outputs) == [3, 15, 15]

    def test_once_a_week_it_is_sixty(self, night, outputs) -> None:
        for count in (*range(9), 13, 14, 15):
            night(NOW + count * DAY)
        assert looked_back(outputs) == [3, *[15] * 6, 60, 15, 19, 60, 15]

    def test_nights_that_begin_some_minutes_early_do_not_put_it_off(self, night, outputs) -> None:
        for count in range(8):
            night(NOW + count * DAY - count * timedelta(minutes=5))
        assert looked_back(outputs)[-1] == 60

    def test_nights_left_out_are_looked_back_over(self, night, outputs) -> None:
        night()
        night(NOW + 5 * DAY)
        assert looked_back(outputs)[-1] == 19

    def test_a_long_pause_is_too(self, night, outputs) -> None:
        night()
        night(NOW + 90 * DAY)
        assert looked_back(outputs)[-1] == 104

    def test_a_fetch_that_was_not_complete_does_not_count(self, arxiv, night, outputs) -> None:
        night()
        arxiv.answers = [Response(atom([], total=9)) for _ in range(99)]
        night(NOW + DAY)
        arxiv.answers = []
        night(NOW + 2 * DAY)
        night(NOW + 3 * DAY)
        assert looked_back(outputs) == [3, 15, 16, 15]

    def test_neither_does_a_first_one(self, arxiv, night, outputs) -> None:
        arxiv.answers = [Response(atom([], total=9)) for _ in range(99)]
        night()
        arxiv.answers = []
        night(NOW + 2 * DAY)
        assert looked_back(outputs) == [3, 5]

    def test_a_wide_one_that_was_not_complete_is_made_again(self, arxiv, night, outputs) -> None:
        for count in range(7):
            night(NOW + count * DAY)
        arxiv.answers = [Response(atom([], total=9)) for _ in range(99)]
        night(NOW + 7 * DAY)
        arxiv.answers = []
        night(NOW + 8 * DAY)
        assert looked_back(outputs)[-2:] == [60, 61]

    def test_after_what_waited_was_lost_it_is_sixty_or_as_far_as_papers_have_waited(
        self, night, outputs
    ) -> None:
        for count in range(9):
            night(NOW + count * DAY)
        make_up_for_waiting(outputs, "lamps", [])
        night(NOW + 9 * DAY)
        long = a_paper(1).but(latest=NOW - 80 * DAY)
        kept = [Waiting(paper=long, reason="limit", since=NOW)]
        make_up_for_waiting(outputs, "lamps", kept)
        night(NOW + 10 * DAY)
        night(NOW + 11 * DAY)
        looked = [(f.at - f.since).days for f in outputs.fetches("lamps") if f.complete]
        assert looked[:4] == [15, 90, 60, 15]

    def test_where_the_record_is_lost_the_snapshots_tell(self, arxiv, night, outputs) -> None:
        arxiv.entries = [entry(1)]
        night()
        (outputs.topic_folder("lamps") / "fetches.jsonl").unlink()
        night(NOW + DAY)
        assert looked_back(outputs) == [60]

    def test_a_fetch_of_a_later_time_by_a_clock_that_was_wrong_does_not_count(
        self, night, outputs
    ) -> None:
        night()
        night(NOW + 300 * DAY)
        night(NOW + DAY)
        assert looked_back(outputs)[-1] == 15

    def test_a_damaged_record_says_what_to_do(self, night, outputs) -> None:
        night()
        path = outputs.topic_folder("lamps") / "fetches.jsonl"
        path.write_text('{"x": 1}\n', encoding="utf-8")
        with pytest.raises(DamagedFile, match="fetches") as caught:
            night(NOW + DAY)
        assert "Move the file away" in caught.value.next_step
        path.unlink()
        night(NOW + 2 * DAY)


class TestRecord:
    def test_every_fetch_leaves_a_line_a_quiet_one_too(self, arxiv, night, outputs) -> None:
        arxiv.entries = [entry(1)]
        made = night().snapshot
        night(NOW + DAY)
        quiet, first = outputs.fetches("lamps")
        assert (first.snapshot, quiet.snapshot) == (made.name, None)
        assert (first.complete, quiet.complete) == (True, True)
        assert quiet.counts["left_out_as_seen"] == 1

    def test_it_names_what_a_rule_left_out(self, arxiv, night, outputs) -> None:
        arxiv.entries = [entry(1), entry(2, title="A survey of lanterns")]
        night(exclude=("survey",), categories=("cs.*",))
        (fetched,) = outputs.fetches("lamps")
        assert fetched.filtered == {"exclude": ("2603.90002",)}

    def test_a_fetch_that_failed_leaves_none(self, arxiv, night, outputs) -> None:
        arxiv.answers = [Response("busy", status=503)] * 50
        with pytest.raises(ArxivUnavailable):
            night()
        assert list(outputs.fetches("lamps")) == []
        assert outputs.snapshots("lamps") == []

    def test_it_is_what_its_schema_says(self, arxiv, night, outputs, repository) -> None:
        arxiv.entries = [entry(1), entry(2, title=" ")]
        night(select="latest")
        schema = json.loads((repository / "docs/schema/fetch.json").read_text("utf-8"))
        (line,) = (outputs.topic_folder("lamps") / "fetches.jsonl").read_text("utf-8").splitlines()
        record = json.loads(line)
        assert record["unreadable"]
        jsonschema.validate(record, schema)


class TestIncomplete:
    def test_what_arrived_is_shown_the_rest_is_told_and_comes_with_the_next(
        self, arxiv, night
    ) -> None:
        arxiv.entries = [entry(1), entry(2)]
        arxiv.answers = [Response(atom([entry(1)], total=2)) for _ in range(99)]
        first = night()
        assert titles(first.snapshot) == ["Lantern 1"]
        assert first.missing == ("1 of 2 announced entries did not arrive",)
        assert not first.snapshot.run().stages["fetch"].complete
        arxiv.answers = []
        papers = (first.snapshot.folder / "1-papers.jsonl").read_bytes()
        second = night(NOW + timedelta(minutes=10))
        assert titles(second.snapshot) == ["Lantern 2"]
        assert second.missing == ()
        assert (first.snapshot.folder / "1-papers.jsonl").read_bytes() == papers

    def test_an_archive_that_has_nothing_any_more_is_not_believed(self, arxiv, night) -> None:
        arxiv.entries = [entry(1)]
        night()
        arxiv.entries = []
        fetched = night(NOW + DAY)
        assert fetched.snapshot is None
        assert fetched.missing == ("nothing arrived, not even what lamps/20260312_0405 shows",)

    def test_one_that_has_nothing_new_for_weeks_is(self, arxiv, night) -> None:
        arxiv.entries = [entry(1, hours=60)]
        night()
        arxiv.entries = []
        assert night(NOW + DAY).missing != ()
        assert night(NOW + 40 * DAY).missing == ()

    def test_it_is_not_a_quiet_night(self, arxiv, night, outputs) -> None:
        arxiv.answers = [Response(atom([], total=3)) for _ in range(99)]
        fetched = night()
        assert fetched.snapshot is None
        assert fetched.missing == ("3 of 3 announced entries did not arrive",)
        (record,) = outputs.fetches("lamps")
        assert (record.complete, record.missed) == (False, fetched.missing)

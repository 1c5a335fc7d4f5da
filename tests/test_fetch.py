"""The fetch stage: nights of a topic against a small arXiv, and the demonstration's feeds."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from werkzeug import Response

from pipeline.errors import ArxivUnavailable, UsageError
from pipeline.outputs import Outputs
from pipeline.settings import ArxivSettings, Settings, TopicSettings
from pipeline.sources.source import open_source
from pipeline.stages.fetch import fetch
from tests.feeds import NOW, atom, entry
from tests.nights import DAY, statuses, titles

DEMO = Path(__file__).parents[1] / "pipeline" / "demo"


class TestNew:
    def test_the_first_night_shows_the_last_three_days_newest_first(self, arxiv, night) -> None:
        arxiv.entries = [entry(1, hours=70), entry(2, hours=2), entry(3, hours=73)]
        fetched = night()
        assert titles(fetched.snapshot) == ["Lantern 2", "Lantern 1"]
        assert {what: count for what, count in fetched.counts.items() if count} == {
            "fetched": 2,
            "new": 2,
        }

    def test_the_snapshot_is_named_in_the_zone_and_says_what_made_it(self, arxiv, night) -> None:
        arxiv.entries = [entry(1)]
        fetched = night()
        assert fetched.snapshot is not None
        run = fetched.snapshot.run()
        assert str(fetched.snapshot) == "lamps/20260312_0405"
        assert (run.instant, run.time_zone) == (NOW, "Asia/Shanghai")
        assert run.stages["fetch"].complete
        assert run.stages["fetch"].counts == fetched.counts

    def test_the_next_night_shows_only_what_is_new_or_revised(self, arxiv, night) -> None:
        arxiv.entries = [entry(1), entry(2)]
        night()
        second = entry(2, version=2, hours=-20, abstract="They dim later now.")
        arxiv.entries = [entry(1), second, entry(3, hours=-20)]
        fetched = night(NOW + DAY)
        assert statuses(fetched.snapshot) == {"2603.90002": "revised", "2603.90003": "new"}
        assert fetched.counts["left_out_as_seen"] == 1

    def test_a_quiet_night_makes_no_snapshot(self, arxiv, night, outputs) -> None:
        arxiv.entries = [entry(1)]
        night()
        fetched = night(NOW + DAY)
        assert fetched.snapshot is None
        assert fetched.counts["left_out_as_seen"] == 1
        assert len(outputs.snapshots("lamps")) == 1

    @pytest.mark.parametrize(
        "change", [{"title": "Lantern II"}, {"abstract": "Dims later."}, {"comment": "12 pages"}]
    )
    def test_a_new_version_is_a_revision_where_its_text_changed(self, arxiv, night, change) -> None:
        arxiv.entries = [entry(1)]
        night()
        arxiv.entries = [entry(1, version=2, hours=-20, **change)]
        assert statuses(night(NOW + DAY).snapshot) == {"2603.90001": "revised"}
        assert night(NOW + 2 * DAY).snapshot is None

    def test_a_new_version_with_the_same_text_is_seen(self, arxiv, night) -> None:
        arxiv.entries = [entry(1)]
        night()
        arxiv.entries = [entry(1, version=2, hours=-20, authors=("Ada Lumen",))]
        assert night(NOW + DAY).snapshot is None
        arxiv.entries = [entry(1, version=3, hours=-30, comment="12 pages")]
        assert statuses(night(NOW + 2 * DAY).snapshot) == {"2603.90001": "revised"}

    def test_a_withdrawn_paper_is_shown_once_as_withdrawn(self, arxiv, night) -> None:
        arxiv.entries = [entry(1)]
        night()
        arxiv.entries = [entry(1, version=2, hours=-20, comment="This paper has been withdrawn")]
        assert statuses(night(NOW + DAY).snapshot) == {"2603.90001": "withdrawn"}
        assert night(NOW + 2 * DAY).snapshot is None

    def test_a_paper_that_arxiv_held_back_is_found_up_to_two_weeks_later_and_in_the_end(
        self, arxiv, night
    ) -> None:
        arxiv.entries = [entry(1)]
        night()
        arxiv.entries += [entry(2, hours=13 * 24), entry(3, hours=15 * 24), entry(4, hours=1500)]
        assert titles(night(NOW + DAY).snapshot) == ["Lantern 2"]
        assert [night(NOW + n * DAY).snapshot for n in range(2, 7)] == [None] * 5
        assert titles(night(NOW + 7 * DAY).snapshot) == ["Lantern 3"]

    def test_papers_updated_after_now_do_not_exist_yet(self, arxiv, night) -> None:
        arxiv.entries = [entry(1), entry(2, hours=-1)]
        fetched = night()
        assert titles(fetched.snapshot) == ["Lantern 1"]
        assert fetched.counts["filtered_future"] == 1

    def test_a_damaged_entry_makes_the_fetch_incomplete(self, arxiv, night) -> None:
        arxiv.entries = [entry(1), entry(2, title=" ")]
        fetched = night()
        assert fetched.snapshot is not None
        assert fetched.counts["filtered_unreadable"] == 1
        stage = fetched.snapshot.run().stages["fetch"]
        assert not stage.complete
        assert stage.left_out == fetched.missing
        assert "2603.90002" in stage.left_out[0]

    def test_a_damaged_entry_is_named_once_and_shown_when_it_is_mended(self, arxiv, night) -> None:
        arxiv.entries = [entry(1), entry(2, title=" ")]
        night()
        again = night(NOW + DAY)
        assert (again.snapshot, again.missing) == (None, ())
        assert again.counts["filtered_unreadable"] == 1
        arxiv.entries[1] = entry(2)
        assert titles(night(NOW + 2 * DAY).snapshot) == ["Lantern 2"]

    def test_a_night_before_the_newest_snapshot_is_refused_naming_both(self, arxiv, night) -> None:
        arxiv.entries = [entry(1)]
        night()
        with pytest.raises(UsageError) as caught:
            night(NOW - DAY)
        assert "2026-03-10T20:05:00Z" in str(caught.value)
        assert "2026-03-11T20:05:00Z" in str(caught.value)

    def test_a_failure_on_a_later_page_leaves_everything_as_it_was(
        self, arxiv, night, outputs
    ) -> None:
        arxiv.entries = [entry(n, hours=n) for n in range(5)]
        first_page = Response(atom(arxiv.entries[:3], total=5))
        arxiv.answers = [first_page, *[Response("busy", status=503) for _ in range(9)]]
        with pytest.raises(ArxivUnavailable):
            night()
        assert outputs.snapshots("lamps") == []
        assert outputs.waiting("lamps") == []


class TestWaiting:
    def test_what_is_over_the_limit_waits_and_comes_the_next_night(
        self, arxiv, night, outputs
    ) -> None:
        arxiv.entries = [entry(n, hours=n) for n in (1, 2, 3)]
        first = night(limit=2)
        assert titles(first.snapshot) == ["Lantern 1", "Lantern 2"]
        assert first.counts["waiting"] == 1
        assert [(w.paper.title, w.reason) for w in outputs.waiting("lamps")] == [
            ("Lantern 3", "limit")
        ]
        assert titles(night(NOW + DAY, limit=2).snapshot) == ["Lantern 3"]
        assert outputs.waiting("lamps") == []

    def test_it_waits_on_even_when_arxiv_no_longer_lists_it(self, arxiv, night) -> None:
        arxiv.entries = [entry(1, hours=1), entry(2, hours=2)]
        night(limit=1)
        arxiv.entries = []
        assert titles(night(NOW + 30 * DAY, limit=1).snapshot) == ["Lantern 2"]

    def test_what_another_query_found_waits_only_if_this_one_finds_it(
        self, arxiv, night, outputs
    ) -> None:
        arxiv.entries = [
            entry(1, hours=1),
            entry(2, hours=2, title="Moth 2", abstract="Moths."),
            entry(3, hours=3, title="Lamp and moth"),
        ]
        night(limit=1)
        arxiv.entries = []
        fetched = night(NOW + DAY, query="all:lamp")
        assert titles(fetched.snapshot) == ["Lamp and moth"]
        assert fetched.counts["filtered_query"] == 1
        (last, _) = outputs.fetches("lamps")
        assert last.filtered == {"query": ("2603.90002",)}

    def test_it_gives_way_to_its_newer_version_but_keeps_its_place_in_time(
        self, arxiv, night, outputs
    ) -> None:
        arxiv.entries = [entry(1, hours=1), entry(2, hours=2), entry(3, hours=3)]
        night(limit=1)
        arxiv.entries[1] = entry(2, version=2, hours=2)
        arxiv.entries.append(entry(4, hours=-20))
        night(NOW + DAY, limit=1)
        waiting = {w.paper.id: (w.paper.version, w.since) for w in outputs.waiting("lamps")}
        assert waiting == {"2603.90002": (2, NOW), "2603.90003": (1, NOW)}

    def test_a_run_killed_before_its_snapshot_loses_nothing(
        self, arxiv, night, outputs, monkeypatch
    ) -> None:
        arxiv.entries = [entry(1, hours=1), entry(2, hours=2)]
        with monkeypatch.context() as patch:
            patch.setattr(Outputs, "create_snapshot", killed)
            with pytest.raises(KeyboardInterrupt):
                night(limit=1)
        assert [w.reason for w in outputs.waiting("lamps")] == ["unfinished", "limit"]
        arxiv.entries = []
        assert titles(night(NOW + 9 * DAY).snapshot) == ["Lantern 1", "Lantern 2"]
        assert outputs.waiting("lamps") == []

    def test_a_run_killed_after_its_snapshot_shows_nothing_twice(
        self, arxiv, night, outputs
    ) -> None:
        arxiv.entries = [entry(1, hours=1), entry(2, hours=2)]
        fetched = night(limit=1)
        assert fetched.snapshot is not None
        [left] = outputs.waiting("lamps")
        shown = [left.but(paper=p, reason="unfinished") for p in fetched.snapshot.papers()]
        outputs.write_waiting("lamps", [*shown, left])
        assert titles(night(NOW + DAY).snapshot) == ["Lantern 2"]
        outputs.write_waiting("lamps", shown)
        assert night(NOW + 2 * DAY).snapshot is None
        assert outputs.waiting("lamps") == []


def killed(*_: object) -> None:
    raise KeyboardInterrupt


class TestLatest:
    def test_shows_the_newest_shown_before_or_not(self, arxiv, night) -> None:
        arxiv.entries = [entry(n, hours=24 * n) for n in (1, 2, 30)]
        first = night(select="latest", limit=2)
        assert titles(first.snapshot) == ["Lantern 1", "Lantern 2"]
        arxiv.entries.append(entry(4, hours=-20))
        second = night(NOW + DAY, select="latest", limit=2)
        assert statuses(second.snapshot) == {"2603.90004": "new", "2603.90001": "seen"}

    def test_makes_no_snapshot_of_the_same_set(self, arxiv, night) -> None:
        arxiv.entries = [entry(1), entry(2)]
        night(select="latest", limit=2)
        assert night(NOW + DAY, select="latest", limit=2).snapshot is None

    def test_makes_one_when_only_a_version_changed(self, arxiv, night) -> None:
        arxiv.entries = [entry(1), entry(2)]
        night(select="latest", limit=2)
        arxiv.entries[1] = entry(2, version=2, comment="12 pages")
        fetched = night(NOW + DAY, select="latest", limit=2)
        assert statuses(fetched.snapshot) == {"2603.90001": "seen", "2603.90002": "revised"}

    def test_leaves_out_the_future_and_fills_up_to_the_limit(self, arxiv, night) -> None:
        arxiv.entries = [entry(0, hours=-1), entry(1, hours=1), entry(2, hours=2)]
        fetched = night(select="latest", limit=2)
        assert titles(fetched.snapshot) == ["Lantern 1", "Lantern 2"]
        assert fetched.counts["filtered_future"] == 1

    def test_makes_no_snapshot_of_nothing(self, night) -> None:
        assert night(select="latest").snapshot is None


def test_two_fetches_in_one_minute_get_names_of_their_own(arxiv, night) -> None:
    arxiv.entries = [entry(1)]
    night()
    arxiv.entries.append(entry(2))
    fetched = night(NOW + timedelta(seconds=10))
    assert fetched.snapshot is not None
    assert fetched.snapshot.name == "20260312_0406"


def test_a_paper_met_on_two_pages_is_shown_once(arxiv, night) -> None:
    arxiv.entries = [entry(1), entry(2), entry(3), entry(1)]
    assert sorted(titles(night().snapshot)) == ["Lantern 1", "Lantern 2", "Lantern 3"]


def test_the_demonstrations_nights_follow_each_other(outputs) -> None:
    topic = TopicSettings(name="demo", query="all:fine")
    nights = {}
    for name, day in (("night1", 14), ("night2", 15)):
        feed = ArxivSettings(url=(DEMO / f"{name}.atom").as_uri(), delay=0.0)
        settings = Settings(outputs=outputs.root, cache=outputs.root.parent / "cache", arxiv=feed)
        now = datetime(2026, 1, day, 20, 5, tzinfo=UTC)
        with outputs.working_on("demo"):
            nights[name] = fetch(settings, topic, now, open_source(settings))
    assert nights["night1"].counts["new"] > 0
    assert nights["night2"].counts["revised"] > 0
    assert nights["night2"].counts["left_out_as_seen"] > 0
    assert nights["night1"].missing == nights["night2"].missing == ()

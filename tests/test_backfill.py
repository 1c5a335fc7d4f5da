"""Snapshots of past days: what each of arXiv's announcements brought, however often one begins."""

import contextlib
import dataclasses
import json
import queue
import re
import signal
import subprocess
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from werkzeug import Response

from pipeline import files
from pipeline.backfill import Filled, backfill
from pipeline.errors import ArxivUnavailable
from pipeline.executors.selection import opened
from pipeline.gate_settings import ReviewSettings
from pipeline.outputs import Outputs
from pipeline.progress import Plain
from pipeline.run import Night
from pipeline.settings import ArxivSettings, ModelSettings, Settings, SiteSettings, TopicSettings
from pipeline.sources.dump import Dump
from pipeline.sources.schedule import announcement_of, announcements
from pipeline.sources.source import Source, open_source
from pipeline.stages.fetch import Fetched, fetch
from tests.feeds import Entry
from tests.model_server import ModelServer, good_lines
from tests.nights import PROMPTS
from tests.replay import (
    DAY,
    ZONE,
    Archive,
    Desk,
    History,
    VersionedArxiv,
    an_archive,
    assert_books_balance,
    assert_never_new_twice,
    books,
    histories,
    nights,
    stamp,
    version,
    versioned,
)
from tests.test_seed import QUERY
from tests.testbed_servers import serving

MONDAY, FRIDAY = date(2026, 3, 16), date(2026, 3, 20)
"""A week of summer time in New York: deadlines at 18:00, announcements at 00:00 UTC."""

LATER = datetime(2026, 4, 20, 12, tzinfo=UTC)


def at(moment: str) -> datetime:
    """A time of 2026 in UTC, such as 03-16 12:00."""
    return datetime.fromisoformat(f"2026-{moment}+00:00")


def paper(number: int, submitted: str, **changes: Any) -> Entry:
    """An invented paper; its id should follow those submitted before it, as arXiv's do."""
    dated = stamp(at(submitted))
    made = Entry(id=f"2603.9{number:04}", title=f"Lantern {number}")
    return dataclasses.replace(made, updated=dated, published=dated, **changes)


def papers(*submitted: str) -> list[Entry]:
    """As many papers, numbered from 1."""
    return [paper(number, moment) for number, moment in enumerate(submitted, 1)]


class Past:
    """A folder in which the days of the topic `lamps` are made; digests are published at once."""

    def __init__(self, folder: Path, url: str, **more: Any) -> None:
        self.folder = folder
        self.outputs = Outputs(folder / "outputs")
        self.settings = Settings(
            outputs=self.outputs.root,
            cache=folder / "cache",
            prompts=PROMPTS,
            arxiv=ArxivSettings(url=url, delay=0.0, page_size=5, patience=0.0),
            model=ModelSettings(name="embedded"),
            review=ReviewSettings(policy="none"),
            site=SiteSettings(search=False),
            **more,
        )

    def fill(
        self,
        first: date = MONDAY,
        last: date = FRIDAY,
        *,
        now: datetime = LATER,
        source: Source | None = None,
        **topic: Any,
    ) -> Filled:
        """The days from `first` to `last`; keywords are the topic's settings."""
        with opened(self.settings) as executor:
            night = Night(self.settings, now, executor, Plain())
            return backfill(night, self.topic(**topic), first, last, source or night.source)

    def night(self, now: datetime, **topic: Any) -> Fetched:
        """A night's fetch."""
        with self.outputs.working_on("lamps"):
            source = open_source(self.settings)
            return fetch(self.settings, self.topic(**topic), now, source)

    def topic(self, **more: Any) -> TopicSettings:
        return TopicSettings(name="lamps", query="all:lantern", **more)

    def shown(self) -> dict[str, dict[str, str]]:
        """By snapshot, oldest first: the papers' versions in their order, and their statuses."""
        return {
            snapshot.name: {f"{p.id[-2:]}v{p.version}": p.status for p in snapshot.papers()}
            for snapshot in self.outputs.snapshots("lamps")
        }

    def waiting(self) -> dict[str, datetime]:
        """What waits, and since when."""
        waiting = self.outputs.waiting("lamps")
        return {f"{each.paper.id[-2:]}v{each.paper.version}": each.since for each in waiting}


@pytest.fixture
def archive(httpserver: HTTPServer) -> VersionedArxiv:
    return VersionedArxiv(httpserver)


@pytest.fixture
def past(archive: VersionedArxiv, tmp_path: Path) -> Past:
    return Past(tmp_path, archive.url)


class TestDays:
    def test_each_announcement_makes_one_snapshot_of_what_met_its_deadline(
        self, archive: VersionedArxiv, past: Past
    ) -> None:
        archive.entries = papers(
            "03-12 17:59:59",  # Thursday's announcement, Friday in the zone: before the days
            "03-12 18:00:00",
            "03-13 17:59:59",  # Sunday's
            "03-13 18:00:00",
            "03-15 12:00:00",
            "03-16 17:59:59",  # Monday's
            "03-16 18:00:00",
            "03-17 17:59:59",  # Tuesday's
            "03-18 18:00:00",
            "03-19 17:59:59",  # Thursday's; nothing came on Wednesday
            "03-19 18:00:00",  # Sunday's: after the days
        )
        filled = past.fill()
        assert past.shown() == {
            "20260316_0800": {"03v1": "new", "02v1": "new"},
            "20260317_0800": {"06v1": "new", "05v1": "new", "04v1": "new"},
            "20260318_0800": {"08v1": "new", "07v1": "new"},
            "20260320_0800": {"10v1": "new", "09v1": "new"},
        }
        assert (filled.days, filled.papers, filled.gaps, filled.waiting) == (5, 9, 0, 0)
        assert filled.snapshots == tuple(past.shown())
        assert filled.missing == ()

    def test_snapshots_are_of_the_announcements_instant_and_published(
        self, archive: VersionedArxiv, past: Past
    ) -> None:
        archive.entries = papers("03-16 12:00:00")
        past.fill()
        (snapshot,) = past.outputs.snapshots("lamps")
        assert snapshot.run().instant == at("03-17 00:00:00")
        digest = snapshot.digest()
        assert digest is not None
        assert digest.status == "published"
        assert (past.outputs.site / "lamps" / "20260317_0800.html").is_file()

    def test_in_winter_the_announcement_is_an_hour_later(
        self, archive: VersionedArxiv, past: Past
    ) -> None:
        archive.entries = papers("01-12 18:59:59", "01-12 19:00:00")
        past.fill(date(2026, 1, 13), date(2026, 1, 14))
        assert past.shown() == {
            "20260113_0900": {"01v1": "new"},
            "20260114_0900": {"02v1": "new"},
        }

    def test_dates_are_those_of_the_zone(self, archive: VersionedArxiv, tmp_path: Path) -> None:
        archive.entries = papers("03-16 12:00:00", "03-17 12:00:00", "03-18 12:00:00")
        past = Past(tmp_path, archive.url, time_zone="America/New_York")
        past.fill(date(2026, 3, 17), date(2026, 3, 17))
        assert list(past.shown()) == ["20260317_2000"]

    def test_days_without_an_announcement_make_nothing_and_ask_nothing(
        self, archive: VersionedArxiv, past: Past
    ) -> None:
        archive.entries = papers("03-13 12:00:00")
        filled = past.fill(date(2026, 3, 14), date(2026, 3, 15))
        assert (filled.days, filled.snapshots) == (0, ())
        assert archive.requests == []

    def test_days_to_come_are_not_made(self, archive: VersionedArxiv, past: Past) -> None:
        archive.entries = papers("03-16 12:00:00", "03-17 12:00:00", "03-18 12:00:00")
        archive.now = at("03-17 23:59:59")
        filled = past.fill(MONDAY, date(2026, 12, 31), now=archive.now)
        assert list(past.shown()) == ["20260317_0800"]
        assert filled.days == 2
        archive.now = at("03-18 00:00:00")
        past.fill(MONDAY, date(2026, 12, 31), now=archive.now)
        assert list(past.shown()) == ["20260317_0800", "20260318_0800"]

    def test_the_books_of_each_balance(self, archive: VersionedArxiv, past: Past) -> None:
        archive.entries = papers("03-16 12:00:00", "03-16 13:00:00", "03-17 12:00:00")
        archive.entries.append(version(archive.entries[0], 2, at("03-17 13:00:00")))
        archive.entries.append(paper(4, "03-17 14:00:00", title="A survey of lanterns"))
        past.fill(limit=1, exclude=("survey",))
        counts = [s.run().stages["fetch"].counts for s in past.outputs.snapshots("lamps")]
        assert len(counts) == 3
        for each in counts:
            fetched, others = books(each)
            assert fetched == sum(others.values())
        assert sum(each["filtered_exclude"] for each in counts) == 1

    def test_what_arxiv_does_not_give_is_told(self, archive: VersionedArxiv, past: Past) -> None:
        archive.entries = papers("03-16 12:00:00", "03-17 12:00:00")
        archive.entries.append(paper(3, "03-17 13:00:00", title=" "))
        filled = past.fill()
        (told,) = filled.missing
        assert "2603.90003" in told.reason
        assert [len(shown) for shown in past.shown().values()] == [1, 1]

    def test_where_arxiv_gives_nothing_everything_stays(
        self, archive: VersionedArxiv, past: Past
    ) -> None:
        archive.answers = [Response("busy", 503) for _ in range(99)]
        with pytest.raises(ArxivUnavailable):
            past.fill()
        assert past.shown() == {}


class TestVersions:
    def test_each_is_shown_on_its_own_day(self, archive: VersionedArxiv, past: Past) -> None:
        first = paper(1, "03-16 12:00:00")
        second = version(first, 2, at("03-17 12:00:00"), abstract="Lanterns dim later.")
        third = version(second, 3, at("03-19 12:00:00"), comment="9 pages")
        archive.entries = [first, second, third]
        past.fill()
        assert past.shown() == {
            "20260317_0800": {"01v1": "new"},
            "20260318_0800": {"01v2": "revised"},
            "20260320_0800": {"01v3": "revised"},
        }
        texts = [s.papers()[0] for s in past.outputs.snapshots("lamps")]
        assert [p.abstract == second.abstract for p in texts] == [False, True, True]
        assert [p.comments for p in texts] == [None, None, "9 pages"]

    def test_one_without_a_change_is_not_shown(self, archive: VersionedArxiv, past: Past) -> None:
        first = paper(1, "03-16 12:00:00")
        archive.entries = [first, version(first, 2, at("03-17 12:00:00"))]
        past.fill()
        assert past.shown() == {"20260317_0800": {"01v1": "new"}}

    def test_two_of_one_day_are_shown_as_the_later(
        self, archive: VersionedArxiv, past: Past
    ) -> None:
        first = paper(1, "03-16 12:00:00")
        archive.entries = [first, version(first, 2, at("03-16 13:00:00"), title="Lanterns")]
        past.fill()
        assert past.shown() == {"20260317_0800": {"01v2": "new"}}

    def test_those_of_other_days_are_left_out(self, archive: VersionedArxiv, past: Past) -> None:
        first = paper(1, "03-10 12:00:00")
        second = version(first, 2, at("03-17 12:00:00"), title="Lanterns two")
        archive.entries = [first, second, version(second, 3, at("04-02 12:00:00"), title="Three")]
        past.fill()
        assert past.shown() == {"20260318_0800": {"01v2": "new"}}

    def test_one_of_a_paper_shown_on_an_earlier_night_is_revised(
        self, archive: VersionedArxiv, past: Past
    ) -> None:
        first = paper(1, "03-10 12:00:00")
        archive.entries = [first]
        past.night(at("03-11 00:05:00"))
        archive.entries.append(version(first, 2, at("03-17 12:00:00"), title="Lanterns two"))
        past.fill()
        assert past.shown()["20260318_0800"] == {"01v2": "revised"}

    def test_a_withdrawn_one_is_shown_on_its_day_and_told_on_the_page_before(
        self, archive: VersionedArxiv, past: Past
    ) -> None:
        first = paper(1, "03-16 12:00:00")
        gone = version(
            first, 2, at("03-18 12:00:00"), comment="This paper has been withdrawn by the authors"
        )
        archive.entries = [first, gone]
        past.fill()
        assert past.shown() == {
            "20260317_0800": {"01v1": "new"},
            "20260319_0800": {"01v2": "withdrawn"},
        }
        releases = past.outputs.snapshots("lamps")[0].publications()
        assert [release.reason for release in releases] == ["first", "withdrawn"]

    def test_one_that_the_query_did_not_find_on_its_day_is_not_shown_then(
        self, archive: VersionedArxiv, past: Past
    ) -> None:
        first = paper(1, "03-16 12:00:00", title="Lamp 1", abstract="We teach lamps to dim.")
        second = version(first, 2, at("03-18 12:00:00"), abstract="We teach lanterns to dim.")
        archive.entries = [first, second]
        past.fill()
        assert past.shown() == {"20260319_0800": {"01v2": "new"}}

    def test_one_that_arxiv_announces_and_does_not_send_is_told(
        self, archive: VersionedArxiv, past: Past
    ) -> None:
        first = paper(1, "03-16 12:00:00")
        archive.entries = [first, version(first, 2, at("03-18 12:00:00"), title="Lanterns")]
        archive.lost = {"2603.90001v1"}
        assert past.fill().missing

    def test_they_are_asked_for_in_as_many_requests_as_addresses_need(
        self, archive: VersionedArxiv, past: Past
    ) -> None:
        first = [paper(n, f"03-16 12:{n // 60:02}:{n % 60:02}") for n in range(130)]
        second = [version(p, 2, at("03-18 12:00:00"), title=f"{p.title}, again") for p in first]
        archive.entries = [*first, *second]
        past.fill(limit=1000)
        assert [set(shown.values()) for shown in past.shown().values()] == [{"new"}, {"revised"}]
        by_id = [r.args["id_list"].split(",") for r in archive.requests if r.args.get("id_list")]
        assert [len(ids) for ids in by_id] == [100, 30]

    def test_a_paper_that_was_held_stands_on_the_day_it_came(
        self, archive: VersionedArxiv, past: Past
    ) -> None:
        archive.entries = papers(
            "03-16 12:00:00",
            "03-16 13:00:00",
            "03-17 12:00:00",
            "02-20 12:00:00",  # its id says that it came when those around it did
            "03-17 13:00:00",
        )
        past.fill()
        assert past.shown() == {
            "20260317_0800": {"02v1": "new", "01v1": "new"},
            "20260318_0800": {"05v1": "new", "03v1": "new", "04v1": "new"},
        }


class TestWhatNightsShow:
    """Beside the days there are nights' snapshots, which stay as they are."""

    def test_is_not_shown_on_an_earlier_day_again(
        self, archive: VersionedArxiv, past: Past
    ) -> None:
        archive.entries = papers("03-13 12:00:00", "03-16 12:00:00", "03-17 12:00:00")
        archive.now = at("03-18 00:05:00")
        made = past.night(archive.now).snapshot
        assert made is not None
        before = (made.folder / "1-papers.jsonl").read_bytes()
        archive.now = None
        archive.entries.append(paper(4, "03-18 12:00:00"))
        past.fill()
        assert past.shown() == {
            "20260316_0800": {"01v1": "new"},
            "20260318_0805": {"03v1": "new", "02v1": "new"},
            "20260319_0800": {"04v1": "new"},
        }
        assert (made.folder / "1-papers.jsonl").read_bytes() == before

    def test_in_a_later_version_is_not_shown_in_an_earlier_one(
        self, archive: VersionedArxiv, past: Past
    ) -> None:
        first = paper(1, "03-16 12:00:00")
        archive.entries = [first, version(first, 2, at("03-24 12:00:00"), title="Lanterns")]
        past.night(at("03-25 00:05:00"))
        past.fill()
        assert past.shown() == {"20260325_0805": {"01v2": "new"}}

    def test_after_a_backfill_is_what_the_days_did_not_show(
        self, archive: VersionedArxiv, past: Past
    ) -> None:
        archive.entries = papers("03-16 12:00:00", "03-19 12:00:00", "03-20 12:00:00")
        past.fill()
        past.night(at("03-23 00:05:00"))
        assert past.shown() == {
            "20260317_0800": {"01v1": "new"},
            "20260320_0800": {"02v1": "new"},
            "20260323_0805": {"03v1": "new"},
        }

    def test_as_waiting_goes_on_waiting(self, archive: VersionedArxiv, past: Past) -> None:
        archive.entries = papers("03-08 12:00:00", "03-08 13:00:00")
        past.night(at("03-10 00:05:00"), limit=1)
        archive.entries.append(paper(3, "03-16 12:00:00"))
        past.fill(limit=1)
        assert past.waiting() == {"01v1": at("03-10 00:05:00")}


class TestLimit:
    def test_what_is_over_it_comes_on_later_days_and_waits_in_the_end(
        self, archive: VersionedArxiv, past: Past
    ) -> None:
        archive.entries = papers(
            "03-16 10:00:00",
            "03-16 11:00:00",
            "03-16 12:00:00",
            "03-17 10:00:00",
            "03-17 11:00:00",
            "03-19 10:00:00",
            "03-19 11:00:00",
            "03-19 12:00:00",
        )
        filled = past.fill(limit=2)
        assert past.shown() == {
            "20260317_0800": {"03v1": "new", "02v1": "new"},
            "20260318_0800": {"05v1": "new", "04v1": "new"},
            "20260319_0800": {"01v1": "new"},  # nothing new came on that day
            "20260320_0800": {"08v1": "new", "07v1": "new"},
        }
        assert past.waiting() == {"06v1": at("03-20 00:00:00")}
        assert filled.waiting == 1
        past.night(at("03-21 00:05:00"), limit=2)
        assert past.shown()["20260321_0805"] == {"06v1": "new"}
        assert past.waiting() == {}

    def test_what_waits_is_replaced_by_its_newer_version(
        self, archive: VersionedArxiv, past: Past
    ) -> None:
        archive.entries = papers("03-16 11:00:00", "03-16 12:00:00")
        second = version(archive.entries[0], 2, at("03-17 12:00:00"), title="Lanterns, again")
        archive.entries.append(second)
        past.fill(limit=1)
        assert past.shown() == {
            "20260317_0800": {"02v1": "new"},
            "20260318_0800": {"01v2": "new"},
        }

    def test_a_second_time_changes_nothing(self, archive: VersionedArxiv, past: Past) -> None:
        archive.entries = papers("03-19 10:00:00", "03-19 11:00:00", "03-19 12:00:00")
        past.fill(limit=1)
        shown, waiting = past.shown(), past.waiting()
        assert len(waiting) == 2
        assert past.fill(limit=1).waiting == 2
        assert (past.shown(), past.waiting()) == (shown, waiting)


def contents(past: Past) -> dict[str, Any]:
    """All that readers and later runs see: papers, digests, releases, pages, what waits."""
    found: dict[str, Any] = {}
    for path in sorted(past.outputs.root.rglob("*")):
        name = str(path.relative_to(past.outputs.root))
        if path.name == "run.json":
            found[name] = json.loads(path.read_text("utf-8"))["stages"]["fetch"]["counts"]
        elif path.is_file() and not path.name.startswith(".") and "summaries" not in name:
            found[name] = path.read_bytes()
    return found


def a_week() -> list[Entry]:
    """Papers of three days with a revision and a withdrawal; with `limit = 2` some wait."""
    made = papers(
        "03-16 10:00:00", "03-16 11:00:00", "03-16 12:00:00", "03-18 12:00:00", "03-19 12:00:00"
    )
    revised = version(made[1], 2, at("03-18 13:00:00"), abstract="Lanterns dim later.")
    gone = version(made[2], 2, at("03-19 13:00:00"), comment="This paper has been withdrawn")
    return [*made, revised, gone]


class TestResuming:
    def test_after_a_kill_before_any_write_gives_the_same(
        self, archive: VersionedArxiv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        archive.entries = a_week()
        whole = Past(tmp_path / "whole", archive.url)
        with counting(monkeypatch) as count:
            whole.fill(limit=2)
        assert count.writes > 40
        should = contents(whole)
        for last in range(0, count.writes, 3):
            cut = Past(tmp_path / f"cut{last}", archive.url)
            with counting(monkeypatch, last), pytest.raises(KeyboardInterrupt):
                cut.fill(limit=2)
            cut.fill(limit=2)
            assert contents(cut) == should, f"killed before write {last}"

    def test_makes_what_a_killed_run_did_not_come_to(
        self, archive: VersionedArxiv, past: Past, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        archive.entries = papers("03-16 12:00:00", "03-17 12:00:00", "03-18 12:00:00")
        create = Outputs.create_snapshot

        def killed(self: Outputs, run: Any, of: Any) -> Any:
            if run.snapshot == "20260318_0800":
                raise KeyboardInterrupt
            return create(self, run, of)

        with monkeypatch.context() as patch:
            patch.setattr(Outputs, "create_snapshot", killed)
            with pytest.raises(KeyboardInterrupt):
                past.fill()
        assert list(past.shown()) == ["20260317_0800"]
        filled = past.fill()
        assert filled.snapshots == ("20260318_0800", "20260319_0800")
        assert (filled.days, filled.papers) == (5, 3)

    def test_a_second_time_changes_nothing_and_works_on_nothing(
        self, archive: VersionedArxiv, past: Past
    ) -> None:
        archive.entries = a_week()
        first = past.fill(limit=2)
        before = contents(past)
        again = past.fill(limit=2)
        assert contents(past) == before
        assert (again.snapshots, again.papers) == ((), first.papers)

    def test_a_paper_that_arrives_late_comes_on_a_later_day_or_waits(
        self, archive: VersionedArxiv, past: Past
    ) -> None:
        archive.entries = papers("03-16 12:00:00", "03-17 12:00:00")
        archive.lost = {"2603.90001v1"}
        assert past.fill().missing
        assert past.shown() == {"20260318_0800": {"02v1": "new"}}
        archive.entries.append(paper(3, "03-18 12:00:00"))
        archive.lost = set()
        assert past.fill().missing == ()
        assert past.shown() == {
            "20260317_0800": {"01v1": "new"},
            "20260318_0800": {"02v1": "new"},
            "20260319_0800": {"03v1": "new"},
        }

    def test_papers_that_arrive_late_for_a_day_that_was_made_are_not_lost(
        self, archive: VersionedArxiv, past: Past
    ) -> None:
        archive.entries = papers("03-19 11:00:00", "03-19 12:00:00")
        archive.lost = {"2603.90001v1"}
        past.fill()
        assert past.shown() == {"20260320_0800": {"02v1": "new"}}
        archive.lost = set()
        past.fill()
        assert past.shown() == {"20260320_0800": {"02v1": "new"}}
        past.night(at("03-21 00:05:00"))
        assert past.shown()["20260321_0805"] == {"01v1": "new"}

    def test_a_process_killed_while_a_model_writes_goes_on_there(
        self, httpserver: HTTPServer, archive: VersionedArxiv, tmp_path: Path
    ) -> None:
        archive.entries = papers("03-16 12:00:00", "03-17 12:00:00", "03-18 12:00:00")
        model = ModelServer(httpserver)
        days = ("backfill", "lamps", "--from", str(MONDAY), "--to", str(FRIDAY))
        killed, whole = (a_desk(tmp_path / name, archive, model) for name in ("killed", "whole"))
        started: queue.Queue[subprocess.Popen[str]] = queue.Queue()

        def kill(body: dict[str, Any]) -> Response:
            if "Lantern 2" in json.dumps(body):
                victim = started.get(timeout=60)
                victim.kill()
                victim.wait()
            return good_lines(body)

        model.always = kill
        process = killed.start(*days)
        started.put(process)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert list(killed.papers("lamps")) == ["20260317_0800", "20260318_0800"]
        model.always = good_lines
        asked = len(model.bodies)
        killed.paperline(*days)
        assert len(model.bodies) == asked + 2
        whole.paperline(*days)
        assert killed.papers("lamps") == whole.papers("lamps")
        assert lines(killed) == lines(whole)
        assert len(lines(killed)) == 3


def lines(desk: Desk) -> dict[str, list[Any]]:
    """By snapshot, what the digest shows."""
    return {
        path.parent.name: json.loads(path.read_text("utf-8"))["papers"]
        for path in sorted(desk.outputs.glob("lamps/*/5-digest.json"))
    }


def a_desk(folder: Path, archive: VersionedArxiv, model: ModelServer, more: str = "") -> Desk:
    return Desk(
        folder,
        archive.url,
        {"lamps": "all:lantern"},
        model=f'name = "test-model"\nbase_url = "{model.base_url}"\ntimeout = 5.0\n'
        "retry_seconds = 0.5\nrequests_per_minute = 1000000\ntokens_per_minute = 1000000000",
        more=more,
    )


@dataclasses.dataclass
class Count:
    writes: int = 0


@contextlib.contextmanager
def counting(patch: pytest.MonkeyPatch, last: int | None = None) -> Iterator[Count]:
    """Count what is written to files; raise `KeyboardInterrupt` instead of write `last`."""
    count = Count()
    replacing, append_lines = files.replacing, files.append_lines

    def counted(write: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*arguments: Any) -> Any:
            if count.writes == last:
                raise KeyboardInterrupt
            count.writes += 1
            return write(*arguments)

        return instead

    with patch.context() as patched:
        patched.setattr(files, "replacing", counted(replacing))
        patched.setattr(files, "append_lines", counted(append_lines))
        yield count


class TestCommand:
    DAYS = ("backfill", "lamps", "--from", "2026-03-16", "--to", "2026-03-20")

    @pytest.fixture
    def desk(self, archive: VersionedArxiv, tmp_path: Path) -> Desk:
        archive.entries = a_week()
        return Desk(tmp_path / "desk", archive.url, {"lamps": "all:lantern"}, topic="limit = 2")

    def test_makes_the_days_and_says_what_it_made(self, desk: Desk) -> None:
        said = desk.paperline(*self.DAYS)
        assert {
            name: {f"{p['id'][-2:]}v{p['version']}": p["status"] for p in shown}
            for name, shown in desk.papers("lamps").items()
        } == {
            "20260317_0800": {"03v1": "new", "02v1": "new"},
            "20260318_0800": {"01v1": "new"},
            "20260319_0800": {"02v2": "revised", "04v1": "new"},
            "20260320_0800": {"03v2": "withdrawn", "05v1": "new"},
        }
        assert re.search(r"\b5 announcement days, 4 snapshots\b.*\b7 papers\b", said)
        for name in desk.papers("lamps"):
            assert_books_balance(desk, "lamps", name)

    def test_json_is_what_its_schema_says(self, desk: Desk, repository: Path) -> None:
        answer = json.loads(desk.paperline(*self.DAYS, "--json"))
        schema = (repository / "docs" / "schema" / "backfill-answer.json").read_text("utf-8")
        jsonschema.validate(answer, json.loads(schema))
        assert answer["snapshots"] == list(desk.papers("lamps"))

    def test_what_is_missing_is_told_and_ends_with_3(
        self, desk: Desk, archive: VersionedArxiv
    ) -> None:
        archive.entries.append(paper(9, "03-19 14:00:00", title=" "))
        desk.paperline(*self.DAYS, code=3)
        (warning,) = [line for line in desk.errors.splitlines() if line.startswith("warning:")]
        assert "2603.90009" in warning

    @pytest.mark.parametrize(
        ("option", "text"),
        [
            ("--from", "yesterday"),
            ("--from", "2026-02-30"),
            ("--to", "2026-13-01"),
            ("--to", "16.3.2026"),
            ("--to", "2026-03-20T00:00"),
            ("--from", "1066-10-14"),
            ("--to", "9999-12-31"),
            ("--from", ""),
        ],
    )
    def test_a_malformed_date_is_told(
        self, desk: Desk, archive: VersionedArxiv, option: str, text: str
    ) -> None:
        days = {"--from": "2026-03-16", "--to": "2026-03-20"} | {option: text}
        desk.paperline("backfill", "lamps", *words_of(days), code=2)
        (line,) = desk.errors.splitlines()
        assert line.startswith(f"error: {option}: found {text!r}, expected a ")
        assert archive.requests == []

    def test_days_in_the_wrong_order_are_told(self, desk: Desk, archive: VersionedArxiv) -> None:
        desk.paperline("backfill", "lamps", "--from", "2026-03-20", "--to", "2026-03-16", code=2)
        assert "2026-03-20 is after 2026-03-16" in desk.errors
        assert archive.requests == []

    def test_a_topic_that_is_not_there_is_told(self, desk: Desk) -> None:
        desk.paperline("backfill", "moths", *self.DAYS[2:], code=2)
        assert "'moths'; configured: lamps" in desk.errors

    def test_a_dump_that_is_not_there_is_told(self, desk: Desk) -> None:
        desk.paperline(*self.DAYS, "--dump", "nowhere.json", code=2)
        assert "nowhere.json" in desk.errors

    def test_a_budget_that_is_used_up_ends_it_early_and_more_goes_on(
        self, httpserver: HTTPServer, archive: VersionedArxiv, tmp_path: Path
    ) -> None:
        archive.entries = papers(
            "03-13 12:00:00", "03-16 12:00:00", "03-17 12:00:00", "03-18 12:00:00", "03-19 12:00:00"
        )
        model = ModelServer(httpserver)
        poor = "[budget]\ntokens_per_run = 600"
        desk = a_desk(tmp_path / "budget", archive, model, poor)
        desk.paperline(*self.DAYS, code=3)
        made = list(desk.papers("lamps"))
        asked = len(model.bodies)
        assert 1 < len(made) < 5
        assert asked == len(made) - 1
        assert "tokens_per_run = 600 is reached" in desk.errors
        assert list(desk.run("lamps", made[-1])["gaps"]) == [f"2603.9000{len(made)}"]
        assert desk.waiting("lamps") == []
        desk = a_desk(tmp_path / "budget", archive, model)
        desk.paperline(*self.DAYS)
        assert len(desk.papers("lamps")) == 5
        assert len(model.bodies) == 5
        assert all(desk.run("lamps", name)["gaps"] == {} for name in desk.papers("lamps"))


def words_of(options: dict[str, str]) -> list[str]:
    return [word for pair in options.items() for word in pair]


def as_dump(path: Path, entries: Iterable[Entry]) -> Path:
    """arXiv's bulk metadata file with these papers, each with all of its versions."""
    by_id: dict[str, list[Entry]] = {}
    for each in sorted(entries, key=lambda e: e.version):
        by_id.setdefault(each.id, []).append(each)
    found = []
    for versions in by_id.values():
        newest = versions[-1]
        names = [name.rpartition(" ") for name in newest.authors]
        found.append(
            {
                "id": newest.id,
                "submitter": newest.authors[0],
                "authors": ", ".join(newest.authors),
                "title": newest.title,
                "comments": newest.comment or None,
                "journal-ref": newest.journal or None,
                "doi": newest.doi or None,
                "report-no": None,
                "categories": "cs.LG physics.optics",
                "license": None,
                "abstract": f"  {newest.abstract}\n",
                "versions": [
                    {
                        "version": f"v{each.version}",
                        "created": format_datetime(
                            datetime.fromisoformat(each.updated).astimezone(UTC), usegmt=True
                        ),
                    }
                    for each in versions
                ],
                "update_date": newest.updated[:10],
                "authors_parsed": [[family, given, ""] for given, _, family in names],
            }
        )
    path.write_text("".join(json.dumps(record) + "\n" for record in found), encoding="utf-8")
    return path


class TestDump:
    def test_gives_the_same_snapshots_as_the_api(
        self, archive: VersionedArxiv, past: Past, tmp_path: Path
    ) -> None:
        archive.entries = [
            paper(1, "03-16 10:00:00", comment="9 pages", doi="10.1000/lamp.1"),
            paper(2, "03-16 11:00:00", journal="J. Invented Light 4 (2026)"),
            paper(3, "03-17 12:00:00", authors=("Zoë Müller", "Li Hua")),
            paper(4, "03-19 12:00:00", title="Lanterns & $\\alpha$-lanterns: <a> survey"),
        ]
        past.fill(limit=1)
        moths = paper(5, "03-17 13:00:00", title="Moths", abstract="They fly at night.")
        dump = as_dump(tmp_path / "dump.json", [moths, *archive.entries])
        other = Past(tmp_path / "other", "http://127.0.0.1:9/api/query")
        other.fill(source=Dump(dump), limit=1)
        assert contents(other) == contents(past)
        assert len(past.shown()) == 4

    def test_named_by_the_command_it_asks_nobody(
        self, archive: VersionedArxiv, tmp_path: Path
    ) -> None:
        archive.entries = papers("03-16 10:00:00", "03-16 11:00:00", "03-18 12:00:00")
        dump = as_dump(tmp_path / "dump.json", archive.entries)
        api, file = (
            Desk(tmp_path / name, url, {"lamps": "all:lantern"})
            for name, url in (("api", archive.url), ("file", "http://127.0.0.1:9/api/query"))
        )
        said = api.paperline(*TestCommand.DAYS)
        assert file.paperline(*TestCommand.DAYS, "--dump", str(dump)) == said
        assert file.papers("lamps") == api.papers("lamps")
        assert len(api.papers("lamps")) == 2

    def test_its_newest_version_stands_on_the_day_of_the_first(
        self, past: Past, tmp_path: Path
    ) -> None:
        first = paper(1, "03-16 12:00:00")
        second = version(first, 2, at("03-18 12:00:00"), title="Lanterns, again")
        dump = as_dump(tmp_path / "dump.json", [first, second])
        past.fill(source=Dump(dump))
        assert past.shown() == {"20260317_0800": {"01v2": "new"}}

    def test_lines_that_are_no_papers_are_told(self, past: Past, tmp_path: Path) -> None:
        dump = as_dump(tmp_path / "dump.json", papers("03-16 12:00:00"))
        with dump.open("a", encoding="utf-8") as file:
            file.write('{"id": "no paper"}\n')
        (told,) = past.fill(source=Dump(dump)).missing
        assert "dump.json:2" in told.reason
        assert len(past.shown()) == 1


FIRST_DAY = at("03-12 18:00:00")
"""The earliest submission that is announced on the days of the week."""


class TestAgainstNights:
    @hypothesis_settings(max_examples=5)
    @given(
        drawn=histories(FIRST_DAY, FIRST_DAY + 8 * DAY),
        limit=st.sampled_from([1, 2, 1000]),
        revised=st.sampled_from(["show", "skip"]),
    )
    def test_days_are_as_punctual_nights_would_have_made_them(
        self,
        server: HTTPServer,
        tmp_path_factory: pytest.TempPathFactory,
        drawn: list[History],
        limit: int,
        revised: str,
    ) -> None:
        archive = an_archive(server, drawn)
        archive.held = {
            versioned(e): announcement_of(datetime.fromisoformat(e.updated))
            for e in archive.entries
        }
        folder = tmp_path_factory.mktemp("past")
        nightly, filled = (Past(folder / name, archive.url) for name in ("nightly", "filled"))
        days = list(announcements(MONDAY, FRIDAY, ZONE))
        for now in (days[0] - timedelta(minutes=1), *days):
            archive.now = now
            nightly.night(now, limit=limit, revised=revised)
        archive.now = None
        filled.fill(limit=limit, revised=revised)
        assert filled.shown() == nightly.shown()
        assert filled.waiting() == nightly.waiting()

    @hypothesis_settings(max_examples=5)
    @given(
        drawn=histories(at("03-02 00:00:00"), at("03-27 00:00:00"), held=[0, 0, 0, 2, 9, 25]),
        steps=st.lists(st.tuples(st.integers(1, 7), st.integers(0, 9)), max_size=6),
        limit=st.sampled_from([1, 2, 1000]),
    )
    def test_mixed_with_nights_in_any_order_they_show_no_version_twice_and_lose_no_paper(
        self,
        server: HTTPServer,
        tmp_path_factory: pytest.TempPathFactory,
        drawn: list[History],
        steps: list[tuple[int, int]],
        limit: int,
    ) -> None:
        archive = an_archive(server, drawn)
        mixed = Past(tmp_path_factory.mktemp("past"), archive.url)
        now = at("03-05 00:05:00")
        for days, back in (*steps, (7, 0), (7, 0), (20, 0)):
            now += days * DAY
            archive.now = now
            mixed.night(now, limit=limit)
            if back:
                first = (now - back * DAY).date()
                mixed.fill(first, first + timedelta(days=4), now=now, limit=limit)
        seen: dict[str, list[tuple[int, str]]] = {}
        for shown in mixed.shown().values():
            for each, status in shown.items():
                id_, _, number = each.rpartition("v")
                seen.setdefault(id_, []).append((int(number), status))
        for told in seen.values():
            assert [number for number, _ in told] == sorted({number for number, _ in told})
            assert told[0][1] in ("new", "withdrawn")
            assert "new" not in [status for _, status in told[1:]]
        waiting = {each.rpartition("v")[0] for each in mixed.waiting()}
        assert seen.keys() | waiting == {id_[-2:] for id_ in archive.listed()}


@pytest.fixture(scope="module")
def server() -> Iterator[HTTPServer]:
    with HTTPServer() as running:
        yield running


def first_evening(submitted: datetime) -> str:
    """The snapshot of the announcement that a submission belongs to, in April 2026."""
    deadline = (submitted + timedelta(hours=6)).date()  # 18:00 UTC is 14:00 in New York
    days = {4: 2, 5: 2, 6: 1}.get(deadline.weekday(), 0)
    return f"{deadline + timedelta(days=days + 1):%Y%m%d}_0800"


class TestRecorded:
    """Against the test bed, at the end of its three weeks."""

    @pytest.mark.prove
    def test_all_papers_of_the_days_are_shown_each_once_as_new(
        self, testbed: Path, tmp_path: Path
    ) -> None:
        with serving(testbed / "arxiv_server.py") as url:
            archive = Archive(url)
            midnight = datetime(2026, 4, 12, 0, 5, tzinfo=UTC)
            before, *replayed = archive.list_all(nights(midnight, range(20), ()), QUERY)
            archive.move(datetime(2026, 5, 8, tzinfo=UTC))
            listed = archive.listed(QUERY)
            versions = archive.versions(listed.values())
            desk = Desk(tmp_path / "desk", archive.api, {"t": QUERY}, topic="limit = 10000")
            # Some days first: the rest of them must not show these papers again.
            desk.paperline("backfill", "t", "--from", "2026-04-21", "--to", "2026-04-23")
            some = desk.papers("t")
            desk.paperline("backfill", "t", "--from", "2026-04-13", "--to", "2026-05-01")
        made = desk.papers("t")
        assert list(some) == ["20260421_0800", "20260422_0800", "20260423_0800"]
        assert some.items() <= made.items()
        start, end = (datetime(2026, 4, day, 18, tzinfo=UTC) for day in (9, 30))
        within = {v.id for v in versions if start <= v.latest < end}
        came = {id_ for night in replayed for id_ in night.listed} - before.listed.keys()
        shown = {p["id"]: name for name, papers in made.items() for p in papers}
        assert shown.keys() == within | came
        assert_never_new_twice(made)
        for name, papers in made.items():
            assert_books_balance(desk, "t", name)
            assert all(p["latest"] < f"{name[:4]}-{name[4:6]}-{name[6:8]}" for p in papers)
        day_of = {(p["id"], p["version"]): name for name, papers in made.items() for p in papers}
        punctual = [
            v
            for v in versions
            if start <= v.latest < end and (v.id, v.version) in day_of and v.id in within
        ]
        assert len(punctual) > 400
        for each in punctual:
            assert day_of[each.id, each.version] == first_evening(each.latest)

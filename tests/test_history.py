"""Long histories: what is old is neither opened again nor forgotten."""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from pipeline import ledger, proofs
from pipeline.errors import DamagedFile
from pipeline.executors.selection import opened
from pipeline.outputs import Outputs
from pipeline.progress import Plain
from pipeline.releasing import withdraw
from pipeline.run import Night, run_topic
from pipeline.settings import ArxivSettings
from pipeline.snapshot import Snapshot
from pipeline.stages.build import build_site
from pipeline.status import overview
from tests.desks import NAME, Room, a_desk
from tests.digests import a_paper
from tests.feeds import SmallArxiv, entry

DAY = timedelta(days=1)
INSTANT = datetime(2026, 4, 30, 20, 5, tzinfo=UTC)
NIGHTS = 45
LONG_AGO = 40
"""Nights behind the newest: older than all that its page names, and than what is healed."""

watched: list[str] | None = None


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if watched is not None and event == "open":
        watched.append(str(arguments[0]))


sys.addaudithook(_note)  # which stays as long as the process does


@contextmanager
def watching() -> Iterator[list[str]]:
    """The paths of the files that are opened until the block ends."""
    global watched  # noqa: PLW0603  an audit hook cannot be taken away
    watched = []
    try:
        yield watched
    finally:
        watched = None


def name_of(night: int) -> str:
    return f"{INSTANT + night * DAY + timedelta(hours=8):%Y%m%d_%H%M}"


def copied(room: Room, night: int) -> Path:
    """A copy of the room's snapshot, as of another night; its files keep their times."""
    other = room.snapshot.folder.with_name(name_of(night))
    shutil.copytree(room.snapshot.folder, other)
    for path in other.iterdir():
        told = path.stat()
        text = path.read_text("utf-8").replace(NAME, other.name)
        text = text.replace(f"{INSTANT:%Y-%m-%dT%H:%M}", f"{INSTANT + night * DAY:%Y-%m-%dT%H:%M}")
        path.write_text(text, encoding="utf-8")
        os.utime(path, ns=(told.st_mtime_ns, told.st_mtime_ns))
    made = Snapshot(other)
    run = made.run()
    assembled = run.stages["assemble"].but(outputs=proofs.of(made))
    made.write_run(run.but(stages={**run.stages, "assemble": assembled}))
    return other


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """The first of many nights, all of them published and on the site."""
    first = a_desk(tmp_path, policy="none")
    for night in range(1, NIGHTS):
        copied(first, night)
    build_site(first.settings)
    return first


def topic_of(room: Room) -> Path:
    return room.snapshot.folder.parent


def settle(folder: Path, ago: float = 60.0) -> None:
    """As if nothing had come or gone since some time."""
    moment = time.time_ns() - int(ago * 1e9)
    os.utime(folder, ns=(moment + 1, moment + 1))


def snapshots_in(paths: list[str]) -> set[str]:
    return {Path(path).parent.name for path in paths if "/outputs/tides/2" in path}


def nightly(room: Room, arxiv: SmallArxiv, night: int) -> None:
    """A night of `paperline run`, with one new paper."""
    moment = INSTANT + night * DAY
    at = f"{moment - timedelta(hours=9):%Y-%m-%dT%H:%M:%SZ}"
    arxiv.entries = [entry(night, updated=at, published=at)]
    chosen = msgspec.structs.replace(
        room.settings,
        arxiv=ArxivSettings(url=arxiv.url, delay=0.0, patience=0.0),
        model=msgspec.structs.replace(room.settings.model, name="embedded"),
    )
    with opened(chosen) as executor:
        made = run_topic(Night(chosen, moment, executor, Plain()), chosen.find_topic("tides"))
    assert made.published


def test_a_night_opens_no_snapshot_of_long_ago(room, arxiv) -> None:
    nightly(room, arxiv, NIGHTS)  # the ledger is made
    settle(topic_of(room))
    with watching() as paths:
        nightly(room, arxiv, NIGHTS + 1)
    found = snapshots_in(paths)
    assert name_of(NIGHTS + 1) in found
    assert min(found) > name_of(NIGHTS + 1 - LONG_AGO)


def test_without_its_cache_a_night_is_the_same(room, arxiv, tmp_path) -> None:
    nightly(room, arxiv, NIGHTS)
    shutil.rmtree(tmp_path / "cache")
    nightly(room, arxiv, NIGHTS + 1)
    assert Outputs(room.settings.outputs).find("tides/latest").name == name_of(NIGHTS + 1)


class TestOverview:
    def test_opens_only_the_newest_where_all_are_published(self, room) -> None:
        overview(room.settings)  # the ledger is made
        settle(topic_of(room))
        with watching() as paths:
            (one,) = overview(room.settings)
        assert one.snapshot == name_of(NIGHTS - 1)
        assert min(snapshots_in(paths)) > name_of(NIGHTS - LONG_AGO)

    def test_names_what_is_not_published_however_old_it_is(self, room) -> None:
        withdrawn, corrected, draft, begun = (
            Outputs(room.settings.outputs).snapshot("tides", name_of(night))
            for night in (1, 2, 3, 4)
        )
        withdraw(room.settings, withdrawn, "Wrong query.", editor="Ada", now=room.later())
        (draft.folder / "6-published.jsonl").unlink()
        for unsettled in (corrected, draft):
            path = unsettled.folder / "5-digest.json"
            text = path.read_text("utf-8").replace('"status":"published"', '"status":"draft"')
            path.write_text(text, encoding="utf-8")
        Room(room.folder, room.settings, corrected, room.now).decide("hold", 1)
        for name in ("5-digest.json", "6-published.jsonl"):
            (begun.folder / name).unlink()
        told = {each.snapshot: each.state for each in overview(room.settings)}
        assert told == {
            name_of(NIGHTS - 1): "published",
            begun.name: "unfinished",
            draft.name: "ready",
            corrected.name: "correcting",
            withdrawn.name: "withdrawn",
        }

    def test_is_the_same_where_the_site_was_never_made(self, room) -> None:
        (room.settings.outputs / ".site.json").unlink()
        (one,) = overview(room.settings)
        assert one.snapshot == name_of(NIGHTS - 1)


class TestNames:
    @pytest.fixture
    def one(self, tmp_path: Path) -> Room:
        return a_desk(tmp_path, policy="none")

    def names(self, one: Room) -> list[str]:
        return [*Outputs(one.settings.outputs).names("tides")]

    def test_of_what_came_or_went_by_hand_are_known_at_once(self, one, tmp_path) -> None:
        settle(topic_of(one))
        assert self.names(one) == [NAME]
        other = copied(one, 3)
        assert self.names(one) == [NAME, other.name]
        other.rename(tmp_path / "away")
        assert self.names(one) == [NAME]

    @pytest.mark.parametrize("ago", [0.0, -3600.0])
    def test_are_read_again_while_the_folders_time_tells_nothing(self, one, ago) -> None:
        moment = time.time_ns() - int(ago * 1e9)
        folder = topic_of(one)
        os.utime(folder, ns=(moment, moment))  # an hour ahead: the clock was set back
        assert self.names(one) == [NAME]
        other = copied(one, 3)
        os.utime(folder, ns=(moment, moment))  # in the same moment
        assert self.names(one) == [NAME, other.name]


class TestLedger:
    @pytest.fixture
    def one(self, tmp_path: Path) -> Room:
        return a_desk(tmp_path, policy="none")

    def places(self, one: Room, *, despite_damage: bool = False) -> list[str]:
        cache, outputs = one.settings.cache, Outputs(one.settings.outputs)
        with ledger.opened(cache, outputs, "tides", despite_damage=despite_damage) as index:
            return [name for name, _ in index.versions_of(a_paper(1).id)]

    def test_looks_at_no_snapshot_again_while_none_came_or_went(self, one, monkeypatch) -> None:
        settle(topic_of(one))
        assert self.places(one) == [NAME]
        monkeypatch.setattr(Outputs, "stamps", None)  # which would look at each of them
        assert self.places(one) == [NAME]

    def test_follows_what_came_or_went_by_hand(self, one, tmp_path) -> None:
        settle(topic_of(one))
        assert self.places(one) == [NAME]
        other = copied(one, 3)
        settle(topic_of(one), ago=30.0)  # another time than before
        assert self.places(one) == [NAME, other.name]
        other.rename(tmp_path / "away")
        settle(topic_of(one), ago=40.0)
        assert self.places(one) == [NAME]

    def test_refuses_a_snapshot_whose_folder_was_given_anothers_name(self, one) -> None:
        folder = copied(one, 3)
        folder.rename(folder.with_name("20250101_0000"))
        settle(topic_of(one))
        with pytest.raises(DamagedFile, match=f"Name the folder {folder.name} again"):
            self.places(one)

    def test_takes_in_a_damaged_snapshot_once_it_is_whole_again(self, one) -> None:
        other = copied(one, 3)
        papers = other / "1-papers.jsonl"
        whole = papers.read_bytes()
        papers.write_bytes(whole[:-20])
        (other / "5-digest.json").unlink()  # which would tell what it showed
        (other / "6-published.jsonl").unlink()
        settle(topic_of(one))
        assert self.places(one, despite_damage=True) == [NAME]
        with pytest.raises(DamagedFile):
            self.places(one)
        papers.write_bytes(whole)
        assert self.places(one) == [NAME, other.name]


class TestTimes:
    def test_of_files_that_were_copied_without_them_let_nobody_wait(self, tmp_path) -> None:
        one = a_desk(tmp_path, policy="none")
        for number, path in enumerate(sorted(one.snapshot.folder.iterdir())):
            os.utime(path, (number, number))  # in the order of their names
        assert one.snapshot.times().may_wait
        assert not one.snapshot.may_wait()
        assert not one.snapshot.lags()

    def test_tell_of_a_decision_that_came_later(self, tmp_path) -> None:
        one = a_desk(tmp_path, policy="none")
        one.decide("hold", 1)
        outputs = Outputs(one.settings.outputs)
        times = outputs.times("tides")
        assert [each.name for each in outputs.lagging("tides", times)] == [NAME]
        assert [each.name for each in outputs.that_may_wait("tides", times)] == [NAME]

"""Releases that are damaged: readers never see again what was taken back, or corrected, since."""

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from pipeline.records import Lines
from pipeline.releasing import withdraw
from pipeline.repair import repair
from pipeline.settings import SiteSettings
from pipeline.snapshot import Snapshot
from pipeline.stages.build import Built, build_site
from pipeline.stages.review import Wish
from tests.broken import DAY, FIRST, NAMES, World, damage, two_nights

WHY = "The wrong query was used."
CORRECTED: Lines = {"en": "Another text.", "zh": "另一句话。"}


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> World:
    return two_nights(tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="module")
def corrected(two: World, tmp_path_factory) -> World:
    world = two.copied(tmp_path_factory.mktemp("corrected") / "world")
    world.decide(1, Wish("edit", world.papers(1)[0], text=CORRECTED))
    assert "Another text." in world.page(1)
    return world


@pytest.fixture(scope="module")
def withdrawn(corrected: World, tmp_path_factory) -> World:
    world = corrected.copied(tmp_path_factory.mktemp("withdrawn") / "world")
    withdraw(world.settings, world.snapshot(1), WHY, editor="Mei Lan", now=FIRST + DAY)
    assert WHY in world.page(1)
    return world


@pytest.fixture(params=["corrected", "withdrawn"])
def world(request, tmp_path: Path) -> World:
    made: World = request.getfixturevalue(request.param)
    return made.copied(tmp_path / "world")


@pytest.fixture
def taken_back(withdrawn: World, tmp_path: Path) -> World:
    return withdrawn.copied(tmp_path / "world")


def published(snapshot: Snapshot) -> Path:
    return snapshot.folder / "6-published.jsonl"


def without_newline(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def without_last_line(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def without_end(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


LOSSES: tuple[Callable[[Path], None], ...] = without_newline, without_last_line, without_end


def nothing_else(world: World) -> None:
    """The file alone is damaged."""


def page_gone(world: World) -> None:
    (world.outputs.site / "demo" / f"{NAMES[0]}.html").unlink()


def site_gone(world: World) -> None:
    shutil.rmtree(world.outputs.site)


def catalogue_gone(world: World) -> None:
    (world.outputs.root / ".site.json").unlink()


def site_and_catalogue_gone(world: World) -> None:
    site_gone(world)
    catalogue_gone(world)


def another_title(world: World) -> None:
    site = SiteSettings(title="Another title", search=False)
    world.settings = msgspec.structs.replace(world.settings, site=site)


def copied_files(world: World) -> None:
    shutil.copytree(world.outputs.root, world.folder / "copy")
    shutil.rmtree(world.outputs.root)
    (world.folder / "copy").rename(world.outputs.root)


def papers_and_run_gone(world: World) -> None:
    for name in ("1-papers.jsonl", "run.json"):
        (world.snapshot(1).folder / name).unlink()


def catalogue_and_run_gone(world: World) -> None:
    catalogue_gone(world)
    (world.snapshot(1).folder / "run.json").unlink()


TRIGGERS = (
    nothing_else,
    page_gone,
    site_gone,
    catalogue_gone,
    site_and_catalogue_gone,
    another_title,
    copied_files,
    papers_and_run_gone,
    catalogue_and_run_gone,
)


def feeds(world: World) -> str:
    found = (world.outputs.site / "demo").glob("feed-*")
    return "".join(path.read_text("utf-8") for path in found)


def shows_no_more(world: World, before: str) -> None:
    """The page is as it was, or none; no feed and no other page has a line of the older release."""
    path = world.outputs.site / "demo" / f"{NAMES[0]}.html"
    assert not path.exists() or world.page(1) == before
    old = world.snapshot(1).folder.joinpath("2-summaries.jsonl").read_text("utf-8")
    first = msgspec.json.decode(old.splitlines()[0])["lines"]["en"]
    others = [p.read_text("utf-8") for p in world.outputs.site.rglob("*.html") if p != path]
    assert first not in feeds(world)
    assert not any(first in text for text in others)
    if WHY in before:
        assert not any("By an editor." in text for text in (feeds(world), *others))


@pytest.mark.parametrize("trigger", TRIGGERS)
@pytest.mark.parametrize("lose", LOSSES)
def test_a_release_that_is_lost_brings_no_older_one_back(world, lose, trigger) -> None:
    before = world.page(1)
    lose(published(world.snapshot(1)))
    trigger(world)
    for _ in range(2):
        assert build_site(world.settings).troubles
        shows_no_more(world, before)
    for paper in world.papers(2):  # the neighbour is published
        world.decide(2, Wish("approve", paper))
    assert (world.outputs.site / "demo" / f"{NAMES[1]}.html").exists()
    shows_no_more(world, before)


def settled(built: Built) -> bool:
    return not built.changed and not built.troubles


@pytest.mark.parametrize("trigger", TRIGGERS[:7])
@pytest.mark.parametrize("lose", LOSSES)
def test_repair_gives_readers_what_they_saw(world, lose, trigger) -> None:
    lose(published(world.snapshot(1)))
    trigger(world)
    assert all(done.well for done in world.repair(1))
    last = world.snapshot(1).publications()[-1]
    if last.why is None:
        assert "Another text." in world.page(1)
    else:
        assert "By an editor." not in world.page(1) + feeds(world)
    assert last.by == "paperline repair" or lose is without_newline
    assert world.repair(1) == []
    assert settled(build_site(world.settings))


def test_a_line_that_lacks_its_newline_alone_is_whole_again(taken_back) -> None:
    path = published(taken_back.snapshot(1))
    whole = path.read_bytes()
    without_newline(path)
    (done, *_) = taken_back.repair(1)
    assert "whole again" in done.what
    assert path.read_bytes() == whole
    assert WHY in taken_back.page(1)


def test_a_file_that_is_put_back_is_shown_in_full(world) -> None:
    path = published(world.snapshot(1))
    aside = path.rename(path.with_name("aside"))
    path.write_bytes(aside.read_bytes()[:-1])
    another_title(world)
    assert build_site(world.settings).troubles
    page_gone(world)
    assert build_site(world.settings).troubles
    aside.rename(path)  # with the time and the number that it had
    assert not build_site(world.settings).troubles
    assert "Another title" in world.page(1)
    assert NAMES[0] in feeds(world)
    assert settled(build_site(world.settings))


class TestWhereTheDigestIsLostToo:
    """`6-published` is emptied, `5-digest.json` is gone."""

    def lose(self, world: World) -> None:
        damage(published(world.snapshot(1)), "emptied")
        damage(world.snapshot(1).folder / "5-digest.json", "deleted")

    def test_what_was_taken_back_is_on_record_so_and_stays_so(self, taken_back) -> None:
        self.lose(taken_back)
        assert all(done.well for done in taken_back.repair(1))
        (release,) = taken_back.snapshot(1).publications()
        assert release.why
        assert release.who == ()
        assert "By an editor." not in taken_back.page(1) + feeds(taken_back)
        assert taken_back.repair(1) == []

    @pytest.mark.parametrize("trigger", [nothing_else, catalogue_gone, site_and_catalogue_gone])
    def test_nothing_is_released_on_top_of_it_and_each_repair_says_so(
        self, corrected, tmp_path, trigger
    ) -> None:
        world = corrected.copied(tmp_path / "world")
        page = world.page(1)
        self.lose(world)
        trigger(world)
        for _ in range(2):
            (left, *others) = [done for done in world.repair(1) if not done.well]
            assert left.path.name == "6-published.jsonl"
            assert "nothing tells" in left.what
            assert all(each.path == world.outputs.site for each in others)
            assert world.snapshot(1).publications() == []
            shows_no_more(world, page)
        assert "6-published" in str(getattr(world.ends(3), "missing", ""))
        assert world.snapshot(1).publications() == []

    def test_a_person_may_go_on_without(self, corrected, tmp_path) -> None:
        world = corrected.copied(tmp_path / "world")
        self.lose(world)
        world.repair(1)
        world.assemble(1)
        world.decide(1, Wish("edit", world.papers(1)[0], text={"en": "A third text."}))
        assert "A third text." in world.page(1)
        assert world.repair(1) == []


def test_without_a_catalogue_and_a_digest_nobody_knows_whether_it_was_taken_back(
    taken_back,
) -> None:
    without_last_line(published(taken_back.snapshot(1)))
    damage(taken_back.snapshot(1).folder / "5-digest.json", "deleted")
    site_and_catalogue_gone(taken_back)
    kept = published(taken_back.snapshot(1)).read_bytes()
    for _ in range(2):
        (left, *_) = [done for done in taken_back.repair(1) if not done.well]
        assert left.path.name == "6-published.jsonl"
        assert "By an editor." not in feeds(taken_back)
    assert published(taken_back.snapshot(1)).read_bytes() == kept


class TestACorrectionThatIsLostWithItsDigest:
    def test_is_on_record_once_and_names_nobody(self, corrected, tmp_path) -> None:
        world = corrected.copied(tmp_path / "world")
        without_end(published(world.snapshot(1)))
        damage(world.snapshot(1).folder / "5-digest.json", "deleted")
        assert all(done.well for done in world.repair(1))
        first, again = world.snapshot(1).publications()
        assert (again.reason, again.who, again.by) == ("correction", (), "paperline repair")
        assert again.digest.papers[0].lines["en"].text == "Another text."
        assert world.page(1).count("Corrected on") == 1
        assert first.reason == "first"
        assert world.repair(1) == []

    def test_gives_way_to_the_release_before_where_the_digest_waits(
        self, corrected, tmp_path
    ) -> None:
        world = corrected.copied(tmp_path / "world")
        world.decide(1, Wish("hold", world.papers(1)[0]))
        without_end(published(world.snapshot(1)))
        damage(world.snapshot(1).folder / "5-digest.json", "deleted")
        assert all(done.well for done in world.repair(1))
        first, again = world.snapshot(1).publications()
        assert again.digest == first.digest
        assert again.who == ()


class TestTheReleasesOfAnotherSnapshot:
    @pytest.fixture
    def world(self, corrected, tmp_path) -> World:
        made: World = corrected.copied(tmp_path / "world")
        shutil.copy(published(made.snapshot(1)), published(made.snapshot(2)))
        return made

    def test_are_named_by_the_doctor_with_the_command(self, world) -> None:
        (fail,) = [each for each in world.fails() if "6-published" in each.what]
        assert "is a release of demo/20260115_0405" in fail.what
        assert fail.command == f"paperline repair demo/{NAMES[1]}"

    def test_are_no_history_of_this_one(self, world) -> None:
        missing = str(getattr(world.ends(3), "missing", ""))
        assert f"paperline repair demo/{NAMES[1]}" in missing
        (done, *_) = world.repair(2)
        assert done.well
        assert "no release of its own is missing" in done.what
        assert world.repair(2) == []
        for paper in world.papers(2):
            world.decide(2, Wish("approve", paper))
        (release,) = world.snapshot(2).publications()
        assert (release.reason, release.digest.snapshot) == ("first", NAMES[1])
        assert "Corrected" not in world.page(2)

    def test_that_took_it_back_take_nothing_back_here(self, taken_back) -> None:
        one, two = map(taken_back.snapshot, (1, 2))
        for paper in taken_back.papers(2):
            taken_back.decide(2, Wish("approve", paper))
        page = taken_back.page(2)
        shutil.copy(published(one), published(two))
        assert build_site(taken_back.settings).troubles
        assert all(done.well for done in taken_back.repair(2))
        (release,) = two.publications()
        assert release.why is None
        assert taken_back.page(2) == page

    def test_of_a_topic_that_was_renamed_are_left(self, world) -> None:
        folder = world.outputs.root / "demo"
        folder.rename(folder.with_name("other"))
        kept = published(world.outputs.snapshot("other", NAMES[0]))
        before = kept.read_bytes()
        done = [*repair(world.settings, world.outputs.snapshot("other", NAMES[0]), FIRST + 3 * DAY)]
        assert any("the name demo again" in each.what and not each.well for each in done)
        assert kept.read_bytes() == before


def test_what_nobody_ever_acknowledged_is_no_release(taken_back) -> None:
    path = published(taken_back.snapshot(1))
    path.write_bytes(path.read_bytes() + b'{"at":"2026-')
    assert not build_site(taken_back.settings).troubles
    assert WHY in taken_back.page(1)

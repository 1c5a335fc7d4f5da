"""What a night mends by itself, what it knows of damaged snapshots, and folders for files."""

import os
import shutil
from pathlib import Path

import pytest

from pipeline import ledger, papers_again
from pipeline.errors import DamagedFile, OutputError, PaperlineError
from pipeline.snapshot import Snapshot
from tests.broken import NAMES, World, damage, two_nights

LOSES_NOTHING = ("3-findings.jsonl", "5-digest.json", "5-digest.md", "5-digest.html")
OF_PEOPLE = "4-decisions.jsonl"


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> World:
    return two_nights(tmp_path_factory.mktemp("two"))


@pytest.fixture
def world(two: World, tmp_path: Path) -> World:
    return two.copied(tmp_path / "world")


def a_folder_for(path: Path) -> bytes:
    """Put a folder with a file in it in a file's place; the file's bytes."""
    data = path.read_bytes()
    path.unlink()
    path.mkdir()
    (path / "kept").write_bytes(b"somebody's")
    return data


def missing(world: World, number: int) -> str:
    """What a night says is missing. Raises where it fails."""
    return str(world.night(number).missing)


def reordered(path: Path) -> bytes:
    """Put a file's lines in another order; as it was."""
    data = path.read_bytes()
    path.write_bytes(b"".join(reversed(data.splitlines(keepends=True))))
    return data


class TestPapersInAnotherOrder:
    @pytest.mark.parametrize("number", [1, 2])  # of the first one is excluded, in no digest
    def test_are_put_back_and_nothing_is_called_a_correction(self, world, number) -> None:
        path = world.snapshot(number).folder / "1-papers.jsonl"
        whole, run = reordered(path), world.snapshot(number).run()
        done = world.repair(number)
        assert all(each.well for each in done), done
        assert path.read_bytes() == whole
        assert world.snapshot(number).run().papers_sha256 == run.papers_sha256
        assert [r.reason for r in world.snapshot(1).publications()] == ["first"]

    def test_do_not_pass_for_those_of_the_digest(self, world) -> None:
        snapshot = world.snapshot(2)
        run = snapshot.run().but(papers_sha256="0" * 64)
        assert papers_again.papers_agree(snapshot, run)
        reordered(snapshot.folder / "1-papers.jsonl")
        assert not papers_again.papers_agree(snapshot, run)


class TestANight:
    def test_makes_the_papers_of_the_newest_snapshot_again(self, world) -> None:
        path = world.snapshot(2).folder / "1-papers.jsonl"
        whole = path.read_bytes()
        damage(path, "garbled")
        assert missing(world, 3) == "()"
        assert path.read_bytes() == whole
        assert len([*path.parent.glob("1-papers.jsonl.damaged-*")]) == 1

    def test_goes_on_without_damaged_lines_of_fetches(self, world) -> None:
        path = world.outputs.topic_folder("demo") / "fetches.jsonl"
        path.write_bytes(b"no record\n" + path.read_bytes() + b"\xff\n")
        assert missing(world, 3) == "()"
        (aside,) = path.parent.glob("fetches.jsonl.damaged-*")
        assert aside.read_bytes() == b"no record\n\xff\n"
        assert len([*world.outputs.fetches("demo")]) == 3

    @pytest.mark.parametrize("name", ["waiting.jsonl", "2/run.json"])
    def test_stops_where_mending_loses_something(self, world, name) -> None:
        number, _, file = name.rpartition("/")
        folder = world.snapshot(int(number)).folder if number else world.outputs.root / "demo"
        damage(folder / file, "garbled")
        before = (folder / file).read_bytes()
        with pytest.raises(DamagedFile, match="paperline repair demo"):
            world.night(3)
        assert (folder / file).read_bytes() == before


class TestALostIndex:
    """Of a damaged snapshot, what it showed is told by other files."""

    @pytest.mark.parametrize(
        ("number", "name", "how"),
        [(1, "run.json", "cut"), (1, "run.json", "deleted"), (1, "1-papers.jsonl", "garbled")],
    )
    def test_stops_no_night_where_the_papers_are_known(self, world, number, name, how) -> None:
        damage(world.snapshot(number).folder / name, how)
        shutil.rmtree(world.settings.cache)
        told = missing(world, 3)
        assert f"paperline repair demo/{NAMES[number - 1]}" in told
        shown = [*world.papers(2), *world.papers(3)]
        assert not {"2601.90009", "2601.90008", "2601.90007"} & {*shown}
        assert f"paperline repair demo/{NAMES[number - 1]}" in missing(world, 4)

    def test_is_whole_again_when_the_snapshot_is(self, world) -> None:
        path = world.snapshot(1).folder / "1-papers.jsonl"
        whole = path.read_bytes()
        damage(path, "garbled")
        shutil.rmtree(world.settings.cache)
        world.night(3)
        path.write_bytes(whole)
        with ledger.opened(world.settings.cache, world.outputs, "demo") as index:
            assert index.damaged == {}
            assert all(index.shown(paper) for paper in world.papers(1))

    def test_is_not_filled_from_papers_that_are_not_all_there(self, world) -> None:
        snapshot = world.snapshot(2)
        path = snapshot.folder / "1-papers.jsonl"
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
        damage(snapshot.folder / "run.json", "deleted")
        assert papers_again.certain(world.outputs, snapshot) is None

    def test_is_filled_from_the_digest_with_the_checksum_of_the_run(self, world) -> None:
        snapshot = world.snapshot(2)
        papers, instant = snapshot.papers(), snapshot.instant()
        damage(snapshot.folder / "1-papers.jsonl", "emptied")
        assert papers_again.certain(world.outputs, snapshot) == (instant, papers)


def files_of(world: World, number: int) -> list[str]:
    paths = world.snapshot(number).folder.iterdir()
    return sorted(path.name for path in paths if path.name[0] != ".")


FILES = (*LOSES_NOTHING, "1-papers.jsonl", "2-summaries.jsonl", OF_PEOPLE, "run.json")


class TestAFolderInTheFilesPlace:
    @pytest.mark.parametrize("number", [1, 2])
    @pytest.mark.parametrize("name", FILES)
    def test_is_told_by_the_doctor_and_set_aside_by_repair(self, world, number, name) -> None:
        path, page = world.snapshot(number).folder / name, world.page(1)
        whole = a_folder_for(path)
        told = [fail for fail in world.fails() if fail.what.startswith(f"{path}: is no file")]
        assert [fail.command for fail in told] == [f"paperline repair demo/{NAMES[number - 1]}"]
        left = [each for each in world.repair(number) if not each.well]
        lost = (number, name) == (1, "1-papers.jsonl")  # a paper of it stands nowhere else
        assert {each.path.name for each in left} == ({name} if lost or name == OF_PEOPLE else set())
        if name == OF_PEOPLE:
            assert (path / "kept").exists()
            shutil.rmtree(path)
        else:
            (aside,) = path.parent.glob(f"{name}.damaged-*/kept")
            assert aside.read_bytes() == b"somebody's"
        if left:
            path.write_bytes(whole)
        assert missing(world, 3) == "()"
        assert world.fails() == []
        assert world.page(1) == page

    @pytest.mark.parametrize("name", [*FILES, "6-published.jsonl"])
    def test_of_an_earlier_snapshot_costs_no_night(self, world, name) -> None:
        page = world.page(1)
        a_folder_for(world.snapshot(1).folder / name)
        told = missing(world, 3)
        assert (told == "()") == (name in LOSES_NOTHING)
        assert (
            f"{name}: is no file" in told
            or "1-papers" in told
            or told == "()"
            or ("lacks decisions" in told or "lacks a release" in told)
        )
        assert world.snapshot(3).digest() is not None
        assert world.page(1) == page

    @pytest.mark.parametrize("name", LOSES_NOTHING)
    def test_of_what_the_newest_is_made_into_is_no_matter(self, world, name) -> None:
        a_folder_for(world.snapshot(2).folder / name)
        assert missing(world, 3) == "()"
        assert world.fails() == []

    @pytest.mark.parametrize(
        "name", ["site/demo/20260115_0405.html", ".site.json", "format.json", "demo/fetches.jsonl"]
    )
    def test_beside_the_snapshots_is_no_matter_where_nothing_is_lost(self, world, name) -> None:
        page = world.page(1)
        a_folder_for(world.outputs.root / name)
        world.outputs = type(world.outputs)(world.outputs.root)
        assert missing(world, 3) == "()"
        assert world.fails() == []
        assert (world.outputs.root / name).is_file()
        assert world.page(1) == page

    @pytest.mark.parametrize(
        "name", ["spend.jsonl", "notices.jsonl", "runs.jsonl", "demo/waiting.jsonl"]
    )
    def test_in_the_place_of_a_list_is_set_aside_and_what_is_lost_is_said(
        self, world, name
    ) -> None:
        path = world.outputs.root / name
        path.touch()
        a_folder_for(path)
        assert any(str(path) in fail.what and fail.command for fail in world.fails())
        done = {each.path: each for each in world.repair(2)}
        assert done[path].well
        assert "set aside as" in done[path].what
        assert world.repair(2) == []

    def test_does_not_keep_repair_from_the_rest(self, world, monkeypatch) -> None:
        damage(world.snapshot(1).folder / "2-summaries.jsonl", "garbled")
        refused = Snapshot.batch

        def refuse(snapshot: Snapshot) -> None:
            refused(snapshot)
            raise OutputError("cannot be used: no", where=str(snapshot.folder / "batch.json"))

        monkeypatch.setattr(Snapshot, "batch", refuse)
        done = world.repair(1)
        assert [each.path.name for each in done if not each.well] == ["batch.json"]
        assert {each.path.name for each in done} >= {"2-summaries.jsonl", "5-digest.json"}

    def test_that_is_a_pipe_is_told_and_not_waited_for(self, world) -> None:
        path = world.snapshot(2).folder / "5-digest.html"
        path.unlink()
        os.mkfifo(path)
        (fail,) = world.fails()
        assert "is no file" in fail.what
        world.repair(2)
        assert path.is_file()


def test_a_file_of_an_earlier_snapshot_that_cannot_be_used_costs_no_night(
    world, monkeypatch
) -> None:
    digest, one = Snapshot.digest, world.snapshot(1)

    def refused(snapshot: Snapshot):
        if snapshot.name == one.name:
            raise OutputError("cannot be used: no", where=str(snapshot.digest_json))
        return digest(snapshot)

    monkeypatch.setattr(Snapshot, "digest", refused)
    assert "cannot be used: no" in missing(world, 3)


@pytest.mark.parametrize("name", ["run.json", "1-papers.jsonl", "2-summaries.jsonl"])
def test_what_two_snapshots_exchanged_is_left_each_time_until_both_are_mended(world, name) -> None:
    one, two = (world.snapshot(number).folder / name for number in (1, 2))
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    once, again = world.repair(1), world.repair(1)
    left = [each.path for each in once if not each.well]
    assert left
    assert [each.path for each in again if not each.well] == left


def test_an_error_that_is_about_no_snapshot_is_raised(world, monkeypatch) -> None:
    def refused(_snapshot: Snapshot, _run: object):
        raise OutputError("cannot be used: no", where=str(world.outputs.root / "spend.jsonl"))

    monkeypatch.setattr(Snapshot, "has_findings", refused)
    with pytest.raises(PaperlineError, match="cannot be used"):
        world.night(3)

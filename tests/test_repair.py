"""Every file, broken in every way: what a run makes of it, what is mended, what never is."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.books import Gap
from pipeline.errors import PaperlineError
from pipeline.exchange import BatchState
from pipeline.records import Lines
from pipeline.releasing import withdraw
from pipeline.repair import repair
from pipeline.report import Report
from pipeline.stages.review import Wish
from tests.broken import DAMAGES, DAY, FIRST, NAMES, World, damage, two_nights
from tests.desks import GAP, STAND_IN, a_desk

DERIVED = ("3-findings.jsonl", "5-digest.json", "5-digest.md", "5-digest.html")
KEPT = ("1-papers.jsonl", "2-summaries.jsonl", "4-decisions.jsonl", "6-published.jsonl", "run.json")
CASES = [
    (number, name)
    for number in (1, 2)
    for name in (*DERIVED, *KEPT)
    if (number, name) != (2, "6-published.jsonl")  # it waits for its editor
]
REST = ["2601.90003", "2601.90002", "2601.90001"]
"""The papers of the third night, the only ones that may be paid for."""


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> World:
    return two_nights(tmp_path_factory.mktemp("two"))


@pytest.fixture
def world(two: World, tmp_path: Path) -> World:
    return two.copied(tmp_path / "world")


def outcome(came: Report | PaperlineError) -> str:
    if isinstance(came, PaperlineError):
        return "stops"
    return "says what is missing" if came.missing else "goes on"


def expected(number: int, name: str) -> str:
    if name in DERIVED or (number, name) == (2, "1-papers.jsonl"):
        return "goes on"
    return "stops" if (number, name) == (2, "run.json") else "says what is missing"


def lasting(number: int, name: str, how: str) -> bool:
    """Whether only a backup helps: an excluded paper stands in no other file."""
    lost = number == 1 and name == "1-papers.jsonl" and how in ("cut", "emptied", "deleted")
    return lost or name == "4-decisions.jsonl"


def people(world: World) -> dict[Path, bytes]:
    """What editors decided, byte by byte."""
    return {path: path.read_bytes() for path in world.folder.rglob("4-*") if path.is_file()}


def goes_well(world: World) -> None:
    """A further night does, everything is well, and nothing was paid for twice."""
    came = world.ends(4)
    assert outcome(came) == "goes on", came
    assert world.fails() == []
    assert world.teller.paid == REST
    shown = [paper for snapshot in world.outputs.snapshots("demo") for paper in snapshot.papers()]
    assert len({paper.id for paper in shown}) == len(shown) == 9


def goes_well_after_three(world: World) -> None:
    assert outcome(world.ends(3)) == "goes on"
    goes_well(world)


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize(("number", "name"), CASES)
def test_a_damaged_file_is_made_again_or_named_and_mended_and_nothing_is_lost(
    world, number, name, how
) -> None:
    path, page = world.snapshot(number).folder / name, world.page(1)
    whole, decided = path.read_bytes(), people(world)
    damage(path, how)
    came = world.ends(3)
    assert outcome(came) == expected(number, name)
    command = f"paperline repair demo/{NAMES[number - 1]}"
    fails = world.fails()
    if outcome(came) == "goes on":
        assert fails == []
    else:
        assert any(name in each.what and each.command == command for each in fails)
        told = str(came) if isinstance(came, PaperlineError) else str(came.missing)
        assert command in told
    assert world.page(1) == page
    left = {done.path.name for done in world.repair(number) if not done.well}
    assert left == ({name} if lasting(number, name, how) else set())
    if left:
        path.write_bytes(whole)
    assert people(world) == decided
    goes_well(world)
    assert world.page(1) == page
    assert [r.reason for r in world.snapshot(1).publications()] == ["first"]


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("name", ["waiting.jsonl", "fetches.jsonl", "spend.jsonl"])
def test_a_damaged_file_beside_the_snapshots_is_named_and_its_good_lines_stay(
    world, name, how
) -> None:
    found = [*world.settings.outputs.rglob(name)]
    (path,) = found
    damage(path, how)
    # What is appended to may end in a torn line, of a kill; what is replaced whole may not.
    unreadable = how in ("garbled", "not UTF-8") or (name, how) == ("waiting.jsonl", "cut")
    if unreadable:
        # What was spent before tonight is not looked at; without fetches more is fetched.
        came = world.ends(3)
        assert ("paperline repair" in str(came)) == (name == "waiting.jsonl")
        if name != "fetches.jsonl":
            assert any(name in fail.what and fail.command for fail in world.fails())
            (done, *_) = world.repair(2)
            assert (done.path.name, done.well) == (name, True)
        (aside,) = path.parent.glob(f"{name}.damaged-*")
        assert aside.stat().st_size
    goes_well_after_three(world)


def test_repairing_what_is_whole_changes_nothing(world) -> None:
    world.repair(1)  # the site was copied, and is looked at once
    files = {p: p.read_bytes() for p in world.settings.outputs.rglob("*") if p.is_file()}
    assert world.repair(1) == world.repair(2) == []
    assert {p: p.read_bytes() for p in files} == files


def test_repairing_twice_does_no_more_than_once(world) -> None:
    damage(world.snapshot(1).folder / "2-summaries.jsonl", "garbled")
    assert world.repair(1)
    assert world.repair(1) == []


def test_damage_that_hides_what_was_shown_shows_nothing_twice(world) -> None:
    damage(world.snapshot(1).folder / "1-papers.jsonl", "deleted")
    shutil.rmtree(world.settings.cache)  # so that nobody knows what the snapshot showed
    came = world.ends(3)
    assert outcome(came) == "stops"
    assert "1-papers.jsonl" in str(came)
    assert world.teller.paid == []


def test_the_policy_of_a_digest_outlives_its_file(world) -> None:
    damage(world.snapshot(2).folder / "5-digest.json", "garbled")
    world.settings = world.settings_with(policy="none")
    world.night(3)
    digest = world.snapshot(2).digest()
    assert digest is not None
    assert (digest.policy, digest.status) == ("all", "draft")


class TestDecisionsThatAreGone:
    def test_let_no_digest_be_released_until_a_person_says_so(self, world) -> None:
        path = world.snapshot(1).folder / "4-decisions.jsonl"
        excluded = world.papers(1)[2]
        path.unlink()
        world.settings = world.settings_with(policy="none")
        assert outcome(world.ends(3)) == "says what is missing"
        assert excluded not in world.page(1)
        (done,) = world.repair(1)
        assert "paperline assemble demo/20260115_0405" in done.what
        world.assemble(1)
        assert world.repair(1) == []

    def test_are_noticed_where_an_older_copy_took_their_place(self, world) -> None:
        path = world.snapshot(1).folder / "4-decisions.jsonl"
        path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
        assert "lacks decisions that were taken" in str(world.night(3).missing)

    def test_a_damaged_line_that_a_person_deletes_is_gone_for_good(self, world) -> None:
        path = world.snapshot(1).folder / "4-decisions.jsonl"
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join([b"{}\n", *lines]))
        (done, *_) = world.repair(1)
        assert "line 1" in done.what
        assert not done.well
        path.write_bytes(b"".join(lines))
        assert world.repair(1) == []


class TestReleases:
    def test_that_took_a_digest_back_stay_though_their_line_is_damaged(self, world) -> None:
        why, now = "The wrong query was used.", FIRST + DAY
        withdraw(world.settings, world.snapshot(1), why, editor="Mei Lan", now=now)
        path = world.snapshot(1).folder / "6-published.jsonl"
        first, second = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(first + second.replace(b'"topic"', b'"tonic"'))
        assert why in world.page(1)
        (done, *_) = world.repair(1)
        assert "stays taken back" in done.what
        assert world.snapshot(1).publications()[-1].why == why
        goes_well_after_three(world)
        assert why in world.page(1)

    def test_that_took_a_digest_back_stay_though_nobody_knows_why(self, world) -> None:
        withdraw(world.settings, world.snapshot(1), "Wrong.", editor="Mei Lan", now=FIRST + DAY)
        path = world.snapshot(1).folder / "6-published.jsonl"
        path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
        world.repair(1)
        assert "was damaged" in (world.snapshot(1).publications()[-1].why or "")
        goes_well_after_three(world)

    def test_before_the_last_are_missed_in_the_history_alone(self, world) -> None:
        self.correct(world)
        path = world.snapshot(1).folder / "6-published.jsonl"
        first, second = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(first[:40] + b"\n" + second)
        (done, *_) = world.repair(1)
        assert "its history is shorter" in done.what
        assert "Another text." in world.page(1)
        goes_well_after_three(world)

    def test_that_corrected_a_digest_are_on_record_again(self, world) -> None:
        self.correct(world)
        path = world.snapshot(1).folder / "6-published.jsonl"
        path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
        world.repair(1)
        assert "Another text." in world.page(1)
        goes_well_after_three(world)
        assert [r.reason for r in world.snapshot(1).publications()] == ["first", "correction"]

    def correct(self, world: World) -> None:
        text: Lines = {"en": "Another text."}
        world.decide(1, Wish("edit", world.papers(1)[0], text=text))
        assert "Another text." in world.page(1)


class TestALineThatIsGone:
    def test_of_an_approved_paper_is_never_released_as_the_editors(self, world) -> None:
        one = world.papers(2)[0]
        damage(world.snapshot(2).folder / "2-summaries.jsonl", "deleted")
        world.repair(2)
        for paper in world.papers(2)[1:]:
            world.decide(2, Wish("exclude", paper))
        assert world.snapshot(2).publications() == []
        world.night(3)
        (released,) = world.snapshot(2).publications()
        (entry,) = released.digest.papers
        assert (entry.paper.id, entry.lines["en"].origin) == (one, "model")
        assert world.teller.paid == REST

    def test_of_a_stand_in_that_was_approved_is_never_released_as_the_editors(
        self, tmp_path
    ) -> None:
        room = a_desk(tmp_path, gaps=(2,))
        path = room.snapshot.folder / "2-summaries.jsonl"
        room.settle()
        damage(path, "garbled")
        assert all(done.well for done in repair(room.settings, room.snapshot, room.later()))
        assert room.publications() == []
        run = room.snapshot.run()
        room.snapshot.write_run(run.but(gaps={room.id(2): Gap(failure=GAP)}))
        room.release()  # another night, on which the model gave no line either
        assert room.publications() == []
        room.write(room.candidate(2, **STAND_IN))
        room.release()
        (released,) = room.publications()
        assert released.digest.papers[1].lines["en"].origin == "embedded"

    def test_that_says_something_else_than_its_id_is_set_aside(self, world) -> None:
        path = world.snapshot(2).folder / "2-summaries.jsonl"
        path.write_bytes(path.read_bytes().replace(b"Tells of", b"Tells on", 1))
        assert any("is not the text" in fail.what for fail in world.fails())
        world.repair(2)
        goes_well_after_three(world)


def test_the_run_of_another_snapshot_is_made_again(world) -> None:
    one, two = (world.snapshot(number).folder / "run.json" for number in (1, 2))
    one.write_bytes(two.read_bytes())
    assert "is that of 20260116_0405" in str(world.night(3).missing)
    assert all(done.well for done in world.repair(1))
    goes_well(world)


def test_a_run_that_is_made_again_keeps_costs_and_gaps(world) -> None:
    before = world.snapshot(2).run()
    damage(world.snapshot(2).folder / "run.json", "deleted")
    world.repair(2)
    run = world.snapshot(2).run()
    assert run.stages["summarize"].usage == before.stages["summarize"].usage
    for name in ("instant", "prompt", "model", "prompt_fingerprint", "terms", "papers_sha256"):
        assert getattr(run, name) == getattr(before, name), name


def test_a_damaged_batch_is_set_aside_and_its_cost_told(world) -> None:
    snapshot = world.snapshot(2)
    snapshot.write_batch(BatchState(base_url="http://127.0.0.1:9/v1", started=FIRST))
    path = snapshot.folder / "batch.json"
    path.write_bytes(path.read_bytes()[:20])
    (done,) = world.repair(2)[:1]
    assert "may be paid twice" in done.what
    goes_well_after_three(world)


def test_without_any_snapshot_what_stands_beside_is_mended(tmp_path) -> None:
    world = World(tmp_path)
    folder = world.outputs.topic_folder("demo")
    folder.mkdir(parents=True)
    (folder / "waiting.jsonl").write_bytes(b"no record\n")
    (done,) = repair(world.settings, world.outputs.snapshot("demo", "latest"), FIRST)
    assert done.path.name == "waiting.jsonl"
    assert world.outputs.waiting("demo") == []


@pytest.mark.parametrize("name", ["2-summaries.jsonl", "spend.jsonl"])
def test_a_torn_tail_beside_a_damaged_line_is_kept_too(world, name) -> None:
    folder = world.snapshot(2).folder if name[0] == "2" else world.settings.outputs
    path = folder / name
    first, *rest = path.read_bytes().splitlines(keepends=True)
    tail = rest[-1].removesuffix(b"\n")
    path.write_bytes(b"".join((b"no record\n", first, *rest[:-1], tail)))
    world.repair(2)
    (aside,) = folder.glob(f"{name}.damaged-*")
    assert aside.read_bytes().startswith(b"no record\n" + tail)
    assert tail not in path.read_bytes()


RESAVED = {
    "a byte order mark": lambda data: b"\xef\xbb\xbf" + data,
    "CRLF": lambda data: data.replace(b"\n", b"\r\n"),
    "empty lines": lambda data: data.replace(b"\n", b"\n\n"),
    "no newline at its end": lambda data: data[:-1],
    "all of it": lambda data: b"\xef\xbb\xbf" + data[:-1].replace(b"\n", b"\r\n\r\n"),
}
"""What an editor makes of a file of lines by saving it."""


class TestDecisionsThatWereSavedByAnEditor:
    @pytest.mark.parametrize("how", RESAVED)
    def test_are_said_to_be_there_and_nobody_is_told_to_do_without(self, world, how) -> None:
        path = world.snapshot(1).folder / "4-decisions.jsonl"
        whole = path.read_bytes()
        path.write_bytes(RESAVED[how](whole))
        assert outcome(world.ends(3)) == "says what is missing"
        for _ in range(2):
            (left,) = world.repair(1)
            assert (left.path, left.well) == (path, False)
            assert "nothing is lost" in left.what
            assert "Save it as UTF-8 without a byte order mark" in left.what
            assert "assemble" not in left.what
            assert "delete" not in left.what
        assert path.read_bytes() == RESAVED[how](whole)
        path.write_bytes(whole)
        goes_well(world)

    def test_are_damaged_where_one_is_missing_too(self, world) -> None:
        path = world.snapshot(1).folder / "4-decisions.jsonl"
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[1:]).replace(b"\n", b"\r\n"))
        (left,) = world.repair(1)
        assert "lacks decisions that were taken" in left.what
        assert "nothing is lost" not in left.what


@pytest.mark.parametrize("name", ["run.json", "2-summaries.jsonl"])
def test_what_the_next_snapshot_lacks_is_said_each_time_until_that_is_mended(world, name) -> None:
    one, two = (world.snapshot(number).folder / name for number in (1, 2))
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    done = world.repair(1)
    assert (world.snapshot(1).digest_json, True) in [(each.path, each.well) for each in done]
    for found in (done, world.repair(1), world.repair(1)):
        (left,) = (each for each in found if not each.well)
        assert left.path == two
        assert f"so no decision on demo/{NAMES[0]} carries over to it yet" in left.what
        assert f"paperline repair demo/{NAMES[1]}" in left.what
    assert all(each.well for each in world.repair(2))
    assert all(each.well for each in world.repair(1))
    goes_well_after_three(world)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_byte_of_any_file_may_be_wrong_and_no_decision_changes(two, tmp_path_factory, data):
    world = two.copied(tmp_path_factory.mktemp("any") / "world")
    files = sorted(p for p in world.snapshot(1).folder.iterdir() if p.suffix != ".lock")
    path = data.draw(st.sampled_from([p for p in files if p.name[0] != "."]))
    whole = path.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        path.write_bytes(whole[:place])
    else:
        flipped = whole[place] ^ data.draw(st.integers(1, 255))
        path.write_bytes(whole[:place] + bytes([flipped]) + whole[place + 1 :])
    decided = people(world)
    world.ends(3)
    world.doctor()
    world.repair(1)
    world.ends(4)
    assert people(world) == decided
    for finding in world.fails():
        assert finding.what

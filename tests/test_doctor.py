"""What the doctor says of data that is broken, waits for somebody, or is well."""

import json
import os
from datetime import timedelta
from pathlib import Path

import jsonschema
import msgspec
import pytest

from pipeline import damage as damages
from pipeline import diagnosis
from pipeline.books import Invocation
from pipeline.diagnosis import Examined, Finding, of_data
from pipeline.exchange import BatchState
from pipeline.records import utc
from tests.broken import DAY, FIRST, NAMES, World, damage, two_nights
from tests.desks import GAP, a_desk
from tests.terminal import Terminal


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> World:
    return two_nights(tmp_path_factory.mktemp("two"))


@pytest.fixture
def world(two: World, tmp_path: Path) -> World:
    made = two.copied(tmp_path / "world")
    made.repair(1)  # the site was copied, and is looked at once
    return made


def told(world: World, subject: str, *, days: float = 1) -> list[Finding]:
    """What is found about a subject so many days after the first night."""
    found = of_data(world.settings, FIRST + timedelta(days=days, hours=1))
    return [finding for finding in found if finding.subject == subject]


def notes(world: World, subject: str, *, days: float = 1) -> list[tuple[str, str]]:
    return [(f.what, f.command) for f in told(world, subject, days=days) if f.note]


def test_what_is_well_is_one_line_for_each_topic(world) -> None:
    (topic,) = told(world, "demo")
    assert topic == Finding("demo", True, "2 snapshots, newest 20260116_0405")
    assert told(world, "site") == [Finding("site", True, "1 digest published")]


def test_nothing_is_written(world) -> None:
    files = {p: p.stat().st_mtime_ns for p in world.folder.rglob("*") if p.is_file()}
    world.doctor()
    assert {p: p.stat().st_mtime_ns for p in world.folder.rglob("*") if p.is_file()} == files


def test_a_disk_that_is_nearly_full_is_a_note(world, monkeypatch) -> None:
    monkeypatch.setattr(diagnosis, "LEAST_FREE", 10**18)
    assert all("make room" in what for what, _ in notes(world, "disk"))
    assert len(notes(world, "disk")) == 2


def test_a_clock_that_was_set_back_fails_and_says_until_when(world) -> None:
    (finding,) = (f for f in told(world, "demo", days=-9) if not f.well)
    assert "is of 2026-01-15T20:05:00Z, which is to come: run refuses until then" in finding.what
    assert "move the snapshot's folder away" in finding.what


@pytest.mark.parametrize("how", ["garbled", "emptied", "deleted"])
@pytest.mark.parametrize(
    "name",
    [
        "run.json",
        "1-papers.jsonl",
        "2-summaries.jsonl",
        "4-decisions.jsonl",
        "5-digest.json",
        "6-published.jsonl",
    ],
)
def test_of_an_old_snapshot_each_file_is_looked_at_for_a_moment(
    world, monkeypatch, name, how
) -> None:
    monkeypatch.setattr(diagnosis, "LOOKED_AT", timedelta(hours=1))  # the newest alone is new
    monkeypatch.setattr(damages, "in_snapshot", only_where_something_is(damages.in_snapshot))
    assert told(world, f"demo/{NAMES[0]}", days=100) == []
    (world.settings.outputs / ".site.json").unlink()  # which would tell of another release
    damage(world.snapshot(1).folder / name, how)
    found = told(world, f"demo/{NAMES[0]}", days=100)
    assert any(name in each.what for each in found)
    assert not any(each.well for each in found)
    assert {each.command for each in found} == {f"paperline repair demo/{NAMES[0]}"}


def only_where_something_is(look):
    """The long look, which is taken at an old snapshot only where the short one finds something."""

    def looked(snapshot):
        found = look(snapshot)
        assert found or snapshot.name != NAMES[0]
        return found

    return looked


def test_an_old_release_that_is_not_what_the_site_shows_is_looked_into(world) -> None:
    damage(world.snapshot(1).folder / "6-published.jsonl", "garbled")
    (finding,) = told(world, f"demo/{NAMES[0]}", days=100)
    assert "line 1: does not hold a Publication" in finding.what


def test_a_digest_that_waits_is_a_note_with_the_editors_command(world) -> None:
    ((what, command),) = notes(world, f"demo/{NAMES[1]}", days=3)
    assert what.startswith("waits for 2 decisions since 2026-01-15T20:05:00Z")
    assert command == "paperline review"


def test_a_decision_that_was_not_released_is_a_note(world) -> None:
    snapshot = world.snapshot(1)
    digest = snapshot.digest_json.stat()
    later = digest.st_mtime_ns + 10**9
    os.utime(snapshot.folder / "4-decisions.jsonl", ns=(later, later))
    ((_, command),) = notes(world, f"demo/{NAMES[0]}")
    assert command == f"paperline publish demo/{NAMES[0]}"


def test_a_batch_that_is_still_out_is_a_note(world) -> None:
    world.snapshot(2).write_batch(BatchState(base_url="http://127.0.0.1:9/v1", started=FIRST))
    ((what, command),) = notes(world, f"demo/{NAMES[1]}")
    assert "still at the provider" in what
    assert command == "paperline run demo"


@pytest.mark.parametrize(("nights", "days"), [(1, 9), (3, 1)])
def test_gaps_that_no_run_asks_for_again_are_a_note_with_the_command(
    tmp_path, nights, days
) -> None:
    room = a_desk(tmp_path, gaps=(2,))
    run, snapshot = room.snapshot.run(), room.snapshot
    dates = tuple((run.instant + n * DAY).date() for n in range(nights))
    snapshot.write_run(run.but(gaps={room.id(2): run.gaps[room.id(2)].but(nights=dates)}))
    found = of_data(room.settings, run.instant + days * DAY)
    commands = [f.command for f in found if "that no run asks for again" in f.what]
    assert commands == [f"paperline summarize {snapshot} --paper {room.id(2)}"]
    assert GAP.kind == "content"


def test_a_page_that_was_changed_is_a_note(world) -> None:
    page = world.outputs.site / "demo" / f"{NAMES[0]}.html"
    page.write_text("changed", encoding="utf-8")
    ((what, command),) = notes(world, "site")
    assert f"1 file not as written: demo/{NAMES[0]}.html" in what
    assert command == "paperline publish"


def test_a_page_that_is_gone_is_a_note(world) -> None:
    (world.outputs.site / "demo" / f"{NAMES[0]}.html").unlink()
    ((what, _),) = notes(world, "site")
    assert f"1 file not as written: demo/{NAMES[0]}.html" in what


def test_a_site_that_was_restored_or_moved_is_well(two, tmp_path) -> None:
    moved = two.copied(tmp_path / "moved")
    for path in moved.outputs.site.rglob("*"):
        os.utime(path, ns=(1, 1))
    (finding,) = told(moved, "site")
    assert finding.state == "ok"
    assert finding.command == ""
    assert "copied or changed since they were written" in finding.what


def test_a_damaged_catalogue_is_made_anew_by_the_next_run(world) -> None:
    (world.settings.outputs / ".site.json").write_bytes(b"{")
    (finding,) = told(world, "site")
    assert finding.well
    assert "the next run makes it anew" in finding.what


def test_damaged_databases_are_told(world) -> None:
    index = next((world.settings.cache / "ledger").glob("*.sqlite"))
    answers = world.settings.cache / "answers" / "cache.db"
    answers.parent.mkdir()
    for path in (index, answers):
        path.write_bytes(b"no database" * 100)
    found = {f.what.partition(":")[0]: f.note for f in told(world, "cache")}
    assert found == {str(index): False, str(answers): True}


def test_a_run_that_began_and_never_ended_is_a_note(world) -> None:
    began = utc(FIRST)
    line = Invocation(run="r", topic="demo", at=began, begun=began, version="1")
    world.outputs.append_invocation(line)
    ((what, command),) = notes(world, "runs")
    assert "did not end" in what
    assert command == "paperline run demo"


def test_a_file_of_a_newer_format_is_named_and_nothing_offers_to_mend_it(world) -> None:
    path = world.snapshot(2).folder / "run.json"
    run = json.loads(path.read_bytes())
    path.write_text(json.dumps({**run, "format": 99}), encoding="utf-8")
    (finding,) = told(world, f"demo/{NAMES[1]}")
    assert not finding.well
    assert finding.what.endswith("reads up to 1. Upgrade paperline: docs/upgrades.md")
    assert finding.command == ""


def test_a_release_of_a_newer_format_is_no_release_that_is_lost(world) -> None:
    path = world.snapshot(1).folder / "6-published.jsonl"
    release = json.loads(path.read_bytes())
    release["digest"]["format"] = 99
    path.write_text(f"{json.dumps(release)}\n", encoding="utf-8")
    for days in (1, 100):
        (finding,) = told(world, f"demo/{NAMES[0]}", days=days)
        assert "6-published.jsonl: is of format 99" in finding.what
        assert "Upgrade paperline" in finding.what
        assert finding.command == ""


class TestTheCommands:
    @pytest.fixture
    def room(self, tmp_path):
        return a_desk(tmp_path)

    @pytest.fixture
    def terminal(self, room) -> Terminal:
        settings = (room.folder / "paperline.toml").read_text("utf-8")
        _, _, rest = settings.partition("site.search = false\n")
        return Terminal(room.folder, f'cache = "cache"\n{rest}')

    def test_answer_in_json_by_a_schema_with_what_is_broken_first(self, room, terminal) -> None:
        damage(room.snapshot.folder / "2-summaries.jsonl", "garbled")
        assert terminal("doctor", "--offline", "--json") == 1
        answer = json.loads(terminal.said)
        schema = msgspec.json.schema(list[Examined])
        jsonschema.validate(answer, schema)
        assert answer[0]["state"] == "fail"
        assert answer[0]["command"] == f"paperline repair {room.snapshot}"
        assert not any(each["subject"] in ("arXiv", "key", "model") for each in answer)

    def test_mend_what_they_name(self, room, terminal) -> None:
        damage(room.snapshot.folder / "2-summaries.jsonl", "garbled")
        assert terminal("doctor", "--offline") == 1
        assert terminal.said.startswith("FAIL")
        assert terminal("repair", str(room.snapshot)) == 0
        assert "2-summaries.jsonl: line 2:" in terminal.said
        assert terminal("repair", str(room.snapshot)) == 0
        assert "nothing to mend" in terminal.said
        assert terminal("doctor", "--offline") == 0
        assert "FAIL" not in terminal.said

    def test_end_with_1_where_something_is_left(self, room, terminal) -> None:
        room.decide("hold", 1)
        damage(room.snapshot.folder / "4-decisions.jsonl", "not UTF-8")
        assert terminal("repair", str(room.snapshot)) == 1
        assert terminal.said.startswith("LEFT  ")
        assert "Restore the file from a backup" in terminal.said

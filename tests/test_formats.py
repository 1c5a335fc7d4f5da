"""Files of other formats: older ones are read and gone on with, newer ones left alone."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pipeline import formats, ledger
from pipeline.books import Fetch, Run, Spend
from pipeline.bulk.folder import MANIFEST, BulkFolder
from pipeline.cache import AnswerCache
from pipeline.differences import alike
from pipeline.errors import DamagedFile, NewerFormat
from pipeline.formats import FORMAT
from pipeline.outputs import Outputs
from pipeline.records import Digest, Publication
from pipeline.site_folder import SiteFolder
from pipeline.stages.build import build_site
from tests.desks import a_desk, lines_of
from tests.digests import a_decision, a_digest, a_line, a_publication, an_entry
from tests.feeds import atom
from tests.formats.make import FIELDS, FIRST, HORNS, ROPES, SECOND, SUMS, fields, sums
from tests.terminal import Terminal

KEPT = Path(__file__).parent / "formats"
SETS = sorted(path.parent.name for path in KEPT.glob(f"*/{SUMS}"))
ONE = f"tides/{FIRST}"
SETTINGS = (
    '[model]\nname = "embedded"\n[arxiv]\nurl = "{feed}"\ndelay = 0.0\npatience = 0.0\n'
    '[[topic]]\nname = "tides"\nquery = "all:tide"\nlimit = 3\n'
)
READING = [
    ["status"],
    ["status", ONE, "--json"],
    ["status", f"tides/{SECOND}"],
    ["compare", ONE, "one_line@test-model", "one_line@tide-1", "--json"],
    *(["export", ONE, "--format", form] for form in ("json", "md", "csv", "bibtex", "ris")),
    ["prompts", "list", "--json"],
    ["prompts", "list", "--edits", "--json"],
    ["run", "--dry-run", "--at", "2026-05-02T04:05+08:00"],
]
WRITING = [
    ["run", "--at", "2026-05-02T04:05+08:00"],
    ["fetch", "tides", "--at", "2026-05-02T04:05+08:00"],
    ["summarize", f"tides/{SECOND}"],
    ["check", ONE],
    ["assemble", ONE],
    ["publish"],
    ["unpublish", ONE, "--why", "wrong", "--editor", "Mei Lan"],
    ["decide", f"tides/{SECOND}", HORNS.id, "approve", "--editor", "Mei Lan"],
    ["repair", ONE],
]


def a_terminal(folder: Path, kept: str) -> Terminal:
    """A folder with a copy of that set, in which only the paper that waits is found."""
    shutil.copytree(KEPT / kept / "outputs", folder / "outputs")
    feed = folder / "feed.atom"
    feed.write_text(atom([ROPES]), encoding="utf-8")
    return Terminal(folder, SETTINGS.format(feed=feed.as_uri()))


@pytest.fixture(params=SETS)
def terminal(tmp_path: Path, request: pytest.FixtureRequest) -> Terminal:
    return a_terminal(tmp_path, request.param)


@pytest.fixture
def present(tmp_path: Path) -> Terminal:
    return a_terminal(tmp_path, str(FORMAT))


def rewrite(path: Path, **changes: Any) -> None:
    """Change fields of a file that holds one JSON object."""
    held = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**held, **changes}, ensure_ascii=False) + "\n", "utf-8")


def below(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_set_is_kept_of_every_format_and_never_changes():
    assert {int(name.partition("-")[0]) for name in SETS} == set(range(1, FORMAT + 1))
    for name in SETS:
        assert (KEPT / name / SUMS).read_text("utf-8") == sums(KEPT / name)


def test_records_have_the_fields_of_the_present_format():
    kept = (KEPT / str(FORMAT) / FIELDS).read_text("utf-8")
    assert fields() == kept, "raise FORMAT once a release: docs/upgrades.md, Changing a format"


def test_every_command_that_reads_reads_every_kept_format(terminal):
    before = below(terminal.outputs)
    for command in READING:
        ended = terminal(*command)
        asked_for_unknown = command[0] == "compare" and ended == 2  # of prompts with no lines
        assert ended == 0 or asked_for_unknown, (command, terminal.errors)
        assert "damaged" not in terminal.errors
        assert "is left out" not in terminal.errors
    assert below(terminal.outputs) == before


def test_a_run_goes_on_with_every_kept_format_and_what_editors_did_stays(terminal):
    before = terminal.files()
    assert terminal("run", "--at", "2026-05-02T04:05+08:00") == 0, terminal.errors
    after = terminal.files()
    made = Outputs(terminal.outputs).snapshot("tides", "20260502_0405")
    assert [paper.id for paper in made.papers()] == [ROPES.id]
    assert Outputs(terminal.outputs).waiting("tides") == []
    for name, text in before.items():
        if "4-decisions" in name or "1-papers" in name or "4-preferences" in name:
            assert after[name] == text, name
        if "6-published" in name or name.endswith(("spend.jsonl", "fetches.jsonl")):
            assert after[name].startswith(text), name


def test_what_was_published_is_shown_as_it_was_and_nothing_is_corrected_by_machine(terminal):
    snapshot = Outputs(terminal.outputs).snapshot("tides", FIRST)
    before = snapshot.publications()
    assert terminal("assemble", ONE) == 0, terminal.errors
    assert terminal("publish") == 0, terminal.errors
    assert terminal("run", "--at", "2026-05-02T04:05+08:00") == 0, terminal.errors
    added = snapshot.publications()[len(before) :]
    # The first version told nobody of a withdrawal.
    assert [release.reason for release in added] in ([], ["withdrawn"])
    page = (terminal.outputs / "site" / "tides" / f"{FIRST}.html").read_text("utf-8")
    for entry in before[-1].digest.papers:
        for line in entry.lines.values():
            assert line.text in page
    assert "a gauge was broken" in page


def test_editors_go_on_where_an_earlier_version_left_off(terminal):
    assert terminal("run", "--at", "2026-05-02T04:05+08:00") == 0  # which checks what never was
    assert terminal("decide", f"tides/{SECOND}", HORNS.id, "approve", "--editor", "Mei Lan") == 0
    decisions = Outputs(terminal.outputs).snapshot("tides", SECOND).decisions()
    assert [decision.action for decision in decisions] == ["exclude", "approve"]


def test_nothing_of_an_older_format_is_taken_for_damage(terminal):
    before = terminal.files()
    for snapshot in (ONE, f"tides/{SECOND}"):
        assert terminal("repair", snapshot) == 0, terminal.errors
    after = terminal.files()
    assert [name for name in after if "damaged" in name or "torn" in name] == []
    for name, text in before.items():
        if name.endswith(".jsonl") and "3-findings" not in name:
            assert after[name].startswith(text), name


def test_the_format_is_written_with_the_first_write_and_by_nothing_that_reads(tmp_path):
    terminal = a_terminal(tmp_path, "1-early")
    assert terminal("status") == 0
    assert not (terminal.outputs / formats.FILE).exists()
    assert terminal("assemble", ONE) == 0
    assert json.loads((terminal.outputs / formats.FILE).read_text()) == {"format": FORMAT}


@pytest.mark.parametrize("command", [*READING, *WRITING], ids=lambda command: "-".join(command[:2]))
def test_files_of_a_newer_format_are_refused_by_every_command_and_left_alone(present, command):
    rewrite(present.outputs / formats.FILE, format=FORMAT + 2, more="unknown")
    before = below(present.outputs)
    assert present(*command) == 1
    assert (
        f"outputs/format.json: is of format {FORMAT + 2}, and this paperline reads up to {FORMAT}. "
        "Upgrade paperline: docs/upgrades.md" in present.errors
    )
    assert below(present.outputs) == before


def test_a_snapshot_of_a_newer_format_is_refused_and_left_alone(present):
    rewrite(present.outputs / ONE / "run.json", format=FORMAT + 1, more="unknown")
    before = present.files()
    for command in (["check", ONE], ["assemble", ONE], ["status", ONE], ["repair", ONE]):
        assert present(*command) == 1
        assert f"run.json: is of format {FORMAT + 1}" in present.errors
    decide = ["decide", ONE, HORNS.id, "approve", "--editor", "Mei Lan"]
    assert present(*decide) == 1
    assert present.files() == before


def test_a_newer_format_is_noticed_even_where_every_field_is_known():
    for made in (a_digest(), a_publication()):
        text = made.to_json().replace(f'"format":{FORMAT}', f'"format":{FORMAT + 1}')
        with pytest.raises(NewerFormat, match=f"x: is of format {FORMAT + 1}.*docs/upgrades.md"):
            type(made).from_json(text, where="x")


def test_a_bulk_folder_of_a_newer_format_is_refused(tmp_path):
    (tmp_path / MANIFEST).write_text('{"format": 7, "selection": {}, "more": 1}')
    with pytest.raises(NewerFormat, match="is of format 7"):
        BulkFolder(str(tmp_path)).manifest()


def test_what_protects_against_damage_protects_against_a_newer_format():
    assert issubclass(NewerFormat, DamagedFile)
    assert NewerFormat("x").exit_code == 1


@pytest.mark.parametrize("text", ["", "[]", '{"format": "new"}', "\xff"])
def test_a_damaged_note_of_the_format_stops_nothing_and_is_written_anew(tmp_path, text):
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    (outputs / formats.FILE).write_bytes(text.encode("latin-1"))
    formats.check(outputs)
    formats.mark(outputs)
    assert json.loads((outputs / formats.FILE).read_text()) == {"format": FORMAT}


def test_what_is_of_an_older_format_is_brought_through_every_format_since(monkeypatch):
    def in_capitals(value: dict[str, Any]) -> dict[str, Any]:
        return {**value, "heading": value["name"].title()}

    def renamed(value: dict[str, Any]) -> dict[str, Any]:
        rest = {k: v for k, v in value.items() if k not in ("name", "heading")}
        return {**rest, "title": value["heading"]}

    monkeypatch.setattr(
        formats, "MIGRATIONS", {-1: {"Digest": in_capitals}, 0: {"Digest": renamed}}
    )
    old = json.loads(a_digest().to_json())
    del old["title"]
    of_the_oldest = json.dumps({**old, "format": -1, "name": "tide papers"})
    of_the_next = json.dumps({**old, "format": 0, "heading": "Tide Papers"})
    for text in (of_the_oldest, of_the_next):
        read = Digest.from_json(text, where="x")
        assert read == a_digest(title="Tide Papers")
    release = {**json.loads(a_publication().to_json()), "digest": json.loads(of_the_oldest)}
    assert Publication.from_json(json.dumps(release), where="x").digest.title == "Tide Papers"


def test_writing_an_older_record_writes_the_present_format(monkeypatch):
    monkeypatch.setattr(formats, "MIGRATIONS", {0: {}})
    text = a_digest().to_json().replace(f'"format":{FORMAT}', '"format":0')
    assert json.loads(Digest.from_json(text, where="x").to_json())["format"] == FORMAT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "[]",
        '{"format": []}',
        '{"papers": 3}',
        '{"papers": [3]}',
        '{"digest": "x"}',
        "\ud800",
    ],
)
@pytest.mark.parametrize("kind", [Digest, Publication, Run, Spend, Fetch])
def test_what_is_of_no_format_is_damaged(kind, text):
    with pytest.raises(DamagedFile) as told:
        kind.from_json(text, where="x")
    assert not isinstance(told.value, NewerFormat)


def test_costs_of_the_first_version_are_counted_each(tmp_path):
    lines = (KEPT / "1-early" / "outputs" / "spend.jsonl").read_text("utf-8").splitlines()
    read = [Spend.from_json(line, where="spend.jsonl") for line in lines]
    assert len(set(lines)) < len(lines)
    assert len({spend.id for spend in read}) == len(lines)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("not-json: the answer was not a JSON object", "content"),
        ("usd_per_run of [budget] is reached", "budget"),
        ("http://127.0.0.1:9/v1: connection refused", "unavailable"),
        ("the model could not be reached", "unavailable"),
    ],
)
def test_a_gap_of_the_first_version_gets_the_kind_that_its_reason_tells(reason, kind):
    old = json.loads(a_digest(an_entry()).to_json())
    old["papers"][0]["gap"] = reason
    gap = Digest.from_json(json.dumps(old), where="x").papers[0].gap
    assert gap is not None
    assert (gap.kind, gap.reason) == (kind, reason)


def test_a_line_published_before_editors_were_named_is_no_other_line():
    by = a_decision(action="edit")
    unnamed = an_entry(decision=by, lines={"en": a_line("One.", "editor")})
    named = unnamed.but(lines={"en": a_line("One.", "editor", editor="Mei Lan")})
    assert alike(unnamed, named)
    assert alike(named, unnamed)
    assert not alike(named, named.but(lines={"en": a_line("One.", "editor", editor="Orla")}))
    assert not alike(unnamed, named.but(lines={"en": a_line("Two.", "editor", editor="Mei Lan")}))


def test_an_answer_of_a_newer_version_in_the_cache_is_left_out_and_stays(tmp_path, caplog):
    with closing(AnswerCache(tmp_path)) as cache:
        cache.remember(f"{'a' * 64}:0", '{"text": "x", "from": "a later version"}')
        assert cache.answers("a" * 64) == []
        assert cache.recall(f"{'a' * 64}:0") is not None


def test_a_ledger_of_a_newer_layout_is_made_anew(tmp_path):
    room = a_desk(tmp_path)
    outputs, cache = Outputs(room.settings.outputs), room.settings.cache
    with ledger.opened(cache, outputs, "tides") as known:
        shown = known.shown(room.id(1))
    (index,) = (cache / "ledger").glob("*.sqlite")
    with closing(sqlite3.connect(index)) as connection:
        connection.execute(f"PRAGMA user_version = {ledger.LAYOUT + 1}")
        connection.execute("ALTER TABLE shown ADD COLUMN more TEXT")
    with ledger.opened(cache, outputs, "tides") as known:
        assert known.shown(room.id(1)) == shown


def test_a_catalogue_of_a_newer_version_is_made_anew_with_the_whole_site(tmp_path):
    room = a_desk(tmp_path)
    room.settle()
    room.release()
    catalogue = room.settings.outputs / ".site.json"
    rewrite(catalogue, more="unknown")
    assert SiteFolder(room.settings.outputs).catalogue() is None
    assert not build_site(room.settings).troubles
    assert SiteFolder(room.settings.outputs).catalogue() is not None
    assert lines_of(1)["en"] in room.page

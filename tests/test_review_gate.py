"""What is published, when, and what readers are told: the gate, corrections, withdrawals."""

import contextlib
import itertools
import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.decisions import waited_for
from pipeline.differences import same
from pipeline.errors import UsageError
from pipeline.executors.selection import opened
from pipeline.progress import Plain
from pipeline.records import Withdrawal
from pipeline.releasing import releases_itself, withdraw
from pipeline.report import Report
from pipeline.run import Night, run_topic
from pipeline.site.text import local_time
from pipeline.stages.build import build_site
from pipeline.stages.publish import record_withdrawals, take_back
from pipeline.stages.review import Wish
from pipeline.status import snapshot_status
from tests.desks import GAP, NAME, Room, a_desk, lines_of, wishes
from tests.digests import a_paper

NEXT = "20260502_0405"
WHY = "The tide tables were those of another harbour"


def state(room: Room) -> str:
    return snapshot_status(room.snapshot).state


def command(room: Room) -> str | None:
    return snapshot_status(room.snapshot).command


def when(room: Room) -> str:
    """The last publication's time as a page writes it."""
    return local_time(room.digest())(room.publications()[-1].at)


def files(folder: Path) -> dict[str, bytes]:
    """Everything in a folder but the locks and what stages note of themselves."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".") and path.name != "run.json"
    }


@pytest.fixture
def room(tmp_path) -> Room:
    """Of three papers, waiting."""
    return a_desk(tmp_path)


@pytest.fixture
def published(room) -> Room:
    waiting: Room = room
    waiting.settle(editor="Ada")
    assert waiting.release().status == "published"
    return waiting


SITUATIONS: list[tuple[str, dict[str, Any], list[tuple[str, int]], set[int]]] = [
    ("all", {}, [], {1, 2, 3}),
    ("all", {}, [("approve", 1), ("exclude", 2)], {3}),
    ("all", {}, [("approve", 1), ("exclude", 2), ("approve", 3)], set()),
    ("all", {}, [("approve", 1), ("exclude", 2), ("hold", 3)], {3}),
    ("all", {}, [("approve", 1), ("exclude", 2), ("approve", 3), ("reopen", 1)], {1}),
    ("all", {"gaps": [3]}, [("approve", 1), ("approve", 2)], {3}),
    ("all", {"gaps": [3]}, [("approve", 1), ("approve", 2), ("approve", 3)], set()),
    ("flagged", {}, [], set()),
    ("flagged", {"flaws": {2: "error"}}, [], {2}),
    ("flagged", {"flaws": {2: "warning"}}, [], {2}),
    ("flagged", {"flaws": {2: "note"}}, [], set()),
    ("flagged", {"gaps": [1], "bare": [3]}, [], {1, 3}),
    ("flagged", {"flaws": {2: "error"}}, [("approve", 2)], set()),
    ("flagged", {"flaws": {2: "error"}}, [("exclude", 2)], set()),
    ("flagged", {"flaws": {2: "error"}}, [("hold", 2)], {2}),
    ("flagged", {"flaws": {2: "error"}}, [("approve", 2), ("reopen", 2)], {2}),
    ("flagged", {"flaws": {2: "error"}}, [("exclude", 2), ("hold", 2)], {2}),
    ("flagged", {"flaws": {2: "error"}}, [("approve", 2), ("hold", 1)], set()),
    ("flagged", {"gaps": [1]}, [("approve", 1)], set()),
    ("none", {"flaws": {1: "error"}, "gaps": [2], "bare": [3]}, [("hold", 1)], set()),
]


@pytest.mark.parametrize(("policy", "snapshot", "decisions", "waiting"), SITUATIONS)
def test_the_gate_waits_for(tmp_path, policy, snapshot, decisions, waiting):
    room = a_desk(tmp_path, policy=policy, **snapshot)
    for action, number in decisions:
        room.decide(action, number)
    digest = room.release()
    assert {entry.paper.id for entry in waited_for(digest, policy)} == {
        room.id(number) for number in waiting
    }
    assert digest.status == ("draft" if waiting else "published")
    assert bool(room.publications()) == (not waiting)
    assert (room.site / "index.html").exists() == (not waiting)
    assert state(room) == digest.status


def test_settling_the_last_paper_publishes_late_with_that_time_and_those_editors(room):
    room.settle(1, 2, editor="Ada")
    assert room.release().status == "draft"
    room.now += timedelta(days=3)
    room.settle(3, editor="Bo")
    assert room.release().status == "published"
    (publication,) = room.publications()
    assert (publication.reason, publication.who) == ("first", ("Ada", "Bo"))
    assert publication.at == room.now
    assert publication.digest == room.digest()
    assert f"Published on {when(room)}." in room.page


def test_publishing_again_changes_nothing(published):
    before = files(published.settings.outputs)
    published.release()
    published.release(asked_under="all")
    published.release(asked_under="none")
    assert build_site(published.settings).changed == []
    after = files(published.settings.outputs)
    assert {name for name in after if after[name] != before[name]} <= {
        f"tides/{published.snapshot.name}/5-digest.{kind}" for kind in ("json", "html", "md")
    }
    assert len(published.publications()) == 1


def test_a_policy_that_changes_later_releases_nothing_by_itself(tmp_path):
    strict = a_desk(tmp_path)
    review = msgspec.structs.replace(strict.settings.review, policy="none")
    loose = msgspec.structs.replace(strict.settings, review=review)
    room = Room(tmp_path, loose, strict.snapshot, strict.now)
    assert room.release().status == "draft"
    assert room.release(asked_under="none").status == "published"
    assert room.digest().policy == "none"


class TestWhatHasNotPassed:
    LINES = [line for number in (1, 2, 3) for line in lines_of(number).values()]

    def test_is_not_on_the_site(self, room):
        other = a_desk(
            room.folder, topic="lamps", policy="none", papers=1, lines=lambda _: lines_of(9)
        )
        room.settle(1, 2)
        room.decide("introduce", text={"en": "An introduction of today."})
        room.release()
        assert other.on_the_site(lines_of(9)["en"])
        for text in (*self.LINES, "An introduction of today.", "tides"):
            assert not room.on_the_site(text)

    def test_of_a_correction_is_not_on_the_site_until_all_of_it_is_settled(self, published):
        published.decide("edit", 1, text={"en": "A corrected line."})
        published.decide("introduce", text={"en": "An introduction of today."})
        published.decide("hold", 2)
        assert published.release().status == "draft"
        for text in ("A corrected line.", "An introduction of today."):
            assert not published.on_the_site(text)
        assert published.on_the_site(lines_of(2)["en"])
        assert (state(published), command(published)) == ("correcting", "paperline review")
        published.decide("approve", 2)
        assert published.release().status == "published"
        assert published.on_the_site("A corrected line.")
        assert published.on_the_site("An introduction of today.")

    def test_of_other_candidates_never_is(self, room):
        other = {"en": "A line that nobody chose.", "zh": "没有人选的一句。"}
        room.write(room.candidate(1, other, model="tide-2"))
        room.decide("exclude", 3)
        room.settle(1, 2)
        room.release()
        for line in (*other.values(), *lines_of(3).values()):
            assert not room.on_the_site(line)
        assert room.on_the_site(lines_of(1)["en"])


@settings(max_examples=10)
@given(st.lists(wishes(3) | st.sampled_from(["settle", "publish", "withdraw"]), max_size=6))
def test_whatever_is_done_readers_see_what_was_settled_and_every_change_is_told(shared, history):
    shared.forget()
    shared.settle()
    shared.release()
    for done in history:
        before = shared.publications()
        with contextlib.suppress(UsageError):
            if isinstance(done, Wish):
                shared.desk().decide([done], editor="Ada", at=shared.later())
                shared.release()
            elif done == "withdraw":
                withdraw(shared.settings, shared.snapshot, WHY, editor="Bo", now=shared.later())
            else:
                shared.settle()
                shared.release(asked_under="all" if done == "publish" else None)
        releases = shared.publications()
        assert releases[: len(before)] == before
        for old, new in itertools.pairwise(releases):
            assert new.why or old.why or not same(old.digest, new.digest)
            assert new.who
        if releases and not releases[-1].why:
            assert all(entry.settled for entry in releases[-1].digest.papers)
        site = shared.settings.outputs / "site"
        shown = {path: path.read_bytes() for path in site.rglob("*") if path.is_file()}
        shutil.rmtree(site, ignore_errors=True)
        build_site(shared.settings)
        assert shown == {path: path.read_bytes() for path in site.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Room:
    return a_desk(tmp_path_factory.mktemp("shared"))


class TestADigestThatIsPublishedWhenAsked:
    @pytest.fixture
    def room(self, tmp_path):
        return a_desk(tmp_path, publish="asked")

    def test_waits_until_somebody_asks(self, room):
        room.settle()
        assert room.release().status == "draft"
        assert room.publications() == []
        assert not room.site.exists()
        assert (state(room), command(room)) == ("ready", f"paperline publish {room.snapshot}")
        assert room.release(asked_under="all").status == "published"
        assert (state(room), command(room)) == ("published", None)

    def test_is_not_published_when_asked_before_its_gate_is_open(self, room):
        room.settle(1, 2)
        assert room.release(asked_under="all").status == "draft"
        assert (state(room), room.publications()) == ("draft", [])

    def test_has_corrections_that_wait_too(self, room):
        room.settle()
        room.release(asked_under="all")
        room.decide("edit", 1, text={"en": "A corrected line."})
        assert room.release().status == "draft"
        assert not room.on_the_site("A corrected line.")
        assert (state(room), command(room)) == ("correcting", f"paperline publish {room.snapshot}")
        room.release(asked_under="all")
        assert room.on_the_site("A corrected line.")
        assert state(room) == "published"

    def test_waits_also_under_a_gate_that_is_always_open(self, tmp_path):
        room = a_desk(tmp_path / "open", policy="none", publish="asked")
        assert (state(room), room.publications()) == ("ready", [])


CHANGES: dict[str, tuple[list[tuple[Any, ...]], str, str]] = {
    "edit": ([("edit", 1, {"text": {"en": "Corrected."}})], "2604.90001", "2604.90001"),
    "exclude": ([("exclude", 2, {})], "2604.90002", "2604.90002"),
    "two papers": (
        [("exclude", 3, {}), ("edit", 1, {"text": {"zh": "改过。"}})],
        "2604.90001, 2604.90003",
        "2604.90001、2604.90003",
    ),
    "move": ([("move", 1, {})], "the order of the papers", "论文次序"),
    "pin": (
        [("pin", 3, {})],
        "2604.90003, the order of the papers",
        "2604.90003、论文次序",
    ),
    "pin of the first": ([("pin", 1, {})], "2604.90001", "2604.90001"),
    "introduction": (
        [("introduce", None, {"text": {"en": "Today."}})],
        "the introduction",
        "导语",
    ),
    "another editor": ([("approve", 1, {})], "2604.90001", "2604.90001"),
}


class TestACorrection:
    @pytest.mark.parametrize(("decisions", "en", "zh"), CHANGES.values(), ids=CHANGES)
    def test_is_told_with_time_editor_and_what_changed(self, published, decisions, en, zh):
        for action, number, wish in decisions:
            published.decide(action, number, editor="Bo", **wish)
        assert published.release().status == "published"
        _, correction = published.publications()
        assert (correction.reason, correction.who) == ("correction", ("Bo",))
        assert correction.at == published.now
        assert f"Corrected on {when(published)} by Bo: {en}." in published.page
        assert f"{when(published)} 由 Bo 更正：{zh}。" in published.page

    def test_of_a_correction_names_what_was_taken_away_and_by_whom(self, published):
        published.decide("introduce", text={"en": "Today."}, editor="Bo")
        published.decide("pin", 2, editor="Bo")
        published.decide("exclude", 3, editor="Bo")
        published.release()
        published.decide("introduce", editor="Cy")
        published.decide("unpin", 2, editor="Cy")
        published.decide("approve", 3, editor="Cy")
        published.release()
        last = published.publications()[-1]
        assert (last.reason, last.who) == ("correction", ("Cy",))
        assert (
            f"by Cy: {published.id(2)}, {published.id(3)}, the introduction, "
            "the order of the papers."
        ) in published.page
        assert "Today." not in published.page

    def test_names_everybody_who_took_part_and_nobody_else(self, published):
        published.decide("pin", 1, editor="Old")
        published.release()
        published.decide("edit", 1, text={"en": "Corrected."}, editor="Bo")
        published.decide("unpin", 1, editor="Cy")
        published.decide("hold", 2, editor="Di")
        published.decide("approve", 2, editor="Ada")
        published.release()
        assert published.publications()[-1].who == ("Bo", "Cy")

    def test_names_only_moves_since_the_last_release(self, published):
        published.decide("move", 1, editor="Bo")
        published.now -= timedelta(minutes=1)  # decided and released in one second
        published.release()
        published.decide("move", 2, editor="Cy")
        published.release()
        assert [release.who for release in published.publications()[1:]] == [("Bo",), ("Cy",)]

    def test_is_none_where_readers_are_shown_the_same(self, published):
        published.decide("hold", 1, editor="Bo")
        published.release()
        published.decide("approve", 1, editor="Ada", note="Once more.")
        published.decide("move", 3)
        assert published.release().status == "published"
        assert len(published.publications()) == 1
        assert state(published) == "published"

    def test_takes_the_review_away_with_the_decision_and_leaves_the_text_as_it_is(self, tmp_path):
        room = a_desk(tmp_path, policy="none")
        room.decide("edit", 1, text={"en": "By hand."}, editor="Ada")
        room.release()
        room.decide("reopen", 1, editor="Bo")
        room.release()
        assert [(p.reason, p.who) for p in room.publications()[1:]] == [
            ("correction", ("Ada",)),
            ("correction", ("Bo",)),
        ]
        assert room.on_the_site("By hand.")
        assert room.on_the_site("Edited by Ada")
        assert not room.on_the_site("Reviewed by Ada")

    def test_is_none_where_somebody_holds_what_was_never_reviewed(self, tmp_path):
        room = a_desk(tmp_path, policy="none")
        room.decide("hold", 1)
        room.release()
        assert len(room.publications()) == 1

    def test_on_the_snapshot_before_names_its_editor_where_it_carries_over(self, tmp_path):
        room = a_desk(tmp_path)
        later = a_desk(tmp_path, name=NEXT, policy="none")
        room.decide("approve", 1, editor="Ada")
        room.release()
        assert [(p.reason, p.who) for p in later.publications()] == [
            ("first", ()),
            ("correction", ("Ada",)),
        ]
        assert f"by Ada: {room.id(1)}." in later.page

    def test_is_in_the_history_of_the_page_with_those_before(self, published):
        for number in (1, 2):
            published.decide("exclude", number, editor="Bo")
            published.release()
        assert published.page.count("Corrected on ") == 2
        assert published.page.count("Published on ") == 1


class TestAGapOfAPublishedDigest:
    @pytest.fixture
    def room(self, tmp_path):
        """Published with a stand-in for the third paper, on which somebody had looked."""
        room = a_desk(tmp_path, policy="none", gaps=[3], released=False)
        room.forget()
        room.decide("hold", 3, editor="Bo")
        room.decide("reopen", 3, editor="Bo")
        room.decide("pin", 3, editor="Bo")
        room.release()
        return room

    def test_that_is_healed_is_no_editors_correction(self, room):
        run = room.snapshot.run()
        room.snapshot.write_run(run.but(gaps={}))
        room.write(room.candidate(3))
        assert room.release().gaps == ()
        last = room.publications()[-1]
        assert (last.reason, last.who) == ("heal", ())

    def test_that_stays_for_another_reason_publishes_nothing(self, room):
        run = room.snapshot.run()
        other = GAP.but(kind="unavailable", reason="a timeout")
        gap = msgspec.structs.replace(run.gaps[room.id(3)], failure=other)
        room.snapshot.write_run(run.but(gaps={room.id(3): gap}))
        room.decide("pin", 3)
        assert room.release().status == "published"
        assert room.digest().gaps[0].gap == other
        assert len(room.publications()) == 1


class TestAWithdrawnDigest:
    @pytest.fixture
    def gone(self, published):
        self.take_back(published)
        return published

    def take_back(self, room: Room, why: str = WHY) -> None:
        withdraw(room.settings, room.snapshot, why, editor="Bo", now=room.later())

    def test_leaves_a_tombstone_with_time_editor_and_reason(self, gone):
        assert f"Withdrawn on {when(gone)} by Bo: {WHY}" in gone.page
        assert f"{when(gone)} 由 Bo 撤回。原因：{WHY}" in gone.page
        for line in TestWhatHasNotPassed.LINES:
            assert not gone.on_the_site(line)
        last = gone.publications()[-1]
        assert (last.reason, last.who, last.why) == ("withdrawn", ("Bo",), WHY)
        assert (state(gone), command(gone)) == ("withdrawn", None)
        assert gone.digest().status == "draft"

    def test_that_was_cut_off_is_finished_by_the_same_command(self, published):
        with published.snapshot.releasing():
            take_back(published.snapshot, WHY, editor="Bo", now=published.later())
        assert WHY not in published.page
        self.take_back(published)
        assert WHY in published.page
        assert [p.why for p in published.publications()] == [None, WHY]

    def test_has_its_reason_as_text(self, published):
        self.take_back(published, '<script>alert(1)</script> & "{{ 7*7 }}"\n\u202e')
        assert "<script>alert" not in published.page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in published.page
        assert "\u202e" not in published.page

    def test_is_not_brought_back_by_decisions(self, gone):
        for action, number, wish in [
            ("edit", 1, {"text": {"en": "Corrected."}}),
            ("pin", 2, {}),
            ("introduce", None, {"text": {"en": "Today."}}),
            ("approve", 1, {}),
        ]:
            gone.decide(action, number, **wish)
            assert gone.release().status == "draft"
        assert len(gone.publications()) == 2
        assert not gone.on_the_site("Today.")

    def test_is_not_brought_back_by_a_nightly_run(self, gone, arxiv):
        gone.decide("edit", 1, text={"en": "Corrected."})
        gone.write(gone.candidate(2, lines_of(2, flaw="note")))
        report = nightly(gone, arxiv.url, gone.now + timedelta(days=2))
        assert len(gone.publications()) == 2
        assert report.reminders == ()
        assert WHY in gone.page

    def test_is_left_alone_by_notices_of_withdrawn_papers(self, gone):
        told = Withdrawal(version=2, at=gone.now, comments="Withdrawn.", snapshot=NEXT)
        with gone.snapshot.releasing():
            assert not record_withdrawals(gone.snapshot, {gone.id(1): told}, gone.now)
        assert len(gone.publications()) == 2

    def test_comes_back_when_somebody_asks(self, gone):
        assert not releases_itself(gone.settings, gone.snapshot)
        assert gone.release(asked_under="all").status == "published"
        assert f"Published again on {when(gone)}." in gone.page
        assert f"{when(gone)} 重新发布。" in gone.page
        assert WHY in gone.page
        assert gone.on_the_site(lines_of(1)["en"])
        assert state(gone) == "published"
        assert releases_itself(gone.settings, gone.snapshot)

    def test_does_not_come_back_while_its_gate_is_shut(self, gone):
        gone.decide("hold", 1)
        assert gone.release(asked_under="all").status == "draft"
        assert (state(gone), command(gone)) == ("withdrawn", None)
        assert len(gone.publications()) == 2

    def test_can_be_withdrawn_and_published_any_number_of_times(self, gone):
        for _ in range(2):
            gone.release(asked_under="all")
            self.take_back(gone)
        assert gone.page.partition("<main")[2].count("Withdrawn on ") == 3
        assert [p.why for p in gone.publications()] == [None, WHY, None, WHY, None, WHY]

    @pytest.mark.parametrize("why", ["", " \n", "\x00\u202e"])
    def test_needs_a_reason(self, published, why):
        before = files(published.settings.outputs)
        with pytest.raises(UsageError, match="is withdrawn for a reason"):
            self.take_back(published, why)
        assert files(published.settings.outputs) == before

    def test_cannot_be_withdrawn_once_more(self, gone):
        before = files(gone.settings.outputs)
        with pytest.raises(UsageError, match="is not published"):
            self.take_back(gone)
        assert files(gone.settings.outputs) == before

    def test_must_have_been_published(self, room):
        with pytest.raises(UsageError, match="is not published"):
            self.take_back(room)
        assert room.publications() == []
        assert not room.site.exists()

    def test_lets_the_digest_before_it_be_the_newest_to_read(self, gone):
        index = (gone.site / "tides" / "index.html").read_text("utf-8")
        assert WHY in index  # there is no other
        other = a_desk(gone.folder, name=NEXT, papers=[a_paper(9)])
        other.settle()
        other.release()
        self.take_back(other, "Another reason")
        gone.release(asked_under="all")
        index = (gone.site / "tides" / "index.html").read_text("utf-8")
        assert lines_of(1)["en"] in index
        assert "Another reason" not in index

    def test_is_corrected_before_it_comes_back(self, gone):
        gone.decide("edit", 1, text={"en": "Corrected."}, editor="Cy")
        gone.decide("move", 1)
        gone.release(asked_under="all")
        assert gone.on_the_site("Corrected.")
        assert gone.publications()[-1].who == ("Ada", "Cy")
        changed = f"with changes: {gone.id(1)}, the order of the papers."
        assert f"Published again on {when(gone)}, {changed}" in gone.page
        assert f"{when(gone)} 重新发布，有更改：{gone.id(1)}、论文次序。" in gone.page


def nightly(room: Room, url: str, now: Any) -> Report:
    """A night of the room's topic on which arXiv has nothing new."""
    arxiv = msgspec.structs.replace(room.settings.arxiv, url=url, delay=0.0, patience=0.3)
    model = msgspec.structs.replace(room.settings.model, name="embedded")
    chosen = msgspec.structs.replace(room.settings, arxiv=arxiv, model=model)
    with opened(chosen) as executor:
        return run_topic(Night(chosen, now, executor, Plain()), chosen.find_topic("tides"))


def test_a_release_that_was_cut_off_is_made_up_for_by_the_next_run(room, arxiv):
    room.settle()  # and the process ends here
    assert room.publications() == []
    nightly(room, arxiv.url, room.later())
    assert state(room) == "published"
    assert room.on_the_site(lines_of(1)["en"])


def test_it_is_made_up_for_however_old_the_digest_is(published, arxiv):
    published.decide("edit", 1, text={"en": "By hand."})  # and the process ends here
    assert published.snapshot.lags()
    nightly(published, arxiv.url, published.now + timedelta(days=300))
    assert published.on_the_site("By hand.")
    assert not published.snapshot.lags()


def test_what_carries_over_to_the_next_digest_is_made_up_for_too(published, arxiv):
    later = a_desk(published.folder, name="20260502_0405")
    later.settle()
    later.release()
    os.utime(later.snapshot.digest_json, (0, 0))  # it lags behind the decisions it takes over
    assert not published.snapshot.lags()
    assert later.snapshot.lags(published.snapshot)
    nightly(published, arxiv.url, published.now + timedelta(days=300))
    assert not later.snapshot.lags(published.snapshot)


def test_an_old_damaged_digest_is_made_again_and_stops_no_night(published, arxiv):
    a_desk(published.folder, name="20260502_0405")
    published.decide("edit", 1, text={"en": "By hand."})
    published.snapshot.digest_json.write_text("{", encoding="utf-8")
    os.utime(published.snapshot.digest_json, (0, 0))  # it lags behind the decision
    report = nightly(published, arxiv.url, published.now + timedelta(days=300))
    assert not [m for m in report.missing if NAME in (m.snapshot, m.reason)]
    assert published.digest().papers[0].lines["en"].text == "By hand."
    (aside,) = published.snapshot.folder.glob("5-digest.json.damaged-*")
    assert aside.read_text("utf-8") == "{"


class TestTheName:
    def test_beside_an_edited_line_is_of_whoever_wrote_it(self, tmp_path):
        room = a_desk(tmp_path, policy="none")
        room.decide("edit", 1, text={"en": "By hand."}, editor="Ada")
        room.decide("approve", 1, editor="Bo")
        room.release()
        assert room.on_the_site("Edited by Ada")
        assert room.on_the_site("Reviewed by Bo")

    def test_of_a_restored_decision_is_of_whoever_took_it_first(self, room):
        first = room.decide("approve", 1, editor="Ada")
        room.decide("exclude", 1, editor="Bo")
        restored = room.decide("approve", 1, editor="Bo", again=first)
        assert (restored.editor, restored.restores, restored.reviewer) == ("Bo", "Ada", "Ada")
        assert room.release().editors == ("Ada",)
        own = room.decide("approve", 1, editor="Ada", again=restored)
        assert own.restores is None

    def test_of_whoever_asked_for_a_release_is_kept_with_it(self, room):
        room.settle(editor="Ada")
        room.release(asked_under="all", by="Bo")
        (release,) = room.publications()
        assert (release.who, release.by, release.decisions) == (("Ada",), "Bo", 3)

    def test_of_a_move_in_the_second_of_the_last_release_is_not_lost(self, published):
        at = published.publications()[-1].at
        published.desk().decide([Wish("move", published.id(1))], editor="Cy", at=at)
        published.release()
        assert published.publications()[-1].who == ("Cy",)


@pytest.mark.parametrize("content", ["", "{half a line"])
def test_a_release_that_was_never_whole_leaves_its_digest_waiting(room, content):
    (room.snapshot.folder / "6-published.jsonl").write_text(content, encoding="utf-8")
    assert room.snapshot.may_wait()

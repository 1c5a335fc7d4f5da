"""A desk: a snapshot in memory, which is always what its files are."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.composition import digest as composed
from pipeline.decisions import State
from pipeline.errors import DamagedFile, Overtaken, UsageError
from pipeline.records import Decision, Digest
from pipeline.stages.assemble import assemble, gathered
from pipeline.stages.review import Wish, on_show
from pipeline.web import undo
from tests.desks import Room, a_desk, lines_of, wishes
from tests.digests import a_paper, a_summary

NEXT = "20260502_0405"
OTHER = a_summary(a_paper(1), lines_of(1, flaw="note"), model="tide-2")
WISHES = wishes(5, OTHER)
few = settings(max_examples=20)


@pytest.fixture
def room(tmp_path) -> Room:
    return a_desk(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Room:
    """Of five papers: one flawed, one with a stand-in, one without any line."""
    made = a_desk(
        tmp_path_factory.mktemp("shared"), papers=5, flaws={2: "error"}, gaps=[4], bare=[5]
    )
    made.write(OTHER)
    return made


def assembled(room: Room) -> Digest:
    """What the stage writes, which reads all files."""
    with room.snapshot.releasing():
        return assemble(room.settings, room.snapshot)


def granted(room: Room, history: list[Wish]) -> Iterator[Decision]:
    """Those of the wishes that can be granted, one after the other."""
    desk = room.desk()
    for wish in history:
        try:
            yield from desk.decide([wish], editor="Mei Lan", at=room.later())
        except UsageError:
            continue


class TestTheDigestOnADesk:
    @few
    @given(st.lists(WISHES, max_size=8))
    def test_is_what_the_files_give_whatever_was_decided(self, shared, history):
        shared.forget()
        desk = shared.desk()
        desk.view()
        for wish in history:
            try:
                desk.decide([wish], editor="Mei Lan", at=shared.later())
            except UsageError:
                continue
            fresh = gathered(shared.settings, shared.snapshot)
            assert desk.view().digest == composed(fresh)
            assert vars(desk.view().material.state) == vars(fresh.state)
        assert desk.view().digest == assembled(shared)

    @few
    @given(st.lists(WISHES, max_size=6))
    def test_shows_of_each_paper_what_a_decision_would_be_on(self, shared, history):
        shared.forget()
        list(granted(shared, history))
        view = shared.desk().view()
        for paper in view.material.papers:
            assert view.sight(paper) == on_show(view.material, paper)
        assert {paper.id for paper in view.order} == {*view.material.papers}

    def test_is_published_once_it_was(self, room):
        desk = room.desk()
        assert desk.view().digest.status == "draft"
        room.settle()
        room.release()
        assert desk.view().digest.status == "published"
        assert desk.view().digest == room.digest()

    def test_of_an_earlier_moment_stays_as_it_was(self, room):
        desk = room.desk()
        before = desk.view()
        mark = before.sight(room.id(1)).mark
        desk.decide([Wish("exclude", room.id(1))], editor="Ada", at=room.now)
        assert room.id(1) in before.entries
        assert before.sight(room.id(1)).mark == mark
        with pytest.raises(Overtaken):
            desk.decide([Wish("approve", room.id(1), seen=mark)], editor="Bo", at=room.now)

    def test_cannot_be_had_before_there_is_one(self, tmp_path):
        room = a_desk(tmp_path, released=False)
        with pytest.raises(UsageError, match="has no digest yet to decide on"):
            room.decide("approve", 1)
        assert not (room.snapshot.folder / "4-decisions.jsonl").exists()


class TestADeskSees:
    def test_what_another_process_decided(self, room):
        desk = room.desk()
        desk.view()
        room.decide("edit", 1, text={"en": "By hand."})
        assert desk.view().entries[room.id(1)].lines["en"].text == "By hand."

    def test_candidates_that_were_added_and_checked(self, room):
        desk = room.desk()
        desk.view()
        room.write(made := room.candidate(2, lines_of(2, flaw="error"), model="tide-2"))
        assert desk.view().candidates(room.id(2))[-1] == made
        desk.decide([Wish("approve", room.id(2), summary=made.id)], editor="Ada", at=room.now)
        assert [f.code for f in desk.view().flaws[room.id(2)]] == ["traditional"]

    def test_no_candidate_before_it_was_checked(self, room):
        desk = room.desk()
        room.write(room.candidate(2, model="tide-2"), checked=False)
        assert len(desk.view().candidates(room.id(2))) == 1

    def test_a_decision_on_the_snapshot_before_that_carries_over(self, room):
        later = a_desk(room.folder, name=NEXT)
        desk = later.desk()
        assert desk.view().entries[room.id(1)].decision is None
        made = room.decide("approve", 1)
        assembled(room)
        entry = desk.view().entries[room.id(1)]
        assert (entry.decision, entry.carried_from) == (made, room.snapshot.name)

    def test_a_snapshot_that_was_filled_in_before(self, room):
        desk = room.desk()
        assert desk.view().digest.earlier == ()
        earlier = a_desk(room.folder, name="20260430_0405", released=False)
        assert desk.view().digest.earlier == ("20260430_0405",)
        earlier.release()
        earlier.settle()
        assembled(earlier)
        assert len(desk.view().digest.undecided) == 0

    def test_nothing_anew_while_nothing_changed_but_by_its_own_decisions(self, room, monkeypatch):
        desk = room.desk()
        view = desk.view()
        monkeypatch.setattr("pipeline.desk.gathered", None)
        assert desk.view() is view
        desk.decide([Wish("approve", room.id(1))], editor="Ada", at=room.now)
        assert desk.view().entries[room.id(1)].settled

    @pytest.mark.parametrize("name", ["run.json", "2-summaries.jsonl", "4-decisions.jsonl"])
    def test_a_damaged_file_each_time_and_its_repair(self, room, name):
        room.decide("hold", 1)
        desk = room.desk()
        whole = desk.view().digest
        path = room.snapshot.folder / name
        text = path.read_text("utf-8")
        path.write_text("{}\n", encoding="utf-8")
        for _ in range(2):
            with pytest.raises(DamagedFile, match=name):
                desk.view()
        with pytest.raises(DamagedFile, match=name):
            desk.decide([Wish("approve", room.id(1))], editor="Ada", at=room.now)
        path.write_text(text, encoding="utf-8")
        assert desk.view().digest == whole


class TestADecisionThatWasCarriedOver:
    @pytest.fixture
    def later(self, room):
        """The next snapshot, with a paper that was approved on the one before."""
        room.decide("approve", 1)
        assembled(room)
        return a_desk(room.folder, name=NEXT)

    def test_is_taken_back_here_for_good(self, room, later):
        later.decide("reopen", 1)
        assert later.desk().view().entries[later.id(1)].decision is None
        room.decide("edit", 1, text={"en": "By hand."})
        assembled(room)
        assert later.desk().view().entries[later.id(1)].decision is None

    def test_is_followed_by_one_that_is_taken_here(self, room, later):
        made = later.decide("hold", 1)
        entry = later.desk().view().entries[later.id(1)]
        assert (entry.decision, entry.carried_from) == (made, None)

    def test_is_not_carried_to_other_lines(self, room, later):
        later.write(later.candidate(1, lines_of(1, flaw="note")))
        assert later.desk().view().entries[later.id(1)].decision is None


class TestADecision:
    def test_is_whole_behind_a_torn_line_which_is_set_aside(self, room, caplog):
        first = room.decide("approve", 1)
        path = room.snapshot.folder / "4-decisions.jsonl"
        torn = first.to_json()[:-7].encode()
        with path.open("ab") as file:
            file.write(torn)
        desk = room.desk()
        with caplog.at_level(logging.ERROR):
            second = desk.decide([Wish("hold", room.id(2))], editor="Ada", at=room.now)
        assert room.snapshot.decisions() == [first, *second]
        (aside,) = room.snapshot.folder.glob("4-decisions.jsonl.torn-*")
        assert aside.read_bytes() == torn
        assert desk.view().digest == composed(gathered(room.settings, room.snapshot))

    def test_that_cannot_be_written_leaves_everything_as_it_was(self, room):
        desk = room.desk()
        before = desk.view().digest
        (room.snapshot.folder / "4-decisions.jsonl").mkdir()
        with pytest.raises(DamagedFile):
            desk.decide([Wish("approve", room.id(1))], editor="Ada", at=room.now)
        (room.snapshot.folder / "4-decisions.jsonl").rmdir()
        assert desk.view().digest == before
        assert desk.view().material.state.taken == []


@few
@given(st.lists(st.tuples(st.booleans(), WISHES), max_size=10))
def test_two_desks_that_take_turns_lose_nothing(shared, turns):
    shared.forget()
    desks = shared.desk(), shared.desk()
    taken = []
    for which, wish in turns:
        try:
            taken += desks[which].decide([wish], editor=f"E{which}", at=shared.later())
        except UsageError:
            continue
    assert shared.snapshot.decisions() == taken
    assert desks[0].view().digest == desks[1].view().digest


def test_many_threads_on_one_desk_lose_nothing(shared):
    shared.forget()
    desk = shared.desk()
    threads, each = 8, 50

    def decide(thread: int) -> list[Decision]:
        made = []
        for number in range(each):
            paper = shared.id(1 + (thread + number) % 3)
            wish = Wish("hold" if number % 2 else "approve", paper, note=f"{thread}/{number}")
            made += desk.decide([wish], editor=f"E{thread}", at=shared.now)
        return made

    with ThreadPoolExecutor(threads) as pool:
        taken = [decision for made in pool.map(decide, range(threads)) for decision in made]
    written = shared.snapshot.decisions()
    assert len(written) == threads * each
    assert sorted(d.note for d in written) == sorted(d.note for d in taken)
    assert desk.view().material.state.taken == written
    assert vars(desk.view().material.state) == vars(State(written))
    assert desk.view().digest == composed(gathered(shared.settings, shared.snapshot))


class TestUndoing:
    @few
    @given(st.lists(WISHES, max_size=6), WISHES)
    def test_restores_what_the_digest_showed(self, shared, history, wish):
        shared.forget()
        list(granted(shared, history))
        desk = shared.desk()
        before = desk.view()
        back = undo.of(before, [wish])
        marks = undo.marks(before.material, back)
        try:
            desk.decide([wish], editor="Mei Lan", at=shared.later())
        except UsageError:
            return
        done = undo.marked(desk.view().material, back, marks)
        desk.decide(done.wishes, editor="Mei Lan", at=shared.later())
        assert timeless(desk.view().digest) == timeless(before.digest)

    @few
    @given(st.lists(WISHES, max_size=8))
    def test_step_by_step_leads_back_to_the_beginning(self, shared, history):
        shared.forget()
        desk = shared.desk()
        begun, steps = timeless(desk.view().digest), []
        for wish in history:
            back = undo.of(desk.view(), [wish])
            try:
                desk.decide([wish], editor="Mei Lan", at=shared.later())
            except UsageError:
                continue
            steps += back
        for wish in reversed(steps):
            desk.decide([wish], editor="Mei Lan", at=shared.later())
        assert timeless(desk.view().digest) == begun

    @pytest.mark.parametrize("first", ["approve", "exclude", "edit"])
    @pytest.mark.parametrize("then", ["approve", "exclude", "edit", "hold", "reopen"])
    def test_restores_the_lines_of_a_decision_that_was_carried_over(self, room, first, then):
        text = {"en": "By hand."}
        room.decide(first, 1, text=text if first == "edit" else {})
        room.release()
        desk = a_desk(room.folder, name=NEXT).desk()
        before = desk.view()
        assert before.material.decided(room.id(1))[1] == room.snapshot.name
        wish = Wish(then, room.id(1), text={"zh": "手写。"} if then == "edit" else {})
        back = undo.of(before, [wish])
        desk.decide([wish], editor="Mei Lan", at=room.later())
        desk.decide(back, editor="Mei Lan", at=room.later())
        assert timeless(desk.view().digest) == timeless(before.digest)

    def test_of_lines_that_are_held_elsewhere_is_refused_where_somebody_decided_since(self, room):
        desk = room.desk()
        wish = Wish("approve", room.id(1))
        before = desk.view()
        back = undo.of(before, [wish])
        desk.decide([wish], editor="Mei Lan", at=room.later())
        done = undo.marked(desk.view().material, back, undo.marks(before.material, back))
        theirs = room.decide("hold", 1, editor="Bo")
        with pytest.raises(Overtaken, match="Bo has decided since: hold"):
            desk.decide(done.wishes, editor="Mei Lan", at=room.later())
        assert room.snapshot.decisions()[-1] == theirs

    def test_of_a_pin_on_what_was_pinned_changes_nothing(self, room):
        room.decide("pin", 2)
        desk = room.desk()
        back = undo.of(desk.view(), [Wish("pin", room.id(2))])
        room.decide("pin", 2)
        desk.decide(back, editor="Mei Lan", at=room.now)
        assert desk.view().entries[room.id(2)].pinned


def timeless(digest: Digest) -> Digest:
    """Without when decisions were taken, and where."""

    def at(decision: Decision | None) -> Decision | None:
        return decision.but(at=digest.instant) if decision else None

    papers = tuple(
        entry.but(decision=at(entry.decision), carried_from=None) for entry in digest.papers
    )
    excluded = tuple(decision.but(at=digest.instant) for decision in digest.excluded)
    return digest.but(papers=papers, excluded=excluded, introduction=at(digest.introduction))

"""What editors' decisions add up to, and on which text each of them is taken."""

from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.decisions import ON_LINES, SETTLING, State
from pipeline.errors import Busy, DamagedFile, Overtaken, UsageError
from pipeline.records import Action, Decision, Lines
from pipeline.stages.review import LONGEST, Wish
from tests.desks import Room, a_desk, lines_of
from tests.digests import a_decision, a_paper

IDS = tuple(a_paper(number).id for number in range(1, 6))
UNKNOWN = a_paper(99).id
ACTIONS = get_args(Action)


@pytest.fixture
def room(tmp_path) -> Room:
    return a_desk(tmp_path)


def taken(action: Action, paper: str | None = IDS[0], **changes: Any) -> Decision:
    given = {"action": action, "paper": paper, "version": 1 if paper else None, **changes}
    return a_decision().but(**given)


def introduced(lines: Lines, **changes: Any) -> Decision:
    return taken("introduce", None, lines=lines, **changes)


def moved(paper: str, before: str | None = None) -> Decision:
    return taken("move", paper, before=before)


decisions = st.lists(
    st.one_of(
        st.builds(taken, st.sampled_from([*ON_LINES, "pin", "unpin"]), st.sampled_from(IDS)),
        st.builds(moved, st.sampled_from(IDS), st.none() | st.sampled_from([*IDS, UNKNOWN])),
        st.builds(introduced, st.sampled_from([{}, {"en": "One."}, {"zh": "两句。"}])),
    ),
    max_size=30,
)


class TestTheStateOfASnapshot:
    @given(decisions)
    def test_is_what_the_last_word_on_each_thing_says(self, history):
        state = State(history)
        assert state.taken == history
        for paper in IDS:
            on_lines = [d for d in history if d.paper == paper and d.action in ON_LINES]
            last = on_lines[-1] if on_lines and on_lines[-1].action != "reopen" else None
            assert state.in_force.get(paper) is last
            assert (paper in state.touched) == bool(on_lines)
            pins = [d.action for d in history if d.paper == paper and d.action in ("pin", "unpin")]
            assert (paper in state.pinned) == (pins[-1:] == ["pin"])
            assert state.history(paper) == [d for d in history if d.paper == paper]
        words = [d for d in history if d.action == "introduce"]
        assert state.introduction is (words[-1] if words and words[-1].lines else None)

    @given(decisions)
    def test_arranges_each_paper_once_with_the_pinned_ones_first(self, history):
        state = State(history)
        order = state.arranged(IDS)
        assert sorted(order) == sorted(IDS)
        assert {*order[: len(state.pinned)]} == state.pinned
        expected = list(IDS)
        for move in (d for d in history if d.action == "move" and d.paper != d.before):
            rest = [paper for paper in expected if paper != move.paper]
            place = rest.index(move.before) if move.before in rest else len(rest)
            expected = [*rest[:place], str(move.paper), *rest[place:]]
        assert state.moved(IDS) == expected
        assert [paper for paper in order if paper in state.pinned] == [
            paper for paper in expected if paper in state.pinned
        ]

    @given(decisions, st.integers(0, 30))
    def test_is_the_same_whether_it_is_folded_at_once_or_goes_on(self, history, place):
        state = State(history[:place])
        for decision in history[place:]:
            state.take(decision)
        whole = State(history)
        assert vars(state) == vars(whole)
        assert list(state.in_force) == list(whole.in_force)

    def test_is_decided_by_the_order_in_the_file_and_not_by_the_clock(self):
        late = taken("approve", at=datetime(2026, 5, 2, tzinfo=UTC))
        early = taken("hold", at=datetime(2026, 5, 1, tzinfo=UTC))
        assert State([late, early]).in_force == {IDS[0]: early}

    def test_leaves_papers_in_their_order_where_nothing_is_pinned_or_moved(self):
        assert State([taken("approve", IDS[3])]).arranged(IDS) == [*IDS]

    def test_has_pinned_papers_first_in_the_digests_order(self):
        state = State([taken("pin", IDS[4]), taken("pin", IDS[1])])
        assert state.arranged(IDS) == [IDS[1], IDS[4], IDS[0], IDS[2], IDS[3]]

    def test_has_pinned_papers_in_the_order_into_which_they_were_moved(self):
        state = State([taken("pin", IDS[4]), taken("pin", IDS[1]), moved(IDS[4], IDS[1])])
        assert state.arranged(IDS)[:2] == [IDS[4], IDS[1]]

    def test_composes_moves(self):
        state = State([moved(IDS[0]), moved(IDS[4], IDS[2]), moved(IDS[2])])
        assert state.arranged(IDS) == [IDS[1], IDS[4], IDS[3], IDS[0], IDS[2]]

    def test_bears_moves_of_and_before_papers_that_it_does_not_know(self):
        state = State([moved(UNKNOWN), moved(UNKNOWN, IDS[0]), moved(IDS[1], UNKNOWN)])
        assert state.arranged(IDS) == [IDS[0], *IDS[2:], IDS[1]]

    def test_has_the_last_introduction_until_it_is_taken_away(self):
        first, second = introduced({"en": "One."}), introduced({"zh": "两句。"})
        assert State([first, second]).introduction == second
        assert State([first, second, introduced({})]).introduction is None


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("paper", [None, IDS[0]])
def test_a_decision_names_a_paper_unless_it_is_the_introduction(action, paper):
    text = a_decision().to_json().replace('"action":"approve"', f'"action":"{action}"')
    text = text.replace(f'"paper":"{IDS[0]}"', f'"paper":"{paper}"' if paper else '"paper":null')
    if (paper is None) == (action == "introduce"):
        assert Decision.from_json(text, where="here").action == action
    else:
        with pytest.raises(DamagedFile, match=f"here: .*{action} of paper"):
            Decision.from_json(text, where="here")


@pytest.mark.parametrize("action", ["approve", "exclude", "hold", "reopen"])
def test_a_decision_names_exactly_the_lines_on_show_the_editor_and_the_time(room, action):
    made = room.decide(action, 2, editor="  Mei\tLan ", note=" seen \n twice ")
    shown = room.candidate(2)
    assert (made.action, made.paper, made.version) == (action, room.id(2), 1)
    assert (made.summary, made.lines) == (shown.id, lines_of(2))
    assert (made.editor, made.at, made.note) == ("Mei Lan", room.now, "seen twice")
    assert room.snapshot.decisions() == [made]


def test_a_time_is_kept_in_utc_to_the_second(room):
    at = datetime(2026, 5, 1, 9, 0, 0, 999_999, tzinfo=room.settings.zone)
    (made,) = room.desk().decide([Wish("hold", room.id(1))], editor="Ada", at=at)
    assert made.at == at.astimezone(UTC).replace(microsecond=0)
    assert room.snapshot.decisions() == [made]


def test_an_edit_replaces_one_line_and_keeps_the_other(room):
    made = room.decide("edit", 1, text={"zh": " 改过的一句。 "})
    assert made.lines == {"en": lines_of(1)["en"], "zh": "改过的一句。"}
    (first, *_) = room.release().papers
    assert [line.origin for line in first.lines.values()] == ["model", "editor"]


def test_an_edit_gives_lines_to_a_paper_that_has_none(tmp_path):
    room = a_desk(tmp_path, bare=[3])
    with pytest.raises(UsageError, match="a line in one language alone"):
        room.decide("edit", 3, text={"en": "A line by hand."})
    by_hand = {"en": "A line by hand.", "zh": "手写的一句。"}
    made = room.decide("edit", 3, text=by_hand)
    assert (made.summary, made.lines) == (None, by_hand)
    assert room.release().gaps == ()


def test_a_paper_that_was_left_out_comes_back_with_the_lines_it_was_left_out_with(room):
    room.decide("edit", 1, text={"en": "A line by hand."})
    room.decide("exclude", 1)
    assert room.decide("approve", 1).lines == {**lines_of(1), "en": "A line by hand."}


class TestAnotherCandidate:
    @pytest.fixture
    def other(self, room):
        """A candidate of the second paper by another model."""
        made = room.candidate(2, lines_of(2, flaw="note"), model="tide-2")
        room.write(made)
        return made

    def test_is_chosen_by_its_id(self, room, other):
        made = room.decide("approve", 2, summary=other.id)
        assert (made.summary, made.lines) == (other.id, other.lines)
        entry = room.release().papers[1]
        assert (entry.summary, entry.lines["zh"].model) == (other.id, "tide-2")

    def test_gives_an_edit_the_line_that_was_not_typed(self, room, other):
        made = room.decide("edit", 2, summary=other.id, text={"en": "Typed."})
        assert made.lines == {**other.lines, "en": "Typed."}

    @pytest.mark.parametrize("action", ["approve", "edit", "exclude", "hold", "reopen"])
    @pytest.mark.parametrize("number", [1, 3])
    def test_of_another_paper_is_refused(self, room, other, action, number):
        text = {"en": "Typed."} if action == "edit" else {}
        with pytest.raises(UsageError, match=f"no checked candidate '{other.id}' of "):
            room.decide(action, number, summary=other.id, text=text)
        assert room.snapshot.decisions() == []

    def test_that_was_not_checked_is_refused(self, room):
        room.write(made := room.candidate(2, model="tide-3"), checked=False)
        with pytest.raises(UsageError, match="no checked candidate"):
            room.decide("approve", 2, summary=made.id)


UNUSABLE = {
    "empty": "",
    "blank": " \t ",
    "line break": "One.\nTwo.",
    "line separator": "One.\u2028Two.",
    "control character": "One\x07.",
    "lone surrogate": "One\udcff.",
    "too long": "x" * (LONGEST + 1),
}


@pytest.mark.parametrize("line", UNUSABLE.values(), ids=UNUSABLE)
@pytest.mark.parametrize("action", ["edit", "introduce"])
def test_a_line_that_cannot_be_used_is_refused_and_nothing_is_written(room, line, action):
    number = 1 if action == "edit" else None
    text = {"en": "Good.", "zh": line}
    if action == "introduce" and not line.strip():
        assert room.decide(action, text=text).lines == {"en": "Good."}
        return
    with pytest.raises(UsageError, match="the zh line"):
        room.decide(action, number, text=text)
    assert room.snapshot.decisions() == []


def test_the_longest_line_is_kept_whole(room):
    assert (room.decide("edit", 1, text={"en": "x" * LONGEST}).lines or {})["en"] == "x" * LONGEST


REFUSED: dict[str, Wish] = {
    "a paper that is not there": Wish("approve", UNKNOWN),
    "a hostile name": Wish("approve", "../../etc/passwd\udcff"),
    "a candidate that is not there": Wish("approve", IDS[0], summary="\udcff"),
    "an approval with text": Wish("approve", IDS[0], text={"en": "Typed."}),
    "an approval that leads somewhere": Wish("approve", IDS[0], before=IDS[1]),
    "an edit without text": Wish("edit", IDS[0]),
    "a pin with text": Wish("pin", IDS[0], text={"en": "Typed."}),
    "a pin that leads somewhere": Wish("pin", IDS[0], before=IDS[1]),
    "a move before itself": Wish("move", IDS[0], before=IDS[0]),
    "a move before what is not there": Wish("move", IDS[0], before=UNKNOWN),
    "a move with a candidate": Wish("move", IDS[0], summary="0123456789abcdef"),
    "an introduction of a paper": Wish("introduce", IDS[0], text={"en": "Typed."}),
    **{f"{action} of no paper": Wish(action) for action in ACTIONS if action != "introduce"},
}


@pytest.mark.parametrize("wish", REFUSED.values(), ids=REFUSED)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(room, wish):
    good = Wish("approve", IDS[1])
    with pytest.raises(UsageError) as refused:
        room.desk().decide([good, wish, good], editor="Ada", at=room.now)
    assert refused.value.next_step
    assert not (room.snapshot.folder / "4-decisions.jsonl").exists()


def test_lines_that_are_not_there_cannot_be_approved_but_the_paper_can_be_left_out(tmp_path):
    room = a_desk(tmp_path, bare=[3])
    with pytest.raises(UsageError, match=f"there are no lines of {IDS[2]} to approve"):
        room.decide("approve", 3)
    assert room.decide("exclude", 3).lines == {}


def test_a_withdrawn_paper_is_approved_without_lines(tmp_path):
    papers = [a_paper(1), a_paper(2, status="withdrawn")]
    room = a_desk(tmp_path, papers=papers, bare=[2])
    assert room.decide("approve", 2).lines == {}
    room.settle(1)
    assert room.release().status == "published"


@pytest.mark.parametrize("editor", ["", "  ", "\x00\udcff"])
def test_a_decision_without_an_editor_is_refused(room, editor):
    with pytest.raises(UsageError, match="needs an editor's name"):
        room.decide("approve", 1, editor=editor)
    assert room.snapshot.decisions() == []


@settings(max_examples=40)
@given(st.text(max_size=40), st.text(alphabet=st.characters(), min_size=1, max_size=40))
def test_whatever_note_and_name_are_given_the_file_stays_whole(made, note, name):
    made.forget()
    try:
        made.decide("hold", 1, editor=name, note=note)
    except UsageError:
        assert made.snapshot.decisions() == []
    else:
        (kept,) = made.snapshot.decisions()
        assert kept.editor
        assert len((made.snapshot.folder / "4-decisions.jsonl").read_bytes().split(b"\n")) == 2


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Room:
    return a_desk(tmp_path_factory.mktemp("made"))


def test_of_several_wishes_all_are_on_disk_in_their_order(room):
    asked = [Wish("approve", paper) for paper in reversed(IDS[:3])]
    given = room.desk().decide([*asked, Wish("hold", IDS[0])], editor="Ada", at=room.now)
    assert room.snapshot.decisions() == given
    assert [(d.paper, d.action) for d in given][-2:] == [(IDS[0], "approve"), (IDS[0], "hold")]


class TestWhatAnEditorSaw:
    def seen(self, room: Room, number: int = 1) -> str:
        return room.desk().view().sight(room.id(number)).mark

    @pytest.mark.parametrize("action", ["approve", "edit", "exclude", "hold", "reopen"])
    def test_may_have_been_decided_on_by_somebody_else_who_is_named(self, room, action):
        seen = self.seen(room)
        text = {"en": "Typed."} if action == "edit" else {}
        first = room.decide(action, 1, editor="Ada", text=text)
        if action == "reopen":  # it was not decided, and still is not
            room.decide("approve", 1, editor="Bo", seen=seen)
            return
        when = f"{first.at:%Y-%m-%dT%H:%M:%SZ}"
        with pytest.raises(Overtaken, match=f"Ada has decided since: {action}, at {when}"):
            room.decide("approve", 1, editor="Bo", seen=seen)
        assert room.snapshot.decisions() == [first]
        room.decide("approve", 1, editor="Bo", seen=self.seen(room))

    def test_may_have_been_taken_back_since(self, room):
        room.decide("approve", 1, editor="Ada")
        seen = self.seen(room)
        room.decide("reopen", 1, editor="Bo")
        with pytest.raises(Overtaken, match="Bo has decided since: reopen"):
            room.decide("exclude", 1, seen=seen)

    def test_may_be_other_lines_than_a_run_has_written_since(self, room):
        seen = self.seen(room)
        room.write(room.candidate(1, lines_of(1, flaw="note")))
        with pytest.raises(Overtaken, match="its lines have changed since you saw it"):
            room.decide("approve", 1, seen=seen)
        assert room.snapshot.decisions() == []

    def test_is_not_said_to_be_decided_where_the_lines_on_hold_changed(self, room):
        room.decide("hold", 1, editor="Ada")
        seen = self.seen(room)
        room.write(room.candidate(1, lines_of(1, flaw="note")))
        with pytest.raises(Overtaken, match="its lines have changed since you saw it, or Ada has"):
            room.decide("approve", 1, seen=seen)

    def test_is_the_same_whatever_happened_to_other_papers_and_to_the_order(self, room):
        seen = self.seen(room)
        room.settle(2, 3)
        room.decide("pin", 1)
        room.decide("move", 1)
        room.decide("introduce", text={"en": "Today."})
        room.write(room.candidate(1, lines_of(1, flaw="note"), model="tide-2"))
        room.release()
        assert room.decide("approve", 1, seen=seen).lines == lines_of(1)

    def test_of_one_paper_keeps_all_others_from_being_decided(self, room):
        seen = self.seen(room)
        room.decide("hold", 1)
        asked = [Wish("approve", IDS[1]), Wish("approve", IDS[0], seen=seen)]
        with pytest.raises(Overtaken):
            room.desk().decide(asked, editor="Bo", at=room.now)
        assert len(room.snapshot.decisions()) == 1

    def test_need_not_be_told_by_a_script(self, room):
        room.decide("exclude", 1, editor="Ada")
        assert room.decide("approve", 1, editor="Bo").lines == lines_of(1)

    def test_of_the_introduction_may_have_been_written_anew(self, room):
        old = Wish("introduce", text={"en": "Today."}, seen="0" * 16)
        with pytest.raises(Overtaken, match="have changed since you saw"):
            room.desk().decide([old], editor="Bo", at=room.now)
        room.decide("introduce", editor="Ada", text={"en": "Tomorrow."})
        with pytest.raises(Overtaken, match="Ada has decided since: introduce, at 2026"):
            room.desk().decide([old], editor="Bo", at=room.now)


class TestALaterRunOfAModel:
    @pytest.fixture
    def later(self, room):
        """One paper edited, one excluded; then all lines anew by the same prompt and model."""
        room.decide("edit", 1, text={"en": "A line by hand."})
        room.decide("exclude", 2)
        before = (room.snapshot.folder / "4-decisions.jsonl").read_bytes()
        room.write(*(room.candidate(n, lines_of(n, flaw="note")) for n in (1, 2, 3)))
        room.release()
        assert (room.snapshot.folder / "4-decisions.jsonl").read_bytes() == before
        return room

    def test_changes_no_decided_line(self, later):
        first, third = later.digest().papers
        assert first.lines["en"].text == "A line by hand."
        assert first.lines["zh"].text == lines_of(1)["zh"]
        assert [d.paper for d in later.digest().excluded] == [later.id(2)]
        assert third.lines["zh"].text == lines_of(3, flaw="note")["zh"]

    def test_leaves_its_candidate_beside_the_decided_line(self, later):
        candidates = later.desk().view().candidates(later.id(1))
        assert [made.lines["zh"] for made in candidates] == [
            lines_of(1)["zh"],
            lines_of(1, flaw="note")["zh"],
        ]

    def test_gives_its_line_to_a_paper_that_is_reopened(self, later):
        later.decide("reopen", 1)
        assert later.release().papers[0].lines["zh"].text == lines_of(1, flaw="note")["zh"]

    def test_changes_no_line_that_was_published_undecided(self, tmp_path):
        room = a_desk(tmp_path, policy="none")
        room.write(room.candidate(1, lines_of(1, flaw="note")))
        assert room.release().papers[0].lines["zh"].text == lines_of(1)["zh"]
        assert len(room.publications()) == 1


def test_what_settles_a_paper_is_decided_on_its_lines():
    assert SETTLING < ON_LINES < {*ACTIONS}


def test_a_decision_is_refused_where_another_process_keeps_the_snapshot(room, monkeypatch):
    monkeypatch.setattr("pipeline.snapshot.SHORT_WAIT", 0.0)
    with room.snapshot.releasing(), pytest.raises(Busy, match="in use by another paperline"):
        room.decide("approve", 1)
    assert room.snapshot.decisions() == []

"""What a digest says of papers that readers have seen in an older version."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import ledger
from pipeline.differences import differing
from pipeline.executors.selection import opened
from pipeline.gate_settings import ReviewSettings
from pipeline.ledger import Earlier
from pipeline.outputs import Outputs
from pipeline.progress import Plain
from pipeline.records import Paper, Revision
from pipeline.releasing import withdraw
from pipeline.run import Night, run_topic
from pipeline.settings import ModelSettings, TopicSettings
from pipeline.snapshot import Snapshot
from pipeline.stages.assemble import gathered, is_stale
from tests.desks import Room, a_desk
from tests.digests import a_paper
from tests.feeds import NOW, entry
from tests.nights import DAY

FIRST, SECOND, THIRD = "20260501_0405", "20260502_0405", "20260503_0405"
V1 = a_paper(1, comments="9 pages")
ERRATA = "10 pages, with the author's errata"
V2 = V1.but(version=2, comments=ERRATA, status="revised")

NightOf = Callable[..., Room]


@pytest.fixture
def night_of(tmp_path: Path) -> NightOf:
    """Makes a snapshot with that name of these papers, and releases it."""

    def make(name: str, *papers: Paper, policy: str = "none", topic: str = "tides") -> Room:
        return a_desk(tmp_path, papers=papers, name=name, policy=policy, topic=topic)

    return make


def revisions(room: Room) -> list[Revision | None]:
    """As the digest on disk has them, by its papers."""
    return [shown.revision for shown in room.digest().papers]


def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the snapshots whose papers or releases are read from now on."""
    read: list[str] = []
    for part in ("each_paper", "publications"):
        reads = getattr(Snapshot, part)

        def noted(snapshot: Snapshot, reads: Callable[[Snapshot], Any] = reads) -> Any:
            read.append(snapshot.name)
            return reads(snapshot)

        monkeypatch.setattr(Snapshot, part, noted)
    return read


def take_back(room: Room) -> None:
    """Withdraw the digest as a whole."""
    withdraw(room.settings, room.snapshot, "The wrong day", editor="Mei Lan", now=room.later())


def publish(room: Room) -> None:
    """Have editors settle it, and release it."""
    room.settle()
    room.release()


class TestARevisedPaper:
    @pytest.mark.parametrize(
        ("changes", "before"),
        [
            ({"comments": "10 pages"}, {"comments": "9 pages"}),
            ({"comments": None}, {"comments": "9 pages"}),
            ({"title": "Neap Adapters"}, {"title": V1.title}),
            (
                {"title": "Neap Adapters", "abstract": "Two harbours, one model."},
                {"title": V1.title, "abstract": V1.abstract},
            ),
            ({"authors": ("Ada Kelp",)}, {}),
        ],
    )
    def test_says_what_its_older_version_said_where_that_differs(self, night_of, changes, before):
        night_of(FIRST, V1)
        second = night_of(SECOND, V1.but(version=2, status="revised", **changes))
        assert revisions(second) == [Revision(version=1, snapshot=FIRST, before=before)]

    def test_says_that_a_field_was_empty_before(self, night_of):
        night_of(FIRST, V1.but(comments=None))
        second = night_of(SECOND, V2)
        assert revisions(second) == [Revision(version=1, snapshot=FIRST, before={"comments": ""})]

    def test_is_compared_with_the_version_that_was_published_last(self, night_of):
        night_of(FIRST, V1)
        night_of(SECOND, V2)
        third = night_of(THIRD, V2.but(version=5, comments="11 pages"))
        assert revisions(third) == [
            Revision(version=2, snapshot=SECOND, before={"comments": ERRATA})
        ]

    def test_is_found_behind_nights_without_it(self, night_of):
        night_of(FIRST, V1)
        night_of(SECOND, a_paper(2))
        (said,) = revisions(night_of(THIRD, V2))
        assert said is not None
        assert said.snapshot == FIRST

    def test_that_is_withdrawn_says_what_it_said_before(self, night_of):
        night_of(FIRST, V1)
        (said,) = revisions(night_of(SECOND, V2.but(status="withdrawn")))
        assert said is not None
        assert said.before == {"comments": "9 pages"}

    @pytest.mark.parametrize("unseen", ["draft", "excluded", "withdrawn"])
    def test_is_compared_with_what_readers_saw_where_they_did_not_see_the_night_before(
        self, night_of, unseen
    ):
        publish(night_of(FIRST, V1, policy="all"))
        second = night_of(SECOND, V2, a_paper(2), policy="all")
        if unseen == "excluded":
            second.decide("exclude", 1)
            second.settle(2)
            second.release()
        elif unseen == "withdrawn":
            publish(second)
            take_back(second)
        (said,) = revisions(night_of(THIRD, V2.but(version=5, comments="11 pages"), policy="all"))
        assert said == Revision(version=1, snapshot=FIRST, before={"comments": "9 pages"})

    def test_whose_new_version_readers_have_not_seen_yet_is_still_compared(self, night_of):
        publish(night_of(FIRST, V1, policy="all"))
        night_of(SECOND, V2, policy="all")
        (said,) = revisions(night_of(THIRD, V2.but(status="seen"), policy="all"))
        assert said == Revision(version=1, snapshot=FIRST, before={"comments": "9 pages"})

    def test_says_it_whether_an_editor_decided_on_it_or_not(self, night_of):
        publish(night_of(FIRST, V1, policy="all"))
        second = night_of(SECOND, V2, policy="all")
        (before,) = revisions(second)
        second.settle()
        second.release()
        assert second.digest().status == "published"
        (published,) = second.publications()[-1].digest.papers
        assert before is not None
        assert revisions(second) == [before] == [published.revision]


class TestNoRevision:
    def test_is_said_of_a_paper_that_was_never_shown(self, night_of):
        night_of(FIRST, a_paper(2))
        assert revisions(night_of(SECOND, V2)) == [None]

    def test_is_said_of_one_that_was_shown_in_this_version(self, night_of):
        night_of(FIRST, V1)
        night_of(SECOND, V2)
        assert revisions(night_of(THIRD, V2.but(status="seen"))) == [None]

    def test_is_said_of_one_that_readers_never_saw(self, night_of):
        first = night_of(FIRST, V1, a_paper(2), policy="all")
        assert revisions(night_of(SECOND, V2, policy="all")) == [None]
        first.decide("exclude", 1)
        first.settle(2)
        first.release()
        assert first.digest().status == "published"
        assert revisions(night_of(THIRD, V2, policy="all")) == [None]

    def test_is_said_of_one_whose_digest_was_taken_back(self, night_of):
        take_back(night_of(FIRST, V1))
        assert revisions(night_of(SECOND, V2)) == [None]

    def test_is_said_of_one_that_only_later_nights_show(self, night_of):
        night_of(SECOND, V1)
        assert revisions(night_of(FIRST, V2)) == [None]

    def test_is_said_of_one_that_another_topic_has_shown(self, night_of):
        night_of(FIRST, V1, topic="moons")
        assert revisions(night_of(SECOND, V2)) == [None]

    def test_is_said_of_what_was_new_when_it_was_fetched(self, night_of):
        second = night_of(SECOND, V2.but(status="new"), policy="all")
        night_of(FIRST, V1)  # by a backfill
        second.release()
        assert revisions(second) == [None]


@pytest.mark.parametrize("select", ["new", "latest"])
def test_nights_tell_it_of_what_arxiv_has_in_a_newer_version(arxiv, night, outputs, select):
    configured = msgspec.structs.replace(
        night.settings, model=ModelSettings(name="embedded"), review=ReviewSettings(policy="none")
    )
    topic = TopicSettings(name="lamps", query="all:lantern", select=select)
    arxiv.entries = [entry(1, comment="9 pages"), entry(2)]
    for count in range(2):
        with opened(configured) as executor:
            run_topic(Night(configured, NOW + count * DAY, executor, Plain()), topic)
        arxiv.entries[0] = entry(1, version=2, hours=-20, comment="10 pages")
    first, second = outputs.snapshots("lamps")
    said = {shown.paper.id: shown.revision for shown in second.digest().papers}
    told = Revision(version=1, snapshot=first.name, before={"comments": "9 pages"})
    others = {"2603.90002": None} if select == "latest" else {}
    assert said == {"2603.90001": told} | others


class TestWhatIsRead:
    def test_is_this_snapshot_alone_where_nothing_was_revised(self, night_of, monkeypatch):
        night_of(FIRST, V1)
        second = night_of(SECOND, a_paper(2), V1.but(status="seen"))
        read = readings(monkeypatch)
        gathered(second.settings, second.snapshot)
        assert {*read} == {SECOND}

    def test_is_each_snapshot_that_showed_an_older_version_once(self, night_of, monkeypatch):
        papers = [a_paper(number) for number in range(1, 6)]
        night_of(FIRST, *papers[:3])
        night_of(SECOND, *papers[3:])
        third = night_of(THIRD, *(p.but(version=2, status="revised") for p in papers[:3]))
        read = readings(monkeypatch)
        assert set(gathered(third.settings, third.snapshot).revisions) == {p.id for p in papers[:3]}
        assert sorted(read) == [FIRST, THIRD, THIRD]

    def test_is_a_fixed_number_of_them_where_readers_saw_none(self, night_of, monkeypatch):
        monkeypatch.setattr(ledger, "MOST_EARLIER", 2)
        names = [f"202605{day:02d}_0405" for day in range(1, 7)]
        for name in names:
            night_of(name, V1, policy="all")
        last = night_of("20260507_0405", V2, policy="all")
        read = readings(monkeypatch)
        gathered(last.settings, last.snapshot)
        assert sorted({*read} - {"20260507_0405"}) == names[-2:]

    def test_gives_the_same_without_the_index(self, night_of):
        night_of(FIRST, V1)
        second = night_of(SECOND, V2)
        before = revisions(second)
        shutil.rmtree(second.settings.cache / "ledger")
        assert not is_stale(second.settings, second.snapshot)
        second.release()
        assert revisions(second) == before != [None]


class TestAnEarlierSnapshotThatIs:
    @pytest.fixture
    def nights(self, night_of) -> tuple[Room, Room, Room]:
        """Two nights, and a third with a newer version of a paper of each, which is a draft."""
        first, second = night_of(FIRST, V1), night_of(SECOND, a_paper(2))
        newer = V2, a_paper(2, version=2, title="Neap", status="revised")
        return first, second, night_of(THIRD, *newer, policy="all")

    def damage(self, room: Room, file: str = "6-published.jsonl") -> bytes:
        """Cut the beginning off what was published there, or off another file; what was there."""
        path = room.snapshot.folder / file
        whole: bytes = path.read_bytes()
        path.write_bytes(whole[20:])
        return whole

    def test_damaged_keeps_nothing_from_being_assembled_and_is_told_once(self, nights, caplog):
        first, _, third = nights
        self.damage(first)
        with caplog.at_level(logging.WARNING):
            third.release()
            third.release()
        assert [said and said.snapshot for said in revisions(third)] == [None, SECOND]
        (told,) = [record.getMessage() for record in caplog.records]
        assert told.startswith(f"{first.snapshot.folder / '6-published.jsonl'}")

    def test_damaged_hides_no_older_one_behind_it(self, night_of):
        night_of(FIRST, V1)
        self.damage(night_of(SECOND, V2))
        assert revisions(night_of(THIRD, V2.but(version=3), policy="all")) == [None]

    @pytest.mark.parametrize("indexed", [True, False])
    def test_damaged_in_its_papers_says_what_is_known(self, nights, caplog, indexed):
        first, _, third = nights
        self.damage(first, "1-papers.jsonl")
        if not indexed:
            shutil.rmtree(third.settings.cache / "ledger")
        with caplog.at_level(logging.WARNING):
            third.release()
            third.release()
        # A lost index learns it again from what was published.
        assert [said and said.snapshot for said in revisions(third)] == [FIRST, SECOND]
        (told,) = [record.getMessage() for record in caplog.records]
        where = first.snapshot.folder / "1-papers.jsonl"
        assert told.startswith(f"{where}: is not what was fetched")

    def test_damaged_and_restored_makes_the_draft_stale(self, nights):
        first, _, third = nights
        before = revisions(third)
        whole = self.damage(first)
        third.release()
        assert not is_stale(third.settings, third.snapshot)
        (first.snapshot.folder / "6-published.jsonl").write_bytes(whole)
        assert is_stale(third.settings, third.snapshot)
        third.release()
        assert revisions(third) == before

    def test_taken_back_makes_the_draft_stale_and_leaves_what_was_published(self, nights):
        first, second, third = nights
        take_back(second)
        take_back(first)
        assert is_stale(third.settings, third.snapshot)
        publish(third)
        assert revisions(third) == [None, None]
        published = third.publications()
        first.release(asked_under="none", by="Mei Lan")
        assert not is_stale(third.settings, third.snapshot)
        third.release()
        assert third.publications() == published

    def test_published_later_has_the_next_night_say_it(self, night_of):
        first = night_of(FIRST, V1, policy="all")
        second = night_of(SECOND, V2, policy="all")
        publish(first)
        assert revisions(second) == [
            Revision(version=1, snapshot=FIRST, before={"comments": "9 pages"})
        ]

    def test_damaged_takes_no_notice_of_a_withdrawal_back(self, night_of):
        first = night_of(FIRST, V1)
        second = night_of(SECOND, V2.but(status="withdrawn"))
        told = gathered(first.settings, first.snapshot).withdrawals
        self.damage(second, "1-papers.jsonl")
        assert gathered(first.settings, first.snapshot).withdrawals == told != {}

    def test_removed_was_never_shown(self, nights):
        first, _, third = nights
        shutil.rmtree(first.snapshot.folder)
        third.release()
        assert [said and said.snapshot for said in revisions(third)] == [None, SECOND]

    def test_removed_after_publication_changes_nothing_for_readers(self, nights):
        first, _, third = nights
        third.settle()
        third.release()
        published = revisions(third)
        shutil.rmtree(first.snapshot.folder)
        assert not is_stale(third.settings, third.snapshot)
        third.release()
        assert revisions(third) == published
        assert [one.reason for one in third.publications()] == ["first"]


class TestADigestPublishedBeforeThereWereRevisions:
    @pytest.fixture
    def old(self, night_of) -> Room:
        night_of(FIRST, V1, a_paper(2))
        room: Room = night_of(SECOND, V2, a_paper(2, version=2, title="Neap", status="revised"))
        (published,) = room.publications()
        papers = tuple(shown.but(revision=None) for shown in published.digest.papers)
        without = published.digest.but(papers=papers)
        (room.snapshot.folder / "6-published.jsonl").unlink()
        room.snapshot.append_publication(published.but(digest=without))
        room.snapshot.write_digest(without, markdown="", html="")
        run = room.snapshot.run()
        assembled = run.stages["assemble"]
        inputs = {name: of for name, of in assembled.inputs.items() if name != "revised"}
        made = {**run.stages, "assemble": assembled.but(inputs=inputs, outputs={})}
        room.snapshot.write_run(run.but(stages=made))
        return room

    def test_is_neither_stale_nor_corrected(self, old):
        assert not is_stale(old.settings, old.snapshot)
        old.release()
        assert old.digest().status == "published"
        assert revisions(old) == [None, None]
        assert [one.reason for one in old.publications()] == ["first"]

    def test_says_of_a_correction_what_was_corrected_alone(self, old):
        old.decide("edit", 1, text={"en": "By an editor."})
        old.release()
        before, after = old.publications()
        assert after.reason == "correction"
        assert differing(before.digest, after.digest) == [V1.id]
        assert revisions(old) == [None, None]


@settings(max_examples=25)  # of some tens of files each
@given(st.lists(st.dictionaries(st.integers(1, 3), st.integers(1, 3), min_size=1), max_size=6))
def test_the_index_agrees_with_reading_all_snapshots(tmp_path_factory, nights):
    folder = tmp_path_factory.mktemp("nights")
    names = [f"2026050{number}_0405" for number in range(1, len(nights) + 1)]
    for name, shown in zip(names, nights, strict=True):
        papers = [a_paper(paper, version=version) for paper, version in shown.items()]
        a_desk(folder, papers=papers, name=name, released=False)
    outputs = Outputs(folder / "outputs")
    with ledger.opened(folder / "cache", outputs, "tides") as index:
        for place, name in enumerate(names):
            expected = {}
            for paper, version in nights[place].items():
                before = [
                    Earlier(nights[n][paper], names[n])
                    for n in reversed(range(place))
                    if paper in nights[n]
                ]
                if any(earlier.version < version for earlier in before):
                    expected[a_paper(paper).id] = before
            assert index.revised_in(name) == expected

"""The ledger: what a topic has shown, and what a paper is in the light of it."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import ledger
from pipeline.books import Run, Stage
from pipeline.errors import DamagedFile, OutputError
from pipeline.ledger import Shown, content_of, is_due, status_of
from pipeline.outputs import Outputs
from pipeline.records import Paper
from pipeline.snapshot import Snapshot

MOMENT = datetime(2026, 3, 11, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ID = "2603.90001"


def paper(version: int = 1, comments: str | None = None, id_: str = ID, **more: str) -> Paper:
    return Paper(
        id=id_,
        version=version,
        title=more.get("title", "Lanterns That Learn to Dim"),
        authors=("Ada Lumen",),
        abstract=more.get("abstract", "We teach lanterns to dim."),
        first=MOMENT,
        latest=MOMENT,
        comments=comments,
        primary_category="cs.LG",
        categories=("cs.LG",),
        url="https://arxiv.org/abs/x",
        pdf_url="https://arxiv.org/pdf/x",
    )


def was(of: Paper) -> Shown:
    return Shown(of.version, content_of(of))


class TestStatus:
    def test_a_paper_never_shown_is_new_even_in_a_later_version(self) -> None:
        assert status_of(paper(2), None) == "new"

    @pytest.mark.parametrize(
        "before",
        [paper(1, title="Lanterns"), paper(1, abstract="We dim."), paper(1, comments="9 pages")],
    )
    def test_one_shown_in_an_older_version_with_another_text_is_revised(self, before) -> None:
        assert status_of(paper(2), was(before)) == "revised"

    def test_one_shown_in_an_older_version_with_the_same_text_is_seen(self) -> None:
        assert status_of(paper(2), was(paper(1))) == "seen"

    @pytest.mark.parametrize("version", [1, 2])
    def test_one_shown_in_this_or_a_later_version_is_seen(self, version) -> None:
        shown = was(paper(2, title="Lanterns"))
        assert status_of(paper(version), shown) == "seen"
        assert not is_due(paper(version), shown)

    @pytest.mark.parametrize(
        "comments",
        [
            "This paper has been withdrawn by the authors",
            "Withdrawn: the lamp was off",
            "The manuscript is withdrawn; see the lamp's log",
            "This submission was withdrawn from arXiv",
            "The authors have withdrawn this paper",
            "We have withdrawn this submission due to an error",
            "The author has withdrawn this manuscript",
            "I am withdrawing this paper",
            "has been withdrawn",
            "arXiv admin note: withdrawn due to copyright",
            "This article has been removed by arXiv administrators",
            "The manuscript is under revision. Withdrawn",
            "12 pages, withdrawn",
            "Paper withdrawn due to a crucial error in Theorem 2",
            "This paper has been temporarily withdrawn",
            "This paper (arXiv:2301.00001) has been withdrawn by the author",
            "We withdraw this paper because of an error",
            "This submission has been withdrawn by arXiv administrators for text overlap",
            "The first author has withdrawn the present paper",
            "withdrawn for revision",
            "This paper is being withdrawn",
            "this version is withdrawn",
        ],
    )
    def test_a_later_version_whose_comments_say_so_is_withdrawn(self, comments) -> None:
        gone = paper(2, comments)
        assert status_of(gone, None) == "withdrawn"
        assert status_of(gone, was(gone)) == "withdrawn"
        assert is_due(gone, was(paper(1)))
        assert not is_due(gone, was(gone))

    @pytest.mark.parametrize(
        "comments",
        [
            None,
            "12 pages",
            "This paper was withdrawn from LampConf 2026",
            "Withdrawn from a journal",
            "This is a corrected version; the previous version was withdrawn",
            "A revised version of a paper which was withdrawn",
            "Paper studies drugs withdrawn in 2020",
            "Paper studies drugs that were withdrawn",
            "Accepted at LampConf; an earlier version was withdrawn",
            "This paper was not withdrawn",
            "We study withdrawn drugs",
            "Revised after the first version was withdrawn",
            "The authors withdrew an earlier claim",
            "This paper replaces arXiv:2301.00001, which has been withdrawn",
        ],
    )
    def test_other_comments_are_no_withdrawal(self, comments) -> None:
        assert status_of(paper(2, comments), None) == "new"

    def test_a_first_version_is_never_withdrawn(self) -> None:
        assert status_of(paper(1, "This paper has been withdrawn"), None) == "new"


Show = Callable[..., Snapshot]


@pytest.fixture
def show(outputs: Outputs) -> Show:
    """Makes a snapshot of papers on a day after `MOMENT`."""

    def make(day: int, *papers: Paper) -> Snapshot:
        instant = MOMENT + day * DAY
        fetched = Stage(complete=True, started=instant, seconds=0.0)
        run = Run(
            topic="lamps",
            snapshot=f"{instant:%Y%m%d_%H%M}",
            instant=instant,
            time_zone="UTC",
            stages={"fetch": fetched},
        )
        return outputs.create_snapshot(run, papers)

    return make


@pytest.fixture
def shown(outputs: Outputs, tmp_path: Path) -> Callable[..., Shown | None]:
    """Opens the ledger, and asks it what was shown of a paper."""

    def ask(id_: str = ID, before: datetime | None = None) -> Shown | None:
        with ledger.opened(tmp_path / "cache", outputs, "lamps") as opened:
            return opened.shown(id_, before)

    return ask


def index(tmp_path: Path) -> Path:
    (found,) = (tmp_path / "cache" / "ledger").glob("*.sqlite")
    return found


class TestIndex:
    def test_knows_nothing_of_a_topic_without_snapshots(self, shown) -> None:
        assert shown() is None

    def test_knows_the_newest_version_in_whatever_order_snapshots_come(self, show, shown) -> None:
        show(2, paper(3))
        show(1, paper(2))
        assert shown() == was(paper(3))
        show(3, paper(1))
        assert shown() == was(paper(3))

    def test_as_of_a_day_knows_what_was_shown_before_it(self, show, shown) -> None:
        show(1, paper(1))
        show(2, paper(2))
        assert shown(before=MOMENT + DAY) is None
        assert shown(before=MOMENT + 2 * DAY) == was(paper(1))
        assert shown(before=MOMENT + 3 * DAY) == was(paper(2))

    def test_says_what_is_shown_from_a_day_on_and_where(self, show, outputs, tmp_path) -> None:
        show(1, paper(1))
        show(2, paper(2))
        with ledger.opened(tmp_path / "cache", outputs, "lamps") as opened:
            assert opened.newest_since(ID, MOMENT + 2 * DAY) == 2
            assert opened.newest_since(ID, MOMENT + 3 * DAY) == 0
            assert opened.versions_of(ID) == [("20260312_1200", 1), ("20260313_1200", 2)]

    def test_says_which_papers_were_withdrawn_after_a_day(self, show, outputs, tmp_path) -> None:
        gone = paper(2, "This paper has been withdrawn").but(status="withdrawn")
        show(1, paper(1))
        show(2, gone)
        with ledger.opened(tmp_path / "cache", outputs, "lamps") as opened:
            (told,) = opened.withdrawals_after(MOMENT + DAY).values()
            assert opened.withdrawals_after(MOMENT + 2 * DAY) == {}
        assert (told.version, told.snapshot) == (2, "20260313_1200")
        assert told.comments == "This paper has been withdrawn"

    def test_lost_is_rebuilt(self, show, shown, tmp_path) -> None:
        show(1, paper(1))
        before = shown()
        shutil.rmtree(tmp_path / "cache")
        assert shown() == before == was(paper(1))

    @pytest.mark.parametrize("damage", [b"", b"no database", b"SQLite format 3\0" + b"x" * 5000])
    def test_damaged_is_rebuilt(self, show, shown, tmp_path, damage) -> None:
        show(1, paper(1))
        shown()
        index(tmp_path).write_bytes(damage)
        assert shown() == was(paper(1))

    def test_of_another_layout_is_rebuilt(self, show, shown, tmp_path) -> None:
        show(1, paper(1))
        shown()
        with sqlite3.connect(index(tmp_path)) as connection:
            connection.execute("PRAGMA user_version = 99")
            connection.execute("DELETE FROM shown")
        connection.close()
        assert shown() == was(paper(1))

    def test_damage_found_while_it_is_read_is_told_and_mended_by_the_next_command(
        self, show, shown, outputs, tmp_path
    ) -> None:
        show(1, paper(1))
        shown()
        with (
            pytest.raises(OutputError, match="damaged") as caught,
            ledger.opened(tmp_path / "cache", outputs, "lamps"),
        ):
            raise sqlite3.DatabaseError("database disk image is malformed")
        assert "same command again" in caught.value.next_step
        assert shown() == was(paper(1))

    def test_follows_a_snapshot_that_was_removed_or_restored(
        self, show, shown, tmp_path, outputs
    ) -> None:
        snapshot = show(1, paper(1))
        assert shown() == was(paper(1))
        snapshot.folder.rename(tmp_path / "away")
        assert shown() is None
        (tmp_path / "away").rename(snapshot.folder)
        assert shown() == was(paper(1))

    def test_reads_only_the_snapshots_that_it_does_not_know(self, show, shown, monkeypatch) -> None:
        show(1, paper(1))
        shown()
        read: list[str] = []
        each_paper = Snapshot.each_paper

        def noted(snapshot: Snapshot) -> Iterator[Paper]:
            read.append(snapshot.name)
            return each_paper(snapshot)

        monkeypatch.setattr(Snapshot, "each_paper", noted)
        show(2, paper(2))
        assert shown() == was(paper(2))
        assert shown() == was(paper(2))
        assert read == ["20260313_1200"]

    def test_a_damaged_snapshot_is_told_and_nothing_half_taken_in(self, show, shown) -> None:
        good = show(1, paper(1))
        papers = good.folder / "1-papers.jsonl"
        whole = papers.read_bytes()
        papers.write_bytes(whole[:-20])
        with pytest.raises(DamagedFile, match="is not what was fetched"):
            shown()
        papers.write_bytes(whole)
        assert shown() == was(paper(1))

    def test_of_two_outputs_with_one_cache_does_not_mix_them(self, show, shown, tmp_path) -> None:
        show(1, paper(1))
        other = Outputs(tmp_path / "other")
        with ledger.opened(tmp_path / "cache", other, "lamps") as opened:
            assert opened.shown(ID) is None
        assert shown() == was(paper(1))

    @settings(max_examples=25)  # of some tens of files each
    @given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 4)), max_size=8))
    def test_agrees_with_reading_all_snapshots(self, tmp_path_factory, days) -> None:
        folder = tmp_path_factory.mktemp("ledger")
        outputs = Outputs(folder / "outputs")
        made: dict[int, int] = {}
        for day, version in days:
            made.setdefault(day, version)
        for day, version in made.items():
            instant = MOMENT + day * DAY
            stage = Stage(complete=True, started=instant, seconds=0.0)
            name = f"{instant:%Y%m%d_%H%M}"
            run = Run(
                topic="t", snapshot=name, instant=instant, time_zone="UTC", stages={"fetch": stage}
            )
            outputs.create_snapshot(run, [paper(version)])
            with ledger.opened(folder / "cache", outputs, "t") as opened:
                for before in range(11):
                    expected = [
                        v
                        for d, v in made.items()
                        if d < before
                        and (outputs.topic_folder("t") / f"{MOMENT + d * DAY:%Y%m%d_%H%M}").is_dir()
                    ]
                    found = opened.shown(ID, MOMENT + before * DAY)
                    assert (found.version if found else None) == max(expected, default=None)

"""Papers that are withdrawn after readers have seen them."""

import dataclasses
from collections.abc import Callable
from datetime import datetime

import msgspec
import pytest

from pipeline import run
from pipeline.desk import Desk
from pipeline.executors.selection import opened
from pipeline.gate_settings import ReviewSettings
from pipeline.progress import Plain
from pipeline.records import Policy, Withdrawal
from pipeline.releasing import give_notice, release
from pipeline.report import Report
from pipeline.run import Night, run_topic
from pipeline.settings import ModelSettings, Settings, TopicSettings
from pipeline.snapshot import Snapshot
from pipeline.stages.publish import record_withdrawals
from pipeline.stages.review import Wish
from tests.feeds import NOW, Entry, entry
from tests.nights import DAY, statuses

TOPIC = TopicSettings(name="lamps", query="all:lantern")
COMMENT = "This paper has been withdrawn by its authors"


def gone(number: int) -> Entry:
    """The version that takes a paper back, of the second evening."""
    return entry(number, version=2, hours=-20, comment=COMMENT)


@pytest.fixture
def policy() -> Policy:
    return "none"


@pytest.fixture
def settings(night, policy) -> Settings:
    made: Settings = msgspec.structs.replace(
        night.settings, model=ModelSettings(name="embedded"), review=ReviewSettings(policy=policy)
    )
    return made


@pytest.fixture
def work(settings) -> Callable[[datetime], Report]:
    """One night of the topic, with lines by the embedded model."""

    def run_night(now: datetime = NOW) -> Report:
        with opened(settings) as executor:
            return run_topic(Night(settings, now, executor, Plain()), TOPIC)

    return run_night


@pytest.fixture
def first(arxiv, work, outputs) -> Snapshot:
    """The first night's snapshot, of two papers."""
    arxiv.entries = [entry(1), entry(2)]
    work(NOW)
    made: Snapshot = outputs.snapshots("lamps")[0]
    return made


def reasons(snapshot: Snapshot) -> list[str]:
    return [publication.reason for publication in snapshot.publications()]


def marked(snapshot: Snapshot) -> list[str]:
    return [e.paper.id for e in snapshot.publications()[-1].digest.papers if e.withdrawn]


def test_get_a_notice_where_they_were_published_and_no_line_changes(
    arxiv, work, first, outputs
) -> None:
    arxiv.entries[0] = gone(1)
    report = work(NOW + DAY)
    assert report.withdrawn == 1
    second = outputs.snapshots("lamps")[-1]
    assert statuses(second) == {"2603.90001": "withdrawn"}
    before, after = first.publications()
    assert (before.reason, after.reason, after.who) == ("first", "withdrawn", ())
    assert [e.lines for e in after.digest.papers] == [e.lines for e in before.digest.papers]
    (noticed,) = [e.withdrawn for e in after.digest.papers if e.withdrawn]
    assert (noticed.version, noticed.snapshot) == (2, second.name)
    page = (outputs.site / "lamps" / f"{first.name}.html").read_text("utf-8")
    assert "This paper has been withdrawn since, by its version 2" in page
    assert first.digest().status == "published"


def test_get_it_once(arxiv, work, first) -> None:
    arxiv.entries[0] = gone(1)
    for night in range(1, 4):
        work(NOW + night * DAY)
    assert reasons(first) == ["first", "withdrawn"]


def test_get_it_from_the_next_run_where_one_was_killed_before(
    arxiv, work, first, monkeypatch
) -> None:
    arxiv.entries[0] = gone(1)
    with monkeypatch.context() as patch:
        patch.setattr(run, "summarize", killed)
        with pytest.raises(KeyboardInterrupt):
            work(NOW + DAY)
    assert reasons(first) == ["first"]
    work(NOW + 30 * DAY)
    assert reasons(first) == ["first", "withdrawn"]


def killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_keep_it_through_a_correction(arxiv, work, first, settings) -> None:
    arxiv.entries[0] = gone(1)
    work(NOW + DAY)
    edit = Wish("edit", "2603.90001", text={"en": "It was dark."})
    Desk(settings, first).decide([edit], editor="Ada", at=NOW + DAY)
    release(settings, first, NOW + DAY)
    assert reasons(first) == ["first", "withdrawn", "correction"]
    assert marked(first) == ["2603.90001"]


def test_keep_it_where_the_snapshot_that_told_of_it_is_gone(
    arxiv, work, first, settings, outputs, tmp_path
) -> None:
    arxiv.entries[0] = gone(1)
    work(NOW + DAY)
    outputs.snapshots("lamps")[-1].folder.rename(tmp_path / "away")
    release(settings, first, NOW + 2 * DAY)
    assert reasons(first) == ["first", "withdrawn"]
    assert marked(first) == ["2603.90001"]


def test_that_are_revised_instead_get_none(arxiv, work, first) -> None:
    arxiv.entries[0] = entry(1, version=2, hours=-20, comment="12 pages")
    work(NOW + DAY)
    assert reasons(first) == ["first"]


def test_get_none_in_a_digest_that_was_taken_back(first) -> None:
    told = Withdrawal(version=2, at=NOW, comments="Withdrawn", snapshot="20260313_0405")
    last = first.publications()[-1]
    with first.releasing():
        first.append_publication(last.but(reason="withdrawn", why="The wrong query was used."))
        assert not record_withdrawals(first, {"2603.90001": told}, NOW + DAY)


class TestWhereEditorsAreWaitedFor:
    @pytest.fixture
    def policy(self) -> Policy:
        return "all"

    def test_the_draft_says_it_and_nothing_is_published(self, arxiv, work, first) -> None:
        arxiv.entries[0] = gone(1)
        work(NOW + DAY)
        assert reasons(first) == []
        assert [e.paper.id for e in first.digest().papers if e.withdrawn] == ["2603.90001"]
        assert "This paper has been withdrawn since" in first.digest_html.read_text("utf-8")

    def test_a_published_digest_says_it_although_a_decision_was_taken_back(
        self, arxiv, work, first, settings
    ) -> None:
        desk = Desk(settings, first)
        wishes = [Wish("approve", paper) for paper in ("2603.90001", "2603.90002")]
        desk.decide(wishes, editor="Ada", at=NOW)
        release(settings, first, NOW)
        desk.decide([Wish("reopen", "2603.90002")], editor="Ada", at=NOW)
        release(settings, first, NOW)
        arxiv.entries[0] = gone(1)
        work(NOW + DAY)
        assert reasons(first) == ["first", "withdrawn"]
        assert first.digest().status == "draft"


class TestThatTheQueryDoesNotFind:
    """Papers that were asked for by hand, or whose last version says something else."""

    @pytest.mark.parametrize("select", ["new", "latest"])
    def test_are_asked_for_again_once_a_week(self, arxiv, night, select) -> None:
        arxiv.entries = [entry(1)]
        night(select=select, limit=1)
        arxiv.unlisted = [dataclasses.replace(gone(1), updated="2026-03-13T00:00:00Z")]
        arxiv.entries = [entry(2, hours=-10)]
        shown = [night(NOW + n * DAY, select=select, limit=1).snapshot for n in range(1, 9)]
        assert [n for n, made in enumerate(shown, 1) if made] == [1, 7]
        assert statuses(shown[6])["2603.90001"] == "withdrawn"


def test_come_beside_the_limit(arxiv, night) -> None:
    arxiv.entries = [entry(1, published="2026-01-01T00:00:00Z")]
    night(order="submitted", limit=1)
    taken_back = dataclasses.replace(gone(1), published="2026-01-01T00:00:00Z")
    arxiv.entries = [taken_back, entry(2, hours=-10), entry(3, hours=-11)]
    made = night(NOW + DAY, order="submitted", limit=1, exclude=("lantern",), revised="skip")
    assert statuses(made.snapshot) == {"2603.90001": "withdrawn"}


def test_of_a_topic_without_snapshots_are_none(settings, outputs) -> None:
    give_notice(settings, "lamps", NOW, since=NOW)
    assert outputs.snapshots("lamps") == []

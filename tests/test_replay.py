"""Night after night nothing is missed, nothing is shown twice, and arXiv is asked politely."""

import itertools
import queue
import re
import signal
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from pipeline.outputs import Outputs
from pipeline.sources.turns import turn_file
from tests.feeds import NOW, atom, entry
from tests.nights import Nights
from tests.replay import (
    DAY,
    Archive,
    Desk,
    Night,
    VersionedArxiv,
    Versions,
    an_archive,
    as_listed,
    assert_books_balance,
    assert_never_new_twice,
    assert_polite,
    assert_shown,
    books,
    changes,
    due,
    expected,
    histories,
    nights,
    records,
    stamp,
)
from tests.test_seed import QUERY
from tests.testbed_servers import serving

MONDAY = datetime(2026, 4, 13, 0, 5, tzinfo=UTC)
"""Just after the test bed's first announcement."""

WEEK, WEEKLY = range(8), (7,)
"""A week with its quiet weekend, to the first look back over 60 days."""

TWENTY, WEEKLY_IN_TWENTY = range(20), (7, 14)
"""Twenty nights. What was held came before the second look back over 60 days, which finds it."""

WITHOUT_FOUR = [day for day in TWENTY if day not in range(9, 13)]

FAULTS = "429:0.1,503:0.1,406:0.05,empty:0.1,truncate:0.05,clipped:0.03,reset:0.05,html:0.03"
KINDS = set(re.findall(r"\w+(?=:)", FAULTS))
AT_ONCE = f"{FAULTS},503=0"
"""The same without the five seconds that each 503 asks to wait."""

OVERLAPPING = {
    "tuning": 'all:"fine tuning"',
    "all": QUERY,
    "language": 'cat:cs.CL AND (all:"fine tuning" OR all:"instruction tuning")',
}


@pytest.fixture
def recorded(testbed: Path) -> Iterator[Archive]:
    # With this seed faults of every kind are among the first 22, and few in a row.
    with serving(testbed / "arxiv_server.py", "--seed", "51") as url:
        yield Archive(url)


def replay(
    recorded: Archive, desk: Desk, days: Collection[int], wide: Collection[int], faults: str = ""
) -> list[Night]:
    """Fetch the topic `t` on each of the nights; what the archive listed on them."""
    replayed = recorded.list_all(nights(MONDAY, days, wide), QUERY)
    recorded.fail(faults)
    quiet = set()
    for night in replayed:
        recorded.move(night.now)
        said = desk.paperline("fetch", "t", "--at", stamp(night.now))
        if "nothing new" in said:
            quiet.add(night.name)
    assert quiet == {night.name for night in replayed} - desk.papers("t").keys()
    return replayed


def assert_nothing_is_lost_or_shown_twice(
    recorded: Archive,
    desk: Desk,
    days: Collection[int],
    wide: Collection[int],
    *,
    faults: str = "",
) -> list[Night]:
    """Replay the nights, and compare every snapshot with what the archive itself lists."""
    replayed = replay(recorded, desk, days, wide, faults)
    assert_shown(desk, "t", expected(replayed))
    papers = desk.papers("t")
    assert_never_new_twice(papers)
    assert_each_change_is_shown_once(replayed, papers)
    last = replayed[-1]
    furthest = min(night.since for night in replayed)
    too_old = {id_ for id_, paper in last.listed.items() if paper.latest < furthest}
    assert union(papers) == last.listed.keys() - too_old
    assert desk.waiting("t") == []
    return replayed


def union(papers: Mapping[str, list[dict[str, Any]]]) -> set[str]:
    return {paper["id"] for shown in papers.values() for paper in shown}


def assert_each_change_is_shown_once(
    replayed: list[Night], papers: Mapping[str, list[dict[str, Any]]]
) -> None:
    """Of the papers that were shown before they changed; others are new as they are."""
    before: set[str] = set()
    told: list[tuple[str, int]] = []
    changed: set[tuple[str, int]] = set()
    for earlier, night in itertools.pairwise(replayed):
        before |= {paper["id"] for paper in papers.get(earlier.name, [])}
        changed |= {each for each in changes([earlier, night]) if each[0] in before}
        told += [
            (paper["id"], paper["version"])
            for paper in papers.get(night.name, [])
            if paper["status"] in ("revised", "withdrawn") and paper["id"] in before
        ]
    assert len(told) == len(set(told))
    assert set(told) == changed
    assert told


def assert_waits_are_obeyed(told: Any) -> None:
    """After a 503, which asks to wait five seconds, nobody asks for so long."""
    assert told["statuses"]["503"] > 1
    for earlier, later in itertools.pairwise(told["queries"]):
        if earlier["status"] == "503":
            assert later["at_s"] - earlier["at_s"] >= 5


def any_was_held(replayed: Sequence[Night]) -> bool:
    """Whether a paper appeared that only a look back over 60 days finds."""
    return any(
        paper.latest < later.now - 15 * DAY
        for earlier, later in itertools.pairwise(replayed)
        for id_, paper in later.listed.items()
        if id_ not in earlier.listed
    )


def statuses(papers: Mapping[str, list[dict[str, Any]]]) -> set[str]:
    return {paper["status"] for shown in papers.values() for paper in shown}


def a_desk(folder: Path, recorded: Archive, delay: float = 0.02) -> Desk:
    return Desk(folder, recorded.api, {"t": QUERY}, topic="limit = 10000", arxiv=f"delay = {delay}")


class TestRecordedNights:
    """Against the test bed."""

    @pytest.mark.prove
    def test_twenty_nights_show_every_paper_and_every_change_once(
        self, recorded: Archive, tmp_path: Path
    ) -> None:
        desk = a_desk(tmp_path / "desk", recorded)
        replayed = assert_nothing_is_lost_or_shown_twice(recorded, desk, TWENTY, WEEKLY_IN_TWENTY)
        assert union(desk.papers("t")) == replayed[-1].listed.keys()
        assert any_was_held(replayed)
        assert_polite(recorded.told(), 0.02)

    def test_a_week_under_faults_shows_the_same_and_asks_politely(
        self, recorded: Archive, tmp_path: Path
    ) -> None:
        desk = a_desk(tmp_path / "desk", recorded)
        assert_nothing_is_lost_or_shown_twice(recorded, desk, WEEK, WEEKLY, faults=AT_ONCE)
        assert statuses(desk.papers("t")) == {"new", "revised", "withdrawn"}
        told = recorded.told()
        assert set(told["faults"]) == KINDS
        assert_polite(told, 0.02)

    @pytest.mark.prove
    def test_twenty_nights_under_all_faults_show_the_same_and_ask_politely(
        self, recorded: Archive, tmp_path: Path
    ) -> None:
        desk = a_desk(tmp_path / "desk", recorded, delay=0.1)
        replayed = assert_nothing_is_lost_or_shown_twice(
            recorded, desk, TWENTY, WEEKLY_IN_TWENTY, faults=FAULTS
        )
        assert union(desk.papers("t")) == replayed[-1].listed.keys()
        told = recorded.told()
        assert set(told["faults"]) == KINDS
        assert_polite(told, 0.1)
        assert_waits_are_obeyed(told)

    @pytest.mark.prove
    def test_four_nights_skipped_in_the_midst_of_twenty_lose_nothing(
        self, recorded: Archive, tmp_path: Path
    ) -> None:
        desk = a_desk(tmp_path / "desk", recorded)
        replayed = assert_nothing_is_lost_or_shown_twice(
            recorded, desk, WITHOUT_FOUR, WEEKLY_IN_TWENTY
        )
        assert union(desk.papers("t")) == replayed[-1].listed.keys()

    def test_three_topics_at_once_under_faults_take_turns_and_are_each_complete(
        self, recorded: Archive, tmp_path: Path
    ) -> None:
        assert_three_at_once_take_turns(recorded, tmp_path, (4,), AT_ONCE, 0.02)

    @pytest.mark.prove
    def test_three_topics_at_once_under_all_faults_take_turns_and_all_wait_as_long_as_one_is_told(
        self, recorded: Archive, tmp_path: Path
    ) -> None:
        assert_three_at_once_take_turns(recorded, tmp_path, (0, 1, 7), FAULTS, 0.1)

    @pytest.mark.prove
    def test_twenty_nights_with_a_small_limit_drop_nothing(
        self, recorded: Archive, tmp_path: Path
    ) -> None:
        assert_the_limit_drops_nothing(recorded, tmp_path, TWENTY, WEEKLY_IN_TWENTY)


def assert_three_at_once_take_turns(
    recorded: Archive, folder: Path, days: Collection[int], faults: str, delay: float
) -> None:
    desk = Desk(
        folder / "desk",
        recorded.api,
        OVERLAPPING,
        topic="limit = 10000",
        arxiv=f"delay = {delay}\npage_size = 25",
    )
    wide = [day for day in days if day in WEEKLY]
    replayed = {
        topic: recorded.list_all(nights(MONDAY, days, wide), query)
        for topic, query in OVERLAPPING.items()
    }
    recorded.fail(faults)
    for night in nights(MONDAY, days, wide):
        recorded.move(night.now)
        at_once = [desk.start("fetch", topic, "--at", stamp(night.now)) for topic in OVERLAPPING]
        for process in at_once:
            desk.ended(process)
    told = recorded.told()
    assert_polite(told, delay)
    assert {asked["params"]["search_query"] for asked in told["queries"]} == set(
        OVERLAPPING.values()
    )
    if "503=0" not in faults:
        assert_waits_are_obeyed(told)
    for topic in OVERLAPPING:
        assert_shown(desk, topic, expected(replayed[topic]))


def assert_the_limit_drops_nothing(
    recorded: Archive, folder: Path, days: Collection[int], wide: Collection[int] = ()
) -> None:
    """With `limit = 20`: what is due is shown or waits; withdrawals and the newest come first."""
    desk = Desk(folder / "desk", recorded.api, {"t": QUERY}, topic="limit = 20")
    shown: Versions = {}
    waiting: Versions = {}
    since: dict[str, datetime] = {}
    longest = 0
    for night in recorded.list_all(nights(MONDAY, days, wide), QUERY):
        recorded.move(night.now)
        said = desk.paperline("run", "--at", stamp(night.now))
        wanted = waiting | {id_: paper for id_, (_, paper) in due(night, shown).items()}
        snapshot = desk.papers("t").get(night.name, [])
        papers = {paper["id"]: as_listed(paper) for paper in snapshot}
        for paper in snapshot:
            status = "revised" if paper["id"] in shown else "new"
            gone = papers[paper["id"]].withdrawn
            assert paper["status"] == ("withdrawn" if gone else status)
        waits = desk.waiting("t")
        waiting = {each["paper"]["id"]: as_listed(each["paper"]) for each in waits}
        assert papers.keys().isdisjoint(waiting)
        assert papers | waiting == wanted
        recalls = {id_ for id_, paper in wanted.items() if paper.withdrawn and id_ in shown}
        assert recalls <= papers.keys()
        assert len(papers) == max(len(recalls), min(20, len(wanted)))
        shown |= papers
        since = {id_: since.get(id_, night.now) for id_ in waiting}
        assert {e["paper"]["id"]: datetime.fromisoformat(e["since"]) for e in waits} == since
        if papers:
            assert_books_balance(desk, "t", night.name)
        if waiting:
            by_room = [paper.latest for id_, paper in papers.items() if id_ not in recalls]
            assert min(by_room) >= max(paper.latest for paper in waiting.values())
            told = re.search(r", (\d+) papers? waits? for room(?:, the longest for (\d+) d)?", said)
            assert told is not None
            days_waited = (night.now - min(since.values())).days
            assert (int(told[1]), int(told[2] or 0)) == (len(waiting), days_waited)
            longest = max(longest, days_waited)
    assert longest > 1
    assert_never_new_twice(desk.papers("t"))


HISTORIES = histories(NOW - 10 * DAY, NOW + 20 * DAY, held=[0, 0, 0, 1, 5, 13, 20, 30])
DAYS = st.sets(st.integers(0, 25), min_size=1, max_size=12).map(sorted)


def weekly(days: Sequence[int]) -> list[int]:
    """The nights on which a week has passed since the last look back over 60 days, or the first."""
    last, wide = days[0], []
    for day in days:
        if day - last >= 7:
            last = day
            wide.append(day)
    return wide


@pytest.fixture(scope="module")
def server() -> Iterator[HTTPServer]:
    with HTTPServer(threaded=True) as running:
        yield running


@pytest.fixture
def archive(server: HTTPServer) -> VersionedArxiv:
    server.clear()
    return VersionedArxiv(server)


class TestInventedNights:
    @settings(max_examples=8)
    @given(papers=HISTORIES, days=DAYS)
    def test_any_nights_show_any_papers_once_and_their_changes_once(
        self, server: HTTPServer, tmp_path_factory, papers, days
    ) -> None:
        archive = an_archive(server, papers)
        night = Nights(Outputs(tmp_path_factory.mktemp("nights") / "outputs"), archive.url)
        days = [*days, days[-1] + 7]
        replayed = []
        for each in nights(NOW, days, weekly(days)):
            archive.now = each.now
            replayed.append(each._replace(listed=archive.listed()))
            fetched = night(each.now, limit=10_000)
            assert (fetched.snapshot.name if fetched.snapshot else each.name) == each.name
            total, others = books(fetched.counts)
            assert total == sum(others.values())
        made = {
            snapshot.name: {
                p["id"]: (p["status"], as_listed(p))
                for p in records(snapshot.folder / "1-papers.jsonl")
            }
            for snapshot in night.outputs.snapshots("lamps")
        }
        assert made == expected(replayed)
        assert {id_ for shown in made.values() for id_ in shown} == archive.listed().keys()

    @settings(max_examples=5)
    @given(papers=HISTORIES, days=DAYS, limit=st.integers(1, 4))
    def test_any_limit_drops_no_paper_and_makes_none_new_twice(
        self, server: HTTPServer, tmp_path_factory, papers, days, limit
    ) -> None:
        archive = an_archive(server, papers)
        night = Nights(Outputs(tmp_path_factory.mktemp("nights") / "outputs"), archive.url)
        shown: Versions = {}
        waiting: Versions = {}
        days = [*days, *(days[-1] + more for more in (7, 8, 14))]
        new = []
        for each in nights(NOW, days, weekly(days)):
            archive.now = each.now
            asked = each._replace(listed=archive.listed())
            wanted = waiting | {id_: paper for id_, (_, paper) in due(asked, shown).items()}
            fetched = night(each.now, limit=limit)
            snapshot = fetched.snapshot
            made = records(snapshot.folder / "1-papers.jsonl") if snapshot else []
            shown_now = {paper["id"]: as_listed(paper) for paper in made}
            folder = night.outputs.topic_folder("lamps")
            waits = [e["paper"] for e in records(folder / "waiting.jsonl")]
            waiting = {paper["id"]: as_listed(paper) for paper in waits}
            gone = {id_ for id_, paper in wanted.items() if paper.withdrawn and id_ in shown}
            assert gone <= shown_now.keys()
            assert len(shown_now) == max(len(gone), min(limit, len(wanted)))
            assert shown_now.keys().isdisjoint(waiting)
            assert shown_now | waiting == wanted
            shown |= shown_now
            new += [paper["id"] for paper in made if paper["status"] == "new"]
        assert len(new) == len(set(new))
        assert shown.keys() | waiting.keys() == archive.listed().keys()

    @pytest.mark.prove
    def test_every_kind_of_failure_in_turn_costs_no_paper(
        self, archive: VersionedArxiv, tmp_path: Path
    ) -> None:
        archive.entries = [entry(n, hours=n) for n in range(6)]
        page = atom(archive.entries[:2], total=6)
        cut = Response(page[: len(page) // 2])
        cut.headers["Content-Length"] = str(len(page))
        failures = [
            Response("Rate exceeded.", 429),
            Response("Not Acceptable", 406),
            Response("Service Unavailable", 503, headers={"Retry-After": "0"}),
            Response("<!DOCTYPE html><html><body>maintenance</body></html>"),
            Response(atom([], total=6)),
            Response(page[: len(page) // 2]),
            cut,
        ]
        desk = Desk(
            tmp_path / "desk",
            archive.url,
            {"lamps": "all:lantern"},
            arxiv="delay = 0.03\npage_size = 2",
        )
        for count, failure in enumerate(failures):
            archive.answers = [failure]
            now = NOW + count * DAY
            archive.entries.append(entry(100 + count, hours=-24 * count))
            desk.paperline("fetch", "lamps", "--at", stamp(now))
        shown = [[p["id"] for p in papers] for papers in desk.papers("lamps").values()]
        assert [len(papers) for papers in shown] == [7, 1, 1, 1, 1, 1, 1]
        assert sorted(itertools.chain(*shown)) == sorted(e.id for e in archive.entries)
        assert archive.smallest_gap >= 0.03

    def test_three_processes_at_once_take_turns(
        self, archive: VersionedArxiv, tmp_path: Path
    ) -> None:
        archive.entries = [entry(n, hours=n) for n in range(12)]
        topics = {name: f"all:lantern OR all:{name}" for name in ("red", "green", "blue")}
        desk = Desk(tmp_path / "desk", archive.url, topics, arxiv="delay = 0.05\npage_size = 2")
        archive.answers = [Response("Rate exceeded.", 429) for _ in range(4)]
        at_once = [desk.start("fetch", topic, "--at", stamp(NOW)) for topic in topics]
        for process in at_once:
            desk.ended(process)
        for topic in topics:
            (papers,) = desk.papers(topic).values()
            assert [p["id"] for p in papers] == [e.id for e in archive.entries]
        assert len(archive.arrivals) == 3 * 6 + 4
        assert archive.smallest_gap >= 0.05
        assert archive.most_at_once == 1

    def test_a_process_that_is_killed_while_it_asks_has_had_its_turn(
        self, server: HTTPServer, archive: VersionedArxiv, tmp_path: Path
    ) -> None:
        desk = Desk(tmp_path / "desk", archive.url, {"lamps": "all:lantern"}, arxiv="delay = 600.0")
        started: queue.Queue[subprocess.Popen[str]] = queue.Queue()

        class Killer(VersionedArxiv):
            def _answered(self, request: Request) -> Response:
                victim = started.get(timeout=60)
                victim.kill()
                victim.wait()
                return super()._answered(request)

        server.clear()
        killer = Killer(server, [entry(1)])
        begun = time.time()
        process = desk.start("fetch", "lamps", "--at", stamp(NOW))
        started.put(process)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert len(killer.requests) == 1
        assert turn_file(killer.url).stat().st_mtime >= begun + 600

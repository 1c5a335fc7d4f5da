"""The sources, against a small arXiv on this machine and against saved feeds."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from werkzeug import Response

from pipeline.errors import ArxivUnavailable, QueryRefused
from pipeline.records import Paper
from pipeline.settings import ArxivSettings
from pipeline.sources import arxiv_client, turns
from pipeline.sources.arxiv_api import ArxivApi
from pipeline.sources.arxiv_client import SHORT_TRIES
from pipeline.sources.atom import SavedFeed
from pipeline.sources.turns import turn_file
from pipeline.version import VERSION
from tests.feeds import NOW, Entry, SmallArxiv, atom, entry, error_feed

DEMO = Path(__file__).parents[1] / "pipeline" / "demo"


@pytest.fixture
def source(arxiv: SmallArxiv, tmp_path: Path) -> Callable[..., ArxivApi]:
    """A source that asks the small arXiv; keywords are settings."""

    def make(**changes: object) -> ArxivApi:
        settings = ArxivSettings(url=arxiv.url, delay=0.0, page_size=2, timeout=20.0, patience=0.4)
        return ArxivApi(msgspec.structs.replace(settings, **changes))

    return make


def saved(tmp_path: Path, text: str) -> SavedFeed:
    path = tmp_path / "saved {odd} name.atom"
    path.write_text(text, encoding="utf-8")
    return SavedFeed(ArxivSettings(url=path.as_uri()), path)


def only_paper(tmp_path: Path, one: Entry) -> Paper:
    [paper] = saved(tmp_path, atom([one])).papers("all:lantern")
    return paper


@contextlib.contextmanager
def trickling(begins: bytes) -> Iterator[str]:
    """The address of a server that begins an answer so, and sends a letter every now and then."""
    over = threading.Event()

    def serve(server: socket.socket) -> None:
        with contextlib.suppress(OSError), server.accept()[0] as connection:
            connection.sendall(begins)
            while not over.wait(0.01):
                connection.sendall(b"a")

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/api/query"
        finally:
            over.set()
            thread.join()


class TestPages:
    def test_come_newest_update_first_and_in_full(self, arxiv, source) -> None:
        arxiv.entries = [entry(n, hours=n) for n in (3, 1, 5, 2, 4)]
        titles = [paper.title for paper in source().papers("all:lantern")]
        assert titles == [f"Lantern {n}" for n in (1, 2, 3, 4, 5)]
        assert arxiv.starts == [0, 2, 4]

    def test_are_asked_for_only_as_far_as_the_caller_reads(self, arxiv, source) -> None:
        arxiv.entries = [entry(n, hours=n) for n in range(6)]
        papers = source().papers("all:lantern")
        assert [next(papers).title, next(papers).title] == ["Lantern 0", "Lantern 1"]
        assert arxiv.starts == [0]

    def test_say_who_asks_and_for_what(self, arxiv, source) -> None:
        list(source(contact="night@example.org").papers('all:"dim light"'))
        request, *_ = arxiv.requests
        assert request.headers["User-Agent"] == f"paperline/{VERSION} (+mailto:night@example.org)"
        assert request.headers["Accept"] == "application/atom+xml"
        assert request.args["search_query"] == 'all:"dim light"'

    def test_name_no_contact_where_none_is_set(self, arxiv, source) -> None:
        list(source().papers("all:lantern"))
        assert arxiv.requests[0].headers["User-Agent"] == f"paperline/{VERSION}"

    def test_wait_for_their_turn_one_by_one(self, arxiv, source) -> None:
        arxiv.entries = [entry(n) for n in range(3)]
        list(source(delay=0.05).papers("all:lantern"))
        then = turn_file(arxiv.url).stat()
        assert then.st_mtime - then.st_atime == pytest.approx(0.05, abs=0.01)

    def test_close_their_connection_before_the_next_turn(self, arxiv, source) -> None:
        arxiv.entries = [entry(n) for n in range(4)]
        list(source().papers("all:lantern"))
        assert {request.headers["Connection"] for request in arxiv.requests} == {"close"}
        assert len({request.environ["REMOTE_PORT"] for request in arxiv.requests}) == 2

    def test_are_read_back_to_a_date_and_no_further(self, arxiv, source) -> None:
        arxiv.entries = [entry(n, hours=n) for n in range(8)]
        since = NOW - timedelta(hours=2, minutes=30)
        titles = [paper.title for paper in source().papers("all:lantern", since=since)]
        assert titles == ["Lantern 0", "Lantern 1", "Lantern 2"]
        assert arxiv.starts == [0, 2]

    def test_are_read_once_for_two_topics_with_the_same_query(self, arxiv, source) -> None:
        arxiv.entries = [entry(n, hours=n) for n in range(4)]
        asked = source()
        wide = list(asked.papers("all:lantern", since=NOW - timedelta(days=1)))
        narrow = list(asked.papers("all:lantern", since=NOW - timedelta(hours=1, minutes=30)))
        assert [len(wide), len(narrow)] == [4, 2]
        assert len(arxiv.requests) == 2

    def test_that_were_not_read_to_their_end_are_asked_for_again(self, arxiv, source) -> None:
        arxiv.entries = [entry(n, hours=n) for n in range(4)]
        asked = source()
        next(asked.papers("all:lantern"))
        assert len(list(asked.papers("all:lantern"))) == 4

    def test_come_by_the_first_submission_where_that_is_the_order(self, arxiv, source) -> None:
        list(source().papers("all:lantern", order="submitted"))
        assert arxiv.requests[0].args["sortBy"] == "submittedDate"


class TestById:
    def test_gives_the_papers_asked_for_in_pages_that_an_address_can_hold(
        self, arxiv, source
    ) -> None:
        arxiv.entries = [entry(1)]
        arxiv.answers = [Response(atom([entry(n) for n in range(100)])), Response(atom([]))]
        papers = source().by_id([f"2603.9{n:04}" for n in range(150)])
        assert len(papers) == 100
        asked = [len(request.args["id_list"].split(",")) for request in arxiv.requests]
        assert asked == [100, 50, 50]  # nothing at all is believed the second time

    def test_says_what_was_announced_and_did_not_arrive(self, arxiv, source) -> None:
        arxiv.answers = [Response(atom([entry(1)], total=2)) for _ in range(9)]
        asked = source(patience=60.0)
        assert len(asked.by_id(["2603.90001", "2603.90002"])) == 1
        assert asked.missed == ["1 of 2 papers asked for did not arrive"]


class TestTurns:
    """The time at which the next request may begin, over all processes."""

    def test_begin_a_delay_after_the_last_one_ended(self, tmp_path) -> None:
        path = tmp_path / ".arxiv.turn"
        with turns.turn(path, 7.0):
            pass
        then = path.stat()
        assert then.st_mtime - then.st_atime == pytest.approx(7.0, abs=0.01)

    def test_wait_longer_where_the_server_asked_for_it(self, tmp_path) -> None:
        path = tmp_path / ".arxiv.turn"
        with turns.turn(path, 3.0) as turn:
            turn.hold_back(60.0)
            turn.hold_back(1.0)
        then = path.stat()
        assert then.st_mtime - then.st_atime == pytest.approx(60.0, abs=0.01)

    def test_wait_for_what_is_left(self, tmp_path, monkeypatch) -> None:
        slept: list[float] = []
        monkeypatch.setattr(time, "sleep", slept.append)
        path = tmp_path / ".arxiv.turn"
        with turns.turn(path, 50.0), turns.turn(tmp_path / "other.turn", 0.0):
            pass
        with turns.turn(path, 50.0):
            pass
        assert slept == [0.0, 0.0, pytest.approx(50.0, abs=1.0)]

    def test_do_not_wait_for_an_old_future_when_the_clock_was_set_back(
        self, tmp_path, monkeypatch
    ) -> None:
        slept: list[float] = []
        monkeypatch.setattr(time, "sleep", slept.append)
        path = tmp_path / ".arxiv.turn"
        path.touch()
        os.utime(path, (5_000_000_000, 5_000_000_003))
        with turns.turn(path, 3.0):
            pass
        assert slept == [pytest.approx(3.0, abs=0.01)]

    def test_are_counted_for_a_process_that_was_killed_in_its_own(self, tmp_path) -> None:
        path = tmp_path / ".arxiv.turn"
        with turns.turn(path, 7.0):
            then = path.stat()
        assert then.st_mtime - then.st_atime == pytest.approx(7.0, abs=0.01)

    def test_nobody_waits_longer_than_patience(self, arxiv, source, tmp_path) -> None:
        arxiv.entries = [entry(1)]
        with turns.turn(turn_file(arxiv.url), 0.0) as turn:
            turn.hold_back(900.0)
        with pytest.raises(ArxivUnavailable, match="asked for 900 seconds without requests"):
            list(source().papers("all:lantern"))
        assert arxiv.requests == []

    @pytest.mark.parametrize(
        ("one", "other", "shared"),
        [
            ("https://export.arxiv.org/api/query", "http://arxiv.org/api/query", True),
            ("https://export.arxiv.org/api/query", "https://notarxiv.org/api/query", False),
            ("http://127.0.0.1:8800/api/query", "http://127.0.0.1:8801/api/query", False),
        ],
    )
    def test_are_shared_by_all_folders_that_ask_one_server(self, one, other, shared) -> None:
        assert (turn_file(one) == turn_file(other)) is shared

    def test_are_kept_somewhere_else_where_there_is_no_home(self, tmp_path, monkeypatch) -> None:
        (tmp_path / "file").touch()
        monkeypatch.setenv("HOME", str(tmp_path / "file"))
        assert turn_file("https://arxiv.org/").parent.name.startswith("paperline-")

    def test_retry_after_holds_back_other_processes_too(self, arxiv, source, tmp_path) -> None:
        arxiv.answers = [Response("busy", status=503, headers={"Retry-After": "900"})]
        with pytest.raises(ArxivUnavailable):
            list(source().papers("all:lantern"))
        then = (turn_file(arxiv.url)).stat()
        assert then.st_mtime - then.st_atime == pytest.approx(900.0, abs=0.01)


class TestEmptyAnswers:
    def test_without_results_are_believed_the_second_time(self, arxiv, source) -> None:
        asked = source()
        assert list(asked.papers("all:nothing")) == []
        assert (len(arxiv.requests), asked.missed) == (2, [])

    def test_without_results_may_be_a_mistake(self, arxiv, source) -> None:
        arxiv.entries = [entry(1)]
        arxiv.answers = [Response(atom([]))]
        assert [p.title for p in source().papers("all:lantern")] == ["Lantern 1"]

    def test_that_announce_results_are_asked_for_again(self, arxiv, source) -> None:
        arxiv.entries = [entry(1)]
        arxiv.answers = [Response(atom([], total=1))]
        asked = source()
        assert [p.title for p in asked.papers("all:lantern")] == ["Lantern 1"]
        assert asked.missed == []

    def test_that_go_on_announcing_results_end_as_missed(self, arxiv, source) -> None:
        arxiv.answers = [Response(atom([], total=9)) for _ in range(99)]
        asked = source(patience=60.0)
        assert list(asked.papers("all:lantern")) == []
        assert asked.missed == ["9 of 9 announced entries did not arrive"]
        assert len(arxiv.requests) == 2 * SHORT_TRIES

    def test_on_a_later_page_cost_no_paper_of_the_others(self, arxiv, source) -> None:
        first = atom([entry(1), entry(2)], total=4)
        arxiv.answers = [Response(first), *[Response(atom([], total=4))] * SHORT_TRIES] * 2
        asked = source(patience=60.0)
        assert len(list(asked.papers("all:lantern"))) == 2
        assert asked.missed == ["2 of 4 announced entries did not arrive"]

    def test_that_arrive_short_are_asked_for_again(self, arxiv, source) -> None:
        arxiv.entries = [entry(1, hours=1), entry(2, hours=2)]
        arxiv.answers = [Response(atom([entry(1, hours=1)], total=2))]
        asked = source()
        assert len(list(asked.papers("all:lantern"))) == 2
        assert asked.missed == []

    def test_entries_that_a_page_leaves_out_are_counted_as_missed(self, arxiv, source) -> None:
        arxiv.answers = [Response(atom([entry(1)], total=2)) for _ in range(99)]
        asked = source(patience=60.0)
        assert len(list(asked.papers("all:lantern"))) == 1
        assert asked.missed == ["1 of 2 announced entries did not arrive"]

    def test_entries_left_out_are_counted_where_the_reading_ends_at_a_date(
        self, arxiv, source
    ) -> None:
        some = [entry(1, hours=1), entry(3, hours=3), entry(4, hours=9000)]
        arxiv.answers = [Response(atom(some, total=900)) for _ in range(99)]
        asked = source(patience=60.0, page_size=4)
        assert len(list(asked.papers("all:lantern", since=NOW - timedelta(days=3)))) == 2
        assert asked.missed == ["1 of 4 announced entries did not arrive"]

    def test_an_entry_that_another_hid_when_it_went_is_found_by_a_second_reading(
        self, arxiv, source
    ) -> None:
        arxiv.entries = [entry(n, hours=n) for n in range(1, 6)]
        before = atom([entry(0, hours=0), entry(1, hours=1)], total=6)
        arxiv.answers = [Response(before)]
        asked = source()
        assert len(list(asked.papers("all:lantern"))) == 6
        assert asked.missed == []

    def test_a_second_reading_finds_what_the_first_was_not_given(self, arxiv, source) -> None:
        arxiv.entries = [entry(n, hours=n) for n in range(4)]
        twice = [entry(0, hours=0), entry(1, hours=1)]
        arxiv.answers = [Response(atom(twice, total=4)), Response(atom(twice, total=4))]
        asked = source()
        assert len(list(asked.papers("all:lantern"))) == 4
        assert asked.missed == []

    def test_papers_that_arrive_in_mid_reading_are_no_gap(self, arxiv, source) -> None:
        first, second = [entry(1), entry(2)], [entry(2), entry(3)]
        arxiv.answers = [Response(atom(first, total=3)), Response(atom(second, total=4))]
        asked = source()
        assert len(list(asked.papers("all:lantern"))) == 3
        assert asked.missed == []


class TestFailures:
    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (Response("<html><body><h1>Maintenance</h1><br></body></html>"), "no Atom feed"),
            (Response(""), "no Atom feed"),
            (Response(atom([entry(1), entry(2)])[:-120]), "a feed that breaks off"),
            (Response(atom([]).replace("totalResults>", "x>")), "its number of results"),
            (Response("Rate exceeded.", status=429), "status 429"),
            (Response("Not Acceptable", status=406), "status 406"),
            (Response("busy", status=503), "status 503"),
            (Response("", status=500), "status 500"),
        ],
    )
    def test_are_told_when_patience_is_used_up(self, arxiv, source, answer, reason) -> None:
        arxiv.answers = [answer] * 50
        with pytest.raises(ArxivUnavailable, match=reason) as caught:
            list(source().papers("all:lantern"))
        assert 2 <= len(arxiv.requests) <= 4
        assert f"asked {len(arxiv.requests)} times" in caught.value.what
        assert caught.value.where == arxiv.url
        assert "again later" in caught.value.next_step
        assert "search_query" not in str(caught.value)

    @pytest.mark.parametrize(
        "answer",
        [
            Response("Rate exceeded.", status=429),
            Response("Not Acceptable", status=406),
            Response("busy", status=503, headers={"Retry-After": "0"}),
            Response("busy", status=503, headers={"Retry-After": "soon, we hope"}),
            Response("<html></html>"),
            Response(atom([entry(1)])[:-120]),
            Response(error_feed("the lamp room is locked"), status=200),
            Response(error_feed("the lamp room is locked"), status=400),
        ],
    )
    def test_that_pass_cost_one_more_request(self, arxiv, source, answer) -> None:
        arxiv.entries = [entry(1)]
        arxiv.answers = [answer]
        assert len(list(source().papers("all:lantern"))) == 1
        assert len(arxiv.requests) == 2

    def test_retry_after_is_obeyed_and_not_waited_for_beyond_patience(self, arxiv, source) -> None:
        arxiv.answers = [Response("busy", status=503, headers={"Retry-After": "3600"})] * 2
        with pytest.raises(ArxivUnavailable, match="status 503; asked once"):
            list(source(patience=1800.0).papers("all:lantern"))

    def test_intervals_grow_from_the_delay(self, arxiv, source, caplog) -> None:
        caplog.set_level("INFO")
        arxiv.answers = [Response("busy", status=503)] * 50
        with pytest.raises(ArxivUnavailable):
            list(source(patience=1.0).papers("all:lantern"))
        assert len(arxiv.requests) == 4  # after 0.1, 0.2 and 0.4 seconds, but not 0.8 more
        assert "status 503; asking again in 0:00, try 4" in caplog.text

    @pytest.mark.parametrize("status", [400, 200])
    def test_a_malformed_query_is_refused_at_once_and_shown_where(
        self, arxiv, source, status
    ) -> None:
        arxiv.answers = [Response(error_feed("unbalanced\nlantern"), status=status)]
        with pytest.raises(
            QueryRefused, match=r"query: unbalanced lantern; .*character 6"
        ) as caught:
            list(source(patience=60.0).papers("all:("))
        assert "topic's query" in caught.value.next_step
        assert len(arxiv.requests) == 1

    @pytest.mark.parametrize("status", [400, 200])
    def test_one_that_seems_well_formed_is_asked_again_before_that_is_believed(
        self, arxiv, source, status
    ) -> None:
        arxiv.answers = [Response(error_feed("out of oil"), status=status)] * 50
        with pytest.raises(QueryRefused, match=r"query: out of oil\. "):
            list(source(patience=0.65).papers("all:lantern"))  # less than 0.1 + 0.2 + 0.4 seconds
        assert len(arxiv.requests) in (2, 3)  # two, where a busy machine took the rest

    def test_a_ban_is_told_at_once(self, arxiv, source) -> None:
        arxiv.answers = [Response("Forbidden", status=403)]
        with pytest.raises(ArxivUnavailable, match="refuses requests from here") as caught:
            list(source(patience=60.0).papers("all:lantern"))
        assert "write to arXiv" in caught.value.next_step
        assert len(arxiv.requests) == 1

    def test_patience_is_for_all_topics_together(self, arxiv, source) -> None:
        arxiv.answers = [Response("busy", status=503)] * 50
        asked, tries = source(), []
        for query in ("all:lantern", "all:lamp", "all:light", "all:ray"):
            before = len(arxiv.requests)
            with pytest.raises(ArxivUnavailable, match="status 503"):
                list(asked.papers(query))
            tries.append(len(arxiv.requests) - before)
        # On a slow machine the first one may leave a wait to the second, and none to the last.
        assert tries[0] > 1
        assert tries[-1] == 1
        arxiv.answers, arxiv.entries = [], [entry(1)]
        assert len(list(asked.papers("all:lantern"))) == 1

    @pytest.mark.parametrize("status", [401, 404, 410])
    def test_an_address_that_is_not_arxivs_is_told_at_once(self, arxiv, source, status) -> None:
        arxiv.answers = [Response("?", status=status)]
        with pytest.raises(ArxivUnavailable, match=f"status {status}") as caught:
            list(source(patience=60.0).papers("all:lantern"))
        assert "[arxiv] url" in caught.value.next_step
        assert len(arxiv.requests) == 1

    def test_a_refused_connection(self, source) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unused.getsockname()[1]}/api/query"
            with pytest.raises(ArxivUnavailable, match="refused") as caught:
                list(source(url=url).papers("all:lantern"))
        assert "search_query" not in str(caught.value)

    def test_an_answer_that_takes_too_long(self, tmp_path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/api/query"
            settings = ArxivSettings(url=url, delay=0.0, timeout=0.05, patience=0.1)
            with pytest.raises(ArxivUnavailable, match="time allowed"):
                list(ArxivApi(settings).papers("all:lantern"))

    @pytest.mark.parametrize(
        "begins",
        [
            b"HTTP/1.1 200 OK\r\nX-Lamp: ",
            b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Type: application/atom+xml\r\n\r\n",
        ],
    )
    def test_an_answer_that_trickles_for_ever(self, tmp_path, monkeypatch, begins) -> None:
        monkeypatch.setattr(arxiv_client, "MOST_TIMEOUTS", 0.2)
        with trickling(begins) as url:
            settings = ArxivSettings(url=url, delay=0.0, timeout=1.0, patience=0.0)
            with pytest.raises(ArxivUnavailable, match="time allowed"):
                list(ArxivApi(settings).papers("all:lantern"))

    def test_an_answer_without_end(self, arxiv, source, monkeypatch) -> None:
        monkeypatch.setattr(arxiv_client, "MOST_BYTES", 500)
        arxiv.entries = [entry(1)]
        with pytest.raises(ArxivUnavailable, match="more than 500 bytes"):
            list(source().papers("all:lantern"))

    def test_a_redirect_to_another_host_is_refused(self, arxiv, source, httpserver) -> None:
        httpserver.expect_request("/elsewhere").respond_with_data(atom([]))
        elsewhere = f"http://127.0.0.1:{httpserver.port}/elsewhere"
        url = arxiv.url.replace("127.0.0.1", "localhost")
        arxiv.answers = [Response(status=302, headers={"Location": elsewhere})]
        with pytest.raises(ArxivUnavailable, match="another host, 127"):
            list(source(url=url).papers("all:lantern"))
        assert [request.path for request, _ in httpserver.log] == ["/api/query"]

    def test_a_redirect_on_the_same_host_is_followed(self, arxiv, source, httpserver) -> None:
        httpserver.expect_request("/elsewhere").respond_with_data(atom([entry(1)]))
        arxiv.answers = [Response(status=302, headers={"Location": "/elsewhere"})]
        assert len(list(source().papers("all:lantern"))) == 1

    def test_a_redirect_to_itself_ends(self, arxiv, source) -> None:
        arxiv.answers = [Response(status=302, headers={"Location": "/api/query"})] * 500
        with pytest.raises(ArxivUnavailable, match="redirects"):
            list(source(patience=0.0).papers("all:lantern"))

    def test_a_redirect_to_a_file_is_refused(self, arxiv, source) -> None:
        arxiv.answers = [Response(status=302, headers={"Location": "file:///etc/hostname"})]
        with pytest.raises(ArxivUnavailable):
            list(source().papers("all:lantern"))


class TestEntries:
    def test_become_papers_with_everything_arxiv_says(self, tmp_path) -> None:
        paper = only_paper(
            tmp_path,
            Entry(
                version=3,
                title="Lanterns\n  That  $x^2$",
                comment="5 pages,\n 2 lamps",
                journal="Lamp Lett. 3",
                doi="10.1/lamp",
                published="2026-03-01T09:30:00+02:00",
            ),
        )
        assert (paper.id, paper.version) == ("2603.90001", 3)
        assert paper.title == "Lanterns That $x^2$"
        assert paper.authors == ("Ada Lumen", "Moritz Motte")
        assert (paper.comments, paper.venue) == ("5 pages, 2 lamps", "Lamp Lett. 3")
        assert paper.doi == "10.1/lamp"
        assert paper.first.isoformat() == "2026-03-01T07:30:00+00:00"
        assert paper.latest.isoformat() == "2026-03-11T12:00:00+00:00"
        assert paper.primary_category == "cs.LG"
        assert paper.categories == ("cs.LG", "physics.optics")
        assert paper.url == "https://arxiv.org/abs/2603.90001v3"
        assert paper.pdf_url == "https://arxiv.org/pdf/2603.90001v3"

    def test_with_identifiers_from_before_2007(self, tmp_path) -> None:
        paper = only_paper(tmp_path, Entry(id="math.GT/0309136", version=12))
        assert (paper.id, paper.version) == ("math.GT/0309136", 12)

    def test_keep_hostile_text_as_text_without_control_characters(self, tmp_path) -> None:
        text = '<script>x</script> & \u202eesrever\u2069 \x85"q"\u009b31m'
        paper = only_paper(tmp_path, Entry(title=text, abstract=text, authors=("  ", text)))
        clean = '<script>x</script> & esrever "q"31m'
        assert (paper.title, paper.abstract, paper.authors) == (clean, clean, (clean,))

    @pytest.mark.parametrize(
        ("bad", "reason"),
        [
            (Entry(title="  \n "), "title"),
            (Entry(id="../../etc/passwd"), "id"),
            (Entry(version=0), "version"),
            (Entry(address="http://arxiv.org/abs/2603.90001"), "address of a version"),
            (Entry(address=""), "address of a version"),
            (Entry(updated="yesterday"), "readable date"),
            (Entry(published=""), "readable date"),
        ],
    )
    def test_that_are_no_papers_are_counted_named_and_cost_no_other(
        self, arxiv, source, caplog, bad, reason
    ) -> None:
        arxiv.entries = [entry(8), bad, entry(9)]
        asked = source()
        caplog.set_level("INFO")
        papers = list(asked.papers("all:lantern"))
        assert {paper.title for paper in papers} == {"Lantern 8", "Lantern 9"}
        assert asked.missed == []
        assert len(asked.rejected) == 1
        assert reason in asked.rejected[0]
        assert reason in caplog.text

    def test_cannot_make_the_parser_read_a_file(self, tmp_path) -> None:
        secret = tmp_path / "secret"
        secret.write_text("the lamp oil is under the stairs")
        hostile = atom([Entry(title="LAMP")]).replace(
            "<feed", f'<!DOCTYPE feed [<!ENTITY x SYSTEM "{secret.as_uri()}">]><feed', 1
        )
        source = saved(tmp_path, hostile.replace("LAMP", "Lamp &x;"))
        assert [paper.title for paper in source.papers("")] == ["Lamp"]


class TestSavedFeed:
    def test_gives_all_entries_newest_first_whatever_the_query(self, tmp_path) -> None:
        source = saved(tmp_path, atom([entry(1, hours=5), entry(2, hours=1)]))
        assert [p.title for p in source.papers("ti:nothing")] == ["Lantern 2", "Lantern 1"]

    def test_is_what_it_is_whatever_it_announces(self, tmp_path) -> None:
        source = saved(tmp_path, atom([entry(1), entry(2)], total=5000))
        assert len(list(source.papers(""))) == 2
        assert source.missed == []

    def test_gives_papers_by_id(self, tmp_path) -> None:
        source = saved(tmp_path, atom([entry(1), entry(2, version=3), entry(4)]))
        found = source.by_id(["2603.90001", "2603.90002v3", "2603.90002v1", "2603.90009"])
        assert [paper.title for paper in found] == ["Lantern 1", "Lantern 2"]

    def test_that_is_absent_says_where_and_what_to_do(self, tmp_path) -> None:
        path = tmp_path / "absent.atom"
        with pytest.raises(ArxivUnavailable, match="No such file") as caught:
            list(SavedFeed(ArxivSettings(url=path.as_uri()), path).papers(""))
        assert caught.value.where == path.as_uri()
        assert caught.value.next_step

    def test_that_is_no_feed_is_an_error(self, tmp_path) -> None:
        with pytest.raises(ArxivUnavailable, match="holds no Atom feed"):
            list(saved(tmp_path, "lamps, mostly").papers(""))

    @pytest.mark.parametrize("night", ["night1.atom", "night2.atom"])
    def test_of_the_demonstration_holds_papers_only(self, night) -> None:
        source = SavedFeed(ArxivSettings(url=(DEMO / night).as_uri()), DEMO / night)
        papers = list(source.papers(""))
        text = (DEMO / night).read_text(encoding="utf-8")
        assert len(papers) == text.count("<entry>") > 0
        assert source.rejected == []

"""The sources, against a small arXiv on this machine and against saved feeds."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from pipeline.errors import ArxivUnavailable, QueryRefused
from pipeline.outputs import Outputs
from pipeline.records import Paper
from pipeline.settings import ArxivSettings
from pipeline.sources.arxiv_api import RETRIES, ArxivApi
from pipeline.sources.atom import SavedFeed
from pipeline.version import VERSION
from tests.feeds import Entry, SmallArxiv, atom, entry, error_feed

DEMO = Path(__file__).parents[1] / "pipeline" / "demo"
TRIES = RETRIES + 1


@pytest.fixture
def arxiv(httpserver: HTTPServer) -> SmallArxiv:
    return SmallArxiv(httpserver)


@pytest.fixture
def source(arxiv: SmallArxiv, tmp_path: Path) -> Callable[..., ArxivApi]:
    """A source that asks the small arXiv; keywords are settings."""

    def make(**changes: object) -> ArxivApi:
        settings = ArxivSettings(url=arxiv.url, delay=0.0, page_size=2, timeout=20.0)
        return ArxivApi(msgspec.structs.replace(settings, **changes), Outputs(tmp_path / "out"))

    return make


def saved(tmp_path: Path, text: str) -> SavedFeed:
    path = tmp_path / "saved {odd} name.atom"
    path.write_text(text, encoding="utf-8")
    return SavedFeed(ArxivSettings(url=path.as_uri()))


def only_paper(tmp_path: Path, one: Entry) -> Paper:
    [paper] = saved(tmp_path, atom([one])).papers("all:lantern")
    return paper


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
        [request] = arxiv.requests
        assert request.headers["User-Agent"] == f"paperline/{VERSION} (+mailto:night@example.org)"
        assert request.headers["Accept"] == "application/atom+xml"
        assert request.args["search_query"] == 'all:"dim light"'

    def test_name_no_contact_where_none_is_set(self, arxiv, source) -> None:
        list(source().papers("all:lantern"))
        assert arxiv.requests[0].headers["User-Agent"] == f"paperline/{VERSION}"

    def test_wait_for_their_turn_one_by_one(self, arxiv, tmp_path) -> None:
        turns: list[tuple[str, float]] = []

        class Recorder(Outputs):
            def wait_for_turn(self, key, delay):
                turns.append((key, delay))
                return super().wait_for_turn(key, 0.0)

        arxiv.entries = [entry(n) for n in range(3)]
        settings = ArxivSettings(url=arxiv.url, delay=7.0, page_size=2)
        list(ArxivApi(settings, Recorder(tmp_path)).papers("all:lantern"))
        assert turns == [("arxiv", 7.0), ("arxiv", 7.0)]

    def test_leave_the_time_of_the_last_turn_for_other_processes(self, source, tmp_path) -> None:
        turn = tmp_path / "out" / ".arxiv.turn"
        turn.parent.mkdir()
        turn.touch()
        os.utime(turn, (1, 1))
        list(source().papers("all:lantern"))
        assert turn.stat().st_mtime > 1


class TestEmptyAnswers:
    def test_without_results_are_believed_at_once(self, arxiv, source) -> None:
        assert list(source().papers("all:nothing")) == []
        assert len(arxiv.requests) == 1

    def test_that_announce_results_are_asked_for_again(self, arxiv, source) -> None:
        arxiv.entries = [entry(1)]
        arxiv.answers = [Response(atom([], total=1))]
        assert [p.title for p in source().papers("all:lantern")] == ["Lantern 1"]

    def test_that_go_on_announcing_results_are_an_error(self, arxiv, source) -> None:
        arxiv.answers = [Response(atom([], total=9)) for _ in range(9)]
        with pytest.raises(ArxivUnavailable, match="announced results") as caught:
            list(source().papers("all:lantern"))
        assert caught.value.where == arxiv.url

    def test_on_a_later_page_are_an_error(self, arxiv, source) -> None:
        arxiv.answers = [Response(atom([entry(1), entry(2)], total=4))]
        arxiv.answers += [Response(atom([], total=4)) for _ in range(TRIES)]
        with pytest.raises(ArxivUnavailable, match="announced results"):
            list(source().papers("all:lantern"))
        assert arxiv.starts == [0, *[2] * TRIES]


class TestFailures:
    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            ("<html><body><h1>Maintenance</h1><br></body></html>", "no Atom feed"),
            ("", "no Atom feed"),
            (atom([entry(1), entry(2)])[:-120], "a feed that breaks off"),
        ],
    )
    def test_bodies_that_are_no_whole_feed(self, arxiv, source, body, reason) -> None:
        arxiv.answers = [Response(body) for _ in range(TRIES)]
        with pytest.raises(ArxivUnavailable, match=reason) as caught:
            list(source().papers("all:lantern"))
        assert len(arxiv.requests) == TRIES
        assert "search_query" not in str(caught.value)

    def test_a_status_that_stays_is_named_with_what_to_do(self, arxiv, source) -> None:
        arxiv.answers = [Response("busy", status=503) for _ in range(TRIES)]
        with pytest.raises(ArxivUnavailable, match="status 503, 4 times") as caught:
            list(source().papers("all:lantern"))
        assert caught.value.where == arxiv.url
        assert "again later" in caught.value.next_step

    def test_a_status_that_passes_costs_one_more_request(self, arxiv, source) -> None:
        arxiv.entries = [entry(1)]
        arxiv.answers = [Response("busy", status=503)]
        assert len(list(source().papers("all:lantern"))) == 1
        assert len(arxiv.requests) == 2

    @pytest.mark.parametrize("status", [400, 200])
    def test_a_refused_query_is_told_in_arxivs_words_and_not_repeated(
        self, arxiv, source, status
    ) -> None:
        arxiv.answers = [Response(error_feed("unbalanced\nlantern"), status=status)]
        with pytest.raises(QueryRefused, match="query: unbalanced lantern"):
            list(source().papers("all:("))
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
            settings = ArxivSettings(url=url, delay=0.0, timeout=0.05)
            with pytest.raises(ArxivUnavailable, match="time allowed"):
                list(ArxivApi(settings, Outputs(tmp_path)).papers("all:lantern"))

    def test_a_redirect_to_another_host_is_refused(self, arxiv, source, httpserver) -> None:
        httpserver.expect_request("/elsewhere").respond_with_data(atom([]))
        elsewhere = f"http://127.0.0.1:{httpserver.port}/elsewhere"
        url = arxiv.url.replace("127.0.0.1", "localhost")
        arxiv.answers = [Response(status=302, headers={"Location": elsewhere})]
        with pytest.raises(ArxivUnavailable, match="another host, 127"):
            list(source(url=url).papers("all:lantern"))
        assert [request.path for request, _ in httpserver.log] == ["/api/query"]

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
        arxiv.entries = [entry(1), bad, entry(2)]
        asked = source()
        papers = list(asked.papers("all:lantern"))
        assert {paper.title for paper in papers} == {"Lantern 1", "Lantern 2"}
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

    def test_ends_when_the_file_repeats_itself(self, tmp_path) -> None:
        source = saved(tmp_path, atom([entry(1), entry(2)], total=5000))
        assert len(list(source.papers(""))) == 2

    def test_that_is_absent_says_where_and_what_to_do(self, tmp_path) -> None:
        url = (tmp_path / "absent.atom").as_uri()
        with pytest.raises(ArxivUnavailable, match="No such file") as caught:
            list(SavedFeed(ArxivSettings(url=url)).papers(""))
        assert caught.value.where == url
        assert caught.value.next_step

    def test_that_is_no_feed_is_an_error(self, tmp_path) -> None:
        with pytest.raises(ArxivUnavailable, match="holds no Atom feed"):
            list(saved(tmp_path, "lamps, mostly").papers(""))

    @pytest.mark.parametrize("night", ["night1.atom", "night2.atom"])
    def test_of_the_demonstration_holds_papers_only(self, night) -> None:
        source = SavedFeed(ArxivSettings(url=(DEMO / night).as_uri()))
        papers = list(source.papers(""))
        text = (DEMO / night).read_text(encoding="utf-8")
        assert len(papers) == text.count("<entry>") > 0
        assert source.rejected == []

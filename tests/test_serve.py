"""`paperline serve`: the site and its drafts, as somebody who looks at them meets them."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pipeline.site.assets import assets
from tests.desks import Room, a_desk
from tests.digests import a_paper
from tests.terminal import ROOT, Terminal
from tests.web_client import Answer, Client, texts

FIRST, SECOND, THIRD = "20260501_0405", "20260502_0405", "20260503_0405"
NO_SEARCH = "[site]\nsearch = false"


@dataclass
class Looking(Client):
    """A browser at a running `paperline serve`; `said` is what the command printed."""

    process: "subprocess.Popen[str] | None" = None
    said: tuple[str, ...] = ()

    def follow(self, path: str) -> Answer:
        """What is at that address, redirects followed."""
        answer = self.get(path)
        while answer.status == 307:
            answer = self.get(answer.headers["Location"])
        return answer


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[Looking]:
    """The command as a process of its own, with the settings in `folder`."""
    with subprocess.Popen(
        [sys.executable, "-m", "pipeline", "serve", "--port", "0", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        try:
            said = tuple(process.stdout.readline().strip() for _ in range(2))
            yield Looking(urlsplit(said[0]).port or 0, process=process, said=said)
        finally:
            process.kill()


@dataclass
class Shown:
    """A browser, and the folder of the site that it looks at."""

    client: Looking
    site: Path


@pytest.fixture(scope="module")
def shown(tmp_path_factory) -> Iterator[Shown]:
    """A night that is published, two drafts, one that is damaged, and files of all kinds."""
    folder = tmp_path_factory.mktemp("looking")
    a_desk(folder, name=FIRST, policy="none", more=NO_SEARCH)
    a_desk(folder, name=SECOND, papers=[a_paper(4), a_paper(5)], more=NO_SEARCH)
    settled = a_desk(folder, name=THIRD, papers=1, more=NO_SEARCH, publish="asked")
    settled.settle()
    damaged = a_desk(folder, name=THIRD, topic="moons", more=NO_SEARCH, publish="asked")
    damaged.snapshot.digest_json.write_text("{", encoding="utf-8")
    site = settled.site
    planted = "a.css a.html a.js a.json a.txt a.wasm a.xml a.svg a.pf_meta a.pagefind 图.txt"
    for name in [*planted.split(), ".hidden", "bare/a.txt"]:
        (site / name).parent.mkdir(exist_ok=True)
        (site / name).write_text("planted", encoding="utf-8")
    (folder / "secret.txt").write_text("secret", encoding="utf-8")
    (site / "out.txt").symlink_to(folder / "secret.txt")
    (site / "above").symlink_to(folder)
    (site / "within.txt").symlink_to("a.txt")
    (site / "circle").symlink_to("circle")
    os.mkfifo(site / "pipe")
    with serving(folder) as client:
        yield Shown(client, site)


class TestTheSite:
    def test_is_at_the_address_that_is_printed_first_as_it_is_on_disk(self, shown):
        assert shown.client.said[0] == f"http://127.0.0.1:{shown.client.port}/"
        answer = shown.client.get("/")
        assert answer.text == (shown.site / "index.html").read_text("utf-8")
        assert "X-Robots-Tag" not in answer.headers

    @pytest.mark.parametrize("page", ["tides/index.html", f"tides/{FIRST}.html", "robots.txt"])
    def test_has_its_other_pages(self, shown, page):
        assert shown.client.get(f"/{page}").text == (shown.site / page).read_text("utf-8")

    def test_answers_with_a_folders_index_and_leads_to_its_slash(self, shown):
        index = shown.client.get("/tides/index.html").text
        assert shown.client.get("/tides/").text == index
        led = shown.client.get("/tides?q=1")
        assert (led.status, led.headers["Location"]) == (307, "/tides/?q=1")

    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("a.css", "text/css; charset=utf-8"),
            ("a.html", "text/html; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.txt", "text/plain; charset=utf-8"),
            ("a.wasm", "application/wasm"),
            ("a.xml", "application/xml"),
            ("a.svg", "image/svg+xml"),
            ("a.pf_meta", "application/octet-stream"),
            ("a.pagefind", "application/octet-stream"),
            ("within.txt", "text/plain; charset=utf-8"),
            ("%E5%9B%BE.txt", "text/plain; charset=utf-8"),
            ("bare/a.txt", "text/plain; charset=utf-8"),
        ],
    )
    def test_says_what_each_file_is(self, shown, name, kind):
        answer = shown.client.get(f"/{name}")
        assert (answer.text, answer.headers["Content-Type"]) == ("planted", kind)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"

    @pytest.mark.parametrize(
        ("asks", "has"), [("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified")]
    )
    def test_does_not_send_again_what_a_browser_has(self, shown, asks, has):
        first = shown.client.get("/a.txt")
        again = shown.client.get("/a.txt", {asks: first.headers[has]})
        assert (again.status, again.text) == (304, "")
        assert again.headers["ETag"] == first.headers["ETag"]

    def test_is_sent_again_where_it_has_changed(self, shown):
        before = {"If-None-Match": shown.client.get("/a.txt").headers["ETag"]}
        assert shown.client.get("/a.css", before).status == 304  # the same text
        assert shown.client.get("/", before).status == 200
        old = {"If-Modified-Since": "Thu, 01 Jan 2026 00:00:00 GMT"}
        assert shown.client.get("/a.txt", old).status == 200

    def test_answers_head_without_the_text(self, shown):
        answer = shown.client.request("HEAD", "/a.txt")
        assert (answer.status, answer.text) == (200, "")
        assert answer.headers["Content-Length"] == "7"

    @pytest.mark.parametrize("path", ["/no.html", "/bare/", "/bare", "/drafts/no.html", "/pipe"])
    def test_says_in_words_that_there_is_no_such_page(self, shown, path):
        answer = shown.client.follow(path)
        assert answer.status == 404
        assert "There is no such page here." in answer.text
        assert "这里没有这个页面。" in answer.text
        assert answer.headers["X-Robots-Tag"] == "noindex"


class TestIsRefused:
    @pytest.mark.parametrize(
        "path",
        [
            "/../secret.txt",
            "/../../secret.txt",
            "/%2e%2e/%2e%2e/secret.txt",
            "/..%2f..%2fsecret.txt",
            "/tides/../../../secret.txt",
            "/tides%2findex.html",
            "/..%5c..%5csecret.txt",
            "/..\\..\\secret.txt",
            "/out.txt",
            "/above/secret.txt",
            "/above/",
            "/circle",
            "/.hidden",
            "/a.txt%00.html",
            "/a.txt/",
            "//a.txt",
            "//evil.example/%2e%2e",
            "/drafts//evil.example/",
            "/drafts/../a.txt",
            "/drafts/%2e%2e/tides/index.html",
            "/drafts/../../secret.txt",
            "/drafts/tides/../../../secret.html",
            f"/drafts/..%2ftides/{FIRST}.html",
            f"/drafts/.lock/{FIRST}.html",
            f"/drafts/site/{FIRST}.html",
            "/" + "a" * 300,
            "/" + "a/" * 3_000,
        ],
    )
    def test_a_path_that_leads_elsewhere_or_to_what_is_hidden(self, shown, path):
        answer = shown.client.get(path)
        assert answer.status == 404
        assert "secret" not in answer.text

    @pytest.mark.parametrize(
        "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "", ["a", "127.0.0.1:{port}"]]
    )
    def test_the_name_of_another_host(self, shown, host):
        port = shown.client.port
        sent = [each.format(port=port) for each in ([host] if isinstance(host, str) else host)]
        answer = shown.client.get("/", {"Host": sent})
        assert answer.status in (400, 421)
        assert "Tide" not in answer.text

    def test_nothing_that_is_a_name_of_this_machine(self, shown):
        answer = shown.client.get("/", {"Host": f"localhost:{shown.client.port}"})
        assert answer.status == 200

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
    def test_whatever_is_no_reading(self, shown, method):
        answer = shown.client.request(method, "/")
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


class TestTheListOfDrafts:
    def test_is_at_the_address_that_is_printed_second(self, shown):
        printed = f"http://127.0.0.1:{shown.client.port}/drafts/"
        assert shown.client.said[1] == f"{printed} (3 drafts)"
        assert shown.client.get("/drafts").headers["Location"] == "/drafts/"

    def test_says_what_each_waits_for_the_newest_first(self, shown):
        document = shown.client.get("/drafts/").document
        assert texts(document, ".drafts a") == [f"tides/{THIRD}", f"tides/{SECOND}"]
        assert texts(document, ".drafts time") == ["2026-05-03 04:05", "2026-05-02 04:05"]
        assert texts(document, ".waits") == [
            "can be published 可以发布",
            "waits for an editor on 2 papers 等待编辑审阅 2 篇",
        ]

    def test_says_what_is_wrong_with_a_damaged_one(self, shown):
        (problem,) = texts(shown.client.get("/drafts/").document, ".gap")
        assert f"moons/{THIRD}/5-digest.json: does not hold a Digest" in problem

    def test_is_kept_by_nobody(self, shown):
        headers = shown.client.get("/drafts/").headers
        assert (headers["X-Robots-Tag"], headers["Cache-Control"]) == ("noindex", "no-store")


class TestADraft:
    ADDRESS = f"/drafts/tides/{SECOND}.html"

    def test_is_marked_as_one_and_kept_by_nobody(self, shown):
        answer = shown.client.get(self.ADDRESS)
        assert texts(answer.document, ".draft") != []
        assert len(answer.document.cssselect("article.paper")) == 2
        headers = answer.headers
        assert (headers["X-Robots-Tag"], headers["Cache-Control"]) == ("noindex", "no-store")

    def test_has_the_style_and_the_scripts_of_the_site(self, shown):
        document = shown.client.get(self.ADDRESS).document
        document.make_links_absolute(self.ADDRESS, resolve_base_href=False)
        wanted = [link.get("href") for link in document.cssselect('link[rel="stylesheet"]')]
        wanted += [script.get("src") for script in document.cssselect("script[src]")]
        found = [shown.client.follow(urlsplit(each).path).text for each in wanted]
        assert found != []
        assert all(text in assets().values() for text in found)

    def test_leads_to_the_published_one_before_it(self, shown):
        document = shown.client.get(self.ADDRESS).document
        (before,) = {link.get("href") for link in document.cssselect('a[rel="prev"]')}
        page = shown.client.follow(f"/drafts/tides/{before}")
        assert page.text == (shown.site / f"tides/{FIRST}.html").read_text("utf-8")

    def test_keeps_the_query_of_a_link_to_the_site(self, shown):
        led = shown.client.get("/drafts/a.html?q=%E6%BD%AE")
        assert (led.status, led.headers["Location"]) == (307, "/a.html?q=%E6%BD%AE")

    def test_that_is_damaged_says_so(self, shown):
        answer = shown.client.get(f"/drafts/moons/{THIRD}.html")
        assert answer.status == 500
        assert "does not hold a Digest" in answer.text

    def test_that_is_published_is_the_page_of_the_site(self, shown):
        assert shown.client.get(f"/drafts/tides/{FIRST}.html").headers["Location"] == (
            f"/tides/{FIRST}.html"
        )


class TestWhileItRuns:
    @pytest.fixture
    def room(self, tmp_path) -> Room:
        return a_desk(tmp_path, papers=2, more=NO_SEARCH)

    def test_nothing_published_leads_to_the_drafts(self, room):
        with serving(room.folder) as client:
            assert client.said[1].endswith("/drafts/ (1 draft)")
            assert client.get("/").headers["Location"] == "/drafts/"
            assert client.follow("/drafts/index.html").status == 200

    def test_it_shows_what_is_decided_and_published_in_the_meantime(self, room):
        draft = f"/drafts/tides/{room.snapshot.name}.html"
        with serving(room.folder) as client:
            room.decide("edit", 1, text={"en": "By an editor, a moment ago."})
            assert "By an editor, a moment ago." in client.get(draft).text
            assert "waits for an editor on 1 paper<" in client.get("/drafts/").text
            room.settle(2)
            room.release()
            assert texts(client.get("/drafts/").document, ".drafts a") == []
            assert client.follow(draft).text == room.page == client.follow("/tides").text

    def test_it_shows_a_correction_that_waits_beside_what_is_published(self, room):
        room.settle()
        room.release()
        with serving(room.folder) as client:
            assert client.said[1].endswith("/drafts/ (0 drafts)")
            room.decide("reopen", 1)
            room.release()
            (waits,) = texts(client.get("/drafts/").document, ".waits")
            assert waits.startswith("Published, with a correction under way: waits for an editor")
            page = client.get(f"/drafts/tides/{room.snapshot.name}.html")
            assert texts(page.document, ".draft") != []
            assert client.get(f"/tides/{room.snapshot.name}.html").text == room.page

    def test_it_tells_of_papers_that_were_damaged(self, room):
        with (room.snapshot.folder / "1-papers.jsonl").open("a", encoding="utf-8") as file:
            file.write("x\n")
        with serving(room.folder) as client:
            (problem,) = texts(client.get("/drafts/").document, ".gap")
            assert "1-papers.jsonl: is not what was fetched" in problem

    def test_it_writes_nothing_to_outputs(self, room):
        terminal = Terminal(room.folder, NO_SEARCH)
        before = terminal.files()
        with serving(room.folder) as client:
            for path in ("/", "/drafts/", f"/drafts/tides/{room.snapshot.name}.html"):
                assert client.follow(path).status == 200
        assert terminal.files() == before

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_ends_it_well(self, room, number):
        with serving(room.folder) as client:
            assert client.process
            assert client.get("/drafts/").status == 200  # so it has begun
            client.process.send_signal(number)
            said, logged = client.process.communicate(timeout=60)
        assert (client.process.returncode, said) == (0, "")
        assert "Traceback" not in logged


class TestBeyondThisMachine:
    def test_it_warns_that_drafts_can_be_read_and_answers_to_addresses_alone(self, tmp_path):
        Terminal(tmp_path, "")
        with serving(tmp_path, "--host", "0.0.0.0") as client:
            assert client.said[0].startswith("http://0.0.0.0:")
            for host in ("192.0.2.7", f"192.0.2.7:{client.port}", "[2001:db8::1]:80"):
                assert client.get("/drafts/", {"Host": host}).status == 200
            for host in ("evil.example", "user@192.0.2.7", "192.0.2.7/x", "[::1", "localhost"):
                assert client.get("/drafts/", {"Host": host}).status in (400, 421)
            assert client.process
            client.process.terminate()
            _, logged = client.process.communicate(timeout=60)
        assert "anybody who reaches 0.0.0.0 can read what is not published yet" in logged

    def test_a_name_is_no_address(self, tmp_path):
        terminal = Terminal(tmp_path, "")
        assert terminal("serve", "--port", "0", "--host", "example.org") == 2
        assert "--host: found 'example.org', expected an IP address" in terminal.errors


def test_a_taken_port_names_another(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        terminal = Terminal(tmp_path, "")
        assert terminal("serve", "--port", str(port)) == 2
    assert f"127.0.0.1:{port}: port {port} is taken" in terminal.errors
    assert terminal.said == ""

"""Notices: what they say, that each is sent once, and that none of them stops a run."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from apprise import Apprise, NotifyBase
from apprise.exception import AppriseImproperlyConfigured
from click.testing import CliRunner
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from pipeline.books import Notice
from pipeline.cli.decisions import decide
from pipeline.cli.stages import publish
from pipeline.doctor import Finding, examine
from pipeline.errors import SettingsError
from pipeline.gate_settings import ReviewSettings
from pipeline.notices import channels, messages, telling
from pipeline.notices.plain import plain
from pipeline.outputs import Outputs
from pipeline.records import Failure, Withdrawal
from pipeline.releasing import withdraw
from pipeline.report import Missing, Report
from pipeline.settings import Settings, SiteSettings, TopicSettings
from tests.desks import NAME, Room, a_desk, lines_of
from tests.digests import INSTANT, a_digest, a_line, a_paper, an_entry, approved
from tests.terminal import ROOT, Terminal
from tests.web_client import review_app

# Apprise asks for a module that Python 3.13 has not any more, and does without it there.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

FEED = (ROOT / "pipeline" / "demo" / "night1.atom").as_uri()
NIGHT = "2026-01-15T04:05+08:00"
SECRET = "invented-token-of-a-chat"
LONG_AGO = timedelta(days=3)
KIND = "AppriseImproperlyConfigured"
ADDRESSES = (
    "mailtos://lamp:word@example.org?smtp=mail.example.org&from=lamp@example.org&to=a@example.net",
    "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/",
    "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
    "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
    "feishu://abcdef",
    "lark://abcdef",
    "wecombot://abcdef",
    "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=abcdef",
    "dingtalk://abcdef",
    "dingtalk://SECabc@abcdef",
    "tgram://123456789:abcdefghijklmnopqrstuvwxyz/-1001234567890",
)
"""Invented ones, in the forms that docs/notices.md names."""


@dataclass
class Chat:
    """A chat that hears what Apprise posts; `answer` is what it answers with.

    `held` keeps it from answering until it is set; `asked` is set when a message has come.
    """

    server: HTTPServer
    answer: Response = field(default_factory=lambda: Response("{}"))
    held: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)
    heard: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.held.set()
        self.server.expect_request(f"/{SECRET}/").respond_with_handler(self._hear)

    @property
    def address(self) -> str:
        return f"json://127.0.0.1:{self.server.port}/{SECRET}/"

    @property
    def titles(self) -> list[str]:
        return [title for title, _ in self.heard]

    def _hear(self, request: Request) -> Response:
        told = request.get_json()
        self.heard.append((told["title"], told["message"]))
        self.asked.set()
        assert self.held.wait(60)
        return self.answer


@pytest.fixture
def chat(httpserver: HTTPServer) -> Iterator[Chat]:
    """It ends when every request is answered, so that none is met by the next test."""
    made = Chat(httpserver)
    yield made
    made.held.set()
    for _ in range(3_000):
        answered = sum(request.path == f"/{SECRET}/" for request, _ in httpserver.log)
        if answered >= len(made.heard):
            return
        threading.Event().wait(0.01)
    pytest.fail("the chat did not answer all that it was asked")


def notify(**events: str | list[str]) -> str:
    """The table that has these events told to these addresses; no search index is made."""
    lines = (f"{event} = {json.dumps(told)}" for event, told in events.items())
    return "\n".join(["[site]", "search = false", "[notify]", *lines])


def a_told_desk(folder: Path, *addresses: str, **desk: Any) -> Room:
    """A desk whose published digests are announced there; two papers, and nothing settled."""
    told = notify(published=list(addresses))
    return a_desk(folder, **{"papers": 2, "more": told, **desk})


def release(room: Room) -> None:
    """Settle and release the digest now, and announce it."""
    room.settle()
    announce(room)


def announce(room: Room, **asked: Any) -> None:
    room.release(**asked)
    telling.published(room.settings, room.snapshot.topic, room.now)


def kept(room: Room) -> Sequence[tuple[str, str, str]]:
    """What is kept of notices, oldest first."""
    found = [(n.event, n.service, n.result) for n in Outputs(room.settings.outputs).notices()]
    return found[::-1]


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """All that was logged, but for what the chat itself says of its requests, at times late."""
    records = [record for record in caplog.records if record.name != "werkzeug"]
    return "\n".join(caplog.handler.format(record) for record in records)


def broken_over(address: str) -> Callable[..., Any]:
    """Of Apprise what it should not be: one that raises, and with the address in its words."""

    def broken(*_: Any, **__: Any) -> Any:
        raise AppriseImproperlyConfigured(f"cannot use {address}")

    return broken


def process_environ() -> dict[str, str]:
    """For a process that imports paperline from this checkout."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


class TestADigestThatIsPublished:
    def test_is_announced_with_its_lines_numbered_and_addressed(self, tmp_path, chat):
        release(a_told_desk(tmp_path, chat.address))
        ((title, text),) = chat.heard
        assert title == "AI4Science 论文速递 2026-05-01"
        head, *papers = text.split("\n\n")
        assert head.splitlines()[:3] == [
            "2026-05-01 04:05 Asia/Shanghai",
            "2 papers: 2 new",
            "共 2 篇：新论文 2 篇",
        ]
        assert "written by a language model (tide-1; prompt: one_line)" in head
        assert "Reviewed by Mei Lan." in head
        assert head.endswith(f"\nhttps://example.org/tides/{NAME}.html")
        assert papers == [
            f"{number}. {lines_of(number)['en']}\n{lines_of(number)['zh']}\n"
            f"https://arxiv.org/abs/2604.9000{number}v1"
            for number in (1, 2)
        ]

    def test_is_announced_once_however_often_it_is_released(self, tmp_path, chat):
        room = a_told_desk(tmp_path, chat.address)
        announce(room)
        assert chat.heard == []
        release(room)
        announce(room)
        assert len(chat.heard) == 1
        event = f"published tides/{NAME} 1"
        assert kept(room) == [(event, "json", "begun"), (event, "json", "sent")]

    def test_corrected_is_not_announced_and_come_back_after_a_withdrawal_is(self, tmp_path, chat):
        room = a_told_desk(tmp_path, chat.address)
        release(room)
        room.decide("edit", 1, text={"en": "Says it better."})
        announce(room)
        withdraw(room.settings, room.snapshot, "An invented one", editor="Mei", now=room.later())
        announce(room)
        assert len(chat.heard) == 1
        announce(room, asked_under="all", by="Mei Lan")
        assert len(chat.heard) == 2
        assert "Says it better. (Edited by Mei Lan)" in chat.heard[1][1]

    def test_is_announced_to_every_channel_and_to_one_twice_named_once(
        self, tmp_path, chat, monkeypatch
    ):
        monkeypatch.setenv("CHAT", f" {chat.address}?second=yes\n")
        release(a_told_desk(tmp_path, chat.address, chat.address, "$CHAT"))
        assert len(chat.heard) == 2

    def test_long_ago_is_not_announced(self, tmp_path, chat):
        room = a_told_desk(tmp_path, chat.address)
        room.settle()
        room.release()
        telling.published(room.settings, "tides", room.now + LONG_AGO)
        assert chat.heard == []

    @pytest.mark.parametrize(("after", "told"), [(24, 1), (25, 1), (47.9, 1), (48.1, 0)])
    def test_is_announced_by_the_next_night_and_the_one_after_a_failed_one(
        self, tmp_path, chat, after, told
    ):
        room = a_told_desk(tmp_path, chat.address)
        room.settle()
        room.release()
        telling.published(room.settings, "tides", room.now + timedelta(hours=after, seconds=1))
        assert len(chat.heard) == told

    def test_for_a_day_that_was_filled_in_later_is_not_announced(self, tmp_path, chat):
        room = a_told_desk(tmp_path, chat.address)
        room.snapshot.write_run(room.snapshot.run().but(backfilled=True))
        release(room)
        assert chat.heard == []
        assert room.digest().status == "published"

    def test_is_not_announced_before_its_page_is_on_the_site(self, tmp_path, chat):
        room = a_told_desk(tmp_path, chat.address)
        room.settle()
        room.release(site=False)
        telling.published(room.settings, "tides", room.now)
        assert chat.heard == []
        release(room)
        assert len(chat.heard) == 1

    def test_by_a_command_is_announced(self, tmp_path, chat):
        room = a_told_desk(tmp_path, chat.address, papers=1, publish="asked")
        snapshot = str(room.snapshot)
        decided = CliRunner().invoke(decide, [snapshot, room.id(1), "approve"])
        assert (decided.exit_code, chat.heard) == (0, [])
        done = CliRunner().invoke(publish, [snapshot])
        assert (done.exit_code, len(chat.heard)) == (0, 1)

    def test_by_the_last_decision_of_a_script_is_announced(self, tmp_path, chat):
        room = a_told_desk(tmp_path, chat.address, papers=1)
        CliRunner().invoke(decide, [str(room.snapshot), room.id(1), "approve"])
        assert len(chat.heard) == 1

    def test_in_the_review_app_is_announced_and_no_page_waits_for_it(self, tmp_path, chat):
        room = a_told_desk(tmp_path, chat.address)
        chat.held.clear()
        with review_app(room.settings) as app:
            alice = app.reviewer(room)
            alice.settle()
            app.room.releases.finish(room.snapshot)
            assert "Published" in alice.get("/state", partial=True).text
            chat.held.set()
        assert len(chat.heard) == 1

    def test_by_the_button_of_the_review_app_is_announced(self, tmp_path, chat):
        room = a_told_desk(tmp_path, chat.address, publish="asked")
        room.settle()
        room.release()
        with review_app(room.settings) as app:
            assert app.reviewer(room).publish().status == 303
        assert len(chat.heard) == 1


class TestARun:
    @pytest.fixture
    def night(self, tmp_path: Path) -> Callable[..., Terminal]:
        def night(table: str, feed: str = FEED, policy: str = "all") -> Terminal:
            return Terminal(
                tmp_path,
                f'[arxiv]\nurl = "{feed}"\ndelay = 0.0\npatience = 0.0\n'
                f'[model]\nname = "embedded"\n[review]\npolicy = "{policy}"\n{table}\n'
                '[[topic]]\nname = "demo"\nquery = "all:fine"\nlanguages = ["en"]\n',
            )

        return night

    def test_announces_what_it_published(self, night, chat):
        terminal = night(notify(published=[chat.address], waiting=[chat.address]), policy="none")
        assert terminal("run", "--at", NIGHT) == 0
        assert terminal("run", "--at", NIGHT) == 0
        assert chat.titles == ["AI4Science 论文速递 2026-01-15"]
        assert "9. " in chat.heard[0][1]

    def test_says_once_that_editors_are_waited_for(self, night, chat):
        terminal = night(notify(published=[chat.address], waiting=[chat.address]))
        assert terminal("run", "--at", NIGHT) == 0
        assert terminal("run", "--at", NIGHT) == 0
        assert chat.titles == ["demo/20260115_0405 waits for 9 decisions"]
        assert chat.heard[0][1].startswith("9 papers, 9 new, 0 revised")
        assert chat.heard[0][1].endswith("\nRun paperline review")

    def test_says_what_failed_where_and_what_to_do(self, night, chat, tmp_path):
        terminal = night(notify(failed=[chat.address]), (tmp_path / "gone.atom").as_uri())
        assert terminal("run", "--at", NIGHT) == 1
        ((title, text),) = chat.heard
        assert title == "demo: the run of 2026-01-14T20:05:00Z failed"
        assert "gone.atom" in text
        assert len(text.splitlines()) == 3

    def test_ends_as_it_would_where_no_channel_can_be_told(self, night, chat):
        chat.answer = Response(status=500)
        addresses = ["$NOWHERE", f"nothing://{SECRET}", f"json://127.0.0.1:1/{SECRET}"]
        terminal = night(notify(waiting=[*addresses, chat.address]))
        assert terminal("--debug", "run", "--at", NIGHT) == 0
        said = [line for line in terminal.errors.splitlines() if "notice" in line]
        event = "warning: notice waiting demo/20260115_0405 is not sent"
        assert said == [
            f"{event}: [notify] waiting: the environment variable NOWHERE is not set. "
            "Set it to an Apprise address for the runs, or take it out",
            f"{event}: [notify] waiting: Apprise does not know this nothing address. "
            "Compare it with docs/notices.md and https://appriseit.com/services",
            f"{event}: json: it did not take the message. Run paperline doctor",
            f"{event}: json: it did not take the message. Run paperline doctor",
        ]
        written = (terminal.outputs / "notices.jsonl").read_text("utf-8")
        assert [json.loads(line)["result"] for line in written.splitlines()] == [
            "begun",
            "failed",
        ] * 2
        assert SECRET not in terminal.errors + terminal.said + written


class TestWhatAReportLeadsTo:
    report = Report(
        topic="tides",
        at=INSTANT,
        snapshot=NAME,
        made=True,
        papers=3,
        new=2,
        revised=1,
        gaps=1,
        warnings=2,
        waiting_for=3,
        page="5-digest.html",
        missing=(
            Missing(snapshot=NAME, paper="2604.90001", reason="budget @here"),
            Missing(snapshot=NAME, paper="2604.90002", reason="budget @here"),
            Missing(reason="fetch: 2 papers did not arrive"),
        ),
    )

    @pytest.fixture
    def room(self, tmp_path, chat) -> Room:
        more = notify(waiting=[chat.address], gaps=[chat.address], failed=[chat.address])
        return a_desk(tmp_path, more=more, released=False)

    def test_what_is_missing_is_told_by_reason_and_again_where_something_else_is(self, room, chat):
        telling.after_run(room.settings, self.report.but(page=None), INSTANT)
        telling.after_run(room.settings, self.report.but(page=None), INSTANT)
        ((title, text),) = chat.heard
        assert title == "tides: something is missing"
        assert text.split("\n\n") == [
            f"{NAME}: 2 × budget ＠here",
            "tides: 1 × fetch: 2 papers did not arrive",
            f"The next run tries again; see paperline status tides/{NAME}",
        ]
        fewer = self.report.but(page=None, missing=self.report.missing[1:])
        telling.after_run(room.settings, fewer, INSTANT)
        assert len(chat.heard) == 2

    def test_a_digest_waits_for_editors_or_for_somebody_to_publish_it(self):
        behind = Settings(review=ReviewSettings(hosts=("review.example.org",)))
        title, (text,), _ = messages.waiting(behind, self.report)
        assert title == f"tides/{NAME} waits for 3 decisions"
        assert text == (
            "3 papers, 2 new, 1 revised, 1 gap, 2 warnings\n"
            f"https://review.example.org/review/tides/{NAME}"
        )
        title, *_ = messages.waiting(Settings(), self.report.but(waiting_for=0))
        assert title == f"tides/{NAME} waits for somebody to publish it"

    @pytest.mark.parametrize("state", [{"published": True}, {"taken_back": True}, {"page": None}])
    def test_nobody_is_told_to_wait_for_what_is_published_withdrawn_or_not_there(
        self, room, chat, state
    ):
        told = self.report.but(missing=(), **state)
        telling.after_run(room.settings, told, INSTANT)
        assert chat.heard == []

    def test_a_run_that_goes_on_later_tells_nothing_and_a_defect_its_kind_alone(self, room, chat):
        error = SettingsError("the key is missing", where="KEY", next_step="Set it")
        error.exit_code = 75
        telling.failed(room.settings, "tides", error, INSTANT)
        assert chat.heard == []
        with pytest.raises(ZeroDivisionError), telling.Watch(room.settings, INSTANT):
            raise ZeroDivisionError(SECRET)
        ((title, text),) = chat.heard
        assert title == "paperline: the run of 2026-04-30T20:05:00Z failed"
        assert text == "a defect of paperline: ZeroDivisionError\nThe run's log has the rest"

    def test_a_run_that_somebody_breaks_off_tells_nothing(self, room, chat):
        with pytest.raises(KeyboardInterrupt), telling.Watch(room.settings, INSTANT):
            raise KeyboardInterrupt
        assert chat.heard == []


class TestNothingIsSentTwice:
    def test_after_a_kill_while_the_channel_had_the_message(self, tmp_path, chat):
        room = a_told_desk(tmp_path, chat.address)
        room.settle()
        chat.held.clear()
        command = [sys.executable, "-m", "pipeline", "publish", str(room.snapshot)]
        with subprocess.Popen(command, cwd=tmp_path, env=process_environ()) as process:
            assert chat.asked.wait(60)
            process.send_signal(signal.SIGKILL)
        chat.held.set()
        announce(room)
        assert len(chat.heard) == 1
        assert kept(room) == [(f"published tides/{NAME} 1", "json", "begun")]

    def test_by_a_channel_that_failed(self, tmp_path, chat):
        room = a_told_desk(tmp_path, chat.address)
        chat.answer = Response(status=503)
        release(room)
        chat.answer = Response("{}")
        announce(room)
        assert len(chat.heard) == 1
        assert kept(room)[-1][2] == "failed"

    def test_by_several_at_once(self, tmp_path, chat):
        room = a_told_desk(tmp_path, chat.address)
        room.settle()
        room.release()
        start = threading.Barrier(4)

        def tell() -> None:
            start.wait()
            telling.published(room.settings, "tides", room.now)

        threads = [threading.Thread(target=tell) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(chat.heard) == 1

    def test_nor_is_anything_sent_that_cannot_be_written_down(self, tmp_path, chat, caplog):
        room = a_told_desk(tmp_path, chat.address)
        (room.settings.outputs / "notices.jsonl").mkdir()
        release(room)
        assert chat.heard == []
        assert f"notice published tides/{NAME} 1 is not sent" in caplog.text

    def test_and_an_address_that_is_mended_is_told_then(self, tmp_path, chat, monkeypatch):
        room = a_told_desk(tmp_path, "$CHAT")
        monkeypatch.setenv("CHAT", "slack://x")
        release(room)
        assert kept(room) == []
        monkeypatch.setenv("CHAT", chat.address)
        announce(room)
        assert len(chat.heard) == 1

    def test_and_apprise_is_not_even_imported_then(self, tmp_path, chat):
        room = a_told_desk(tmp_path, chat.address)
        release(room)
        program = (
            "import sys; from pipeline import configuration; from pipeline.notices import telling;"
            "from datetime import datetime; from pathlib import Path;"
            "settings = configuration.load(Path('paperline.toml'));"
            f"now = datetime.fromisoformat('{room.now.isoformat()}');"
            "telling.published(settings, 'tides', now);"
            "print('apprise' in sys.modules, end='')"
        )
        for forgotten, imported in ((False, "False"), (True, "True")):
            if forgotten:
                (room.settings.outputs / "notices.jsonl").unlink()
            command = [sys.executable, "-c", program]
            assert subprocess.check_output(command, cwd=tmp_path, env=process_environ()) == (
                imported.encode()
            )


class TestAChannelThatFails:
    def test_because_it_never_answers_is_given_up(self, tmp_path, chat, caplog):
        chat.held.clear()
        release(a_told_desk(tmp_path, f"{chat.address}?rto=0.2"))
        chat.held.set()
        assert "json: it did not take the message" in caplog.text

    def test_because_it_keeps_its_service_busy_is_left_alone(
        self, tmp_path, chat, caplog, monkeypatch
    ):
        # Opened once before: the first time loads Apprise, which is no part of the waiting.
        channels.opened(channels.channel(chat.address, "a test"), "a test")
        monkeypatch.setattr(channels, "PATIENCE", 1.0)
        chat.held.clear()
        release(a_told_desk(tmp_path, f"{chat.address}?rto=60"))
        chat.held.set()
        assert "json: it did not answer in time" in caplog.text

    def test_because_it_sends_us_elsewhere_is_not_followed(self, tmp_path, chat, httpserver):
        httpserver.expect_request("/elsewhere").respond_with_json({})
        chat.answer = Response(status=307, headers={"Location": "/elsewhere"})
        room = a_told_desk(tmp_path, chat.address)
        release(room)
        assert kept(room)[-1][2] == "failed"
        assert [request.path for request, _ in httpserver.log] == [f"/{SECRET}/"]

    def test_because_apprise_breaks_over_its_address_is_told_once_that_is_mended(
        self, tmp_path, chat, caplog, monkeypatch
    ):
        room = a_told_desk(tmp_path, chat.address)
        with monkeypatch.context() as broken:
            broken.setattr(Apprise, "instantiate", broken_over(chat.address))
            release(room)
        assert f"Apprise does not know this json address: it failed: {KIND}" in caplog.text
        assert SECRET not in logged(caplog)
        assert kept(room) == []
        announce(room)
        assert len(chat.heard) == 1

    @pytest.mark.parametrize("part", [(Apprise, "notify"), (NotifyBase, "resolve_format")])
    def test_because_apprise_breaks_over_the_message_is_recorded_and_named_by_kind_alone(
        self, tmp_path, chat, caplog, capfd, monkeypatch, part
    ):
        monkeypatch.setattr(*part, broken_over(chat.address))
        room = a_told_desk(tmp_path, chat.address)
        release(room)
        assert room.digest().status == "published"
        assert f"is not sent: json: it failed: {KIND}. Run paperline doctor" in caplog.text
        assert [result for _, _, result in kept(room)] == ["begun", "failed"]
        assert SECRET not in "".join([logged(caplog), *capfd.readouterr()])

    def test_gets_no_further_piece_of_a_long_message(self, chat):
        message = messages.Message("Title", ["x" * 20_000] * 3)
        asked = channels.channel(chat.address, "here")
        sender = channels.opened(asked, "here")
        chat.answer = Response(status=500)
        assert channels.deliver(sender, message) == "it did not take the message"
        assert chat.titles == ["Title (1/3)"]

    @pytest.mark.parametrize("value", ["", "  ", "slack", "$OTHER", "two words://x"])
    def test_because_its_variable_holds_no_address_says_which(self, monkeypatch, value):
        monkeypatch.setenv("CHAT", value)
        with pytest.raises(SettingsError, match="CHAT"):
            channels.channel("$CHAT", "[notify] failed")


class TestWhatReadersAreShown:
    def shown(self, digest: Any, **topic: Any) -> list[str]:
        about = TopicSettings(name="tides", query="all:tide", **topic)
        site = SiteSettings(url="https://tides.example.org/papers")
        settings = Settings(topic=(about,), site=site)
        return list(messages.published(settings, digest).blocks)

    def test_are_the_topic_s_languages_alone(self):
        head, paper = self.shown(a_digest(), languages=["zh"])
        assert "共 1 篇" in head
        assert "Reviewed" not in head
        assert paper == (
            "1. 用少量潮位站把近岸模型适配到第 1 个港口。\nhttps://arxiv.org/abs/2604.90001v1"
        )

    def test_lines_that_no_model_wrote_are_labelled(self):
        lines: Any = {
            "en": a_line("Picked.", "embedded"),
            "zh": a_line("编辑写的。", "editor", editor="Mei Lan"),
        }
        _, paper = self.shown(a_digest(an_entry(lines=lines)))
        assert paper.splitlines()[:2] == [
            "1. Picked. (Picked from the title and abstract by a program, not written by a model.)",
            "编辑写的。（经 Mei Lan 修改）",
        ]

    def test_a_paper_without_a_line_is_named_and_says_why(self):
        gap = Failure(kind="budget", reason="[budget] usd_per_run = 1.0 is reached")
        _, paper = self.shown(a_digest(an_entry(lines={}, gap=gap)), languages=["en"])
        title, why, address = paper.splitlines()
        assert title == f"1. {a_paper().title}"
        assert why == "There is no line by the model: the budget was used up."
        assert address == "https://arxiv.org/abs/2604.90001v1"

    def test_what_is_revised_or_withdrawn_says_so(self):
        revised = approved(an_entry(1, paper=a_paper(1, status="revised")))
        gone = Withdrawal(version=2, at=INSTANT, comments="@here wrong", snapshot=NAME)
        withdrawn = approved(an_entry(2, withdrawn=gone))
        _, one, two = self.shown(a_digest(revised, withdrawn))
        assert one.startswith("1. [Revised · 新版本] Adapts")
        assert "This paper has been withdrawn since, by its version 2" in two
        assert "＠here wrong" in two

    def test_the_page_is_named_by_its_address_on_the_site(self):
        head, *_ = self.shown(a_digest())
        assert head.splitlines()[-1] == f"https://tides.example.org/papers/tides/{NAME}.html"

    def test_whatever_is_hostile_or_endless_stays_a_text_of_some_length(self):
        bad = "<!channel> @everyone [a](http://evil.example) \u202e\x00" + "x" * 100_000
        paper = a_paper(title=bad)
        lines: Any = {"en": a_line(bad), "zh": a_line(bad, "editor", editor=bad)}
        text = "\n\n".join(self.shown(a_digest(an_entry(paper=paper, lines=lines))))
        assert len(text) < 2_000
        for obeyed in ("<!", "@", "](", "http://evil", "\u202e", "\x00"):
            assert obeyed not in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<!channel> and <@U024BE7LH>", "＜!channel> and ＜＠U024BE7LH>"),
        ('<at user_id="all">all</at>', '＜at user_id="all">all＜/at>'),
        ("@everyone @here @all", "＠everyone ＠here ＠all"),
        ("<https://evil.example|arXiv>", "＜https: //evil.example|arXiv>"),
        ("[arXiv](https://evil.example)", "[arXiv] (https: //evil.example)"),
        ("**bold** _it_ __un__ ~~no~~ ||spoiler|| `code`", None),
        ("# Heading", "＃ Heading"),
        ("> quoted", "＞ quoted"),
        ("- an item", "– an item"),
        ("two\r\nlines\u2028and\x1b[31m red \u202eback", "two lines and[31m red back"),
        ("error < 4 cm, p<0.05, x_1 and a_name", "error < 4 cm, p<0.05, x_1 and a_name"),
        ("用 20 次读数，误差降到 4.1 cm/s。", "用 20 次读数，误差降到 4.1 cm/s。"),
    ],
)
def test_what_a_chat_would_obey_is_written_with_signs_that_it_does_not(text, shown):
    made = plain(text, 500)
    assert shown is None or made == shown
    assert not set("*~`@") & set(made)
    assert "||" not in made
    assert len(made.splitlines()) == 1


class TestALongMessage:
    def test_is_divided_between_papers_and_its_pieces_are_numbered(self, tmp_path, chat):
        digest = a_digest(*(approved(an_entry(number)) for number in range(1, 301)))
        message = messages.published(Settings(), digest)
        asked = channels.channel(chat.address, "here")
        assert channels.deliver(channels.opened(asked, "here"), message) is None
        count = len(chat.heard)
        assert count > 1
        assert chat.titles == [f"{message.title} ({n}/{count})" for n in range(1, count + 1)]
        assert "\n\n".join(text for _, text in chat.heard) == "\n\n".join(message.blocks)

    def test_counts_bytes_as_services_do_and_leaves_the_rest_to_the_page(self):
        blocks = [f"{number}. {'潮' * 300}" for number in range(1, 101)]
        message = messages.Message("Title", blocks, rest="… https://example.org/")
        made = list(channels.pieces(message, 2048))
        assert len(made) == channels.MOST_PIECES
        assert all(len(piece.encode()) <= 2048 for piece in made)
        assert made[:-1] == ["\n\n".join(blocks[n : n + 2]) for n in range(0, 38, 2)]
        assert made[-1] == "… https://example.org/"

    @pytest.mark.parametrize("address", sorted(ADDRESSES))
    def test_has_room_for_a_paper_in_every_service(self, address):
        lines: Any = {
            "en": a_line("x" * 9_000, "editor", editor="x" * 900),
            "zh": a_line("潮" * 9_000, "editor", editor="潮" * 900),
        }
        digest = a_digest(an_entry(lines=lines), title="潮" * 900)
        message = messages.published(Settings(), digest)
        sender = channels.opened(channels.channel(address, "here"), "here")
        assert len(message.blocks[1].encode()) <= channels.room(sender, message.title)


class TestDoctor:
    def found(self, room: Room) -> list[Finding]:
        """What is said of notices."""
        looked_at = takewhile(lambda finding: finding.subject != "arXiv", examine(room.settings))
        return [finding for finding in looked_at if finding.subject == "notices"]

    def test_names_what_cannot_be_told_and_sends_nothing(self, tmp_path, chat, monkeypatch):
        monkeypatch.setenv("CHAT", chat.address)
        told = notify(published=["$CHAT", "$GONE"], failed=["$CHAT", f"nothing://{SECRET}"])
        room = a_desk(tmp_path, more=f'{told}\n[arxiv]\nurl = "{FEED}"')
        known, gone, unknown = self.found(room)
        assert known == Finding(
            "notices", True, "[notify] published, failed: json; nothing was sent to it yet"
        )
        assert not gone.well
        assert "the environment variable GONE is not set" in gone.what
        assert not unknown.well
        assert "Apprise does not know this nothing address" in unknown.what
        assert SECRET not in unknown.what
        assert chat.heard == []

    def test_says_what_became_of_the_last_notice(self, tmp_path, chat):
        room = a_told_desk(tmp_path, chat.address)
        room = a_desk(
            tmp_path,
            more=f'{notify(published=[chat.address])}\n[arxiv]\nurl = "{FEED}"',
            name="20260502_0405",
            papers=1,
        )
        release(room)
        (well,) = self.found(room)
        assert well.well
        assert "[notify] published: json took the last notice" in well.what
        (channel, *_) = [notice.channel for notice in Outputs(room.settings.outputs).notices()]
        failed = Notice(
            event="failed tides 2026-05-02T00:00:00Z",
            channel=channel,
            service="json",
            at=datetime(2026, 5, 2, tzinfo=UTC),
            result="failed",
        )
        Outputs(room.settings.outputs).append_notice(failed)
        (ill,) = self.found(room)
        assert not ill.well
        assert "json did not take the last notice, 2026-05-02T00:00:00Z" in ill.what

    def test_says_where_nobody_would_be_told(self, tmp_path):
        room = a_desk(tmp_path, more=f'[arxiv]\nurl = "{FEED}"')
        (finding,) = self.found(room)
        assert finding.well
        assert "nobody is told when a run fails" in finding.what

"""What goes to standard error: lines that nobody can forge, and what each is about."""

import ast
import asyncio
import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pipeline import logs
from pipeline.cache import AnswerCache
from pipeline.cli.common import progress
from pipeline.cli.main import main
from pipeline.exchange import Answer, Outcome, Request
from pipeline.llm.abilities import Known
from pipeline.llm.asking import Asking
from pipeline.progress import Plain
from pipeline.records import Failure
from pipeline.settings import ProviderSettings
from pipeline.snapshot import Snapshot
from tests.jobs import job

FORGED = "a title\nerror: everything is lost\r\x1b[31m\u2028{}\x9b\u202e"
PIPELINE = Path(logs.__file__).parent
CARRY_AN_ERROR = {"error", "damage", "trouble", "_trouble", "text", "reason"}
"""Names of what has an error's own next step in its words."""

TO_DO = re.compile(r"(?:[.:;] |, or |^)(?:[Cc]ancel|Compare|Give|Leave|Move|Run|See|Set|to change)")
log = logging.getLogger("pipeline.test")
Said = Callable[[], list[str]]


@pytest.fixture
def text(capsys: pytest.CaptureFixture[str]) -> Said:
    """Standard error for people; the lines that have come since this was last called."""
    logs.configure(level=logs.DEBUG)

    def said() -> list[str]:
        return capsys.readouterr().err.splitlines()

    return said


@pytest.fixture
def objects(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """The same for machines: the objects."""
    logs.configure(level=logs.INFO, as_json=True)
    log.setLevel(logs.DEBUG)
    return lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def failed() -> None:
    """Log an error that was raised with forged words."""
    try:
        raise ValueError(FORGED)
    except ValueError:
        log.debug("the defect:", exc_info=True)


class TestForPeople:
    def test_what_is_to_do_says_so_first(self, text: Said) -> None:
        log.error("the night failed")
        log.warning("free some space")
        log.info("9 fetched")
        log.debug("200 bytes")
        assert text() == [
            "error: the night failed",
            "warning: free some space",
            "9 fetched",
            "200 bytes",
        ]

    def test_what_comes_from_outside_forges_no_line(self, text: Said) -> None:
        log.info("left out %s", FORGED)
        assert text() == ["left out a title error: everything is lost [31m {}"]

    def test_nor_does_it_in_a_traceback(self, text: Said) -> None:
        failed()
        assert not [line for line in text() if line.startswith("error:")]
        assert "\x1b" not in "".join(text())


class TestForMachines:
    def test_each_line_is_an_object_with_time_level_message_and_logger(self, objects: Any) -> None:
        log.warning("free %s of space", "5 GB")
        (told,) = objects()
        assert told.pop("time").endswith("Z")
        assert told == {
            "level": "warning",
            "message": "free 5 GB of space",
            "logger": "pipeline.test",
        }

    def test_what_comes_from_outside_forges_none(self, objects: Any) -> None:
        with logs.about(paper=FORGED):
            log.info('{"level": "error"} %s', FORGED)
        (told,) = objects()
        assert told["level"] == "info"
        assert told["message"].startswith('{"level": "error"} a title error: everything')
        assert told["paper"].isprintable()

    def test_a_traceback_is_in_its_object(self, objects: Any) -> None:
        failed()
        (told,) = objects()
        assert "ValueError: a title" in told["exception"]
        assert "\x1b" not in told["exception"]

    def test_a_lone_surrogate_costs_no_line(self) -> None:
        # Not logged: no report of a test can hold it.
        record = logging.makeLogRecord({"msg": "a title with %s", "args": ("\ud800",)})
        assert json.loads(logs.JsonLines().format(record))["message"] == "a title with"

    def test_progress_is_lines_and_no_bar(self, objects: Any) -> None:
        assert isinstance(progress(), Plain)
        assert objects() == []


class TestWhatALineIsAbout:
    def test_is_what_was_said_around_it(self, objects: Any) -> None:
        with logs.about(run="r1", topic="tides"):
            with logs.about(snapshot="20260501_0405", stage="check", paper="2601.00001"):
                log.info("inside")
            with logs.about(topic=""):
                log.info("without a topic")
        log.info("outside")
        inside, without, outside = objects()
        assert {key: inside[key] for key in ("run", "topic", "snapshot", "stage", "paper")} == {
            "run": "r1",
            "topic": "tides",
            "snapshot": "20260501_0405",
            "stage": "check",
            "paper": "2601.00001",
        }
        assert without["run"] == "r1"
        assert "topic" not in without
        assert "run" not in outside

    def test_of_a_stage_is_its_name_and_its_snapshot(self, objects: Any, tmp_path: Path) -> None:
        @logs.stage("check")
        def work(said: str, snapshot: Snapshot, *, more: str) -> str:
            log.info("%s", said)
            return said + more

        assert work("a", Snapshot(tmp_path / "tides" / "20260501_0405"), more="b") == "ab"
        (told,) = objects()
        assert (told["stage"], told["topic"], told["snapshot"]) == (
            "check",
            "tides",
            "20260501_0405",
        )

    def test_is_the_same_in_tasks_and_in_threads_to_which_work_is_carried(
        self, objects: Any
    ) -> None:
        async def apart(paper: str) -> None:
            with logs.about(paper=paper):
                await asyncio.sleep(0)
                log.info("task")

        async def all_of_them() -> None:
            async with asyncio.TaskGroup() as group:
                for paper in ("one", "two"):
                    group.create_task(apart(paper))

        with logs.about(topic="tides"), ThreadPoolExecutor(1) as pool:
            asyncio.run(all_of_them())
            pool.submit(logs.carried(log.info), "thread").result()
        told = [(each["message"], each["topic"], each.get("paper")) for each in objects()]
        assert sorted(told[:2]) == [("task", "tides", "one"), ("task", "tides", "two")]
        assert told[2] == ("thread", "tides", None)

    @pytest.fixture
    def asking(self, tmp_path: Path) -> Iterator[Asking]:
        cache = AnswerCache(tmp_path / "cache")
        table = ProviderSettings(name="test-model")
        asking = Asking([table], cache, Known(cache), lambda: [Talking(table)])
        yield asking
        asking.close()
        cache.close()

    def test_of_an_executor_is_the_topic_at_work_and_the_paper(
        self, objects: Any, asking: Asking
    ) -> None:
        outcomes: list[Outcome] = []
        for topic in ("tides", "lamps"):
            with logs.about(topic=topic, stage="summarize"):
                asking.run([job(1), job(2)], outcomes.append, paid=lambda _: None)
        told = sorted((each["topic"], each["stage"], each["paper"]) for each in objects())
        assert told == [
            (topic, "summarize", job(number).paper.id)
            for topic in ("lamps", "tides")
            for number in (1, 2)
        ]


class Talking:
    """A provider that gives no lines, and says when it is asked."""

    def __init__(self, settings: ProviderSettings) -> None:
        self.settings = settings
        self.stopped = False

    async def ask(self, _: Request, *, room: int = 1) -> Answer | Failure:
        log.info("asked in %s", room)
        return Failure(kind="content", reason="no line")

    async def close(self) -> None:
        """Nothing was opened."""


@pytest.mark.parametrize("words", [["nosuch"], ["run", "--nosuch"], ["status", "nosuch"]])
def test_an_error_of_the_command_line_is_one_object(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["paperline", "--log-format", "json", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    (told,) = [json.loads(line) for line in err.splitlines()]
    assert told["level"] == "error"
    assert "nosuch" in told["message"]


def warnings() -> Iterator[tuple[str, ast.Call]]:
    """Every place of the program that warns through a log, with where it is."""
    for path in sorted(PIPELINE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                logger = ast.unparse(node.func.value)
                if node.func.attr == "warning" and logger in ("log", "logging.getLogger(__name__)"):
                    yield f"{path.relative_to(PIPELINE)}:{node.lineno}", node


def test_every_warning_says_what_to_do_or_repeats_an_error_that_does() -> None:
    found = dict(warnings())
    assert len(found) > 10
    for place, call in found.items():
        text, *rest = call.args
        assert isinstance(text, ast.Constant), place
        told = rest and ast.unparse(rest[-1]).rpartition(".")[2] in CARRY_AN_ERROR
        assert told or TO_DO.search(str(text.value)), f"{place}: {ast.unparse(text)}"

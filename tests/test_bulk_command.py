"""`paperline bulk` as an operator meets it: words, answers, exit codes, and what it will cost."""

import gzip
import itertools
import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from click.testing import CliRunner, Result
from pytest_httpserver import HTTPServer

from pipeline.bulk.report import BulkReport
from pipeline.bulk.run import forecast
from pipeline.cli.main import cli
from pipeline.errors import PaperlineError, QueryRefused
from pipeline.estimate import Forecast
from tests.dumps import ALL, TABLE, Bulk, entries, entry
from tests.model_server import ModelServer, completion
from tests.terminal import Terminal
from tests.testbed_servers import serving

EMBEDDED = '[model]\nname = "embedded"\n'
TOPIC = '[[topic]]\nname = "moths"\nquery = "ti:moth"\nexclude = ["torch"]\nprompt = "plain"\n'


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    Bulk(tmp_path).write(*entries(3, "2024-05"), b"no paper\n")
    return Terminal(tmp_path, EMBEDDED)


def answered(*words: str) -> Result:
    """What the command says, in this process; an error of ours is its exception."""
    return CliRunner().invoke(cli, ["--quiet", "bulk", *words])


def assert_valid(text: str, kind: Any) -> Any:
    """A `--json` answer is as its schema says."""
    found = json.loads(text)
    jsonschema.validate(found, msgspec.json.schema(kind))
    return found


def test_it_says_in_a_line_what_it_did_and_ends_with_3_where_lines_are_no_papers(
    terminal: Terminal,
) -> None:
    assert terminal("bulk", "dump.json", "out") == 3
    assert terminal.said.startswith(f"{terminal.folder / 'out'}: 3 papers, in 1 month, 3 new, ")
    assert "1 line no paper's, named in _books" in terminal.said
    assert terminal.errors == ""


class TestAnswers:
    def test_in_json_are_as_their_schema_says(self, terminal: Terminal) -> None:
        told = assert_valid(answered("dump.json", "out", "--json").stdout, BulkReport)
        assert (told["papers"], told["rejected"], told["stopped"]) == (3, 1, None)
        told = assert_valid(
            answered("dump.json", "other", "--dry-run", "--json").stdout, list[Forecast]
        )
        assert (told[0]["papers"], told[0]["topic"]) == (3, "bulk")

    def test_of_a_run_with_nothing_new_end_with_0(self, terminal: Terminal) -> None:
        Bulk(terminal.folder).write(*entries(3, "2024-05"))
        assert answered("dump.json", "out").exit_code == 0
        again = answered("dump.json", "out")
        assert (again.exit_code, "1 with nothing new" in again.stdout) == (0, True)


class TestWhatIsAskedFor:
    def test_by_a_topic_has_its_filters(self, terminal: Terminal, tmp_path: Path) -> None:
        Terminal(tmp_path, EMBEDDED + TOPIC)
        titles = ("Moth", "Torch moth", "Lamp")
        Bulk(tmp_path).write(*(entry(number=n, title=t) for n, t in enumerate(titles)))
        result = answered("dump.json", "out", "--topic", "moths", "--prompt", "one_line")
        assert result.exit_code == 0
        assert [row.paper.title for row in Bulk(tmp_path).rows().values()] == ["Moth"]

    def test_by_a_query_is_remembered_in_out(self, terminal: Terminal) -> None:
        answered("dump.json", "out", "--query", "ti:lantern")
        manifest = json.loads((terminal.folder / "out" / "_bulk.json").read_text())
        assert manifest["selection"]["query"] == "ti:lantern"
        refused = answered("dump.json", "out").exception
        assert isinstance(refused, PaperlineError)
        assert refused.exit_code == 2

    @pytest.mark.parametrize(
        ("words", "code", "said"),
        [
            (["--topic", "a", "--query", "b"], 2, "two selections"),
            (["--topic", "nosuch"], 2, "there is no topic 'nosuch'"),
            (["--query", "ti:("], 1, "ti:("),
            (["--prompt", "nosuch"], 2, "nosuch"),
        ],
    )
    def test_and_cannot_be_is_told_before_out_is_touched(
        self, terminal: Terminal, words: list[str], code: int, said: str
    ) -> None:
        error = answered("dump.json", "out", *words).exception
        assert isinstance(error, PaperlineError)
        assert (error.exit_code, said in str(error)) == (code, True)
        assert not (terminal.folder / "out").exists()

    def test_by_a_query_that_is_none_is_told_of_the_option(self, terminal: Terminal) -> None:
        error = answered("dump.json", "out", "--query", "cat:cs.LG AND").exception
        assert isinstance(error, QueryRefused)
        assert (error.where, "paperline.toml" in str(error)) == ("--query", False)

    def test_of_the_file_itself_as_out_is_refused(self, terminal: Terminal) -> None:
        error = answered("dump.json", "dump.json").exception
        assert isinstance(error, PaperlineError)
        assert (error.exit_code, error.what) == (2, "DUMP and OUT are the same")

    def test_of_a_batch_is_refused(self, tmp_path: Path) -> None:
        Terminal(tmp_path, '[model]\nexecutor = "batch"\n')
        error = answered("dump.json", "out").exception
        assert isinstance(error, PaperlineError)
        assert "--executor online, cluster or embedded" in str(error)


@pytest.mark.parametrize(
    ("missing", "words", "install"),
    [
        ("pyarrow", [], "pip install 'paperline[bulk]'"),
        ("ray", ["--executor", "cluster"], "pip install 'paperline[ray]'"),
    ],
)
def test_without_what_it_needs_it_says_how_to_install_it(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, missing, words, install
) -> None:
    monkeypatch.setitem(__import__("sys").modules, missing, None)
    error = answered("dump.json", "out", *words).exception
    assert isinstance(error, PaperlineError)
    assert (error.exit_code, install in str(error)) == (2, True)


def test_ended_by_sigterm_it_says_so_and_that_the_same_command_goes_on(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Ray is, SIGTERM comes as this."""
    monkeypatch.setattr("pipeline.bulk.run.bulk", lambda *_: sys.exit(143))
    result = answered("dump.json", "out")
    assert result.exit_code == 143
    assert "ended by SIGTERM; the same command goes on" in result.stderr
    assert result.stderr.count("\n") == 1


def test_help_says_what_dump_and_out_are() -> None:
    said = answered("--help").stdout
    for word in ("DUMP is", "OUT a folder", "s3://bucket/folder", "--dry-run", "--json"):
        assert word in said


class TestAForecast:
    @pytest.fixture
    def bulk(self, tmp_path: Path, httpserver: HTTPServer) -> Bulk:
        model = ModelServer(httpserver)
        self.model = model
        return Bulk(tmp_path, base_url=model.base_url, **TABLE)

    def of(self, bulk: Bulk) -> Forecast:
        return forecast(bulk.settings, str(bulk.dump), str(bulk.out), ALL, "one_line")

    def test_counts_what_would_be_asked_and_asks_and_writes_nothing(self, bulk: Bulk) -> None:
        bulk.write(*entries(9, "2024-05", "2024-06"))
        found = self.of(bulk)
        assert (found.papers, found.cached) == (9, 0)
        assert (self.model.bodies, bulk.out.exists(), bulk.spent()) == ([], False, [])
        assert not list((bulk.folder / "cache" / "bulk").glob("*/*"))

    def test_after_a_run_is_of_what_is_new_and_revised_and_not_in_the_cache(
        self, bulk: Bulk
    ) -> None:
        papers = entries(9, "2024-05", "2024-06")
        bulk.run(*papers)
        assert self.of(bulk).papers == 0
        bulk.write(
            *papers,
            entry("2024-05", 0, doi="10.1/x"),
            entry("2024-05", 2, version=2, title="Brighter"),
            entry("2024-07"),
        )
        before = bulk.files()
        found = self.of(bulk)
        assert (found.papers, found.cached) == (3, 1)
        assert bulk.files() == before
        assert bulk.run().asked == 3

    def test_of_a_sample_stands_for_all(self, bulk: Bulk, monkeypatch) -> None:
        bulk.write(*entries(60, "2024-05", "2024-06"))
        whole = self.of(bulk)
        monkeypatch.setattr("pipeline.bulk.run.SAMPLE", 12)
        sampled = self.of(bulk)
        assert sampled.papers == whole.papers == 60
        assert abs(sampled.usage.tokens / whole.usage.tokens - 1) < 0.02

    def test_of_lines_that_could_not_be_had_is_not_of_those(self, bulk: Bulk) -> None:
        self.model.always = lambda body: completion("I would rather not.")
        bulk.run(entry())
        assert self.of(bulk).papers == 1


@pytest.mark.prove
def test_a_forecast_is_within_a_tenth_of_what_is_then_used(
    testbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the books tell how long a model's answers are; tokens are counted exactly."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(testbed / "tiktoken"))
    with gzip.open(testbed / "corpus" / "papers.jsonl.gz", "rt", encoding="utf-8") as lines:
        told = [json.loads(each) for each in itertools.islice(lines, 900)]
    papers = [entry(id=t["id"], title=t["title"], abstract=t["abstract"]) for t in told]
    with serving(testbed / "llm_server.py") as url:
        terminal = Terminal(
            tmp_path,
            f'[model]\nname = "gpt-4.1-mini"\nbase_url = "{url.removesuffix("/v1")}/v1"\n'
            "requests_per_minute = 1000000\ntokens_per_minute = 1000000000\n",
        )
        Bulk(tmp_path).write(*papers[:100])
        assert terminal("bulk", "dump.json", "out") == 0
        Bulk(tmp_path).write(*papers)
        assert terminal("bulk", "dump.json", "out", "--dry-run", "--json") == 0
        expected = json.loads(terminal.said)[0]
        assert terminal("bulk", "dump.json", "out", "--json") == 0
        used = json.loads(terminal.said)["usage"]
    assert expected["papers"] == 800
    assert abs(expected["usage"]["usd"] / used["usd"] - 1) < 0.1

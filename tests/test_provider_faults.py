"""All that a provider does, on the test bed: every paper ends with good lines or a reasoned gap."""

import json
import re
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.stage_bench import StageBench, recorded_papers
from tests.testbed_servers import serving, statistics

PASSING = ("429", "500", "502", "503", "timeout", "reset", "truncate-json")
CONTENT = (
    *("bad-json", "fenced-json", "think", "echo", "empty", "null"),
    *("refusal", "filter", "length", "wrong-lang", "swap", "markdown"),
)
FAULT_TEXT = re.compile(
    r"```|<think|\*\*|^- |Sure! Here|Let me know|Title:|Abstract:|can't assist|[\x00-\x1f]"
)
HAN = re.compile(r"[\u4e00-\u9fff]")


def faulty(share: float) -> str:
    return ",".join(f"{name}:{share}" for name in (*PASSING, *CONTENT))


def assert_only_good_lines(bench: StageBench) -> None:
    for lines in bench.lines().values():
        assert not FAULT_TEXT.search(lines["en"])
        assert not FAULT_TEXT.search(lines["zh"])
        assert not HAN.search(lines["en"])
        assert HAN.search(lines["zh"])


def under_faults(testbed: Path, folder: Path, count: int) -> tuple[StageBench, Any]:
    server = serving(
        testbed / "llm_server.py",
        "--faults",
        faulty(0.02),
        "--timeout-hold",
        "2",
        "--latency",
        "0.01",
    )
    with server as url:
        bench = StageBench(
            folder, url, recorded_papers(testbed), count, "concurrency = 64", "timeout = 1.0"
        )
        assert bench.summarize() in (0, 3)
        return bench, statistics(url)


def test_under_every_fault_no_paper_is_lost_and_no_faults_text_is_kept(
    testbed: Path, tmp_path: Path
) -> None:
    bench, told = under_faults(testbed, tmp_path, 160)
    bench.assert_complete()
    assert_only_good_lines(bench)
    assert told["duplicates_of_good"] == 0
    assert len(told["by_fault"]) >= 13, "nearly every fault struck"


@pytest.mark.prove
def test_a_thousand_papers_under_every_fault(testbed: Path, tmp_path: Path) -> None:
    bench, told = under_faults(testbed, tmp_path, 1000)
    bench.assert_complete()
    assert_only_good_lines(bench)
    assert told["duplicates_of_good"] == 0
    assert set(told["by_fault"]) == {*PASSING, *CONTENT}
    assert len(bench.run()["gaps"]) < 20


@pytest.mark.parametrize("fault", ["401", "403", "404", "quota"])
def test_a_final_fault_stops_asking_at_once_and_is_one_reason(
    testbed: Path, tmp_path: Path, fault: str
) -> None:
    with serving(testbed / "llm_server.py", "--faults", f"{fault}:1") as url:
        bench = StageBench(tmp_path, url, recorded_papers(testbed), 60, "concurrency = 4")
        assert bench.summarize() == 3
        told = statistics(url)
    gaps = bench.run()["gaps"]
    assert told["requests"] <= 4
    assert len({gap["failure"]["reason"] for gap in gaps.values()}) == 1
    assert len(gaps) == 60


def test_after_a_short_outage_every_paper_has_its_lines(testbed: Path, tmp_path: Path) -> None:
    with serving(testbed / "llm_server.py", "--latency", "0.4") as url:
        control = urllib.request.Request(
            f"{url.removesuffix('/v1')}/__faults",
            data=json.dumps({"faults": "outage:0-2.5"}).encode(),
        )
        bench = StageBench(tmp_path, url, recorded_papers(testbed), 60, "concurrency = 4")
        night = bench.start()
        while not statistics(url)["requests"]:  # the outage comes amid the night
            assert night.poll() is None
        with urllib.request.urlopen(control):
            pass
        night.communicate(timeout=300)
        told = statistics(url)
    assert night.returncode == 0
    assert len(bench.lines()) == 60
    assert told["by_fault"].get("outage", 0) > 0
    assert told["duplicates"] == 0


def test_a_long_outage_ends_with_the_fallback_or_with_gaps_that_a_later_run_closes(
    testbed: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    impatient = ("retry_seconds = 1.0", "concurrency = 4")
    with serving(testbed / "llm_server.py", "--faults", "outage:0-9999") as url:
        alone = StageBench(first, url, recorded_papers(testbed), 40, *impatient)
        assert alone.summarize() == 3
        assert len(alone.run()["gaps"]) == 40
        with serving(testbed / "llm_server.py") as other:
            helped = StageBench(
                second,
                url,
                recorded_papers(testbed),
                40,
                *impatient,
                "[[model.fallback]]",
                'name = "second"',
                f'base_url = "{other}"',
                'api_key_env = "SECOND_KEY"',
                "requests_per_minute = 100000",
                "tokens_per_minute = 100000000",
            )
            assert helped.summarize() == 0
        assert len(helped.lines()) == 40
        assert helped.run()["fallbacks"] == ["second"]
        assert set(helped.run()["stages"]["summarize"]["models"]) == {"second"}
        control = urllib.request.Request(f"{url.removesuffix('/v1')}/__faults", data=b"")
        with urllib.request.urlopen(control):
            pass
        assert alone.summarize() == 0
    assert len(alone.lines()) == 40
    assert alone.run()["gaps"] == {}


@pytest.mark.parametrize(
    "ability",
    [
        ("--no-schema", "400"),
        ("--no-schema", "422"),
        ("--no-schema", "500"),
        ("--no-schema", "ignore"),
        ("--no-schema", "400", "--no-json-object"),
        ("--reasoning", "300"),
    ],
    ids=" ".join,
)
def test_whatever_a_model_cannot_do_no_paper_is_lost(
    testbed: Path, tmp_path: Path, ability: tuple[str, ...]
) -> None:
    with serving(testbed / "llm_server.py", *ability) as url:
        bench = StageBench(
            tmp_path, url, recorded_papers(testbed), 80, "parameters = { temperature = 0.4 }"
        )
        assert bench.summarize() == 0
        told = statistics(url)
    assert len(bench.lines()) == 80
    assert_only_good_lines(bench)
    assert told["duplicates_of_good"] == 0
    usage = bench.run()["stages"]["summarize"]["usage"]
    assert usage["reasoning_tokens"] == told["reasoning_tokens"]
    assert usage["prompt_tokens"] == told["prompt_tokens"]


def test_where_fewer_requests_at_once_are_served_fewer_are_sent(
    testbed: Path, tmp_path: Path
) -> None:
    server = serving(testbed / "llm_server.py", "--latency", "0.1", "--max-concurrency", "8")
    with server as url:
        bench = StageBench(tmp_path, url, recorded_papers(testbed), 150, "concurrency = 32")
        assert bench.summarize() == 0
        told = statistics(url)
    assert len(bench.lines()) == 150
    assert told["by_status"]["503"] < 150

"""What a dry run foretells, against what a run then takes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stage_bench import ROOT, StageBench, recorded_papers
from tests.testbed_servers import serving, statistics


def test_tokens_and_cost_are_foretold_within_a_tenth(
    testbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(testbed / "tiktoken"))
    with serving(testbed / "llm_server.py", "--count", "tiktoken") as url:
        bench = StageBench(tmp_path, url, recorded_papers(testbed), 200)
        said = subprocess.run(
            [sys.executable, "-m", "pipeline", "run", "--dry-run", "--json"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=True,
        )
        assert statistics(url)["requests"] == 0
        assert bench.summarize() == 0
    (foretold,) = json.loads(said.stdout)
    used = bench.run()["stages"]["summarize"]["usage"]
    assert foretold["usage"]["prompt_tokens"] == used["prompt_tokens"]
    assert foretold["usage"]["usd"] == pytest.approx(used["usd"], rel=0.1)
    tokens = [u["prompt_tokens"] + u["completion_tokens"] for u in (foretold["usage"], used)]
    assert tokens[0] == pytest.approx(tokens[1], rel=0.1)

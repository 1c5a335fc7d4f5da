"""Wall time of `paperline summarize` where every answer is in the cache already.

The command as a whole, 1,000 papers; the candidates are removed before each run, the cache
is not. Median of seven runs, beside an empty Python program's.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))

from benchmarks import harness  # noqa: E402  works from a plain checkout

PAPERS = 1_000
RUNS = 7
BOUND = 0.5

CONFIGURATION = """
[model]
name = "{model}"
base_url = "{url}"
api_key_env = "{key}"
concurrency = 64
requests_per_minute = {unlimited}
tokens_per_minute = {unlimited}

[budget]
usd_per_run = 1e9
usd_per_day = 1e9
tokens_per_run = {unlimited}

[[topic]]
name = "{topic}"
query = "all:bench"
"""


def seconds(arguments: list[str], folder: Path) -> float:
    """Wall time of a Python program in `folder`; raises CalledProcessError where it fails."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")},
        "PYTHONPATH": str(REPOSITORY),
    }
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, check=True, capture_output=True
    )
    return time.perf_counter() - begun


def prepared(folder: Path, url: str) -> Path:
    """An installation in `folder` with a snapshot; returns the file of its candidates."""
    text = CONFIGURATION.format(
        model=harness.MODEL,
        url=url,
        key=harness.KEY_VARIABLE,
        topic=harness.TOPIC,
        unlimited=harness.UNLIMITED,
    )
    (folder / "paperline.toml").write_text(text, encoding="utf-8")
    (folder / "prompts").symlink_to(REPOSITORY / "prompts")
    settings = harness.settings(folder, url)
    snapshot = harness.snapshot(settings, harness.corpus(PAPERS))
    return snapshot.folder / "2-summaries.jsonl"


def main() -> int:
    """Print the table; 1 when a bound is passed."""
    if not harness.ready():
        return 0
    command = ["-m", "pipeline", "--quiet", "summarize", f"{harness.TOPIC}/latest"]
    with tempfile.TemporaryDirectory() as name, harness.serving() as server:
        folder = Path(name)
        candidates = prepared(folder, server.url)
        first = seconds(command, folder)
        made = candidates.read_bytes()
        server.reset()
        times = []
        for _ in range(RUNS):
            candidates.unlink()
            times.append(seconds(command, folder))
        same = candidates.read_bytes() == made
        asked = server.statistics()["requests"]
        bare = statistics.median(seconds(["-c", "pass"], folder) for _ in range(RUNS))
    cached = statistics.median(times)
    note = "  over its bound" if cached > BOUND else ""
    print(f"{'':<20}{'s':>8}{'bound':>8}{'ratio':>8}")
    print(f"{'python':<20}{bare:>8.3f}{'':>8}{1:>8.1f}")
    print(f"{'all cached':<20}{cached:>8.3f}{BOUND:>8.1f}{cached / bare:>8.1f}{note}")
    print(f"{'nothing cached':<20}{first:>8.3f}{'':>8}{first / bare:>8.1f}")
    print(f"requests while all was cached: {asked}; the same candidates: {same}")
    return 1 if cached > BOUND or asked or not same else 0


if __name__ == "__main__":
    sys.exit(main())

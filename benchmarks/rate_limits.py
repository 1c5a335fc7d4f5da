"""How much of a provider's rate limits is used, and how often it has to refuse: 429.

First the limits in the settings are the server's; then the server allows half of what the
settings say, and its headers tell so. The share is what was let through in a minute, between
the first answer and the last, of what the limit allows; of the two limits, requests and
tokens, the one that is used more counts. Tokens are counted as the server's limiter does:
the prompt, or the tokens that the answer may have, whichever is more. Beside it, without a
bound, stand the tokens that are billed, prompt and answer together, which paperline keeps
within the limit. It takes the time that the limits impose: about five minutes.
"""

import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))

from benchmarks import harness  # noqa: E402  works from a plain checkout
from pipeline.exchange import Deliver, Executor, Job, Outcome, Paid  # noqa: E402

RPM, TPM = 600, 300_000
LATENCY = 0.3
BOUNDS = {1.0: (1_300, 0.95), 0.5: (700, 0.85)}
"""Share of the settings' limits that the server allows -> papers, and share to be used at least."""

MOST_REFUSED = 0.01


@dataclass
class Observed:
    """An executor that notes when each outcome came, and the tokens that it counts for."""

    inner: Executor
    room: int
    times: list[float] = field(default_factory=list)
    tokens: int = 0

    def run(self, jobs: Iterable[Job], deliver: Deliver, *, paid: Paid, redo: bool = False) -> None:
        """As the executor inside."""

        def noted(outcome: Outcome) -> None:
            self.times.append(time.monotonic())
            self.tokens += max(outcome.usage.prompt_tokens, self.room)
            deliver(outcome)

        self.inner.run(jobs, noted, paid=paid, redo=redo)

    def collect(self, topic: str, snapshot: str, *, paid: Paid) -> None:
        """As the executor inside."""
        self.inner.collect(topic, snapshot, paid=paid)

    def close(self) -> None:
        """As the executor inside."""
        self.inner.close()


@dataclass(frozen=True)
class Measured:
    """What a run came to: rates in a minute, and what the server counted."""

    requests: float
    tokens: float
    billed: float
    said: dict[str, Any]

    @property
    def refused(self) -> float:
        """Share of the requests that were answered 429."""
        refused, asked = self.said["by_status"].get("429", 0), self.said["requests"]
        return float(refused / asked)


def measured(share: float, papers: int) -> Measured:
    """A run over so many papers while the server allows `share` of the limits in the settings."""
    limits = ("--rpm", str(round(RPM * share)), "--tpm", str(round(TPM * share)))
    observers: list[Observed] = []

    with (
        tempfile.TemporaryDirectory() as folder,
        harness.serving("--latency", str(LATENCY), *limits) as server,
    ):
        settings = harness.settings(
            Path(folder), server.url, requests_per_minute=RPM, tokens_per_minute=TPM
        )
        snapshot = harness.snapshot(settings, harness.corpus(papers))

        def observing(executor: Executor) -> Executor:
            observers.append(Observed(executor, settings.model.max_output_tokens))
            return observers[0]

        harness.summarize(settings, snapshot, observing)
        said = server.statistics()
    seen = observers[0]
    rate = (papers - 1) / (seen.times[-1] - seen.times[0]) * 60
    billed = (said["prompt_tokens"] + said["completion_tokens"]) / papers
    return Measured(rate, rate * seen.tokens / papers, rate * billed, said)


def main() -> int:
    """Print the table; 1 when a bound is passed."""
    if not harness.ready():
        return 0
    passed = True
    print(
        f"{'server allows':<16}{'requests':>10}{'tokens':>10}{'bound':>8}"
        f"{'billed':>10}{'429':>8}{'bound':>8}"
    )
    for share, (papers, bound) in BOUNDS.items():
        found = measured(share, papers)
        requests, tokens = found.requests / (RPM * share), found.tokens / (TPM * share)
        under = max(requests, found.billed / (TPM * share)) < bound
        refusing = share == 1.0 and found.refused >= MOST_REFUSED
        passed = passed and not (under or refusing)
        allowed = f"{RPM * share:.0f} a minute"
        limit = f"{MOST_REFUSED:.1%}" if share == 1.0 else ""
        note = ("  under its bound" if under else "") + ("  too many 429" if refusing else "")
        print(
            f"{allowed:<16}{requests:>10.3f}{tokens:>10.3f}{bound:>8.2f}"
            f"{found.billed / (TPM * share):>10.3f}{found.refused:>8.1%}{limit:>8}{note}",
            flush=True,
        )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())

"""A second opinion -> findings: it points an editor at a line, and decides nothing."""

from collections.abc import Iterator, Mapping

from pipeline.checks.rules import Found
from pipeline.exchange import Verdict
from pipeline.records import Language


def check(verdicts: Mapping[Language, Verdict], model: str) -> Iterator[Found]:
    """The lines that `model` finds no support for, each with the reason in its own words.

    Unlike the other checks it does not look at the lines: `verdicts` are answers to
    questions that `stages/judge.py` asked.
    """
    for language, verdict in verdicts.items():
        if not verdict.supported:
            message = f"a second opinion ({model}): {verdict.why}"
            yield Found("judge-unsupported", message, language)

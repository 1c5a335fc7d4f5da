"""The checks on lines that were really written, where the test bed is beside the checkout."""

import functools
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline import glossary
from pipeline.checks import suite
from pipeline.checks.rules import Rules
from pipeline.gate_settings import CheckSettings
from pipeline.records import Finding, Lines, Paper
from tests.conftest import REPOSITORY
from tests.digests import a_summary
from tests.stage_bench import recorded_papers


def records(path: Path) -> Iterator[dict[str, Any]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


@functools.cache
def rules() -> Rules:
    return Rules(glossary=glossary.load(REPOSITORY / "prompts"), openings=CheckSettings().openings)


def found(paper: Paper, lines: Lines) -> list[Finding]:
    return suite.of_candidate(paper, a_summary(paper, lines), rules(), {})


@pytest.fixture
def papers(testbed: Path) -> dict[str, Paper]:
    names = ("papers.jsonl.gz", "seed_papers.jsonl.gz")
    return {paper.id: paper for name in names for paper in recorded_papers(testbed, name)}


@pytest.fixture
def chinese(testbed: Path) -> dict[str, str]:
    path = testbed / "corpus" / "recorded_zh.jsonl.gz"
    return {said["id"]: said["zh"] for said in records(path)}


def test_of_30_edited_pairs_none_has_an_error_and_one_at_most_a_warning(testbed, papers) -> None:
    pairs = list(records(testbed / "corpus" / "recorded_lines.jsonl"))
    assert len(pairs) == 30
    flagged = [
        finding
        for said in pairs
        for finding in found(papers[said["id"]], {"en": said["en"], "zh": said["zh"]})
        if finding.severity != "note"
    ]
    assert [finding for finding in flagged if finding.severity == "error"] == []
    assert len(flagged) <= 1


def test_of_the_pairs_that_an_editor_found_faithful_3_in_100_at_most_have_an_error(
    testbed, papers, chinese
) -> None:
    faithful = [
        said
        for said in records(testbed / "corpus" / "reviewed_pairs.jsonl")
        if said["verdict"] == "faithful"
    ]
    wrong = [
        said["id"]
        for said in faithful
        if any(
            finding.severity == "error"
            for finding in found(papers[said["id"]], {"en": said["en"], "zh": chinese[said["id"]]})
        )
    ]
    assert len(faithful) > 100
    assert len(wrong) <= 0.03 * len(faithful)


@pytest.mark.parametrize(
    ("identifier", "code"),
    [("2604.25374", "number-scale"), ("2604.09415", "number-rounding")],
)
def test_what_an_editor_found_wrong_in_a_number_is_found(papers, chinese, identifier, code) -> None:
    findings = found(papers[identifier], {"zh": chinese[identifier]})
    assert code in {finding.code for finding in findings}


def test_a_failure_text_that_was_published_as_a_summary_is_an_error(papers, chinese) -> None:
    failures = [key for key, line in chinese.items() if line == "Summary generation failed"]
    assert failures
    for key in failures:
        codes = {finding.code for finding in found(papers[key], {"zh": chinese[key]})}
        assert {"failure-text", "language-wrong"} <= codes

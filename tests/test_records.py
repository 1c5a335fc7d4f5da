import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.books import Gap, Run, Spend, Stage, Waiting
from pipeline.errors import DamagedFile
from pipeline.exchange import BatchPart, BatchState, Job, Message, Outcome, Request, Verdict
from pipeline.records import (
    Decision,
    Digest,
    DigestLine,
    Entry,
    Failure,
    Lines,
    Paper,
    Publication,
    Summary,
    Usage,
    each_record,
    fingerprint,
    summary_id,
    utc_text,
)

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
LINES: Lines = {"en": "Maps tides with two buoys.", "zh": "用两个浮标绘制潮汐图。"}
PAPER = Paper(
    id="2605.00001",
    version=2,
    title="Two buoys — and α tide",
    authors=("Ada Moor", "李潮"),
    abstract="We map tides.",
    first=NOON - timedelta(days=3),
    latest=NOON,
    primary_category="physics.ao-ph",
    categories=("physics.ao-ph",),
    url="https://arxiv.org/abs/2605.00001v2",
    pdf_url="https://arxiv.org/pdf/2605.00001v2",
)
SUMMARY = Summary(
    id="0" * 16,
    paper=PAPER.id,
    version=2,
    lines=LINES,
    origin="model",
    model="m",
    prompt="one_line",
    prompt_fingerprint="f",
    usage=Usage(prompt_tokens=3, usd=None),
    created=NOON,
)
DECISION = Decision(
    paper=PAPER.id,
    version=2,
    action="approve",
    summary=SUMMARY.id,
    lines=LINES,
    editor="Wei",
    at=NOON,
)
NO_ANSWER = Failure(kind="unavailable", reason="no answer")
ENTRY = Entry(
    paper=PAPER,
    summary=SUMMARY.id,
    lines={"en": DigestLine(text="Maps.", origin="model", model="m", prompt="one_line")},
    decision=DECISION,
)
DIGEST = Digest(
    topic="tides",
    title="Tides",
    snapshot="20260501_2000",
    instant=NOON,
    time_zone="Asia/Shanghai",
    policy="all",
    status="draft",
    prompt="one_line",
    model="m",
    papers=(ENTRY, ENTRY.but(decision=None, gap=NO_ANSWER)),
)
REQUEST = Request(
    messages=(Message(role="user", content="Say it."),),
    model="m",
    parameters={"temperature": 0.5},
    languages=("en", "zh"),
)
RECORDS = [
    PAPER,
    SUMMARY,
    DECISION,
    ENTRY,
    DIGEST,
    REQUEST,
    Job(
        topic="tides",
        snapshot="20260501_2000",
        paper=PAPER,
        messages=REQUEST.messages,
        languages=("en", "zh"),
        parameters={},
        model="m",
    ),
    Outcome(
        paper=PAPER.id,
        model="m",
        failure=Failure(kind="content", reason="no JSON"),
        created=NOON,
    ),
    Outcome(
        paper=PAPER.id,
        model="m",
        summary="0" * 16,
        verdicts={"en": Verdict(supported=False, why="no kettle")},
        created=NOON,
    ),
    BatchState(
        base_url="http://127.0.0.1/v1",
        started=NOON,
        parts=(BatchPart(name="a.jsonl", model="m", ids=("2601.00001:f",)),),
    ),
    Publication(at=NOON, reason="first", who=("Wei",), digest=DIGEST),
    Waiting(paper=PAPER, reason="limit", since=NOON),
    Spend(
        id="0" * 32,
        at=NOON,
        topic="tides",
        snapshot="20260501_2000",
        paper=PAPER.id,
        model="m",
        usage=Usage(usd=0.25),
    ),
    Run(
        topic="tides",
        snapshot="20260501_2000",
        instant=NOON,
        time_zone="UTC",
        stages={"fetch": Stage(complete=True, started=NOON, seconds=1.5)},
        gaps={PAPER.id: Gap(failure=Failure(kind="budget", reason="reached"))},
    ),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_comes_back_from_json_and_from_a_pickle_as_it_was(record):
    line = record.to_json()
    assert "\n" not in line
    assert type(record).from_json(line, where="x") == record
    assert pickle.loads(pickle.dumps(record)) == record


def test_json_keeps_chinese_readable_and_times_in_utc_with_a_z():
    text = PAPER.to_json()
    assert "李潮" in text
    assert '"latest":"2026-05-01T12:00:00Z"' in text


def test_a_record_cannot_be_changed():
    with pytest.raises(AttributeError):
        PAPER.title = "Other"  # type: ignore[misc]
    assert PAPER.but(version=3).version == 3
    assert PAPER.version == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{",
        '{"id": 1}',
        "\ud800",
        "[" * 20_000,
        PAPER.to_json().replace("2605.00001", "../../etc/passwd"),
        PAPER.to_json().replace('"version":2', '"version":0'),
        PAPER.to_json().replace('"version":2', '"version":1e999'),
        PAPER.to_json().replace("12:00:00Z", "12:00:00"),
        PAPER.to_json().replace('"status":"new"', '"status":"fresh"'),
        PAPER.to_json().replace("{", '{"extra":1,', 1),
        PAPER.to_json()[:-1],
    ],
)
def test_hostile_json_is_a_damaged_file_with_its_place(text):
    with pytest.raises(DamagedFile) as caught:
        Paper.from_json(text, where="papers.jsonl:7")
    assert caught.value.where == "papers.jsonl:7"
    assert "Paper" in caught.value.what


@given(st.text())
def test_any_text_is_a_record_or_a_damaged_file(text):
    with pytest.raises(DamagedFile):
        Paper.from_json(text, where="x")


def test_a_damaged_line_is_named_by_its_number():
    with pytest.raises(DamagedFile, match=r"^d\.jsonl:2: "):
        list(each_record([DECISION.to_json(), "{}"], Decision, where="d.jsonl"))


def test_the_same_lines_have_the_same_id_in_every_snapshot_and_every_release():
    made = summary_id("2605.00001", 1, "model", "m", "f", {"en": "A.", "zh": "甲。"})
    assert made == summary_id("2605.00001", 1, "model", "m", "f", {"zh": "甲。", "en": "A."})
    assert made == "b54eb0018122d87c"


@pytest.mark.parametrize(
    "parts",
    [
        ("2605.00002", 1, "model", "m", "f", LINES),
        ("2605.00001", 2, "model", "m", "f", LINES),
        ("2605.00001", 1, "embedded", "m", "f", LINES),
        ("2605.00001", 1, "model", "n", "f", LINES),
        ("2605.00001", 1, "model", "m", "g", LINES),
        ("2605.00001", 1, "model", "m", "f", {"en": "B."}),
    ],
)
def test_every_part_of_a_candidate_changes_its_id(parts):
    assert summary_id(*parts) != summary_id("2605.00001", 1, "model", "m", "f", LINES)


def test_a_fingerprint_does_not_depend_on_the_order_of_keys():
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1})


def test_a_request_about_anything_else_is_another():
    others: list[dict[str, Any]] = [
        {"model": "n"},
        {"parameters": {}},
        {"languages": ("en",)},
        {"messages": (Message(role="system", content="Say it."),)},
    ]
    for changes in others:
        assert REQUEST.but(**changes).fingerprint() != REQUEST.fingerprint()


def test_times_are_written_in_utc_to_the_second():
    there = datetime(2026, 5, 1, 20, 0, 0, 999, tzinfo=timezone(timedelta(hours=8)))
    assert utc_text(there) == "2026-05-01T12:00:00Z"


def test_an_unknown_price_makes_the_sum_unknown():
    known, unknown = Usage(prompt_tokens=1, usd=0.5), Usage(completion_tokens=2, usd=None)
    assert known.plus(known).usd == 1.0
    assert known.plus(unknown).usd is None
    assert known.plus(unknown).tokens == 3


def test_a_digest_knows_its_gaps_its_editors_and_what_is_undecided():
    assert [entry.gap for entry in DIGEST.gaps] == [NO_ANSWER]
    assert [entry.gap for entry in DIGEST.undecided] == [NO_ANSWER]
    assert DIGEST.editors == ("Wei",)
    held = DIGEST.but(papers=(ENTRY.but(decision=DECISION.but(action="hold")),))
    assert held.editors == ()
    assert len(held.undecided) == 1

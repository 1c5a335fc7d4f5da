"""What is in OUT: rows that hold the records whole, for any reader of Parquet."""

from datetime import UTC, datetime

import msgspec
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.bulk.rows import SCHEMA, Row, rows, table
from pipeline.records import Failure, Finding, Paper, Record, Summary, Usage
from tests.dumps import Bulk, entries, entry

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
COUNT = st.integers(0, 2**40)
TIME = st.datetimes(
    datetime(1991, 1, 1),  # noqa: DTZ001
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
SPAN = st.none() | st.tuples(COUNT, COUNT)
LINES = st.dictionaries(st.sampled_from(["en", "zh"]), TEXT)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
USAGE = st.builds(
    Usage,
    prompt_tokens=COUNT,
    completion_tokens=COUNT,
    cached_tokens=COUNT,
    reasoning_tokens=COUNT,
    usd=st.none() | st.floats(0, 1e6),
)
PAPER = st.builds(
    Paper,
    id=st.from_regex(r"[0-9]{4}\.[0-9]{5}", fullmatch=True),
    version=st.integers(1, 9_999),
    title=TEXT.filter(bool),
    authors=TEXTS,
    abstract=TEXT,
    first=TIME,
    latest=TIME,
    comments=st.none() | TEXT,
    venue=st.none() | TEXT,
    doi=st.none() | TEXT,
    primary_category=TEXT,
    categories=TEXTS,
    url=TEXT,
    pdf_url=TEXT,
    status=st.sampled_from(["new", "revised", "seen", "withdrawn"]),
)
SUMMARY = st.builds(
    Summary,
    id=TEXT,
    paper=st.just("2405.00001"),
    version=COUNT,
    lines=LINES,
    origin=st.sampled_from(["model", "embedded"]),
    model=TEXT,
    prompt=st.none() | TEXT,
    prompt_fingerprint=TEXT,
    terms=st.dictionaries(TEXT, TEXT, max_size=3),
    mended=TEXTS,
    usage=USAGE,
    created=TIME,
)
FINDING = st.builds(
    Finding,
    summary=st.none() | TEXT,
    paper=st.just("2405.00001"),
    language=st.sampled_from([None, "en", "zh"]),
    code=TEXT,
    severity=st.sampled_from(["error", "warning", "note"]),
    message=TEXT,
    span=SPAN,
    source_span=SPAN,
)
FAILURE = st.builds(
    Failure,
    kind=st.sampled_from(["unavailable", "refused", "budget", "content", "pending"]),
    reason=TEXT,
)
ROW = st.builds(
    Row,
    paper=PAPER,
    summary=st.none() | SUMMARY,
    findings=st.lists(FINDING, max_size=3).map(tuple),
    failure=st.none() | FAILURE,
)


@settings(max_examples=50)
@given(st.lists(ROW, max_size=4))
def test_any_row_comes_back_as_it_was_written(written: list[Row]) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(table(written), sink)
    with pq.ParquetFile(sink.getvalue()) as parquet:
        assert [row for batch in parquet.iter_batches() for row in rows(batch)] == written


@pytest.mark.parametrize(
    ("record", "column"),
    [
        (Paper, SCHEMA.field("paper").type),
        (Summary, SCHEMA.field("summary").type),
        (Finding, SCHEMA.field("findings").type.value_type),
        (Failure, SCHEMA.field("failure").type),
        (Usage, SCHEMA.field("summary").type.field("usage").type),
    ],
)
def test_every_field_of_a_record_is_a_column_of_its_own_type(
    record: type[Record], column: pa.StructType
) -> None:
    fields = msgspec.structs.fields(record)
    assert [field.name for field in fields] == [part.name for part in column]
    for field, part in zip(fields, column, strict=True):
        basic = {str: pa.string(), int: pa.int64()}.get(field.type)
        assert basic is None or part.type == basic


class TestAReader:
    @pytest.fixture
    def bulk(self, tmp_path) -> Bulk:
        bulk = Bulk(tmp_path)
        bulk.run(*entries(5, "2024-05", "2024-06"), b"no paper\n")
        return bulk

    def test_reads_all_of_out_with_the_month_of_each_paper(self, bulk) -> None:
        for partitioned in (
            pq.read_table(bulk.out),
            ds.dataset(bulk.out, partitioning="hive").to_table(),
        ):
            months = dict(
                zip(
                    (paper["id"] for paper in partitioned["paper"].to_pylist()),
                    map(str, partitioned["month"].to_pylist()),
                    strict=True,
                )
            )
            assert months == {id_: f"{r.paper.first:%Y-%m}" for id_, r in bulk.rows().items()}

    def test_passes_over_what_a_killed_run_left_half_written(self, bulk) -> None:
        with bulk.out.joinpath("month=2024-05", "_papers.parquet-" + 32 * "0" + ".part").open(
            "wb"
        ) as half:
            half.write(b"PAR1 and nothing else")
        assert pq.read_table(bulk.out).num_rows == 5

    def test_finds_the_lines_under_their_languages(self, bulk) -> None:
        found = pq.read_table(bulk.out, columns=["summary"])["summary"].combine_chunks()
        english = found.field("lines").field("en").to_pylist()
        assert sorted(english) == sorted(r.summary.lines["en"] for r in bulk.rows().values())

    def test_reads_row_by_row_without_the_whole_in_memory(self, tmp_path, monkeypatch) -> None:
        monkeypatch.setattr("pipeline.bulk.folder.ROWS", 2)
        bulk = Bulk(tmp_path)
        bulk.run(*entries(5, "2024-05"))
        with pq.ParquetFile(bulk.out / "month=2024-05" / "papers.parquet") as parquet:
            assert parquet.num_row_groups == 3
        assert len(bulk.rows()) == 5


def test_a_row_says_all_that_the_dump_says_of_the_paper(tmp_path) -> None:
    bulk = Bulk(tmp_path)
    bulk.run(entry(comments="4 pages", journal_ref="Oil Lett. 3", doi="10.1/oil", version=2))
    (row,) = bulk.rows().values()
    assert (row.paper.comments, row.paper.venue, row.paper.doi) == (
        "4 pages",
        "Oil Lett. 3",
        "10.1/oil",
    )
    assert row.paper.version == 2
    assert row.summary is not None
    assert row.summary.lines.keys() == {"en", "zh"}
    assert row.failure is None

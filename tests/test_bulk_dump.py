"""The dump of a bulk run: which lines become rows, each once, and what becomes of others."""

import gzip
import io
import itertools
import os
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.bulk import sorting
from pipeline.bulk.folder import Selection
from pipeline.bulk.sorting import BOOKS, MOST_NAMED, Part, Sorter, parts_of
from pipeline.errors import DamagedFile, OutputError, UnbalancedBooks, UsageError
from pipeline.sources import dump_lines
from pipeline.sources.dump_lines import ARCHIVES, MARK, each_line
from pipeline.sources.source import GZIP
from tests.dumps import ALL, Bulk, entries, entry, line


@pytest.fixture
def bulk(tmp_path) -> Bulk:
    return Bulk(tmp_path)


def titles(bulk: Bulk) -> dict[str, str]:
    return {id_: row.paper.title for id_, row in bulk.rows().items()}


class TestAPaper:
    def test_has_one_row_under_the_month_of_its_first_version(self, bulk) -> None:
        late = entry("2024-05", 2)
        late["versions"].append({"version": "v2", "created": "Mon, 6 Oct 2025 12:00:00 GMT"})
        report = bulk.run(entry("2024-06"), late, entry("2024-05"))
        assert sorted(p.name for p in bulk.out.glob("month=*")) == [
            "month=2024-05",
            "month=2024-06",
        ]
        assert sorted(bulk.rows()) == ["2405.00001", "2405.00002", "2406.00001"]
        assert (report.papers, report.new, report.months) == (3, 3, 2)

    def test_that_comes_twice_is_as_the_later_line_says(self, bulk) -> None:
        report = bulk.run(entry(title="Lamp"), entry(number=2), entry(title="Torch"))
        assert titles(bulk)["2405.00001"] == "Torch"
        assert (report.read, report.found, report.duplicates) == (3, 2, 1)

    def test_that_comes_in_two_files_is_as_the_later_name_says(self, bulk) -> None:
        bulk.write(entry(title="Torch"), name="b/2.json")
        bulk.write(entry(title="Lamp"), name="a/3.json")
        assert bulk.run().duplicates == 1
        assert titles(bulk) == {"2405.00001": "Torch"}


class TestAFolder:
    def test_is_read_with_its_folders_and_packed_files_but_what_is_hidden(self, bulk) -> None:
        bulk.write(entry(number=1), name="1.json")
        packed = bulk.write(name="deep/er/2.json.gz")
        packed.write_bytes(gzip.compress(line(entry(number=2))))
        for name in (".3.json", "_4.json", ".git/5.json", "_old/6.json"):
            bulk.write(entry(number=9), name=name)
        assert bulk.run().read == 2
        assert sorted(bulk.rows()) == ["2405.00001", "2405.00002"]

    @pytest.mark.parametrize("hidden", [(), (".x",)])
    def test_without_a_file_is_an_error_before_out_is_touched(self, bulk, hidden) -> None:
        bulk.dump.mkdir()
        for name in hidden:
            bulk.write(entry(), name=name)
        with pytest.raises(UsageError, match="no file with arXiv's bulk metadata"):
            bulk.run()
        assert not bulk.out.exists()

    def test_may_hold_files_that_are_no_metadata_which_are_told_once(self, bulk, caplog) -> None:
        bulk.write(MARK + b" \n" + line(entry()), name="1.json")
        bulk.write(b"# Lanterns\n", name="README.md")
        bulk.write(name="empty.json")
        for number in range(6):
            bulk.write(b"PK\3\4", name=f"zips/{number}.zip")
        assert bulk.run().complete
        (told,) = [each.getMessage() for each in caplog.records if "passed over" in each.msg]
        assert f"{bulk.dump}/README.md, {bulk.dump}/zips/0.zip" in told
        assert " and 2 more. Move it elsewhere" in told
        assert list(bulk.rows()) == ["2405.00001"]

    def test_with_an_archive_alone_says_that_it_is_one(self, bulk) -> None:
        bulk.write(b"PK\3\4", name="arxiv.zip")
        with pytest.raises(UsageError, match=r"arxiv\.zip: is a zip archive"):
            bulk.run()

    def test_with_a_name_that_is_no_text_is_an_error(self, bulk) -> None:
        bulk.write(entry(), name="1.json")
        (bulk.dump / os.fsdecode(b"\xff.json")).write_bytes(b"")
        with pytest.raises(OutputError, match="utf-8"):
            bulk.run()

    def test_may_not_hold_what_is_written(self, bulk) -> None:
        bulk.write(entry(), name="1.json")
        with pytest.raises(UsageError, match="is in DUMP"):
            bulk.run(out=str(bulk.dump / "out"))

    def test_that_is_damaged_says_which_file(self, bulk) -> None:
        bulk.write(name="1.json.gz").write_bytes(gzip.compress(line(entry()))[:-9])
        with pytest.raises(DamagedFile, match=r"1\.json\.gz"):
            bulk.run()


class TestAFile:
    @pytest.mark.parametrize(("beginning", "what"), ARCHIVES.items())
    def test_that_is_packed_otherwise_than_by_gzip_is_refused(self, bulk, beginning, what) -> None:
        bulk.write(beginning + b"\n", entry())
        with pytest.raises(UsageError, match=rf"dump\.json: is {what}.*Unpack it first") as refused:
            bulk.run()
        assert (refused.value.exit_code, bulk.out.exists()) == (2, False)

    def test_that_begins_with_a_byte_order_mark_loses_no_paper(self, bulk) -> None:
        report = bulk.run(MARK + line(entry()), entry(number=2))
        assert (report.found, report.rejected) == (2, 0)

    @pytest.mark.parametrize("records", [[], [b" \n"], [b"[\n", *[b"{}\n"] * 999, entry()]])
    def test_whose_first_lines_are_no_papers_is_refused_before_anything_is_done(
        self, bulk, records
    ) -> None:
        bulk.write(*records)
        with pytest.raises(UsageError, match="this is not arXiv's bulk metadata") as refused:
            bulk.run()
        assert (refused.value.exit_code, bulk.out.exists()) == (2, False)


class TestTheSelection:
    def test_without_a_filter_is_everything(self, bulk) -> None:
        assert bulk.run(*entries(4, "2024-05")).left_out == 0

    @pytest.mark.parametrize(
        ("selection", "number"),
        [
            (Selection(query="ti:moth"), 1),
            (Selection(categories=("stat.*",)), 2),
            (Selection(exclude=("dimming",)), 0),
            (Selection(query="all:lantern", categories=("cs.*",), exclude=("moth",)), 3),
        ],
    )
    def test_is_a_topics_query_categories_and_excluded_words(self, bulk, selection, number) -> None:
        records = [
            entry(number=0, abstract="We teach it."),
            entry(number=1, title="Moth and lantern", abstract="Of dimming."),
            entry(number=2, categories="stat.ML", abstract="Of dimming."),
            entry(number=3, abstract="Of dimming lanterns."),
        ]
        report = bulk.run(*records, selection=selection)
        expected = {0, 3} if number == 3 else {number}
        assert {int(id_[-5:]) for id_ in bulk.rows()} == expected
        assert (report.found, report.left_out) == (len(expected), 4 - len(expected))


class TestWhatIsNoPaper:
    def test_is_named_with_file_place_and_reason(self, bulk) -> None:
        report = bulk.run(b"{no json\n", entry(), entry(number=2, title=" "), b"\n", b"  \r\n")
        assert bulk.reasons() == [
            f"{bulk.dump}, byte 0: JSON is malformed: object keys must be strings (byte 1)",
            f"{bulk.dump}, byte {9 + len(line(entry()))}: it has no title",
        ]
        assert (report.read, report.found, report.rejected) == (3, 1, 2)
        assert not report.complete

    def test_is_counted_where_there_is_too_much_to_name(self, bulk) -> None:
        report = bulk.run(entry(), *([b"x\n"] * (MOST_NAMED + 5)))
        assert report.rejected == MOST_NAMED + 5
        assert len(bulk.reasons()) == MOST_NAMED

    def test_of_an_earlier_dump_is_forgotten(self, bulk) -> None:
        bulk.run(b"x\n", entry())
        assert bulk.run(entry()).rejected == 0
        assert bulk.reasons() == []


class TestTheBooks:
    def test_have_every_line_once(self, bulk) -> None:
        bulk.write(*entries(9, "2024-05", "2024-06"), b"x\n", name="1.json")
        bulk.write(*entries(4, "2024-05", "2024-06"), b"x\n", b"\n", name="2.json")
        report = bulk.run(selection=Selection(query='ti:"of 2024-05"'))
        assert (report.read, report.rejected, report.left_out) == (15, 2, 6)
        assert (report.found, report.duplicates) == (5, 2)

    def test_that_do_not_balance_leave_the_pass_unfinished(self, bulk, monkeypatch) -> None:
        kept = sorting.Sorter.sorted_out

        def losing(self, part):
            return (each for each in kept(self, part) if each.place != 0)

        monkeypatch.setattr(sorting.Sorter, "sorted_out", losing)
        with pytest.raises(UnbalancedBooks, match="3 lines read, but 2 found"):
            bulk.run(*entries(3, "2024-05"))
        monkeypatch.undo()
        assert bulk.run().papers == 3


def test_a_file_that_changes_while_it_is_read_in_parts_is_an_error(bulk) -> None:
    (part,) = parts_of(str(bulk.write(entry())))
    bulk.write(entry(), entry(number=2))
    with pytest.raises(OutputError, match="is another file"):
        list(Sorter(str(bulk.dump), ALL).sorted_out(part))


NEWLINES = st.sampled_from([b"\n", b"\r\n"])
SHORT = st.binary(max_size=9).map(lambda text: text.replace(b"\n", b"."))
LONG = st.integers(14, 40).map(lambda length: b"y" * length)
FILE = st.builds(
    lambda parts, last: b"".join(text + end for text, end in parts) + last,
    st.lists(st.tuples(SHORT | LONG, NEWLINES), max_size=12),
    SHORT,
).filter(lambda file: not file.startswith((GZIP, *ARCHIVES)))


@settings(max_examples=200)
@given(file=FILE, cuts=st.lists(st.integers(1, 200), max_size=6))
def test_parts_cut_anywhere_have_each_line_once(file: bytes, cuts: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dump_lines, "LONGEST_LINE", 16)

        def lines(start: int, end: int | None) -> list[tuple[int, bytes]]:
            opened = cast(io.BufferedReader, io.BufferedReader(io.BytesIO(file)))
            return list(each_line(opened, "dump", start=start, end=end))

        bounds = sorted({0, *(cut for cut in cuts if cut < len(file)), len(file)})
        parts = [lines(*pair) for pair in itertools.pairwise(bounds)]
        assert [each for part in parts for each in part] == lines(0, None)
        whole = file.split(b"\n")
        assert len(lines(0, None)) == len(whole) - (whole[-1] == b"")


def test_a_large_file_is_sorted_out_alike_whatever_its_parts(bulk, monkeypatch) -> None:
    records = [*entries(12, "2024-05", "2024-06"), b"no paper\r\n", b"\n", *entries(3, "2024-05")]
    bulk.write(*records, line(entry(number=99)).rstrip())
    found = {}
    for size in (100, 700, 3_001, 10**6):
        monkeypatch.setattr(sorting, "PART", size)
        parts = parts_of(str(bulk.dump))
        assert (len(parts) == 1) == (size == 10**6)
        sorter = Sorter(str(bulk.dump), ALL)
        each = [one for part in parts for one in sorter.sorted_out(part)]
        found[size] = [one for one in each if one.month != BOOKS]
    assert len(found[100]) == 16
    assert found[100] == found[700] == found[3_001] == found[10**6]
    monkeypatch.setattr(sorting, "PART", 500)
    report = bulk.run()
    assert (report.read, report.found, report.duplicates, report.rejected) == (17, 14, 2, 1)


class TestHostileLines:
    def test_are_rows_or_reasons_and_nothing_is_written_outside_out(self, bulk, tmp_path) -> None:
        hostile = [
            b'{"id": "2405.00007", "title": "a\\u0000b", "abstract": "\\ud83d", "versions": []}\n',
            b"\0" * 50 + b"\n",
            b"\xff\xfe{}\n",
            b"[" * 200_000 + b"\n",
            b'{"id":' * 5_000 + b"\n",
            line(entry(id="../../x")),
            line(entry(id="2405.00001\n")),
            line(entry(id="2405.00001/../../y")),
            line(entry(versions=[{"version": "v" + "9" * 400, "created": "x"}])),
            line(entry(versions=[{"version": "v1", "created": "1 Jan 9999 00:00:00 GMT"}])),
            line(entry(versions=[{"version": "v1", "created": "31 Feb 2024 00:00:00 GMT"}])),
            b'{"id": 1e999999}\n',
            b'{"id": ' + b"9" * 10_000 + b"}\n",
            b"null\n",
        ]
        report = bulk.run(*hostile, entry())
        assert report.rejected == len(hostile)
        assert list(bulk.rows()) == ["2405.00001"]
        assert {p.name for p in tmp_path.iterdir()} <= {"dump.json", "out", "cache", "outputs"}
        assert {p.name for p in bulk.out.iterdir()} == {
            *("_books", "_bulk.json", "_lock", "month=2024-05")
        }
        assert all(reason.isprintable() for reason in bulk.reasons())

    def test_that_are_papers_have_harmless_texts(self, bulk) -> None:
        crowd = [[f"Name{n}", "A\u202eda", ""] for n in range(10_000)]
        bulk.run(
            entry(title="Dim\x1b[31m\u0000 \u202elamp", authors_parsed=crowd),
            entry(number=2, abstract="x" * 10**6),
            entry(number=3, abstract=None, categories="cs.LG " * 500),
            entry(number=4, title="\ud83d\ude00 lamps"),
        )
        rows = bulk.rows()
        assert len(rows) == 4
        assert rows["2405.00001"].paper.title == "Dim[31m lamp"
        assert len(rows["2405.00001"].paper.authors) == 10_000
        assert rows["2405.00004"].paper.title == "😀 lamps"

    @pytest.mark.parametrize(
        ("created", "month"),
        [
            ("1 Jan 1991 00:30:00 +0100", "1990-12"),
            ("31 Dec 2100 23:30:00 -0100", "2101-01"),
            ("31 Jan 2024 23:59:59 GMT", "2024-01"),
        ],
    )
    def test_have_a_month_of_the_form_yyyy_mm(self, bulk, created, month) -> None:
        bulk.run(entry(versions=[{"version": "v1", "created": created}]))
        assert [p.name for p in bulk.out.glob("month=*")] == [f"month={month}"]
        assert len(bulk.rows()) == 1


def test_a_part_of_a_file_is_named_by_numbers_alone() -> None:
    assert Part(3, "/d/" + "ü" * 120, 10, 64).name == "3-64"

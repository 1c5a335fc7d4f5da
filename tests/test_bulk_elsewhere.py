"""DUMP and OUT on a file system that is no disk of this machine: nothing assumes local paths."""

import pyarrow.parquet as pq
import pytest
from pyarrow import fs

from pipeline.bulk import folder, sorting
from pipeline.bulk.folder import BulkFolder
from pipeline.bulk.report import BulkReport
from pipeline.bulk.run import _scratch, forecast
from pipeline.bulk.run import bulk as run
from pipeline.errors import Busy, DamagedFile, OutputError, UsageError
from pipeline.progress import Plain
from tests.dumps import ALL, Bulk, entries, entry, line

DUMP, OUT = "store://bucket/dump", "store://bucket/lines/"
PAPERS = entries(6, "2024-05", "2024-06")


class Elsewhere(Bulk):
    """A store in memory, in place of the file systems that Arrow reaches over a network."""

    store: fs.FileSystem

    def put(self, name: str, *records: object) -> None:
        """A file of the dump."""
        self.store.create_dir("bucket/dump")
        with self.store.open_output_stream(f"bucket/dump/{name}") as stream:
            stream.write(b"".join(map(line, records)))

    def over(self, dump: str = DUMP) -> BulkReport:
        """A whole run."""
        return run(self.settings, dump, OUT, ALL, "one_line", Plain())

    def names(self) -> list[str]:
        """The files in OUT."""
        found = self.store.get_file_info(fs.FileSelector("bucket/lines", recursive=True))
        return sorted(f.path[len("bucket/lines/") :] for f in found if f.is_file)

    def titles(self) -> dict[str, str]:
        """What a reader finds there."""
        rows = pq.read_table("bucket/lines", filesystem=self.store)["paper"].to_pylist()
        assert len({each["id"] for each in rows}) == len(rows)
        return {each["id"]: each["title"] for each in rows}


@pytest.fixture
def elsewhere(tmp_path, monkeypatch) -> Elsewhere:
    made = Elsewhere(tmp_path / "here")
    (tmp_path / "here").mkdir()
    made.store = fs._MockFileSystem()
    made.store.create_dir("bucket")

    def located(address: str) -> tuple[fs.FileSystem, str]:
        scheme, _, path = address.partition("://")
        if scheme != "store":
            raise UsageError("no file system", where=address)
        return made.store, path.rstrip("/")

    monkeypatch.setattr(folder, "located", located)
    monkeypatch.setattr(sorting, "located", located)
    return made


def test_a_whole_run_reads_and_writes_there(elsewhere) -> None:
    elsewhere.put("1.json", *PAPERS, b"no paper\n")
    report = elsewhere.over()
    assert (report.papers, report.rejected) == (6, 1)
    assert elsewhere.names() == [
        *("_books/0-0.jsonl", "_bulk.json"),
        *("month=2024-05/_SUCCESS", "month=2024-05/papers.parquet"),
        *("month=2024-06/_SUCCESS", "month=2024-06/papers.parquet"),
    ]
    assert len(elsewhere.titles()) == 6


def test_a_newer_dump_replaces_what_is_there(elsewhere) -> None:
    elsewhere.put("1.json", *PAPERS)
    elsewhere.over()
    assert elsewhere.over().unchanged == 2
    elsewhere.put("2.json", entry("2024-05", 0, version=2, title="Torch"), entry("2024-07"))
    report = elsewhere.over()
    assert (report.new, report.revised, report.unchanged) == (1, 1, 1)
    assert elsewhere.titles()["2405.00000"] == "Torch"
    assert len(elsewhere.titles()) == 7


def test_what_a_killed_run_left_there_is_swept(elsewhere) -> None:
    elsewhere.put("1.json", *PAPERS)
    elsewhere.over()
    names = elsewhere.names()
    half = "bucket/lines/month=2024-05/_papers.parquet-" + 32 * "a" + ".part"
    elsewhere.store.open_output_stream(half).close()
    elsewhere.over()
    assert elsewhere.names() == names


def test_a_second_run_of_this_machine_is_refused(elsewhere, tmp_path) -> None:
    elsewhere.put("1.json", *PAPERS)
    out = BulkFolder(OUT.rstrip("/"))
    with out.working(_scratch(elsewhere.settings, out)), pytest.raises(Busy):
        elsewhere.over()


def test_a_damaged_file_there_is_named(elsewhere) -> None:
    elsewhere.put("1.json", *PAPERS)
    elsewhere.over()
    path = "bucket/lines/month=2024-05/papers.parquet"
    with elsewhere.store.open_output_stream(path) as stream:
        stream.write(b"PAR1")
    with pytest.raises(DamagedFile) as damaged:
        elsewhere.over()
    assert damaged.value.where == path
    elsewhere.store.delete_file(path)
    assert elsewhere.over().papers == 6


def test_a_file_in_place_of_a_folder_there_is_an_error_of_ours(elsewhere) -> None:
    elsewhere.put("1.json", *PAPERS)
    elsewhere.store.open_output_stream("bucket/lines").close()
    with pytest.raises(OutputError):
        elsewhere.over()


def test_a_forecast_writes_nothing_there(elsewhere) -> None:
    elsewhere.put("1.json", *PAPERS)
    found = forecast(elsewhere.settings, DUMP, OUT, ALL, "one_line")
    assert found.papers == 6
    assert [f.path for f in elsewhere.store.get_file_info(fs.FileSelector("bucket"))] == [
        "bucket/dump"
    ]


def test_a_large_file_there_is_read_in_parts(elsewhere, monkeypatch) -> None:
    monkeypatch.setattr(sorting, "PART", 700)
    elsewhere.put("1.json", *PAPERS)
    assert len(sorting.parts_of(DUMP)) > 3
    assert elsewhere.over().found == 6

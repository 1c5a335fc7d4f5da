"""What stops a bulk run, and how it goes on: budget, models, disks, damage, other runs."""

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from pytest_httpserver import HTTPServer

from pipeline.bulk.folder import SECRET, BulkFolder
from pipeline.bulk.run import bulk as run
from pipeline.errors import Busy, DamagedFile, OutputError, UsageError
from pipeline.progress import Plain
from pipeline.settings import BudgetSettings
from tests.dumps import ALL, TABLE, Bulk, content, entries, undated
from tests.model_server import ModelServer, error, good_lines

PAPERS = entries(8, "2024-05", "2024-06")
"""Four a month."""


@pytest.fixture
def model(httpserver: HTTPServer) -> ModelServer:
    return ModelServer(httpserver)


@pytest.fixture
def bulk(tmp_path, model: ModelServer) -> Bulk:
    return Bulk(tmp_path, base_url=model.base_url, concurrency=1, retry_seconds=0.0, **TABLE)


class TestARunThatIsStopped:
    def test_by_the_budget_leaves_the_month_as_it_was_and_says_why(self, bulk, model) -> None:
        short = bulk.having(budget=BudgetSettings(tokens_per_run=1000))
        report = short.run(*PAPERS)
        assert (report.stopped.kind, report.complete) == ("budget", False)
        assert "tokens_per_run = 1000 is reached" in report.stopped.reason
        assert (report.left, report.months) == (1, 2)
        assert [p.parent.name for p in bulk.out.glob("*/*.parquet")] == ["month=2024-05"]
        assert not list(bulk.out.rglob("*.part"))

    def test_goes_on_by_the_same_command_and_pays_for_nothing_twice(self, bulk, model) -> None:
        short = bulk.having(budget=BudgetSettings(tokens_per_run=700))
        reports = [short.run(*PAPERS)]
        while reports[-1].stopped is not None:
            reports.append(short.run())
        paid = sum(report.usage.tokens for report in reports)
        assert len(reports) > 1
        assert reports[-1].complete
        assert len(model.bodies) == len(PAPERS)
        assert len({body["messages"][1]["content"] for body in model.bodies}) == len(PAPERS)
        assert paid == 150 * len(PAPERS)
        assert len(bulk.spent()) == len(PAPERS)

    @pytest.mark.parametrize(("status", "kind"), [(503, "unavailable"), (401, "refused")])
    def test_by_the_model_leaves_all_as_it_was_and_goes_on_later(
        self, bulk, model, status, kind
    ) -> None:
        bulk.run(*PAPERS[:2])
        before, answered = content(bulk.out), len(model.bodies)
        model.always = lambda body: error(status)
        report = bulk.run(*PAPERS)
        assert (report.stopped.kind, report.left) == (kind, 2)
        assert content(bulk.out) == before
        model.always = good_lines
        assert bulk.run().complete
        assert len(bulk.spent()) == len(PAPERS) == answered + 6

    def test_before_a_first_row_makes_no_folder_for_a_month(self, bulk, model) -> None:
        model.always = lambda body: error(401)
        assert bulk.run(*PAPERS).left == 2
        assert not list(bulk.out.glob("month=*"))

    def test_midway_has_the_content_of_one_that_was_not(self, bulk, model, tmp_path) -> None:
        other = tmp_path / "other"
        other.mkdir()
        whole = Bulk(other)
        whole.settings = bulk.having(outputs=other / "outputs", cache=other / "cache").settings
        whole.run(*PAPERS)
        model.queue.extend([good_lines] * 5 + [error(401)])
        assert bulk.run(*PAPERS).stopped
        bulk.run()
        assert undated(bulk.out) == undated(whole.out)


def test_a_second_run_on_the_same_out_ends_at_once_with_75(bulk, tmp_path) -> None:
    bulk.write(*PAPERS)
    with BulkFolder(str(bulk.out)).working(tmp_path / "x"), pytest.raises(Busy) as busy:
        bulk.run()
    assert busy.value.exit_code == 75
    assert str(bulk.out) in str(busy.value)


class TestADisk:
    def test_that_is_full_is_an_error_in_one_line_and_leaves_what_was(self, tmp_path) -> None:
        bulk = Bulk(tmp_path)
        bulk.run(*PAPERS)
        before = bulk.files()
        (tmp_path / "paperline.toml").write_text('[model]\nname = "embedded"\n', encoding="utf-8")
        bulk.write(*entries(400, "2024-05"))
        done = under_limit(tmp_path, "dump.json", "out")
        assert done.returncode == 1
        assert "raise the limit and run the same command again" in done.stderr
        assert done.stderr.count("\n") == 1
        assert bulk.files() == before
        assert bulk.run().papers == 404 - 4

    def test_that_cannot_be_written_is_an_error_that_names_the_folder(self, bulk, tmp_path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(OutputError, match="A file stands where a folder is needed") as found:
            bulk.having().run(*PAPERS, out=str(tmp_path / "file" / "out"))
        assert found.value.exit_code == 1


def under_limit(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The command, where no file may grow beyond some kilobytes."""
    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "import filelock, pipeline.cli.main, pipeline.bulk.run\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))\n"
        f"sys.argv = ['paperline', '--quiet', 'bulk', *{arguments!r}]\n"
        "pipeline.cli.main.main()\n"
    )
    root = str(Path(__file__).parent.parent)
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={"PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


class TestDamage:
    @pytest.mark.parametrize(
        ("name", "damage"),
        [
            ("_bulk.json", b"{"),
            ("month=2024-05/_SUCCESS", b"[]"),
            ("month=2024-05/_SUCCESS", b"\xff\0"),
            ("month=2024-05/papers.parquet", b""),
            ("month=2024-05/papers.parquet", None),
        ],
    )
    def test_is_told_with_the_file_and_repaired_by_the_next_step(
        self, bulk, model, name, damage
    ) -> None:
        bulk.run(*PAPERS)
        before, asked = undated(bulk.out), len(model.bodies)
        path = bulk.out / name
        path.write_bytes(path.read_bytes()[:-20] if damage is None else damage)
        with pytest.raises(DamagedFile) as damaged:
            bulk.run()
        assert (damaged.value.where, damaged.value.exit_code) == (str(path), 1)
        assert damaged.value.next_step.startswith("Remove the file; the same command then")
        path.unlink()
        assert bulk.run().complete
        assert undated(bulk.out) == before
        assert len(model.bodies) == asked

    def test_inside_the_rows_is_told_when_they_are_read(self, bulk) -> None:
        bulk.run(*PAPERS)
        path = bulk.out / "month=2024-05" / "papers.parquet"
        text = bytearray(path.read_bytes())
        text[4:200] = b"\xff" * 196
        path.write_bytes(text)
        with pytest.raises(DamagedFile, match=r"papers\.parquet"):
            bulk.run(*PAPERS, PAPERS[0] | {"doi": "10.1/x"})
        path.unlink()
        assert bulk.run().papers == 8

    def test_of_a_marker_that_is_gone_makes_the_month_from_its_rows(self, bulk, model) -> None:
        bulk.run(*PAPERS)
        before = content(bulk.out)
        (bulk.out / "month=2024-05" / "_SUCCESS").unlink()
        nobody = msgspec.structs.replace(bulk.settings.model, base_url="http://127.0.0.1:9/v1")
        bulk.having(model=nobody).run()
        assert content(bulk.out) == before


@pytest.mark.parametrize("address", ["nosuch://x/y", "s3://bucket/a b", "file://host/x"])
def test_an_address_of_no_file_system_is_a_usage_error(bulk, address) -> None:
    for dump, out in ((address, str(bulk.out)), (str(bulk.dump), address)):
        bulk.write(*PAPERS)
        with pytest.raises(UsageError) as refused:
            run_on(bulk, dump, out)
        assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    "address",
    [
        "s3://AKIA:SESAME@127.0.0.1/lines",
        "s3://AKIA:SES/AME@bucket/lines",
        "abfss://:SESAME@account.blob.core.windows.net/lines",
        "s3://bucket/lines?region=x&session_token=SESAME",
    ],
)
def test_an_address_with_a_secret_is_refused_without_telling_it(bulk, address) -> None:
    for dump, out in ((address, str(bulk.out)), (str(bulk.dump), address)):
        bulk.write(*PAPERS)
        with pytest.raises(UsageError, match="by the environment") as refused:
            run_on(bulk, dump, out)
        assert not {"SES", "AME", "AKIA"} & set(re.findall("SES|AME|AKIA", str(refused.value)))
        assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    "address",
    [
        *("s3://bucket/a@b", "abfss://box@account.dfs.core.windows.net/x", "gs://anonymous@b/x"),
        *("hdfs://host:9000/home/me@work", "s3://bucket/x?region=eu-west-1&scheme=https"),
    ],
)
def test_an_address_with_a_name_alone_holds_no_secret(address) -> None:
    assert SECRET.search(address) is None


def run_on(bulk: Bulk, dump: str, out: str) -> None:
    run(bulk.settings, dump, out, ALL, "one_line", Plain())


def test_file_addresses_name_folders_of_this_machine(tmp_path) -> None:
    bulk = Bulk(tmp_path)
    run_on(bulk, bulk.write(*PAPERS).as_uri(), bulk.out.as_uri() + "/")
    assert len(bulk.rows()) == 8

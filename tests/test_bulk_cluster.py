"""A bulk run on a real Ray cluster: the same content, and the same errors, as in one process."""

import pickle
import socket
import threading
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NoReturn

import msgspec
import pyarrow as pa
import pytest

from pipeline import prompts
from pipeline.bulk import distributed
from pipeline.bulk.folder import BulkFolder
from pipeline.bulk.months import Plan
from pipeline.bulk.report import BulkReport
from pipeline.bulk.run import bulk as run
from pipeline.bulk.sorting import Sorted, parts_of
from pipeline.errors import ClusterUnavailable, DamagedFile, OutputError, SettingsError
from pipeline.progress import Plain
from pipeline.ray_session import joined
from pipeline.settings import BudgetSettings, ClusterSettings, ModelSettings, NotifySettings
from pipeline.version import VERSION
from tests import processes
from tests.crowd import PATIENCE, Crowd
from tests.dumps import ALL, Bulk, entries, entry, line, undated
from tests.model_server import error, good_lines
from tests.ray_cluster import Nodes

# Ray Data's own defaults are among what it calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")

PAPERS = [*entries(30, "2024-04", "2024-05", "2024-06"), b"no paper\n"]
RARE_KEY = "sk-rare-b0bb1n-not-found"


@pytest.fixture(scope="module")
def ray_joined(ray_nodes: Nodes) -> Iterator[None]:
    """Ray is there for all tests, whose runs leave it as it is: processes begin once."""
    with joined(ray_nodes.settings(2)):
        yield


@pytest.fixture
def on_ray(tmp_path: Path, ray_nodes: Nodes, ray_joined: None, crowd: Crowd) -> Bulk:
    """A bulk run that asks by two actors of the cluster."""
    table = crowd.table(executor="cluster", concurrency=8, retry_seconds=0.0)
    return Bulk(tmp_path).having(model=table, cluster=ray_nodes.settings(2))


def in_one_process(bulk: Bulk, folder: Path) -> Bulk:
    """The same settings without Ray, in a folder of its own."""
    folder.mkdir()
    other = Bulk(folder)
    other.settings = msgspec.structs.replace(
        bulk.settings,
        outputs=folder / "outputs",
        cache=folder / "cache",
        model=msgspec.structs.replace(bulk.settings.model, executor="online"),
    )
    return other


def test_the_content_is_that_of_one_process_and_nothing_is_asked_twice(
    on_ray: Bulk, crowd: Crowd, tmp_path: Path, ray_nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", RARE_KEY)
    report = on_ray.run(*PAPERS)
    assert (report.read, report.found, report.rejected) == (31, 30, 1)
    assert crowd.answered == len(on_ray.spent()) == 30
    assert crowd.most <= 8
    assert report.usage.tokens == 30 * 150
    alone = in_one_process(on_ray, tmp_path / "alone")
    alone.run(*PAPERS)
    assert undated(on_ray.out) == undated(alone.out)
    assert not processes.files_with(ray_nodes.folder, RARE_KEY)


def test_an_error_of_ours_arrives_as_itself_with_its_exit_code(on_ray: Bulk) -> None:
    on_ray.having(model=ModelSettings(name="embedded")).run(*PAPERS)
    path = on_ray.out / "month=2024-05" / "papers.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(DamagedFile) as found:
        on_ray.run()
    assert (found.value.where, found.value.exit_code) == (str(path), 1)
    assert found.value.next_step.startswith("Remove the file")


def test_a_ray_of_its_own_inherits_neither_keys_nor_addresses_of_people(
    tmp_path: Path, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    withheld: list[set[str]] = []

    def unavailable(_: ClusterSettings, *, hidden: Collection[str]) -> NoReturn:
        withheld.append(set(hidden))
        raise ClusterUnavailable("is looked at no further")

    monkeypatch.setattr(distributed, "joined", unavailable)
    table = crowd.table(executor="cluster", api_key_env="OUR_KEY")
    told = NotifySettings(failed=("$OPERATORS",))
    with pytest.raises(ClusterUnavailable):
        Bulk(tmp_path).having(model=table, notify=told).run(*PAPERS)
    assert withheld == [{"OUR_KEY", "OPERATORS"}]


@pytest.mark.prove
def test_the_same_dump_again_writes_no_rows_and_asks_nothing(on_ray: Bulk, crowd: Crowd) -> None:
    on_ray.run(*PAPERS)
    before = on_ray.files()
    again = on_ray.run()
    assert (again.unchanged, again.asked, crowd.answered) == (3, 0, 30)
    assert on_ray.files() == before


@pytest.mark.prove
def test_addresses_with_a_scheme_are_read_and_written_by_all_nodes(on_ray: Bulk) -> None:
    embedded = on_ray.having(model=ModelSettings(name="embedded", executor="cluster"))
    embedded.write(*PAPERS, name="1.json")
    embedded.write(entry("2024-06", 99), name="2.json")
    chosen = embedded.dump.as_uri(), embedded.out.as_uri(), ALL, "one_line"
    report = run(embedded.settings, *chosen, Plain())
    assert (report.papers, report.duplicates, report.usage.tokens) == (31, 0, 0)
    assert len(embedded.rows()) == 31


@pytest.mark.prove
def test_what_stops_it_leaves_months_as_they_were_and_it_goes_on(
    on_ray: Bulk, crowd: Crowd, caplog: pytest.LogCaptureFixture
) -> None:
    report = on_ray.having(budget=BudgetSettings(tokens_per_run=1_000)).run(*PAPERS)
    assert (report.stopped and report.stopped.kind, report.complete) == ("budget", False)
    assert 0 < crowd.answered < 30
    assert not list(on_ray.out.rglob("*.part"))
    crowd.answer = lambda body: error(401)
    refused = on_ray.run()
    assert refused.stopped is not None
    assert refused.stopped.kind == "refused"
    assert (refused.months, refused.left) == (3, 3)
    assert "left as it was" not in caplog.text
    crowd.answer = good_lines
    assert on_ray.run().stopped is None
    assert crowd.answered == len(on_ray.spent()) == 30


@pytest.mark.prove
def test_books_that_cannot_be_kept_end_it_and_what_was_paid_is_kept(
    on_ray: Bulk, crowd: Crowd, tmp_path: Path
) -> None:
    blocked = tmp_path / "outputs" / "spend.jsonl"
    blocked.mkdir(parents=True)
    with pytest.raises(OutputError, match=r"spend\.jsonl"):
        on_ray.run(*PAPERS)
    paid = crowd.answered
    assert paid <= 2 * 8
    blocked.rmdir()
    assert on_ray.run().stopped is None
    assert crowd.answered == len(on_ray.spent()) == 30


@pytest.mark.prove
def test_a_node_that_is_killed_midway_is_replaced_by_the_others(
    on_ray: Bulk, crowd: Crowd, ray_nodes: Nodes, tmp_path: Path
) -> None:
    """Its months are made again elsewhere; it may be the one on which some processes ask."""
    node = ray_nodes.add(asking=2)
    crowd.hold()
    reports: list[BulkReport] = []

    def work() -> None:
        reports.append(on_ray.run(*PAPERS))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    crowd.until(lambda: crowd.under_way > 0)
    ray_nodes.kill(node)
    crowd.let_go()
    thread.join(PATIENCE)
    assert reports[0].stopped is None
    assert crowd.answered <= 30 + 8
    alone = in_one_process(on_ray, tmp_path / "alone")
    alone.run(*PAPERS)
    assert undated(on_ray.out) == undated(alone.out)


def test_an_out_that_another_node_does_not_see_is_refused(tmp_path: Path) -> None:
    """The function that makes a month there, where the driver's manifest is not."""
    bulk = Bulk(tmp_path)
    bulk.run(*PAPERS)
    plan = plan_of(bulk)
    group = pa.table([["2024-05"], [0], [0], [line(entry())]], distributed.LINES)
    assert distributed._make(group, VERSION, pickle.dumps(plan), None).num_rows == 1
    (bulk.out / "_bulk.json").unlink()
    with pytest.raises(OutputError, match="another node of the cluster does not see") as refused:
        distributed._make(group, VERSION, pickle.dumps(plan), None)
    assert "a folder that all nodes share" in refused.value.next_step


def test_a_node_with_another_paperline_is_named(tmp_path: Path) -> None:
    bulk = Bulk(tmp_path)
    bulk.run(*PAPERS)
    packed = pickle.dumps(plan_of(bulk))
    with pytest.raises(SettingsError, match=f"paperline {VERSION}, and the command is of 9.9"):
        next(distributed._sort(pa.table({"part": [b"x"]}), "9.9", packed))
    with pytest.raises(SettingsError, match=f"node {socket.gethostname()}: ") as refused:
        distributed._make(pa.table({}), "9.9", b"not even read", None)
    assert "Install the same paperline" in refused.value.next_step


@pytest.mark.parametrize("module", ["pipeline", "pipeline.bulk", "pyarrow"])
def test_a_node_without_paperline_is_named(module: str) -> None:
    from ray.exceptions import RaySystemError

    told = (
        "ray::MapBatches(_sort)() (pid=11214, ip=192.0.2.7)\nray.exceptions.RaySystemError: "
        f"System error: No module named '{module}'\ntraceback: Traceback (most recent call last):"
    )
    error = distributed._given_up(RaySystemError(told))
    assert (type(error), error.where) == (SettingsError, "node 192.0.2.7")
    assert f"No module named '{module}'" in error.what
    assert "Install the same paperline" in error.next_step


def test_what_a_node_needs_of_prompts_leaves_no_folder_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bulk = Bulk(tmp_path)
    bulk.run(*PAPERS)
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    maker = distributed._maker(pickle.dumps(plan_of(bulk)))
    assert not list(scratch.iterdir())
    assert maker.make("2024-07", [Sorted("2024-07", 0, 0, line(entry("2024-07")))]).new == 1


def plan_of(bulk: Bulk) -> Plan:
    """The plan of the last pass."""
    manifest = BulkFolder(str(bulk.out)).manifest()
    assert manifest is not None
    return Plan(
        settings=bulk.settings,
        prompts=prompts.texts(bulk.settings.prompts),
        prompt="one_line",
        selection=ALL,
        dump=str(bulk.dump),
        parts=parts_of(str(bulk.dump)),
        out=str(bulk.out),
        started=manifest.started,
    )

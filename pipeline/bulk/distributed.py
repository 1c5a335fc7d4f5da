"""A pass on a Ray cluster: one Ray Data pipeline, many parts and months at once.

    parts of the dump ─▶ Sorter ─▶ shuffle by month ─▶ Maker ─▶ what became of each month

Ray Data bounds what is in memory, spills the shuffle to its nodes' disks, and holds parts back
while months are slow. Months ask through one actor on the driver's node, the `Desk`, for which
the actors of `executors/cluster.py` send. A month whose node is lost is made again elsewhere,
from the cache.
"""

import contextlib
import functools
import logging
import pickle
import re
import socket
import tempfile
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pyarrow as pa

from pipeline import glossary as glossaries
from pipeline.bulk.desk import Desk, ThroughDesk
from pipeline.bulk.folder import BulkFolder
from pipeline.bulk.months import Made, Maker, Plan
from pipeline.bulk.report import Account, told
from pipeline.bulk.sorting import BOOKS, Part, Sorted, Sorter, keep_books
from pipeline.errors import ClusterUnavailable, OutputError, PaperlineError, SettingsError
from pipeline.executors.embedded import Embedded
from pipeline.llm.keys import Secret, api_key
from pipeline.ray_pool import MOST_CALLS
from pipeline.ray_session import joined, ours
from pipeline.ray_session import told as ray_told
from pipeline.records import Record, Usage
from pipeline.settings import ProviderSettings, Settings
from pipeline.version import VERSION

if TYPE_CHECKING:
    from ray.data import Dataset

log = logging.getLogger(__name__)

LINES = pa.schema(
    [
        pa.field("month", pa.string()),
        pa.field("number", pa.int64()),
        pa.field("place", pa.int64()),
        pa.field("line", pa.binary()),
    ]
)
BLOCK = 2_000
"""Lines that travel together: some 4 MB."""

GROUP = 8 * 2**20
"""Bytes of the dump for which the shuffle has a group more; a month is in one, of many months."""

MOST_GROUPS = 200

MISSING = re.compile(r"No module named '[\w.]+'")
"""What Ray tells, in words alone, of a node on which a task cannot even be unpickled."""

NODE = re.compile(r"\bip=([^,)\s]+)")

SAME_EVERYWHERE = (
    "Install the same paperline with the extra ray on every node, in the Python that Ray runs there"
)

CAME = pa.schema([pa.field("came", pa.binary())])


def distribute(plan: Plan, hidden: Collection[str]) -> tuple[Account, Usage]:
    """Bring OUT up to date with the dump; also what was paid.

    `hidden`: environment variables that a Ray of its own does not inherit; see `joined`. Hold
    OUT's lock; its manifest is that of this pass. Raises as `stream` does, `ClusterUnavailable`,
    and `SettingsError` where a node has not the same paperline.
    """
    account, model = Account(), plan.settings.model
    # A missing key is told before Ray starts.
    keyed = [(each, Secret(api_key(each))) for each in model.providers if not model.embedded]
    with joined(plan.settings.cluster, hidden=hidden), _paying(plan.settings, keyed) as desk:
        for row in _pipeline(plan, desk.handle).iter_rows():
            came = msgspec.json.decode(row["came"], type=_Came)
            account.counts.update(came.books)
            if came.made is not None:
                account.add(came.made)
                if came.made.stopped is None:
                    log.info("%s", told(came.made))
        return account, desk.spent()


class _Came(Record, frozen=True, kw_only=True):
    """What one group of lines came to: a month, or the books of all parts."""

    made: Made | None = None
    books: dict[str, int] = {}


def _pipeline(plan: Plan, desk: Any) -> "Dataset":
    """Rows with one `_Came` each, in the order in which months are done."""
    import ray.data
    from ray.data import DataContext

    # What it tells stands in the session's logs; an operator is told our errors, in a line.
    its_own = logging.getLogger("ray.data")
    its_own.handlers = [h for h in its_own.handlers if not isinstance(h, logging.StreamHandler)]
    DataContext.get_current().enable_progress_bars = False
    packed = pickle.dumps(plan)
    items = [{"part": pickle.dumps(part)} for part in plan.parts]
    lines = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
        _sort, batch_size=1, batch_format="pyarrow", fn_args=(VERSION, packed)
    )
    size = sum({part.path: part.size for part in plan.parts}.values())
    months = lines.groupby("month", num_partitions=min(MOST_GROUPS, 2 + size // GROUP))
    return months.map_groups(_make, batch_format="pyarrow", fn_args=(VERSION, packed, desk))


def _sort(batch: pa.Table, version: str, packed: bytes) -> Iterator[pa.Table]:
    """The lines of one part, some at a time."""
    _check_version(version)
    plan: Plan = pickle.loads(packed)  # noqa: S301  the driver's own
    part = Part(*pickle.loads(batch["part"][0].as_py()))  # noqa: S301  as above
    found = Sorter(plan.dump, plan.selection).sorted_out(part)
    while block := list(islice(found, BLOCK)):
        columns = zip(*block, strict=True)
        yield pa.table([pa.array(c, f.type) for c, f in zip(columns, LINES, strict=True)], LINES)


def _make(group: pa.Table, version: str, packed: bytes, desk: Any) -> pa.Table:
    """One month, whole; or the books."""
    _check_version(version)
    maker = _maker(packed)
    _check_shared(maker.out, maker.plan)
    columns = (group[name].to_pylist() for name in LINES.names)
    found = [Sorted(*row) for row in zip(*columns, strict=True)]
    month = found[0].month
    if month == BOOKS:
        came = _Came(books=dict(keep_books(maker.out, found)))
    elif desk is None:
        came = _Came(made=maker.make(month, found))
    else:
        executor = ThroughDesk(desk, month)
        if (stopped := executor.stopped()) is not None:
            came = _Came(made=Made(month=month, found=0, stopped=stopped))
        else:
            maker.executor = executor
            came = _Came(made=maker.make(month, found))
    return pa.table([[came.to_json().encode()]], CAME)


def _check_version(version: str) -> None:
    """What the driver pickled is for the same program. Raises `SettingsError`."""
    if version != VERSION:
        raise SettingsError(
            f"it has paperline {VERSION}, and the command is of {version}",
            where=f"node {socket.gethostname()}",
            next_step=SAME_EVERYWHERE,
        )


def _check_shared(out: BulkFolder, plan: Plan) -> None:
    """Another node's disk is not OUT: the driver has written the manifest there."""
    manifest = out.manifest()
    if manifest is None or manifest.started != plan.started:
        raise OutputError(
            "another node of the cluster does not see what is written there",
            where=out.name,
            next_step="On a cluster, give a folder that all nodes share, or an address such as "
            "s3://bucket/folder",
        )


@functools.lru_cache(maxsize=1)
def _maker(packed: bytes) -> Maker:
    """What makes months in this process, by the embedded model where no other executor is set."""
    plan: Plan = pickle.loads(packed)  # noqa: S301  the driver's own
    with tempfile.TemporaryDirectory(prefix="paperline-") as name:
        folder = Path(name)
        for file_name, text in plan.prompts.items():
            (folder / file_name).write_text(text, encoding="utf-8")
        embedded = Embedded(glossaries.load(folder), plan.started)
        return Maker(plan, folder, embedded, lambda _: None)


class _Paying(NamedTuple):
    """The desk, if a model is asked, and what tells what was paid through it."""

    handle: Any
    spent: Callable[[], Usage]


@contextlib.contextmanager
def _paying(settings: Settings, keyed: list[tuple[ProviderSettings, Secret]]) -> Iterator[_Paying]:
    """The desk, where there are providers to ask; Ray's errors in the block become ours."""
    import ray
    from ray.exceptions import RayError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    try:
        if not keyed:
            yield _Paying(None, Usage)
            return
        here = ray.get_runtime_context().get_node_id()
        affinity = NodeAffinitySchedulingStrategy(here, soft=False)
        options = {"num_cpus": 0, "max_concurrency": MOST_CALLS, "scheduling_strategy": affinity}
        desk = ray.remote(Desk).options(**options).remote()
        ray.get(desk.open.remote(settings, keyed))
        try:
            yield _Paying(desk, lambda: ray.get(desk.spent.remote()))
        finally:
            ray.get(desk.close.remote())
    except RayError as error:
        raise ours(error) or _given_up(error) from error


def _given_up(error: Exception) -> PaperlineError:
    if (missing := MISSING.search(str(error))) is not None:
        node = NODE.search(str(error))
        return SettingsError(
            f"it does not find what paperline needs: {missing[0]}",
            where=f"node {node[1]}" if node else "a node of the cluster",
            next_step=SAME_EVERYWHERE,
        )
    return ClusterUnavailable(
        f"Ray gave the pipeline up: {ray_told(error)}",
        next_step="Look at ray status and at the session's logs, then run the same command again: "
        "it goes on where it was",
    )

"""A pass on a Ray cluster: one Ray Data pipeline, many parts and months at once.

    parts of the dump ─▶ Sorter ─▶ shuffle by month ─▶ Maker ─▶ what became of each month

Ray Data bounds what is in memory, spills the shuffle to its nodes' disks, and holds parts back
while months are slow. Months ask through one actor on the driver's node, the `Desk`: it has the
cache, the books and the budget, and the actors of `executors/cluster.py` send what it asks. A
month whose node is lost is made again elsewhere, from the cache.
"""

import atexit
import contextlib
import functools
import logging
import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from pipeline import glossary as glossaries
from pipeline.bulk.folder import BulkFolder
from pipeline.bulk.months import Made, Maker, Plan
from pipeline.bulk.report import Account, told
from pipeline.bulk.sorting import BOOKS, Part, Sorted, Sorter, keep_books, parts_of
from pipeline.cache import AnswerCache
from pipeline.errors import ClusterUnavailable, OutputError, PaperlineError
from pipeline.exchange import Deliver, Executor, Job, Outcome, Paid
from pipeline.executors.cluster import MOST_CALLS, Cluster
from pipeline.executors.embedded import Embedded
from pipeline.llm.asking import READY, Keeper
from pipeline.llm.budget import Budget
from pipeline.llm.keys import Secret, api_key
from pipeline.outputs import Outputs
from pipeline.ray_session import joined, ours
from pipeline.records import Record, Usage
from pipeline.settings import ProviderSettings, Settings
from pipeline.text import one_line

if TYPE_CHECKING:
    from ray.data import Dataset

log = logging.getLogger(__name__)

TOGETHER = 16
"""Jobs that are handed to the desk at once."""

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

CAME = pa.schema([pa.field("came", pa.binary())])


class Desk:
    """A Ray actor on the driver's node: cache, books and budget of a pass, asked by all months."""

    async def open(self, settings: Settings, keyed: list[tuple[ProviderSettings, Secret]]) -> None:
        """Be ready to ask; costs that a killed run left unbooked are booked first."""
        outputs = Outputs(settings.outputs)
        self._spent = Usage()
        self._failed: PaperlineError | None = None

        def paid(spends: list[Any]) -> None:
            outputs.append_spend(spends)
            for spend in spends:
                self._spent = self._spent.plus(spend.usage)

        self._cache = AnswerCache(settings.cache)
        self._cache.rebook(outputs.append_spend)
        budget = Budget(settings.budget, lambda: outputs.spent_on(datetime.now(UTC)))
        pairs = [(table, secret.key) for table, secret in keyed]
        self._asking = Cluster(settings.cluster, pairs, self._cache, budget)
        self._keeper = Keeper(self._cache, paid)

    async def outcomes(self, jobs: list[Job]) -> list[Outcome]:
        """One outcome for each job; what the cache has is not asked for."""
        if self._failed is not None:
            raise self._failed
        found: list[Outcome] = []
        to_ask = list(self._asking.not_remembered(jobs, found.append))
        try:
            work = self._asking.work(iter(to_ask), found.append, self._keeper, width=len(to_ask))
            await work
        except PaperlineError as error:
            self._failed = error  # nothing more is sent, whichever month asks
            raise
        return found

    async def spent(self) -> Usage:
        """What was paid so far."""
        return self._spent

    async def close(self) -> None:
        """End what asks, and keep what was learned."""
        self._keeper.close()
        await self._asking.end()
        self._cache.close()


class _ThroughDesk:
    """The executor of a month: hands jobs to the desk, some at once, as it has room."""

    def __init__(self, desk: Any, concurrency: int) -> None:
        self._desk = desk
        self._most = max(1, round(READY * concurrency / TOGETHER))

    def run(self, jobs: Iterable[Job], deliver: Deliver, *, paid: Paid, redo: bool = False) -> None:
        """Deliver one outcome for each job; the desk tells the books."""
        del paid, redo
        import ray

        waiting: list[Any] = []

        def bring_home(least: int) -> None:
            nonlocal waiting
            ready, waiting = ray.wait(waiting, num_returns=least)
            for outcomes in ray.get(ready):
                for outcome in outcomes:
                    deliver(outcome)

        jobs = iter(jobs)
        while chunk := list(islice(jobs, TOGETHER)):
            waiting.append(self._desk.outcomes.remote(chunk))
            if len(waiting) >= self._most:
                bring_home(1)
        while waiting:
            bring_home(1)

    def collect(self, topic: str, snapshot: str, *, paid: Paid) -> None:
        """Nothing is under way once a run has ended."""

    def close(self) -> None:
        """The driver closes the desk."""


def distribute(plan: Plan, out: BulkFolder) -> tuple[Account, Usage]:
    """Bring OUT up to date with the dump; also what was paid.

    Hold OUT's lock. Raises as `stream` does, and `ClusterUnavailable`.
    """
    parts, account = parts_of(plan.dump), Account()
    with joined(plan.settings.cluster), _paying(plan.settings) as (desk, spent):
        for row in _pipeline(plan, parts, desk).iter_rows():
            came = msgspec.json.decode(row["came"], type=_Came)
            account.counts.update(came.books)
            if came.made is not None:
                account.add(came.made)
                _check_shared(out, came.made)
                log.info("%s", told(came.made))
        return account, spent()


class _Came(Record, frozen=True, kw_only=True):
    """What one group of lines came to: a month, or the books of all parts."""

    made: Made | None = None
    books: dict[str, int] = {}


def _pipeline(plan: Plan, parts: list[Part], desk: Any) -> "Dataset":
    """Rows with one `_Came` each, in the order in which months are done."""
    import ray.data
    from ray.data import DataContext

    logging.getLogger("ray.data").setLevel(logging.WARNING)
    logging.getLogger("ray.data._internal.progress").setLevel(logging.ERROR)  # bars are meant off
    DataContext.get_current().enable_progress_bars = False
    packed = pickle.dumps(plan)
    items = [{"part": pickle.dumps(part)} for part in parts]
    lines = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
        _sort, batch_size=1, batch_format="pyarrow", fn_args=(packed,)
    )
    months = lines.groupby("month")
    return months.map_groups(_make, batch_format="pyarrow", fn_args=(packed, desk))


def _sort(batch: pa.Table, packed: bytes) -> Iterator[pa.Table]:
    """The lines of one part, some at a time."""
    plan: Plan = pickle.loads(packed)  # noqa: S301  the driver's own
    part = Part(*pickle.loads(batch["part"][0].as_py()))  # noqa: S301  as above
    found = Sorter(plan.dump, plan.selection).sorted_out(part)
    while block := list(islice(found, BLOCK)):
        columns = zip(*block, strict=True)
        yield pa.table([pa.array(c, f.type) for c, f in zip(columns, LINES, strict=True)], LINES)


def _make(group: pa.Table, packed: bytes, desk: Any) -> pa.Table:
    """One month, whole; or the books."""
    plan: Plan = pickle.loads(packed)  # noqa: S301  the driver's own
    columns = (group[name].to_pylist() for name in LINES.names)
    found = [Sorted(*row) for row in zip(*columns, strict=True)]
    if found[0].month == BOOKS:
        came = _Came(books=dict(keep_books(BulkFolder(plan.out), found)))
    else:
        folder = _prompts(packed)
        executor = _executor(plan, folder, desk)
        maker = Maker(plan, folder, executor, lambda _: None)
        came = _Came(made=maker.make(found[0].month, found))
    return pa.table([[came.to_json().encode()]], CAME)


@functools.lru_cache(maxsize=1)
def _prompts(packed: bytes) -> Path:
    """A folder on this node with the plan's prompts, as long as this process lives."""
    plan: Plan = pickle.loads(packed)  # noqa: S301  the driver's own
    folder = tempfile.TemporaryDirectory(prefix="paperline-")
    atexit.register(folder.cleanup)
    for name, text in plan.prompts.items():
        Path(folder.name, name).write_text(text, encoding="utf-8")
    return Path(folder.name)


def _executor(plan: Plan, folder: Path, desk: Any) -> Executor:
    if desk is None:
        return Embedded(glossaries.load(folder), plan.started)
    return _ThroughDesk(desk, max(each.concurrency for each in plan.settings.model.providers))


def _check_shared(out: BulkFolder, made: Made) -> None:
    """Another node's disk is not OUT: what it says it has written must be here, too."""
    if made.stopped is None and out.partition(made.month) is None:
        raise OutputError(
            f"month {made.month} was written on another node, and is not here",
            where=out.name,
            next_step="On a cluster, give a folder that all nodes share, or an address such as "
            "s3://bucket/folder",
        )


@contextlib.contextmanager
def _paying(settings: Settings) -> Iterator[tuple[Any, Callable[[], Usage]]]:
    """The desk, where a model is asked, and what was paid through it; Ray's errors become ours."""
    import ray
    from ray.exceptions import RayError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    try:
        if settings.model.embedded:
            yield None, Usage
            return
        keyed = [(table, Secret(api_key(table))) for table in settings.model.providers]
        here = ray.get_runtime_context().get_node_id()
        affinity = NodeAffinitySchedulingStrategy(here, soft=False)
        options = {"num_cpus": 0, "max_concurrency": MOST_CALLS, "scheduling_strategy": affinity}
        desk = ray.remote(Desk).options(**options).remote()
        ray.get(desk.open.remote(settings, keyed))
        try:
            yield desk, lambda: ray.get(desk.spent.remote())
        finally:
            ray.get(desk.close.remote())
    except RayError as error:
        raise ours(error) or _given_up(error) from error


def _given_up(error: Exception) -> ClusterUnavailable:
    return ClusterUnavailable(
        f"Ray gave the pipeline up: {one_line(str(error))[-300:]}",
        next_step="Look at ray status and at the session's logs, then run the same command again: "
        "it goes on where it was",
    )

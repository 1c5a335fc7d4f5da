"""Asks from several processes of a Ray cluster, each with its share of the limits.

The driver is the process of the command: it looks into the cache, sends only what is missing,
keeps every answer before anything else happens to it, and holds the budget. An `Asker` sends
requests and returns what came. One that is lost, with its node or alone, costs what was on its
wire: that is asked for again, and its share goes to the others until another takes its place.
"""

import asyncio
import contextlib
import functools
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.cache import AnswerCache
from pipeline.errors import BudgetReached, ClusterUnavailable
from pipeline.exchange import Answer, Request
from pipeline.llm.abilities import Abilities, Known
from pipeline.llm.asking import Asking
from pipeline.llm.budget import UNLIMITED, Budget
from pipeline.llm.expectation import Expectation
from pipeline.llm.keys import Secret
from pipeline.ray_session import joined
from pipeline.records import Failure
from pipeline.settings import ClusterSettings, ProviderSettings
from pipeline.text import amount, one_line

if TYPE_CHECKING:
    from pipeline.llm.provider import Provider

log = logging.getLogger(__name__)

PLACED = 300.0
"""Seconds to wait for a first process: a cluster that grows takes minutes to have a node more."""

MOST_CALLS = 20_000
"""Calls that an actor takes at once: more than the largest `concurrency`, and what waits."""

MOST_LOST = 3
"""Times that whoever asks about one paper may be lost; then it is taken to be the paper."""


class Told(NamedTuple):
    """What came of one request: the answer, or why none.

    `down`: nothing more can be had there. `taught`: what the model was found to take.
    """

    said: Answer | Failure
    down: bool
    taught: Abilities | None


class _Notes:
    """What is known of models, in memory: the driver has it on disk."""

    def __init__(self, notes: dict[str, str]) -> None:
        self._notes = notes

    def recall(self, key: str) -> str | None:
        return self._notes.get(key)

    def remember(self, key: str, text: str) -> None:
        self._notes[key] = text


class Asker:
    """A Ray actor: the clients of all providers, each with one of `shares` parts of its limits.

    It is made without a key; `connect` brings the keys from the driver to this process alone,
    as arguments of a call, which Ray keeps in neither its object store nor its logs.
    """

    def __init__(self) -> None:
        self._providers: list[Provider] = []

    async def ready(self) -> None:
        """Return once the process is there."""

    async def connect(
        self, keyed: list[tuple[ProviderSettings, Secret]], notes: dict[str, str], shares: int
    ) -> None:
        """Be ready to ask, knowing what `notes` say of the models."""
        from pipeline.llm.provider import Provider  # the SDK, which the driver does not need

        self._known = Known(_Notes(notes))
        self._providers = [
            # The driver holds the budget of all.
            Provider(table, secret.key, self._known, Budget(UNLIMITED, float), shares=shares)
            for table, secret in keyed
        ]

    async def ask(self, which: int, request: Request, room: int) -> Told:
        """What the provider of that number answers; see `Provider.ask`."""
        provider = self._providers[which]
        before = self._known.of(provider.settings, request.model)
        said = await provider.ask(request, room=room)
        after = self._known.of(provider.settings, request.model)
        taught = not before.asks_as(after) or after.reasoning > before.reasoning
        return Told(said, provider.down is not None, after if taught else None)

    async def share(self, shares: int) -> None:
        """Use one of so many parts of the limits from now on."""
        for provider in self._providers:
            provider.share(shares)

    async def stop(self, *, stop: bool) -> None:
        """Send nothing more of what waits here, or send again."""
        for provider in self._providers:
            provider.stopped = stop


@dataclass(eq=False)
class _Member:
    """An actor that asks; so many requests are with it, and these providers are down there."""

    actor: Any
    under_way: int = 0
    down: dict[int, Failure] = field(default_factory=dict)


class Cluster(Asking):
    """The executor over Ray actors. Close it when done: Ray ends with it, unless it was there."""

    def __init__(
        self,
        settings: ClusterSettings,
        keyed: Sequence[tuple[ProviderSettings, str]],
        cache: AnswerCache,
        budget: Budget,
    ) -> None:
        """`keyed`: the model's table and its fallbacks, each with its own key."""
        self._session = contextlib.ExitStack()
        tables, known = [table for table, _ in keyed], Known(cache)

        def connect() -> list[_Remote]:
            self._session.enter_context(joined(settings))
            pool = Pool(settings, keyed, known)
            return [_Remote(pool, which, table, budget) for which, table in enumerate(tables)]

        super().__init__(tables, cache, known, connect)

    def close(self) -> None:
        """End the actors, and Ray where it was started for this."""
        super().close()
        self._session.close()


class _Remote:
    """One provider, asked through whichever member of the pool has the least to do."""

    def __init__(
        self, pool: "Pool", which: int, settings: ProviderSettings, budget: Budget
    ) -> None:
        self.settings = settings
        self._pool = pool
        self._which = which
        self._budget = budget
        self._expected = Expectation(settings)

    @property
    def stopped(self) -> bool:
        return self._pool.stopped

    @stopped.setter
    def stopped(self, stop: bool) -> None:
        self._pool.stop(stop=stop)

    async def ask(self, request: Request, *, room: int = 1) -> Answer | Failure:
        estimate = self._expected.of(request)
        try:
            async with self._budget.reserved(estimate) as used:
                said = await self._pool.ask(self._which, request, room)
                if isinstance(said, Answer):
                    used.append(said.usage)
                    self._expected.learn(estimate, said.usage)
        except BudgetReached as error:
            return Failure(kind="budget", reason=str(error))
        return said

    async def close(self) -> None:
        await self._pool.close()


class Pool:
    """The actors, and which of them is asked next; all methods run in one event loop."""

    def __init__(
        self,
        settings: ClusterSettings,
        keyed: Sequence[tuple[ProviderSettings, str]],
        known: Known,
    ) -> None:
        """Ray is joined. As many actors begin as `settings` says, or as can ask at once."""
        self.stopped = False
        self._settings = settings
        self._keyed = [(table, Secret(key)) for table, key in keyed]
        self._known = known
        self._members: list[_Member] = []
        self._sharing = asyncio.Lock()
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._joining = 0
        self._trouble = "none has begun"
        for _ in range(min(settings.actors, *(table.concurrency for table, _ in keyed))):
            self._begin()

    async def ask(self, which: int, request: Request, room: int) -> Answer | Failure:
        """What a provider answers, by whichever member has the least under way.

        Raises `ClusterUnavailable` where no member is left and none comes.
        """
        for _ in range(MOST_LOST):
            member = await self._freest(which)
            if isinstance(member, Failure):
                return member
            member.under_way += 1
            try:
                told: Told = await member.actor.ask.remote(which, request, room)
            except _lost() as error:
                self._lose(member, error)
                continue
            finally:
                member.under_way -= 1
            if told.taught is not None:
                self._known.learn(self._keyed[which][0], request.model, told.taught)
            if isinstance(told.said, Answer) or not told.down:
                return told.said
            self._leave(member, which, told.said)
        reason = f"whoever asked about it was lost, {MOST_LOST} times"
        return Failure(kind="content", reason=reason)

    def stop(self, *, stop: bool) -> None:
        """Have nothing more sent, or go on."""
        if stop != self.stopped:
            self.stopped = stop
            for member in self._members:
                member.actor.stop.remote(stop=stop)

    async def close(self) -> None:
        """End all actors."""
        import ray

        for task in self._tasks:
            task.cancel()
        for member in self._members:
            ray.kill(member.actor)
        self._members = []

    async def _freest(self, which: int) -> _Member | Failure:
        """The member with the least to do, or why none can ask the provider; waits for a first."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PLACED):
                while not self._members and self._joining:
                    self._changed.clear()
                    await self._changed.wait()
        up = [member for member in self._members if which not in member.down]
        if up:
            return min(up, key=lambda member: member.under_way)
        if self._members:
            return self._members[0].down[which]
        reserved = self._settings.resources or "nothing"
        raise ClusterUnavailable(
            f"no process that could ask is left: {self._trouble}",
            where=f"[cluster] address = {self._settings.address}, reserving {reserved}",
            next_step="Compare [cluster] resources with what `ray status` shows as free, then run "
            "the same command again",
        )

    def _leave(self, member: _Member, which: int, failure: Failure) -> None:
        """A provider is down as one member sees it; where it refuses the key, it is for all."""
        everywhere = self._members if failure.kind == "refused" else [member]
        for each in everywhere:
            each.down[which] = failure
        log.warning("a process asks no more: %s", failure.reason)

    def _lose(self, member: _Member, error: Exception) -> None:
        """A member is gone: its share goes to the others, and another begins in its place."""
        if member in self._members:
            self._members.remove(member)
            self._trouble = one_line(str(error))[:200]
            log.warning(
                "a process was lost with %s on its wire, asked for again: %s",
                amount(member.under_way, "request"),
                self._trouble,
            )
            self._begin()

    def _begin(self) -> None:
        """Have one actor more, as soon as Ray has room for it."""
        self._joining += 1
        task = asyncio.get_running_loop().create_task(self._join())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _join(self) -> None:
        try:
            await self._share()  # what was lost is theirs until the other one is there
            actor = self._actor()
            await actor.ready.remote()
            async with self._sharing:
                shares = len(self._members) + 1
                await self._resize(shares)  # before there is one more
                await actor.connect.remote(self._keyed, self._known.notes(), shares)
                await actor.stop.remote(stop=self.stopped)
                self._members.append(_Member(actor))
        except _lost() as error:
            self._trouble = one_line(str(error))[:200]
            log.warning("a process of the cluster did not begin: %s", self._trouble)
        finally:
            self._joining -= 1
            self._changed.set()

    async def _share(self) -> None:
        async with self._sharing:
            await self._resize(max(1, len(self._members)))

    async def _resize(self, shares: int) -> None:
        """Give each member one of so many parts. Hold `_sharing`."""
        for member in list(self._members):
            try:
                await member.actor.share.remote(shares)
            except _lost() as error:
                self._lose(member, error)

    def _actor(self) -> Any:
        import ray

        wanted = dict(self._settings.resources)
        return (
            ray.remote(Asker)
            .options(
                num_cpus=wanted.pop("CPU", 0),
                num_gpus=wanted.pop("GPU", 0),
                memory=wanted.pop("memory", None),
                resources=wanted,
                scheduling_strategy="SPREAD",
                max_restarts=0,
                max_task_retries=0,
                max_concurrency=MOST_CALLS,
            )
            .remote()
        )


@functools.cache
def _lost() -> tuple[type[Exception], ...]:
    """How Ray says that a process or its node is gone; our own errors come otherwise."""
    from ray import exceptions

    return (
        exceptions.RayActorError,
        exceptions.WorkerCrashedError,
        exceptions.NodeDiedError,
        exceptions.LocalRayletDiedError,
        exceptions.OutOfMemoryError,
        exceptions.ObjectLostError,
        exceptions.RaySystemError,
    )

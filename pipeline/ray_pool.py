"""The actors of a Ray cluster that ask: which is asked next, who shares the limits, who is lost."""

import asyncio
import contextlib
import logging
import math
from collections import Counter
from collections.abc import Awaitable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.errors import ClusterUnavailable
from pipeline.exchange import Answer, Request
from pipeline.llm.abilities import Known
from pipeline.llm.asker import Asker, Told
from pipeline.llm.asking import READY
from pipeline.llm.attendance import MOST_LOST, Attendance
from pipeline.llm.gate import share_of
from pipeline.llm.keys import Secret
from pipeline.ray_session import as_raised, broken, gone, told
from pipeline.records import Failure
from pipeline.settings import ClusterSettings, ProviderSettings
from pipeline.text import amount
from pipeline.version import VERSION

log = logging.getLogger(__name__)

TOGETHER = 10.0
"""Seconds for which those that begin first leave the others' shares to them."""

A_SECOND = 60
"""Requests a minute for which a process more is worth it; below, the limits would be crumbs."""

MOST_CALLS = 20_000
"""Calls that an actor takes at once: more than the largest `concurrency`, and what waits."""

MOMENT = 0.2
"""Seconds in which an answer still comes that was under way to a driver that is interrupted."""


@dataclass(eq=False)
class _Member:
    """An actor that asks: by provider its share, what is under way with it, and why it is down."""

    actor: Any
    shares: list[int] = field(default_factory=list)
    under_way: Counter[int] = field(default_factory=Counter)
    down: dict[int, Failure] = field(default_factory=dict)


class Pool:
    """The actors, and which of them is asked next; all methods run in one event loop.

    `which`, here and below, is the number of a provider: 0 is the model's, 1 its first fallback.
    """

    def __init__(
        self,
        settings: ClusterSettings,
        keyed: Sequence[tuple[ProviderSettings, str]],
        known: Known,
    ) -> None:
        """Ray is joined. As many actors begin as `settings` says, or as have something to do."""
        self.stopped = False
        self._settings = settings
        self._tables = [table for table, _ in keyed]
        self._keys = [Secret(key) for _, key in keyed]
        self._known = known
        self._members: list[_Member] = []
        self._sharing = asyncio.Lock()
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._warned: set[str] = set()
        self._remote: Any = None
        wanted = min(settings.actors, max(map(_most_shares, self._tables)))
        self._attendance = Attendance(wanted, asyncio.get_running_loop().time)
        for _ in range(wanted):
            self._begin()
        self._spawn(self._await_no_more())

    def look_for_room(self, places: int) -> None:
        """Warn where the cluster as it is has room for fewer than begin."""
        if places < (wanted := self._attendance.wanted):
            log.warning(
                "the cluster has room for %s of %s processes that ask: the others wait. Give it "
                "nodes with what [cluster] resources reserves, or lower [cluster] actors",
                places,
                wanted,
            )

    async def ask(self, which: int, request: Request, room: int) -> Answer | Failure:
        """What a provider answers, by whichever member has the least under way.

        Raises `ClusterUnavailable` where no member is left and none comes.
        """
        lost = 0
        while lost < MOST_LOST:
            if (this := asyncio.current_task()) and this.cancelling():
                raise asyncio.CancelledError  # it has had what was under way; see `_in_time`
            member = await self._freest(which)
            if isinstance(member, Failure):
                return member
            member.under_way[which] += 1
            try:
                with as_raised():
                    came = await _in_time(member.actor.ask.remote(which, request, room))
            except gone() as error:
                self._lose(member, error)
                lost += 1
                continue
            finally:
                member.under_way[which] -= 1
                self._changed.set()
            self._attendance.told()
            self._warn(came.warned)
            self._learn(which, request.model, came)
            if isinstance(came.said, Answer) or not came.down:
                return came.said
            self._leave(member, which, came.said)
        reason = f"whoever asked about it was lost, {MOST_LOST} times"
        return Failure(kind="content", reason=reason)

    def stop(self, *, stop: bool) -> None:
        """Have nothing more sent, or go on."""
        if stop != self.stopped:
            self.stopped = stop
            for member in self._members:
                self._spawn(self._tell(member))

    async def close(self) -> None:
        """End all actors."""
        for task in self._tasks:
            task.cancel()
        for member in self._members:
            self._end(member.actor)
        self._members = []

    def _learn(self, which: int, model: str, came: Told) -> None:
        """The driver knows what every member found out, and keeps it."""
        table = self._tables[which]
        known = self._known.of(table, model)
        after = known if came.taught is None else known.with_taught(came.taught)
        if isinstance(came.said, Answer):
            after = after.after(came.said.usage.reasoning_tokens)
        if after is not known:
            self._known.learn(table, model, after)

    def _warn(self, warned: Sequence[str]) -> None:
        """What actors warn of is in Ray's logs, which an operator does not read."""
        for text in warned:
            if text not in self._warned:
                self._warned.add(text)
                log.warning("a process of the cluster: %s", text)

    def _serving(self, which: int, members: list[_Member]) -> list[_Member]:
        """Those who ask a provider: for whom it is up, and no more than share its limits."""
        up = [member for member in members if which not in member.down]
        return up[: _most_shares(self._tables[which])]

    async def _freest(self, which: int) -> _Member | Failure:
        """The member with the least to do, or why none can ask the provider.

        Waits for a first member, and for one with room: what waits with a member is lost with it,
        and no other can take it over.
        """
        while True:
            if serving := self._serving(which, self._members):
                freest = min(serving, key=lambda member: member.under_way[which])
                if freest.under_way[which] < self._room(which, freest):
                    return freest
            elif self._members:
                return self._members[0].down[which]
            elif self._attendance.given_up():
                raise self._nobody()
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if serving else self._attendance.patience):
                    await self._changed.wait()

    def _room(self, which: int, member: _Member) -> int:
        """Requests to hand to a member: those that it may have on the wire, and some that wait."""
        wire = share_of(self._tables[which].concurrency, member.shares[which])
        return math.ceil(READY * wire)

    def _nobody(self) -> ClusterUnavailable:
        reserved = self._settings.resources or "nothing"
        return ClusterUnavailable(
            f"no process that could ask is left: {self._attendance.trouble}",
            where=f"[cluster] address = {self._settings.address}, reserving {reserved}",
            next_step="Compare [cluster] resources with what `ray status` shows as free, then run "
            "the same command again: every answer that came is kept",
        )

    def _leave(self, member: _Member, which: int, failure: Failure) -> None:
        """A provider is down as one member sees it: its share goes to those that still ask."""
        if which not in member.down:
            member.down[which] = failure
            self._spawn(self._share())

    def _lose(self, member: _Member, error: Exception) -> None:
        """A member is gone: its share goes to the others, and another begins in its place."""
        if member not in self._members:
            return
        self._members.remove(member)
        self._end(member.actor)  # which may be out of reach only
        log.info(
            "a process was lost with %s, asked for again: %s",
            amount(member.under_way.total(), "request"),
            told(error),
        )
        if self._attendance.lost(told(error), present=len(self._members)):
            self._begin()
        self._spawn(self._share())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _begin(self) -> None:
        """Have one actor more, as soon as Ray has room for it."""
        self._attendance.begins()
        self._spawn(self._join())

    async def _join(self) -> None:
        actor = self._actor()
        failed: tuple[type[Exception], ...] = (*gone(), ClusterUnavailable)
        try:
            with as_raised():
                await actor.ready.remote(VERSION)
                await self._connect(actor)
        except failed as error:
            self._end(actor)
            log.info("a process of the cluster did not begin: %s", told(error))
            # Ray may have chosen a node of which it did not yet know that it is lost.
            if self._attendance.failed(told(error), broken=broken(error)):
                self._begin()
            self._spawn(self._share())
            self._changed.set()

    async def _connect(self, actor: Any) -> None:
        """The actor becomes a member, after the others have made room in the limits."""
        async with self._sharing:
            member = _Member(actor)
            member.shares = self._shares([*self._members, member])
            await self._resize(member.shares)
            await actor.connect.remote(self._tables, self._keys, self._known.notes(), member.shares)
            self._members.append(member)
            self._attendance.joined(len(self._members))
        self._changed.set()
        if self.stopped:
            self._spawn(self._tell(member))

    async def _await_no_more(self) -> None:
        """After a time those that are there share all."""
        await asyncio.sleep(TOGETHER)
        if self._attendance.wait_no_more():
            log.info(
                "%s of %s processes have begun: what the cluster has no room for waits",
                len(self._members),
                self._attendance.wanted,
            )
            await self._share()

    def _shares(self, members: list[_Member]) -> list[int]:
        """Into how many parts the limits of each provider go."""
        reserved = self._attendance.reserved()
        return [
            max(
                1,
                len(self._serving(which, members)),
                min(reserved, _most_shares(table)),
            )
            for which, table in enumerate(self._tables)
        ]

    async def _share(self) -> None:
        async with self._sharing:
            await self._resize(self._shares(self._members))

    async def _resize(self, shares: list[int]) -> None:
        """Return when no member uses more than one of so many parts. Hold `_sharing`."""
        await asyncio.gather(*(self._told_share(member, shares) for member in self._members))
        self._changed.set()

    async def _told_share(self, member: _Member, shares: list[int]) -> None:
        if member.shares == shares:
            return
        try:
            with as_raised():
                await member.actor.share.remote(shares)
            member.shares = shares
        except gone() as error:
            self._lose(member, error)

    async def _tell(self, member: _Member) -> None:
        with contextlib.suppress(*gone()):  # whoever asks it finds out
            await member.actor.stop.remote(stop=self.stopped)

    def _actor(self) -> Any:
        """An actor more; `ray.remote` comes once, since Ray waits for the head to take the class.

        Without a head that would hold up all that still ask.
        """
        import ray

        if self._remote is None:
            wanted = dict(self._settings.resources)
            self._remote = ray.remote(Asker).options(
                num_cpus=wanted.pop("CPU", 0),
                num_gpus=wanted.pop("GPU", 0),
                memory=wanted.pop("memory", None),
                resources=wanted,
                scheduling_strategy="SPREAD",
                max_restarts=0,
                max_task_retries=0,
                max_concurrency=MOST_CALLS,
            )
        return self._remote.remote()

    def _end(self, actor: Any) -> None:
        import ray

        with contextlib.suppress(*gone()):
            ray.kill(actor)


async def _in_time(call: Awaitable[Told]) -> Told:
    """What an actor tells, and if this task was interrupted, what comes at once: it is paid."""
    came = asyncio.ensure_future(call)
    try:
        return await asyncio.shield(came)
    except asyncio.CancelledError:
        await asyncio.wait([came], timeout=MOMENT)
        if not came.done():
            came.cancel()
            raise
        return came.result()


def _most_shares(table: ProviderSettings) -> int:
    """Processes among which the limits of a provider can be shared: each has one request at least.

    Fewer where its requests a minute are few, since each process may begin with one.
    """
    return max(1, min(table.concurrency, table.requests_per_minute // A_SECOND))

"""A pool whose processes are this one: what a loss or a refusal leads to, without Ray's."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from ray.exceptions import ActorDiedError

from pipeline.llm.abilities import Known
from pipeline.llm.asker import Asker
from pipeline.ray_pool import Pool
from pipeline.settings import ClusterSettings, ProviderSettings


class Near:
    """An asker in this process, called as Ray's actors are; `lost`, it answers no more."""

    def __init__(self, asker: Asker) -> None:
        self.asker = asker
        self.asked = 0
        self._lost = asyncio.Event()

    def lose(self) -> None:
        """It is gone, with all that is on its wire."""
        self._lost.set()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.asker, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            self.asked += name == "ask"
            work = asyncio.ensure_future(method(*arguments, **named))
            gone = asyncio.ensure_future(self._lost.wait())
            await asyncio.wait([work, gone], return_when=asyncio.FIRST_COMPLETED)
            if self._lost.is_set():
                work.cancel()
                raise ActorDiedError
            gone.cancel()
            return work.result()

        return Remote(call)


class Remote:
    """A method of an actor."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self.remote = call


class NearPool(Pool):
    """`actors`: those that began; `make` makes each, by its number."""

    def __init__(
        self,
        keyed: Sequence[tuple[ProviderSettings, str]],
        known: Known,
        actors: int = 4,
        make: Callable[[int], Near] = lambda _: Near(Asker()),
    ) -> None:
        self.actors: list[Near] = []
        self.ended: list[Near] = []
        self._make = make
        super().__init__(ClusterSettings(actors=actors), keyed, known)

    def _actor(self) -> Near:
        self.actors.append(self._make(len(self.actors)))
        return self.actors[-1]

    def _end(self, actor: Near) -> None:
        self.ended.append(actor)

    async def all_joined(self) -> None:
        """Return when as many ask as shall."""
        while self._attendance.joining:
            self._changed.clear()
            await self._changed.wait()

    async def settled(self) -> None:
        """Return when everybody knows its share."""
        waits = self._waiting()
        while waits:
            await asyncio.wait(waits)
            waits = self._waiting()

    def _waiting(self) -> list[asyncio.Task[None]]:
        return [task for task in self._tasks if "await_no_more" not in repr(task.get_coro())]

    @property
    def shares(self) -> list[list[int]]:
        """Into how many parts the limits go, as each member knows it."""
        return [member.shares for member in self._members]

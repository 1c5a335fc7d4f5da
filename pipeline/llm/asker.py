"""Asks in another's name, from a process of its own: who sends it has cache, budget and books."""

import logging
from typing import TYPE_CHECKING, NamedTuple

from pipeline.errors import ClusterUnavailable
from pipeline.exchange import Answer, Request
from pipeline.llm.abilities import Abilities, Known
from pipeline.llm.budget import UNLIMITED, Budget
from pipeline.llm.keys import Secret
from pipeline.records import Failure
from pipeline.settings import ProviderSettings
from pipeline.version import VERSION

if TYPE_CHECKING:
    from pipeline.llm.provider import Provider

MOST_HEARD = 20
"""Warnings that wait for an answer to go with."""


class Told(NamedTuple):
    """What came of one request: the answer, or why none.

    `down`: nothing more can be had there. `taught`: how the model is to be asked from now on,
    where the request found out. `warned`: what was warned of in the process since it last told.
    """

    said: Answer | Failure
    down: bool
    taught: Abilities | None
    warned: tuple[str, ...]


class _Heard(logging.Handler):
    """Keeps what this process warns of, for the driver to tell: nobody reads an actor's log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._texts: dict[str, None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if len(self._texts) < MOST_HEARD:
            self._texts[record.getMessage()] = None

    def taken(self) -> tuple[str, ...]:
        """What was warned of since this was last called."""
        texts, self._texts = tuple(self._texts), {}
        return texts


HEARD = _Heard()


class _Notes:
    """What is known of models, in memory: the driver has it on disk."""

    def __init__(self, notes: dict[str, str]) -> None:
        self._notes = notes

    def recall(self, key: str) -> str | None:
        return self._notes.get(key)

    def remember(self, key: str, text: str) -> None:
        self._notes[key] = text


class Asker:
    """A Ray actor: the clients of all providers, each with a part of its limits.

    It is made without a key; `connect` brings the keys from the driver to this process alone,
    as an argument of a call, which Ray keeps in neither its object store nor its logs.
    """

    def __init__(self) -> None:
        self._providers: list[Provider] = []

    async def ready(self, version: str) -> None:
        """Return once the process is there; raise `ClusterUnavailable` where it is of another."""
        if version != VERSION:
            raise ClusterUnavailable(
                f"a node of the cluster has paperline {VERSION}, and this one {version}",
                next_step="Install the same on all nodes",
            )

    async def connect(
        self,
        tables: list[ProviderSettings],
        keys: list[Secret],
        notes: dict[str, str],
        shares: list[int],
    ) -> None:
        """Be ready to ask, knowing what `notes` say of the models; `shares` as in `share`."""
        from pipeline.llm.provider import Provider  # the SDK, which the driver does not need

        logging.getLogger("pipeline.llm").addHandler(HEARD)  # once, however often it is called
        self._known = Known(_Notes(notes))
        self._providers = [
            # The driver holds the budget of all.
            Provider(table, secret.key, self._known, Budget(UNLIMITED, float), shares=parts)
            for table, secret, parts in zip(tables, keys, shares, strict=True)
        ]

    async def ask(self, which: int, request: Request, room: int) -> Told:
        """What the provider of that number answers; see `Provider.ask`."""
        provider = self._providers[which]
        before = self._known.of(provider.settings, request.model)
        said = await provider.ask(request, room=room)
        after = self._known.of(provider.settings, request.model)
        taught = None if before.asks_as(after) else after
        return Told(said, provider.down is not None, taught, HEARD.taken())

    async def share(self, shares: list[int]) -> None:
        """Use one of so many parts of each provider's limits; returns when no more is in use."""
        for provider, parts in zip(self._providers, shares, strict=True):
            await provider.share(parts)

    async def stop(self, *, stop: bool) -> None:
        """Send nothing more of what waits here, or send again."""
        for provider in self._providers:
            provider.stopped = stop

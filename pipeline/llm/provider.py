"""One provider, asked within its limits, as patiently as is sensible and no longer.

A request passes the gate (how many at once), the limiter (how many a minute) and the
budget, and is tried again by tenacity, the only retry layer. Where one gives up and
nothing has succeeded since its first try, the circuit opens: the provider is `down`.
"""

import logging

import tenacity

from pipeline.errors import (
    BudgetReached,
    ModelRefused,
    ModelUnavailable,
    PaperlineError,
    RequestRejected,
)
from pipeline.exchange import Answer, Request
from pipeline.llm.abilities import LOWER, Abilities, Known, body_of
from pipeline.llm.budget import Budget
from pipeline.llm.client import ModelClient
from pipeline.llm.expectation import MOST_WEIGHT, Expectation
from pipeline.llm.gate import Gate, share_of
from pipeline.llm.limits import Limiter
from pipeline.llm.prices import priced
from pipeline.records import Failure, FailureKind, Usage
from pipeline.settings import ProviderSettings

log = logging.getLogger(__name__)

TRIES = 8
BACKOFF = tenacity.wait_random_exponential(multiplier=1.0, max=20.0)
"""Seconds between two tries: at random up to 1, 2, 4, 8, 16, 20, 20."""

MOST_REJECTED = 5
"""Papers that may be rejected one after the other before anything succeeds."""


class Provider:
    """One [model] or [[model.fallback]] table; all methods run in one event loop.

    `down` is why nothing more is asked of it; while `stopped`, nothing more is sent. Of several
    that ask the same provider, each uses one of `shares` equal parts of its limits.
    """

    def __init__(
        self,
        settings: ProviderSettings,
        key: str,
        known: Known,
        budget: Budget,
        *,
        shares: int = 1,
    ) -> None:
        self.settings = settings
        self.down: Failure | None = None
        self.stopped = False
        self._known = known
        self._budget = budget
        self._client = ModelClient(settings, key)
        self._gate = Gate(share_of(settings.concurrency, shares))
        self._limiter = Limiter(
            settings.requests_per_minute, settings.tokens_per_minute, shares=shares
        )
        self._successes = 0
        self._rejected = 0
        self._untold = False
        self._expected = Expectation(settings)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def share(self, shares: int) -> None:
        """Use one of so many parts of the limits; returns when no more than that is in use."""
        self._gate.resize(share_of(self.settings.concurrency, shares))
        await self._gate.drained()
        self._limiter.share(shares)

    async def ask(self, request: Request, *, room: int = 1) -> Answer | Failure:
        """One answer, priced, or why none came; `room` multiplies the tokens that it may have.

        A failure of kind `content` concerns this request, of kind `budget` the command,
        any other the provider, and all further requests if `down` is set.
        """
        successes = self._successes
        try:
            return await self._adapted(request, room)
        except (BudgetReached, ModelRefused, ModelUnavailable, RequestRejected) as error:
            return self._failure(error, alone=self._successes == successes)
        except _DownError:
            return self.down or Failure(kind="unavailable", reason="the run was stopped")

    def _failure(self, error: PaperlineError, *, alone: bool) -> Failure:
        """What an error means; `alone`: nothing else has succeeded since the request began."""
        if isinstance(error, BudgetReached):
            return Failure(kind="budget", reason=str(error))
        if isinstance(error, RequestRejected):
            self._rejected += 1
            if self._successes or self._rejected < MOST_REJECTED:
                return Failure(kind="content", reason=str(error))
        elif isinstance(error, ModelUnavailable) and not alone:
            return Failure(kind="unavailable", reason=str(error))
        if self.down is None:
            kind: FailureKind = "unavailable" if isinstance(error, ModelUnavailable) else "refused"
            self.down = Failure(kind=kind, reason=str(error))
            log.info("nothing more is asked of this model in this run: %s", error)
        return self.down

    async def _adapted(self, request: Request, room: int) -> Answer:
        """The answer in a form, and with parameters, that the model takes."""
        while True:
            abilities = self._known.of(self.settings, request.model)
            try:
                return await self._tried(request, room, abilities)
            except RequestRejected as rejection:
                if not self._known.of(self.settings, request.model).asks_as(abilities):
                    continue  # another request has learned meanwhile
                lowered = abilities.lowered(rejection.said, request.parameters)
                if lowered is None:
                    return await self._doubted(request, room)
                log.info("%s; it is asked otherwise from now on", rejection.what)
                self._known.learn(self.settings, request.model, lowered)

    async def _doubted(self, request: Request, room: int) -> Answer:
        """The answer to a request that was refused for no reason that we know.

        It may be chance, so it is asked again; or the form of answer, which the next
        lower one shows, as long as nothing speaks for the present one.
        """
        abilities = self._known.of(self.settings, request.model)
        try:
            return await self._tried(request, room, abilities)
        except RequestRejected as rejection:
            refused = rejection
        while not abilities.proved and abilities.form in LOWER:
            abilities = abilities.but(form=LOWER[abilities.form])
            try:
                answer = await self._tried(request, room, abilities)
            except RequestRejected:
                continue
            log.info("%s; its answers are asked for as %s", refused.what, abilities.form)
            return answer
        raise refused

    async def _tried(self, request: Request, room: int, abilities: Abilities) -> Answer:
        """One answer to one body, tried again after passing failures."""
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(ModelUnavailable),
            stop=tenacity.stop_after_attempt(TRIES)
            | tenacity.stop_before_delay(self.settings.retry_seconds),
            wait=_wait,
            reraise=True,
        )
        return await retrying(self._once, request, room, abilities)

    async def _once(self, request: Request, room: int, abilities: Abilities) -> Answer:
        estimate = self._expected.of(request)
        async with self._gate.passing() as since:
            await self._limiter.wait(estimate.tokens)
            if self.down or self.stopped:
                raise _DownError
            async with self._budget.reserved(estimate) as used:
                # What was learned of reasoning while this request waited holds for it too.
                known = self._known.of(self.settings, request.model)
                able = abilities.but(reasoning=known.reasoning, answers=known.answers)
                try:
                    sent = await self._client.complete(body_of(request, able, self.settings, room))
                except ModelUnavailable as error:
                    if error.overload:
                        self._gate.overloaded(since)
                    if error.retry_after:
                        self._limiter.pause(error.retry_after)
                    self._limiter.correct(estimate.tokens, 0)
                    raise
                usage = self._usage(sent.answer, estimate, request.model)
                used.append(usage)
        self._gate.succeeded()
        weight = min(usage.tokens, MOST_WEIGHT * estimate.tokens)
        self._limiter.correct(estimate.tokens, weight)
        self._limiter.heed(sent.headers)
        self._successes += 1
        self._expected.learn(estimate, usage)
        self._learn_from(request.model, abilities, usage)
        return sent.answer.but(usage=usage)

    def _usage(self, answer: Answer, estimate: Usage, model: str) -> Usage:
        """What an answer took, priced; the estimate where the provider does not tell."""
        if answer.usage.tokens:
            return priced(answer.usage, self.settings, model)
        if not self._untold:
            self._untold = True
            log.info(
                "%s does not tell how many tokens it uses: they are estimated", self.settings.host
            )
        return estimate

    def _learn_from(self, model: str, abilities: Abilities, usage: Usage) -> None:
        """An answer came in the form of `abilities`, and took this much reasoning."""
        known = self._known.of(self.settings, model)
        proved = known.but(form=abilities.form, limit=abilities.limit)
        self._known.learn(self.settings, model, proved.after(usage.reasoning_tokens))


class _DownError(Exception):
    """The provider went down, or the run was stopped, while this request waited."""


def _wait(state: tenacity.RetryCallState) -> float:
    """The provider's own wish, else the growing, jittered backoff."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, ModelUnavailable) else None
    return BACKOFF(state) if asked is None else asked

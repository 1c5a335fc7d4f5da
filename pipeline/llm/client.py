"""One provider's OpenAI-compatible API over HTTP: a body in, an answer or our error out."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

import httpx2
import openai

from pipeline.errors import ModelUnavailable
from pipeline.exchange import Answer
from pipeline.llm.completion import answer_in
from pipeline.llm.failures import failure_of, timed_out
from pipeline.settings import ProviderSettings


class Sent(NamedTuple):
    """What one request came to: the answer, and the headers that told of limits."""

    answer: Answer
    headers: Mapping[str, str]


class ModelClient:
    """A connection pool to one provider, as wide as its concurrency. Close it when done.

    Use all of it in one event loop. Every method raises `ModelUnavailable`,
    `ModelRefused` or `RequestRejected`, which `failures.py` explains.
    """

    def __init__(self, settings: ProviderSettings, key: str) -> None:
        self._settings = settings
        pool = httpx2.Limits(
            max_connections=settings.concurrency, max_keepalive_connections=settings.concurrency
        )
        self._sdk = openai.AsyncOpenAI(
            api_key=key,
            base_url=settings.base_url,
            max_retries=0,
            timeout=settings.timeout,
            # A redirect would carry the key to another address.
            http_client=openai.DefaultAioHttpClient(limits=pool, follow_redirects=False),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._sdk.close()

    async def complete(self, body: dict[str, Any]) -> Sent:
        """Send one chat completion's body once."""
        # Not `chat.completions.create`: it takes whatever the server says for a completion,
        # and building its objects costs more than all the rest of a call.
        response: httpx2.Response
        async with self._translated():
            response = await self._sdk.post("/chat/completions", cast_to=httpx2.Response, body=body)
        answer = answer_in(response.content, str(body.get("model")))
        if answer is None:
            raise ModelUnavailable(
                "the answer was no chat completion", where=self._settings.base_url
            )
        return Sent(answer, response.headers)

    async def models(self) -> list[str]:
        """Names of the models the provider offers."""
        async with self._translated():
            return [model.id async for model in self._sdk.models.list()]

    @contextlib.asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        """Bounds what is inside by the timeout as a whole; the SDK's errors become ours."""
        try:
            async with asyncio.timeout(self._settings.timeout):
                yield
        except TimeoutError:
            raise timed_out(self._settings) from None
        except openai.OpenAIError as error:
            raise failure_of(error, self._settings) from error

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

MOST_BYTES = 4_000_000
"""Bytes of one answer; two lines and much reasoning take a hundredth of it."""


class _Capped(httpx2.AsyncByteStream):
    """A body that breaks off where it is longer than any honest one."""

    def __init__(self, body: httpx2.AsyncByteStream, most: int) -> None:
        self._body = body
        self._most = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._most
        async for part in self._body:
            left -= len(part)
            if left < 0:
                raise httpx2.ReadError(f"the body has more than {self._most} bytes")
            yield part

    async def aclose(self) -> None:
        await self._body.aclose()


def sdk(
    settings: ProviderSettings, key: str, *, timeout: float, most_bytes: int
) -> openai.AsyncOpenAI:
    """The SDK over aiohttp: no retries and no redirects of its own, and no endless bodies."""

    async def cap(response: httpx2.Response) -> None:
        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _Capped(response.stream, most_bytes)

    pool = httpx2.Limits(
        max_connections=settings.concurrency, max_keepalive_connections=settings.concurrency
    )
    http_client = openai.DefaultAioHttpClient(
        limits=pool,
        # A redirect would carry the key to another address.
        follow_redirects=False,
        event_hooks={"response": [cap]},
        # What is compressed may unfold to any size.
        headers={"Accept-Encoding": "identity"},
    )
    return openai.AsyncOpenAI(
        api_key=key,
        base_url=settings.base_url,
        max_retries=0,
        timeout=timeout,
        http_client=http_client,
    )


def without_key(body: bytes, key: str) -> bytes:
    """A body in which no server has put the key that it was sent."""
    return body.replace(key.encode(), b"(not shown)")


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
        self._key = key
        self._sdk = sdk(settings, key, timeout=settings.timeout, most_bytes=MOST_BYTES)

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
        content = without_key(response.content, self._key)
        answer = answer_in(content, str(body.get("model")))
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
            raise failure_of(error, self._settings, self._key) from None

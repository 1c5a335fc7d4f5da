"""A provider's Batch API over HTTP: files of requests in, files of answers out.

https://platform.openai.com/docs/guides/batch: at most 50,000 requests and 200 MB a file,
answered within 24 hours, at half the price.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, NamedTuple, TypeVar

import msgspec
import openai
import tenacity

from pipeline.errors import ModelRefused, ModelUnavailable
from pipeline.exchange import Answer
from pipeline.llm.abilities import FORM_NAMED
from pipeline.llm.client import sdk, without_key
from pipeline.llm.completion import answer_in
from pipeline.llm.failures import ONE_REQUEST, failure_of, shown, timed_out
from pipeline.settings import ProviderSettings

MOST_REQUESTS = 50_000
MOST_BYTES = 200_000_000
Kind = TypeVar("Kind")

OVER = frozenset({"completed", "failed", "expired", "cancelled"})
TRIES = 4
CANCELLING = 60.0
"""Seconds to wait for a batch that was cancelled."""

POLL = 0.5
"""Seconds between two looks at it."""

FILE_TIMEOUT = 600.0
"""Seconds in which a file of 200 MB must have been sent or received."""


class RemoteBatch(NamedTuple):
    """A batch as the provider describes it; `files` hold its answers and errors, by id."""

    id: str
    status: str
    done: int
    total: int
    files: tuple[str, ...]
    errors: str

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status in OVER


class Result(NamedTuple):
    """What came of one request: an answer, or the failure in words.

    `refused`: asking the same again is of no use.
    """

    custom_id: str
    answer: Answer | None
    failure: str
    refused: bool


def line(custom_id: str, body: dict[str, Any]) -> bytes:
    """One request of an input file, with its newline."""
    request = {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions"}
    return json.dumps({**request, "body": body}, ensure_ascii=False).encode() + b"\n"


def split(
    lines: list[bytes], most: int = MOST_REQUESTS, size: int = MOST_BYTES
) -> Iterator[list[bytes]]:
    """The lines in order, in as few files as the provider's limits allow."""
    part: list[bytes] = []
    held = 0
    for each in lines:
        if part and (len(part) == most or held + len(each) > size):
            yield part
            part, held = [], 0
        part.append(each)
        held += len(each)
    if part:
        yield part


class BatchApi:
    """One provider's batches. Every method raises `ModelUnavailable`, `ModelRefused` or
    `RequestRejected`, after passing failures were tried again where that can do nothing twice.
    """

    def __init__(self, settings: ProviderSettings, key: str) -> None:
        self._settings = settings
        self._key = key
        self._sdk = sdk(settings, key, timeout=FILE_TIMEOUT, most_bytes=2 * MOST_BYTES)

    async def close(self) -> None:
        """Close all connections."""
        await self._sdk.close()

    async def upload(self, name: str, lines: list[bytes]) -> str:
        """Upload an input file, if no file of that name is there; its id."""
        seen = False

        async def put() -> str:
            nonlocal seen
            if seen and (found := await self._find_file(name)):
                return found
            seen = True  # a try that failed may have arrived all the same
            made = await self._sdk.files.create(file=(name, b"".join(lines)), purpose="batch")
            return made.id

        return await self._again(put, FILE_TIMEOUT)

    async def uploaded(self, name: str) -> str | None:
        """The id of the input file of that name, or None."""
        return await self._again(lambda: self._find_file(name))

    async def _find_file(self, name: str) -> str | None:
        async for file in _each(self._sdk.files.list(purpose="batch")):
            if file.filename == name:
                return file.id
        return None

    async def begin(self, file: str, name: str) -> str:
        """Begin a batch over an input file, if none is there; its id."""

        async def create() -> str:
            async for batch in _each(self._sdk.batches.list()):
                if batch.input_file_id == file:
                    return batch.id
            made = await self._sdk.batches.create(
                input_file_id=file,
                endpoint="/v1/chat/completions",
                completion_window="24h",
                metadata={"paperline": name},
            )
            return made.id

        return await self._again(create)

    async def look(self, batch: str) -> RemoteBatch | None:
        """The batch as it stands; None where the provider does not know it any more."""

        async def retrieve() -> openai.types.Batch | None:
            try:
                return await self._sdk.batches.retrieve(batch)
            except openai.NotFoundError:
                return None

        found = await self._again(retrieve)
        if found is None:
            return None
        counts, errors = found.request_counts, found.errors
        told = [f"{e.code}: {e.message}" for e in (errors.data or [])] if errors else []
        return RemoteBatch(
            id=found.id,
            status=found.status,
            done=counts.completed + counts.failed if counts else 0,
            total=counts.total if counts else 0,
            files=tuple(filter(None, (found.output_file_id, found.error_file_id))),
            errors=shown("; ".join(told[:3]), self._key),
        )

    async def cancelled(self, batch: str) -> RemoteBatch | None:
        """The batch some time after it was told to stop, over or not; what is done stays."""

        async def stop() -> None:
            with contextlib.suppress(openai.ConflictError):  # it is over, or being cancelled
                await self._sdk.batches.cancel(batch)

        await self._again(stop)
        loop = asyncio.get_running_loop()
        until, found = loop.time() + CANCELLING, await self.look(batch)
        while found and not found.over and loop.time() < until:
            await asyncio.sleep(POLL)
            found = await self.look(batch)
        return found

    async def results(self, batch: RemoteBatch, model: str) -> AsyncIterator[Result]:
        """What came of the batch's requests, in no order; a line that is none is left out."""
        for file in batch.files:

            async def fetch(file: str = file) -> bytes:
                return (await self._sdk.files.content(file)).content

            content = without_key(await self._again(fetch, FILE_TIMEOUT), self._key)
            for text in content.splitlines():
                if (result := _result(text, model, self._key)) is not None:
                    yield result

    async def _again(
        self, ask: Callable[[], Awaitable[Kind]], seconds: float | None = None
    ) -> Kind:
        async def translated() -> Kind:
            try:
                async with asyncio.timeout(seconds or self._settings.timeout):
                    return await ask()
            except TimeoutError:
                raise timed_out(self._settings) from None
            except openai.NotFoundError:
                raise ModelRefused(
                    "the provider knows no batches at this address (404)",
                    where=self._settings.base_url,
                    next_step='Set [model] executor = "online"',
                ) from None
            except openai.OpenAIError as error:
                raise failure_of(error, self._settings, self._key) from None

        return await tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(ModelUnavailable),
            stop=tenacity.stop_after_attempt(TRIES)
            | tenacity.stop_before_delay(self._settings.retry_seconds),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=10.0),
            reraise=True,
        )(translated)


async def _each(listed: AsyncIterable[Kind]) -> AsyncIterator[Kind]:
    """What is listed, each once: some servers send the same page again and again."""
    met = set()
    async for item in listed:
        name = getattr(item, "id", None)
        if name in met:
            return
        met.add(name)
        yield item


def _result(text: bytes, model: str, key: str) -> Result | None:
    try:
        found = msgspec.json.decode(text)
        custom_id = found["custom_id"]
        response = found.get("response") or {}
        body, status = response.get("body"), response.get("status_code")
        error = found.get("error") or (body or {}).get("error") or {}
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError):
        return None
    answer = answer_in(body, model) if status == 200 and isinstance(body, dict) else None
    said = error.get("message") if isinstance(error, dict) else None
    told = shown(str(said or f"status {status}"), key)
    refused = status in ONE_REQUEST or (status != 200 and FORM_NAMED.search(told) is not None)
    return Result(str(custom_id), answer, told, refused)

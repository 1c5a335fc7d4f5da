"""Other ways to ask a server the same questions: no cache, no limits, no checks, no files.

Each is a function of the server's address, the bodies to send and the number of workers,
which returns when every content is decoded. The frameworks need packages that paperline
does not depend on.
"""

import asyncio
import contextlib
import functools
import importlib
import importlib.util
import io
import json
import logging
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

Body = dict[str, Any]
Ask = Callable[[Body], Awaitable[str | None]]
Loop = Callable[[str, list[Body], int], None]


async def _each(ask: Ask, bodies: Iterable[Body], workers: int) -> None:
    waiting = iter(bodies)

    async def worker() -> None:
        for body in waiting:
            json.loads(await ask(body) or "")

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())


def sdk_over_aiohttp(url: str, bodies: list[Body], workers: int) -> None:
    """The OpenAI SDK with its aiohttp transport: what every ratio is taken against."""
    import httpx2
    import openai

    limits = httpx2.Limits(max_connections=workers, max_keepalive_connections=workers)
    _sdk(url, bodies, workers, openai.DefaultAioHttpClient(limits=limits))


def sdk(url: str, bodies: list[Body], workers: int) -> None:
    """The OpenAI SDK as it comes."""
    _sdk(url, bodies, workers, None)


def _sdk(url: str, bodies: list[Body], workers: int, http_client: Any) -> None:
    import openai

    async def run() -> None:
        client = openai.AsyncOpenAI(
            api_key="any", base_url=url, max_retries=0, http_client=http_client
        )

        async def ask(body: Body) -> str | None:
            answer = await client.chat.completions.create(**body)
            content: str | None = answer.choices[0].message.content
            return content

        async with client:
            await _each(ask, bodies, workers)

    asyncio.run(run())


def aiohttp_alone(url: str, bodies: list[Body], workers: int) -> None:
    """Requests by aiohttp, bodies by `json`."""
    import aiohttp

    async def run() -> None:
        connector = aiohttp.TCPConnector(limit=workers)
        async with aiohttp.ClientSession(connector=connector) as session:

            async def ask(body: Body) -> str | None:
                async with session.post(f"{url}/chat/completions", json=body) as response:
                    answer = json.loads(await response.read())
                content: str | None = answer["choices"][0]["message"]["content"]
                return content

            await _each(ask, bodies, workers)

    asyncio.run(run())


def langchain(url: str, bodies: list[Body], workers: int) -> None:
    """ChatOpenAI of langchain-openai, in one `abatch`."""
    first = bodies[0]
    # By name: where mypy runs, the package may be missing.
    model = (
        importlib.import_module("langchain_openai")
        .ChatOpenAI(
            model=first["model"],
            base_url=url,
            api_key="any",
            max_retries=0,
            max_completion_tokens=first["max_completion_tokens"],
        )
        .bind(response_format=first["response_format"])
    )
    asked = [[(turn["role"], turn["content"]) for turn in body["messages"]] for body in bodies]

    async def run() -> Any:
        return await model.abatch(asked, config={"max_concurrency": workers})

    for answer in _langchains_loop().run(run()):
        json.loads(answer.content)


@functools.cache
def _langchains_loop() -> asyncio.Runner:
    """One event loop for all calls: the package keeps its connections from one to the next."""
    return asyncio.Runner()


def curator(url: str, bodies: list[Body], workers: int) -> None:
    """LLM of bespokelabs-curator, its backend `openai`, its cache in a folder of its own."""
    os.environ["TELEMETRY_ENABLED"] = "false"
    os.environ.setdefault("OPENAI_API_KEY", "any")
    from pydantic import create_model

    # By name: where mypy runs, the package may be missing.
    base: Any = importlib.import_module("bespokelabs.curator").LLM

    class Lines(base):  # type: ignore[misc]  # for the same reason
        def prompt(self, row: Body) -> list[dict[str, str]]:
            return list(row["messages"])

        def parse(self, row: Body, response: Any) -> Body:
            del row
            return {"en": response.en, "zh": response.zh}

    # It tells of its way at length, in the middle of our table.
    logging.disable(logging.INFO)
    aside = io.StringIO()
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.redirect_stdout(aside),
        contextlib.redirect_stderr(aside),
    ):
        made = Lines(
            model_name=bodies[0]["model"],
            response_format=create_model("Answer", en=(str, ...), zh=(str, ...)),
            backend="openai",
            generation_params={"max_completion_tokens": bodies[0]["max_completion_tokens"]},
            backend_params={
                "base_url": url,
                "api_key": "any",
                "max_retries": 0,
                "max_concurrent_requests": workers,
                "max_requests_per_minute": 10**9,
                "max_tokens_per_minute": 10**9,
            },
        )
        made([{"messages": body["messages"]} for body in bodies], working_dir=folder)
    logging.disable(logging.NOTSET)


PACKAGES = {"langchain-openai": "langchain_openai", "bespokelabs-curator": "bespokelabs"}
"""Rivals that nothing here depends on: distribution -> the package that it installs."""

FRAMEWORKS: dict[str, Loop] = {"langchain-openai": langchain, "bespokelabs-curator": curator}


def is_installed(distribution: str) -> bool:
    """Whether the framework of that distribution can be imported."""
    return importlib.util.find_spec(PACKAGES[distribution]) is not None

"""One provider, asked over its OpenAI-compatible API; its errors become ours here.

| what happens                                   | our error          | then                     |
|------------------------------------------------|--------------------|--------------------------|
| timeouts, lost connections, 408, 409, 429, 5xx | `ModelUnavailable` | asked again, later       |
| 401, 403, 404, quota used up, any other 4xx    | `ModelRefused`     | nothing more is asked    |

The SDK's own retries are off: `executors/online.py` asks again through `retrying`.
"""

import re
from collections.abc import Mapping
from typing import Any

import httpx2
import openai
import tenacity

from pipeline.errors import ModelRefused, ModelUnavailable
from pipeline.llm.completion import answer_in
from pipeline.records import Answer, Request
from pipeline.settings import ModelSettings
from pipeline.text import one_line

TRIES = 5
LONGEST_WAIT = 30.0
REASONING_ROOM = {"none": 0, "minimal": 1000, "low": 2000, "medium": 8000, "high": 24_000}
"""Tokens allowed for reasoning on top of the lines, by effort; unused ones cost nothing."""

KEY_LIKE = re.compile(r"\b(sk|key|pk)[-_][\w*.-]{6,}|\bbearer \S+", re.IGNORECASE)
"""Some providers repeat a part of the key in their errors."""

PASSING = {408, 409, 425, 429}
SERVER_ERROR = 500


class ModelClient:
    """A connection pool to one provider. Use it in `async with`."""

    def __init__(self, settings: ModelSettings, key: str) -> None:
        self._settings = settings
        pool = httpx2.Limits(
            max_connections=settings.concurrency, max_keepalive_connections=settings.concurrency
        )
        self._client = openai.AsyncOpenAI(
            api_key=key,
            base_url=settings.base_url,
            max_retries=0,
            timeout=settings.timeout,
            # A redirect would carry the key to another address.
            http_client=openai.DefaultAsyncHttpxClient(limits=pool, follow_redirects=False),
        )

    async def __aenter__(self) -> "ModelClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def models(self) -> list[str]:
        """Names of the models the provider offers. Raises as `ask` does."""
        try:
            return [model.id async for model in self._client.models.list()]
        except openai.OpenAIError as error:
            raise self._translated(error) from error

    async def ask(self, request: Request, *, room: int = 1) -> Answer:
        """Send one request once; `room` multiplies the tokens allowed for the answer.

        Raises `ModelUnavailable` or `ModelRefused`.
        """
        try:
            # Not `chat.completions.create`: it takes whatever the server says for a completion.
            response = await self._client.post(
                "/chat/completions", cast_to=httpx2.Response, body=self._body(request, room)
            )
        except openai.OpenAIError as error:
            raise self._translated(error) from error
        answer = answer_in(response.content, request.model)
        if answer is None:
            raise ModelUnavailable(
                "the answer was no chat completion", where=self._settings.base_url
            )
        return answer

    def _body(self, request: Request, room: int) -> dict[str, Any]:
        effort = str(request.parameters.get("reasoning_effort", "medium"))
        allowed = request.max_output_tokens + REASONING_ROOM.get(effort, 8000)
        return {
            "model": request.model,
            "messages": [{"role": m.role, "content": m.content} for m in request.messages],
            "max_completion_tokens": allowed * room,
            "response_format": {
                "type": "json_schema",
                "json_schema": {
                    "name": "lines",
                    "strict": True,
                    "schema": request.answer_schema(),
                },
            },
            **request.parameters,
        }

    def _translated(self, error: openai.OpenAIError) -> ModelUnavailable | ModelRefused:
        where = f"{self._settings.host} ({self._settings.name})"
        if isinstance(error, openai.APIStatusError):
            return _of_status(error, where, self._settings)
        if isinstance(error, openai.APITimeoutError):
            return ModelUnavailable(
                f"no answer within {self._settings.timeout:g} seconds", where=where
            )
        return ModelUnavailable(
            "the connection failed or broke off", where=where, next_step="Check [model] base_url"
        )


def _of_status(
    error: openai.APIStatusError, where: str, settings: ModelSettings
) -> ModelUnavailable | ModelRefused:
    status, code = error.status_code, error.code
    if code == "insufficient_quota":
        return ModelRefused(
            "the account's quota is used up", where=where, next_step="Top it up, then run again"
        )
    if status in PASSING or status >= SERVER_ERROR:
        return ModelUnavailable(
            f"the server answered {status}",
            where=where,
            retry_after=_retry_after(error.response.headers),
        )
    reasons = {
        401: ("the key was not accepted (401)", f"Check the variable {settings.api_key_env}"),
        403: ("the key may not do this (403)", "Ask the provider what the key may use"),
        404: (f"there is no model {settings.name!r} (404)", "Check [model] name and base_url"),
    }
    what, remedy = reasons.get(
        status,
        (f"the request was refused ({status}): {_message(error)}", "Check [model]"),
    )
    return ModelRefused(what, where=where, next_step=remedy)


def _message(error: openai.APIStatusError) -> str:
    """What the provider said, short, and without what looks like a key."""
    body = error.body
    said = body.get("message") if isinstance(body, dict) else None
    return KEY_LIKE.sub("(not shown)", one_line(str(said or error.code or "no reason given")))[:200]


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds the server asked to wait, at most `LONGEST_WAIT`; None where it did not say."""
    for name, factor in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * factor
        except (KeyError, ValueError):
            continue
        if seconds >= 0:
            return min(seconds, LONGEST_WAIT)
    return None


def retrying() -> tenacity.AsyncRetrying:
    """The only retry policy: passing failures, with growing, jittered waits or the server's own."""
    growing = tenacity.wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT)

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, ModelUnavailable) else None
        return asked if asked is not None else growing(state)

    return tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception_type(ModelUnavailable),
        stop=tenacity.stop_after_attempt(TRIES),
        wait=wait,
        reraise=True,
    )

"""The body of a chat completion -> `Answer`, whatever a server has put into it.

The format: https://platform.openai.com/docs/api-reference/chat/object
"""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec

from pipeline.exchange import Answer
from pipeline.records import Usage, utc

MOST_TOKENS = 10_000_000
"""A count above it is no count: no context window comes near, and the budget believes it."""


def answer_in(body: bytes | dict[str, Any], model: str) -> Answer | None:
    """The answer that a body holds, or None where it is no chat completion; its price is not set.

    Counts that are none are taken for 0, a content that is no text for none at all.
    """
    found = _decoded(body) if isinstance(body, bytes) else body
    choices = _at(found, "choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = _at(choice, "message")
    if not isinstance(message, dict):
        return None
    return Answer(
        content=_text(_at(message, "content")),
        refusal=_text(_at(message, "refusal")),
        finish_reason=_text(_at(choice, "finish_reason")),
        model=_text(_at(found, "model")) or model,
        usage=_usage(_at(found, "usage")),
        created=utc(datetime.now(UTC)),
    )


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:  # half an emoji, or NaN: no JSON, but it was paid for
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _usage(said: Any) -> Usage:
    prompt, completion = _count(said, "prompt_tokens"), _count(said, "completion_tokens")
    cached = _count(_at(said, "prompt_tokens_details"), "cached_tokens")
    reasoning = _count(_at(said, "completion_tokens_details"), "reasoning_tokens")
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=min(cached, prompt),
        reasoning_tokens=min(reasoning, completion),
    )


def _at(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _text(value: Any) -> str | None:
    """A text; also one in parts, as some servers send it."""
    if isinstance(value, list):
        parts = [_at(part, "text") for part in value]
        joined = parts and all(isinstance(part, str) for part in parts)
        return _text("".join(parts)) if joined else None
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None


def _count(value: Any, key: str) -> int:
    count = _at(value, key)
    return count if type(count) is int and 0 <= count <= MOST_TOKENS else 0

"""The body of a chat completion -> `Answer`, whatever a server has put into it.

The format: https://platform.openai.com/docs/api-reference/chat/object
"""

from datetime import UTC, datetime
from typing import Any

import msgspec

from pipeline.llm.prices import priced
from pipeline.records import Answer, Usage, utc


def answer_in(body: bytes, model: str) -> Answer | None:
    """The answer that a body holds, or None where it is no chat completion.

    Counts that are none are taken for 0, a content that is no text for none at all.
    """
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
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
        usage=priced(_usage(_at(found, "usage")), model),
        created=utc(datetime.now(UTC)),
    )


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
        return "".join(parts) if parts and all(isinstance(p, str) for p in parts) else None
    return value if isinstance(value, str) else None


def _count(value: Any, key: str) -> int:
    count = _at(value, key)
    return count if isinstance(count, int) and count >= 0 else 0

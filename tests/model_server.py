"""A small OpenAI-compatible server for tests: answers from a queue, else with good lines."""

import json
from collections import deque
from collections.abc import Callable
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

Behaviour = Callable[[dict[str, Any]], Response]


def completion(content: str | None, **changes: Any) -> Response:
    """A chat completion with this content; `finish_reason`, `refusal` and tokens can be given."""
    message = {"role": "assistant", "content": content, "refusal": changes.get("refusal")}
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "test-model",
        "choices": [
            {"index": 0, "message": message, "finish_reason": changes.get("finish_reason", "stop")}
        ],
        "usage": {
            "prompt_tokens": 100,
            "completion_tokens": changes.get("completion_tokens", 50),
            "completion_tokens_details": {"reasoning_tokens": changes.get("reasoning_tokens", 0)},
        },
    }
    return Response(json.dumps(body), content_type="application/json")


def error(
    status: int,
    code: str = "error",
    headers: dict[str, str] | None = None,
    message: str = "no",
) -> Response:
    """An error in OpenAI's shape."""
    body = {"error": {"message": message, "type": "error", "code": code}}
    return Response(json.dumps(body), status, headers=headers, content_type="application/json")


def good_lines(body: dict[str, Any]) -> Response:
    """One line in each language, with the paper's title in the English one."""
    title = body["messages"][1]["content"].partition("\n")[0].removeprefix("Title: ")
    lines = {"en": f"A line about {title}.", "zh": "一句关于这篇论文的话。"}
    return completion(json.dumps(lines, ensure_ascii=False))


class ModelServer:
    """Answers `/v1/chat/completions`; keeps every body and every header it was sent."""

    def __init__(self, httpserver: HTTPServer) -> None:
        self.base_url = httpserver.url_for("/v1")
        self.queue: deque[Response | Behaviour] = deque()
        self.always: Behaviour = good_lines
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        httpserver.expect_request("/v1/chat/completions").respond_with_handler(self._answer)
        httpserver.expect_request("/v1/models").respond_with_json(
            {"object": "list", "data": [{"id": "test-model", "object": "model"}]}
        )

    def _answer(self, request: Request) -> Response:
        body = json.loads(request.get_data())
        self.bodies.append(body)
        self.keys.append(request.headers.get("Authorization", ""))
        following = self.queue.popleft() if self.queue else self.always
        return following if isinstance(following, Response) else following(body)

"""A small Batch API for tests, beside `ModelServer`: files, batches, and what goes wrong there."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

Body = dict[str, Any]
Line = tuple[int, Body]


def good(body: Body) -> Line:
    """Status and body of an answer with good lines."""
    title = body["messages"][1]["content"].partition("\n")[0].removeprefix("Title: ")
    content = json.dumps({"en": f"A line about {title}.", "zh": "一句话。"}, ensure_ascii=False)
    message = {"role": "assistant", "content": content}
    return 200, {
        "model": "test-model",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 50},
    }


@dataclass
class Remote:
    """A batch at the server."""

    id: str
    file: str
    status: str = "in_progress"
    output: str | None = None
    errors: str | None = None


@dataclass
class BatchServer:
    """Answers /files and /batches below `httpserver`'s /v1; nothing runs before `finish`.

    `answer` makes status and body of a line, or None for one that expires.
    """

    httpserver: HTTPServer
    answer: Callable[[Body], Line | None] = good
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    batches: dict[str, Remote] = field(default_factory=dict)
    answered: list[Body] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        expect = self.httpserver.expect_request
        expect("/v1/files", method="POST").respond_with_handler(self._upload)
        expect("/v1/files", method="GET").respond_with_handler(self._list_files)
        expect("/v1/batches", method="POST").respond_with_handler(self._create)
        expect("/v1/batches", method="GET").respond_with_handler(self._list_batches)
        expect(re.compile(r"/v1/batches/[^/]+/cancel")).respond_with_handler(self._cancel)
        expect(re.compile(r"/v1/batches/[^/]+")).respond_with_handler(self._batch)
        expect(re.compile(r"/v1/files/[^/]+/content")).respond_with_handler(self._content)

    def finish(self, status: str = "completed") -> None:
        """Work off every batch that is under way."""
        for batch in self.batches.values():
            if batch.status in ("in_progress", "cancelling"):
                self._work_off(batch)
                batch.status = status

    def lines(self, file: str) -> list[Body]:
        """The requests of an uploaded file."""
        return [json.loads(line) for line in self.files[file][1].splitlines()]

    def _work_off(self, batch: Remote) -> None:
        outputs, errors = [], []
        for line in self.lines(batch.file):
            made = self.answer(line["body"])
            response = None if made is None else {"status_code": made[0], "body": made[1]}
            expired = {"code": "batch_expired", "message": "too late"} if made is None else None
            result = {"custom_id": line["custom_id"], "response": response, "error": expired}
            if made is not None and made[0] == 200:
                self.answered.append(line["body"])
                outputs.append(result)
            else:
                errors.append(result)
        batch.output = self._store("out.jsonl", outputs)
        batch.errors = self._store("errors.jsonl", errors)

    def _store(self, name: str, results: list[Body]) -> str | None:
        if not results:
            return None
        identifier = f"file-{len(self.files)}"
        self.files[identifier] = name, "".join(json.dumps(r) + "\n" for r in results).encode()
        return identifier

    def _upload(self, request: Request) -> Response:
        self.keys.add(request.headers.get("Authorization", ""))
        sent = request.files["file"]
        identifier = f"file-{len(self.files)}"
        self.files[identifier] = str(sent.filename), sent.read()
        return _json(self._file(identifier))

    def _file(self, identifier: str) -> Body:
        name, content = self.files[identifier]
        return {
            "id": identifier,
            "object": "file",
            "bytes": len(content),
            "created_at": 1,
            "filename": name,
            "purpose": "batch",
            "status": "processed",
        }

    def _list_files(self, _: Request) -> Response:
        return _json({"object": "list", "data": [self._file(name) for name in self.files]})

    def _create(self, request: Request) -> Response:
        body = json.loads(request.get_data())
        batch = Remote(f"batch-{len(self.batches)}", body["input_file_id"])
        self.batches[batch.id] = batch
        return _json(_as_json(batch))

    def _list_batches(self, _: Request) -> Response:
        return _json({"object": "list", "data": [_as_json(b) for b in self.batches.values()]})

    def _batch(self, request: Request) -> Response:
        batch = self.batches.get(request.path.rpartition("/")[2])
        if batch is None:
            return Response('{"error": {"message": "no such batch"}}', 404)
        return _json(_as_json(batch))

    def _cancel(self, request: Request) -> Response:
        batch = self.batches[request.path.split("/")[-2]]
        self._work_off(batch)
        batch.status = "cancelled"
        return _json(_as_json(batch))

    def _content(self, request: Request) -> Response:
        return Response(self.files[request.path.split("/")[-2]][1])


def _as_json(batch: Remote) -> Body:
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "input_file_id": batch.file,
        "completion_window": "24h",
        "status": batch.status,
        "output_file_id": batch.output,
        "error_file_id": batch.errors,
        "created_at": 1,
        "request_counts": {"total": 1, "completed": 0, "failed": 0},
    }


def _json(body: Body) -> Response:
    return Response(json.dumps(body), content_type="application/json")

"""arXiv and the model as the long run has them: servers with faults, behind a witness.

The witness is a proxy between paperline and the model's server. It knows every answer that the
model gave, word for word, and so what was paid; and it can do something at a certain answer,
such as kill who asked.
"""

import contextlib
import hashlib
import http.client
import http.server
import json
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from benchmarks.nights.corpus import Version

LETTERS = re.compile(r"[^\w]+")
ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")


def letters(text: str) -> str:
    """A text without white space and punctuation, which mending may change."""
    return LETTERS.sub("", text)


@dataclass(frozen=True)
class Answer:
    """One answer of the model that was paid: `whole` where all of it reached who asked.

    `asked` and `content` are letters only; `prompt` and `completion` are tokens.
    """

    body: str
    asked: str
    content: str
    prompt: int
    completion: int
    whole: bool


@dataclass
class Account:
    """What the model answered, in the order of its answers."""

    answers: list[Answer] = field(default_factory=list)
    on_answer: Callable[[], None] | None = None

    def note(self, body: bytes, reply: bytes, *, whole: bool) -> None:
        """Keep an answer, if it is one that costs."""
        try:
            told = json.loads(reply)
            content = told["choices"][0]["message"]["content"] or ""
            prompt, completion = (
                int(told["usage"][f"{kind}_tokens"]) for kind in ("prompt", "completion")
            )
            asked = " ".join(each["content"] or "" for each in json.loads(body)["messages"])
        except (ValueError, KeyError, TypeError, IndexError):
            return
        content = ESCAPED.sub(lambda found: chr(int(found[1], 16)), content)
        digest = hashlib.sha256(body).hexdigest()
        made = Answer(digest, letters(asked), letters(content), prompt, completion, whole)
        self.answers.append(made)

    def came_from_the_model(self, title: str, line: str) -> bool:
        """Whether the model said this when it was asked about a paper of this title.

        White space and punctuation, which mending may change, are no part of it.
        """
        said, about = letters(line), letters(title)
        return bool(said) and any(said in a.content for a in self.answers if about in a.asked)


class World(Protocol):
    """arXiv and the model, at a time that is moved night by night."""

    account: Account
    papers: Sequence[Version]

    @property
    def arxiv_url(self) -> str:
        """For `[arxiv] url`."""
        ...

    @property
    def model_url(self) -> str:
        """For `[model] base_url`."""
        ...

    def move(self, now: datetime) -> None:
        """It is `now`."""
        ...

    def upset(self, *, arxiv: str = "", model: str = "") -> None:
        """Both fail from now on as these specifications of the test bed say; empty: they do not."""
        ...

    def settle(self) -> None:
        """Wait until all answers that are under way have arrived, or never will."""
        ...

    def paid_twice(self) -> int:
        """How many good answers the model gave to questions that it had answered well before."""
        ...

    def at_once(self) -> int:
        """The most requests that arXiv ever had under way at once."""
        ...


@dataclass
class TestBed:
    """The test bed's two servers, told by their control addresses."""

    arxiv: str
    model: str
    papers: Sequence[Version]
    model_url: str = ""
    account: Account = field(default_factory=Account)
    _most: int = 0

    @property
    def arxiv_url(self) -> str:
        """As in `World`."""
        return f"{self.arxiv}/api/query"

    def move(self, now: datetime) -> None:
        """As in `World`."""
        _post(f"{self.arxiv}/__clock", {"now": now.isoformat()})

    def upset(self, *, arxiv: str = "", model: str = "") -> None:
        """As in `World`."""
        _post(f"{self.arxiv}/__faults", {"spec": arxiv})
        _post(f"{self.model}/__faults", {"faults": model})

    def settle(self) -> None:
        """As in `World`."""
        while _get(f"{self.model}/__stats")["in_flight"]:
            time.sleep(0.05)
        time.sleep(0.1)  # the witness passes them on

    def paid_twice(self) -> int:
        """As in `World`."""
        return int(_get(f"{self.model}/__stats")["duplicates_of_good"])

    def at_once(self) -> int:
        """As in `World`."""
        return int(_get(f"{self.arxiv}/__stats")["most_requests_at_once"])


@contextlib.contextmanager
def test_bed(folder: Path, corpus: Path, papers: Sequence[Version], seed: int) -> Iterator[TestBed]:
    """Both servers and the witness, until the block ends."""
    with contextlib.ExitStack() as stack:
        arxiv = stack.enter_context(
            serving(folder / "arxiv_server.py", "--corpus", str(corpus), "--seed", str(seed))
        )
        model = stack.enter_context(
            serving(folder / "llm_server.py", "--latency", "0.03", "--seed", str(seed))
        )
        world = TestBed(arxiv, model.removesuffix("/v1"), papers)
        world.model_url = stack.enter_context(witness(world.model, world.account))
        yield world


@contextlib.contextmanager
def witness(upstream: str, account: Account) -> Iterator[str]:
    """The address of a proxy before a model's server, which keeps `account` of its answers."""
    handler = type("Bound", (_Witness,), {"upstream": upstream, "account": account})
    with _Quiet(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        finally:
            server.shutdown()
            thread.join()


class _Quiet(http.server.ThreadingHTTPServer):
    """Says nothing of those who are killed while they ask."""

    def handle_error(self, *_: Any) -> None:
        """As above."""


class _Witness(http.server.BaseHTTPRequestHandler):
    """Passes each request on, and its answer back; what breaks off there breaks off here."""

    protocol_version = "HTTP/1.1"
    upstream: str
    account: Account

    def do_GET(self) -> None:
        """Models and the like."""
        self._pass_on(None)

    def do_POST(self) -> None:
        """A question."""
        self._pass_on(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _pass_on(self, body: bytes | None) -> None:
        told = {"Content-Type": "application/json"} if body is not None else {}
        request = urllib.request.Request(self.upstream + self.path, body, told)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, headers, reply = answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            status, headers, reply = error.code, error.headers, error.read()
        except (OSError, http.client.HTTPException):
            self._break_off()
            return
        if self.account.on_answer is not None:
            self.account.on_answer()
        whole = False
        try:
            self.send_response(status)
            for name in ("Content-Type", "Retry-After", "retry-after-ms"):
                if name in headers:
                    self.send_header(name, headers[name])
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)
            whole = True
        except OSError:  # who asked is gone
            self.close_connection = True
        if body is not None and status == 200:
            self.account.note(body, reply, whole=whole)

    def _break_off(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(2)

    def log_message(self, *_: Any) -> None:
        """Nothing: there are thousands."""


@contextlib.contextmanager
def serving(script: Path, *arguments: str) -> Iterator[str]:
    """The base URL of a server of the test bed, a real process, that runs until the block ends."""
    process = subprocess.Popen(
        [sys.executable, str(script), "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        words = process.stdout.readline().split()
        yield next(word for word in words if word.startswith("http")).rstrip("/")
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _post(address: str, what: dict[str, str]) -> None:
    urllib.request.urlopen(address, json.dumps(what).encode()).close()


def _get(address: str) -> Any:
    with urllib.request.urlopen(address) as answer:
        return json.load(answer)

"""What is said to a model and what comes back: jobs, requests, answers, outcomes.

A job names no provider. `Request` is what one provider is asked for it, and its
fingerprint is the key of the answer in `cache/`.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, Protocol

from pipeline.encoding import is_json
from pipeline.records import (
    ArxivId,
    Count,
    Failure,
    Language,
    Lines,
    Paper,
    Record,
    SnapshotName,
    Spend,
    Usage,
    Utc,
    fingerprint,
    utc,
)

RESERVED_PARAMETERS = frozenset(
    {"max_completion_tokens", "max_tokens", "messages", "model", "n", "response_format", "stream"}
)
"""Fields of a request that paperline sets itself, so that no setting and no prompt may."""


def parameters_fault(parameters: dict[str, Any]) -> str | None:
    """Why these cannot be passed through with a request, in words; None where they can."""
    if reserved := sorted(RESERVED_PARAMETERS & parameters.keys()):
        return f"hold {reserved[0]}, which paperline sets itself"
    if not is_json(parameters):
        return "hold a date, a time or a number that is not finite"
    return None


class Message(Record, frozen=True, kw_only=True):
    """One turn of a conversation with a model."""

    role: Literal["system", "user", "assistant"]
    content: str


class Request(Record, frozen=True, kw_only=True):
    """What one provider is asked about one paper.

    How many tokens the answer may have is no part of it: a valid answer is valid
    under any bound.
    """

    messages: tuple[Message, ...]
    model: str
    parameters: dict[str, Any]
    languages: tuple[Language, ...]

    def fingerprint(self) -> str:
        """Key of the answer in `cache/`: messages, model, parameters and answer schema."""
        return fingerprint(
            {
                "messages": [[turn.role, turn.content] for turn in self.messages],
                "model": self.model,
                "parameters": self.parameters,
                "schema": self.answer_schema(),
            }
        )

    def answer_schema(self) -> dict[str, Any]:
        """JSON schema of the answer: one string for each language, and nothing else."""
        return {
            "type": "object",
            "properties": {language: {"type": "string"} for language in self.languages},
            "required": list(self.languages),
            "additionalProperties": False,
        }


class Answer(Record, frozen=True, kw_only=True):
    """What a provider answered, as it is kept in `cache/` before it is looked at.

    `model` is the name that the provider gave itself.
    """

    content: str | None
    refusal: str | None = None
    finish_reason: str | None = None
    model: str
    usage: Usage
    created: Utc


class Job(Record, frozen=True, kw_only=True):
    """A paper of a snapshot, and the question that asks a model for its lines.

    `parameters` are the prompt's own; `model` is the name to ask the first provider
    for, while a fallback is asked for the model of its own table.
    """

    topic: str
    snapshot: SnapshotName
    paper: Paper
    messages: tuple[Message, ...]
    languages: tuple[Language, ...]
    parameters: dict[str, Any]
    model: str

    def request(self, model: str, parameters: Mapping[str, Any]) -> Request:
        """The request to a provider of `model`; the prompt's parameters go before `parameters`."""
        return Request(
            messages=self.messages,
            model=model,
            parameters={**parameters, **self.parameters},
            languages=self.languages,
        )


class Outcome(Record, frozen=True, kw_only=True):
    """What an executor delivers for one job: lines, or the failure to get them.

    `model` wrote the lines: the job's own or a fallback's. `usage` is what the answer
    with the lines cost when it was made; nothing was paid now where it is `from_cache`.
    """

    paper: ArxivId
    model: str
    lines: Lines | None = None
    mended: tuple[str, ...] = ()
    failure: Failure | None = None
    usage: Usage = Usage()
    from_cache: bool = False
    created: Utc


def failed(job: Job, failure: Failure) -> Outcome:
    """The outcome of a job for which no lines could be had."""
    return Outcome(
        paper=job.paper.id, model=job.model, failure=failure, created=utc(datetime.now(UTC))
    )


class Kept(NamedTuple):
    """An answer with the fingerprint of the request that it answers, and what it cost."""

    fingerprint: str
    answer: Answer
    spend: Spend


def kept(  # noqa: PLR0913  whose answer to what
    topic: str, snapshot: str, paper: str, request: str, model: str, answer: Answer
) -> Kept:
    """An answer to the request with the fingerprint `request`, with a new line for the books."""
    spend = Spend(
        id=uuid.uuid4().hex,
        at=utc(datetime.now(UTC)),
        topic=topic,
        snapshot=snapshot,
        paper=paper,
        model=model,
        usage=answer.usage,
    )
    return Kept(request, answer, spend)


Deliver = Callable[[Outcome], None]
Paid = Callable[[list[Spend]], None]


class BatchPart(Record, frozen=True, kw_only=True):
    """One file of requests and the provider's batch over it, as far as they are known.

    `name` is the file's, which no other file has; `ids` are its requests'; `collected`: its
    answers are in the cache.
    """

    name: str
    model: str
    ids: tuple[str, ...]
    file: str | None = None
    batch: str | None = None
    collected: bool = False


class BatchState(Record, frozen=True, kw_only=True):
    """What a snapshot has at a provider; saved before each step that costs, `batch.json`.

    `rounds` counts the times that what was left undone was submitted again.
    """

    base_url: str
    started: Utc
    rounds: Count = 0
    parts: tuple[BatchPart, ...] = ()


class Executor(Protocol):
    """Makes lines; see `pipeline/executors/__init__.py` for the contract."""

    def run(self, jobs: Iterable[Job], deliver: Deliver, *, paid: Paid, redo: bool = False) -> None:
        """Deliver exactly one outcome for each job, in the order in which they are finished.

        `paid` is told of answers as soon as they are in the cache, from any thread. With
        `redo`, answers in the cache are not used, and kept. Raises `BatchRunning`.
        """
        ...

    def collect(self, topic: str, snapshot: str, *, paid: Paid) -> None:
        """Bring home what a provider has under way for a snapshot. Raises `BatchRunning`."""
        ...

    def close(self) -> None:
        """Give back what was opened."""
        ...

"""What is said to a model and what comes back: jobs, requests, answers, outcomes.

A job names no provider. `Request` is what one provider is asked for it, and its
fingerprint is the key of the answer in `cache/`.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, Protocol

from pipeline.books import Spend
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


AnswerKind = Literal["lines", "verdicts"]
"""What is asked for: a line in each language, or a second opinion on each line."""

VERDICT_IN_WORDS = '{"supported": true or false, "why": "..."}'


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
    answers: AnswerKind = "lines"

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
        """JSON schema of the answer: a text or a verdict for each language, nothing else."""
        text = {"type": "string"}
        verdict = _object({"supported": {"type": "boolean"}, "why": text})
        return _object(dict.fromkeys(self.languages, text if self.answers == "lines" else verdict))

    def answer_in_words(self) -> str:
        """The form of the answer, as a model is told it that takes no schema."""
        form = '"..."' if self.answers == "lines" else VERDICT_IN_WORDS
        each = (f'"{language}": {form}' for language in self.languages)
        return f"{{{', '.join(each)}}}"


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
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
    for, while a fallback is asked for the model of its own table. `summary` is the id of
    the candidate on which verdicts are asked for.
    """

    topic: str
    snapshot: SnapshotName
    paper: Paper
    messages: tuple[Message, ...]
    languages: tuple[Language, ...]
    parameters: dict[str, Any]
    model: str
    answers: AnswerKind = "lines"
    summary: str = ""

    def request(self, model: str, parameters: Mapping[str, Any]) -> Request:
        """The request to a provider of `model`; the prompt's parameters go before `parameters`."""
        return Request(
            messages=self.messages,
            model=model,
            parameters={**parameters, **self.parameters},
            languages=self.languages,
            answers=self.answers,
        )


class Verdict(Record, frozen=True, kw_only=True):
    """Whether a model finds a line `supported` by the abstract, and `why` in its words.

    `why` is text from outside, on one line; it is empty only where the line is supported.
    """

    supported: bool
    why: str


class Outcome(Record, frozen=True, kw_only=True):
    """What an executor delivers for one job: lines or verdicts, or the failure to get them.

    `model` wrote them: the job's own or a fallback's. `usage` is what the answer
    cost when it was made; nothing was paid now where it is `from_cache`. `summary` is the
    job's.
    """

    paper: ArxivId
    model: str
    summary: str = ""
    lines: Lines | None = None
    verdicts: dict[Language, Verdict] | None = None
    mended: tuple[str, ...] = ()
    failure: Failure | None = None
    usage: Usage = Usage()
    from_cache: bool = False
    created: Utc


def failed(job: Job, failure: Failure) -> Outcome:
    """The outcome of a job for which no lines or verdicts could be had."""
    return Outcome(
        paper=job.paper.id,
        model=job.model,
        summary=job.summary,
        failure=failure,
        created=utc(datetime.now(UTC)),
    )


class Kept(NamedTuple):
    """An answer with the fingerprint of the request that it answers, and what it cost."""

    fingerprint: str
    answer: Answer
    spend: Spend


def kept(  # noqa: PLR0913  whose answer to what
    topic: str,
    snapshot: str,
    paper: str,
    request: str,
    model: str,
    answer: Answer,
    *,
    answers: AnswerKind = "lines",
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
        stage="summarize" if answers == "lines" else "check",
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
    """Makes lines and verdicts; see `pipeline/executors/__init__.py` for the contract."""

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

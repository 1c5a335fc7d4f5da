"""Asking a model again about one paper, beside the requests, through the ordinary stages."""

import contextlib
import functools
import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self

import msgspec

from pipeline import glossary, logs, prompts
from pipeline.errors import Busy, PaperlineError, UsageError
from pipeline.exchange import Executor
from pipeline.executors.selection import opened
from pipeline.outputs import Outputs
from pipeline.progress import Plain
from pipeline.records import EMBEDDED, Failure, Usage
from pipeline.settings import Settings
from pipeline.snapshot import Snapshot
from pipeline.stages import check as checks
from pipeline.stages.summarize import summarize
from pipeline.wanted import wanted_for

log = logging.getLogger(__name__)

PATIENCE = 900.0
"""Seconds for which a question waits for a run that works on the topic."""

AGAIN = 2.0
"""Seconds between two looks whether it has finished."""


@dataclass(frozen=True)
class Answer:
    """What a question came to: the new candidate's id, or why there is none; and its cost.

    `from_cache`: this very question was answered and paid for before.
    """

    summary: str | None
    failure: Failure | None
    usage: Usage
    from_cache: bool


@dataclass
class Question:
    """One paper, asked about once more; `answer` is there when it has been answered."""

    paper: str
    prompt: str
    model: str
    answer: "Future[Answer]" = field(default_factory=Future)


class Questions:
    """Questions of all editors, asked one after the other.

    A context manager: at its end a question under way is finished, the others are not asked.
    """

    def __init__(self, settings: Settings, *, again: float = AGAIN) -> None:
        self._settings = settings
        self._outputs = Outputs(settings.outputs)
        self._again = again
        self._turn = threading.Lock()
        self._asked: dict[tuple[str, str], Question] = {}
        self._closing = threading.Event()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="questions")

    def __enter__(self) -> Self:
        """Questions can be asked."""
        return self

    def __exit__(self, *_: object) -> None:
        """Finish the question under way, and ask no other."""
        self._closing.set()
        self._worker.shutdown(cancel_futures=True)

    def models(self) -> list[str]:
        """The models that may be asked: the configured one and its fallbacks, in this order."""
        model = self._settings.model
        return [EMBEDDED] if model.embedded else [provider.name for provider in model.providers]

    def prompts(self) -> list[str]:
        """The prompts that lines can be written by, in alphabetical order."""
        return prompts.names(self._settings.prompts)

    def ask(self, snapshot: Snapshot, paper: str, prompt: str, model: str) -> Question:
        """Have a model write lines by a prompt; at once where nothing else is being asked.

        A question about the paper that is under way is not asked twice. Raises `UsageError`
        where prompt or model is none of those that may be used.
        """
        if prompt not in self.prompts() or model not in self.models():
            raise UsageError(
                f"cannot ask {model!r} by the prompt {prompt!r}",
                next_step="Choose one of the prompts and models that the page offers",
            )
        with self._turn:
            before = self._asked.get((str(snapshot), paper))
            if before is not None and not before.answer.done():
                return before
            question = Question(paper, prompt, model)
            question.answer = self._worker.submit(self._ask, snapshot, question)
            question.answer.add_done_callback(functools.partial(_log, question))
            self._asked[str(snapshot), paper] = question
            return question

    def about(self, snapshot: Snapshot, paper: str) -> Question | None:
        """The last question that was asked about a paper since the server started."""
        return self._asked.get((str(snapshot), paper))

    def _ask(self, snapshot: Snapshot, question: Question) -> Answer:
        settings = _with_model(self._settings, question.model)
        deadline = time.monotonic() + PATIENCE
        while True:
            with contextlib.ExitStack() as stack:
                try:
                    stack.enter_context(self._outputs.asking_in(snapshot.topic))
                except Busy:
                    # The night's run works on the topic: it comes first.
                    if time.monotonic() > deadline or self._closing.wait(self._again):
                        raise
                    continue
                executor = stack.enter_context(opened(settings))
                return _answered(settings, snapshot, question, executor)


def _log(question: Question, done: "Future[Answer]") -> None:
    """Log what kept a question from being asked; what a model failed at is in its answer."""
    error = None if done.cancelled() else done.exception()
    if error is not None:
        defect = None if isinstance(error, PaperlineError) else error
        log.error(
            "%s was not asked about %s: %s", question.model, question.paper, error, exc_info=defect
        )


@logs.stage("question")
def _answered(
    settings: Settings, snapshot: Snapshot, question: Question, executor: Executor
) -> Answer:
    """Summarize one paper, then check what came of it. Hold the topic's lock."""
    paper, progress = question.paper, Plain()
    prompt, terms = (
        prompts.load(settings.prompts, question.prompt),
        glossary.load(settings.prompts),
    )
    before = {summary.id for summary in snapshot.each_summary()}
    asked = paper in wanted_for(settings, snapshot.run(), prompt, terms).here(snapshot)
    done = summarize(
        settings,
        snapshot,
        question.prompt,
        datetime.now(UTC),
        executor=executor,
        progress=progress,
        only=[paper],
        redo=asked,
    )
    # Opinions are on what the digest shows. Another model would be paid for all of them anew.
    judges = settings.check.judge and settings.model.name == snapshot.run().model
    judge = executor if judges and not settings.model.embedded else None
    usage = done.usage.plus(
        checks.check(settings, snapshot, executor=judge, progress=progress).usage
    )
    new = [s for s in snapshot.each_summary() if s.id not in before and s.paper == paper]
    by_model = [summary for summary in new if summary.origin == "model"]
    return Answer(
        summary=(by_model or new)[-1].id if new else None,
        failure=done.failures.get(paper),
        usage=usage,
        from_cache=done.counts["from_cache"] > 0,
    )


def _with_model(settings: Settings, name: str) -> Settings:
    """The settings with one of the configured models alone, asked at once and not by a batch."""
    model = settings.model
    if not model.embedded:
        model = msgspec.structs.replace(model.named(name), executor="online", fallback=())
    return msgspec.structs.replace(settings, model=model)

"""What a prompt would send about the papers of a snapshot, and what that would take.

Nothing is asked, and nothing is written: a cache that is not there is not made.
"""

import contextlib
from collections.abc import Callable, Iterator

from pipeline import candidates, estimate
from pipeline.cache import AnswerCache
from pipeline.errors import UsageError
from pipeline.exchange import Answer, Job, Message, Request
from pipeline.llm.abilities import Known, body_of, request_to
from pipeline.llm.prices import BATCH_SHARE, priced
from pipeline.llm.remembered import remembered
from pipeline.llm.tokens import count_request
from pipeline.prompts import Prompt
from pipeline.records import ArxivId, Count, Paper, Record, Usage
from pipeline.settings import Settings
from pipeline.snapshot import Snapshot
from pipeline.stages.judge import job_for as judge_job
from pipeline.wanted import job_for, term_tokens


class Rendered(Record, frozen=True, kw_only=True):
    """What would be sent about one paper; nothing, with the `remark` why, or all of this.

    `messages` are those that the first provider gets, word for word. `usage` is what they and
    one answer would take: exactly counted prompt tokens where the token table is on disk,
    completion tokens by what the model spent lately. Of the prompt tokens `term_tokens` are
    the glossary's `terms`, English to Chinese. `cached`: a usable answer is there already, and
    nothing would be paid.
    """

    paper: ArxivId
    title: str
    remark: str | None = None
    messages: tuple[Message, ...] = ()
    terms: dict[str, str] = {}
    term_tokens: Count = 0
    cached: bool = False
    usage: Usage = Usage()


class Totals(Record, frozen=True, kw_only=True):
    """The sums over all papers that would be asked about.

    `prompt_tokens` and `term_tokens` are of all `papers`; `usage` is what those would take
    that are not `cached`.
    """

    papers: Count = 0
    cached: Count = 0
    prompt_tokens: Count = 0
    term_tokens: Count = 0
    usage: Usage = Usage()

    def plus(self, one: Rendered) -> "Totals":
        """With one more paper."""
        if not one.messages:
            return self
        return Totals(
            papers=self.papers + 1,
            cached=self.cached + one.cached,
            prompt_tokens=self.prompt_tokens + one.usage.prompt_tokens,
            term_tokens=self.term_tokens + one.term_tokens,
            usage=self.usage if one.cached else self.usage.plus(one.usage),
        )


class Rendering(Record, frozen=True, kw_only=True):
    """What a prompt would send: the answer of `paperline prompts render --json`.

    `papers` are in digest order.
    """

    prompt: str
    fingerprint: str
    snapshot: str
    model: str
    papers: tuple[Rendered, ...]
    totals: Totals


class _NoAnswers:
    """Stands for a cache that nobody has made yet."""

    def answers(self, _: str) -> list[Answer]:
        return []

    def recall(self, _: str) -> str | None:
        return None

    def remember(self, key: str, text: str) -> None:
        """Nothing is learned here, so nothing is ever kept."""


def rendered(
    settings: Settings, snapshot: Snapshot, prompt: Prompt, paper: str | None = None
) -> Iterator[Rendered]:
    """What would be sent about each paper of the snapshot, in digest order, or about one.

    A judging prompt is asked about the lines of the active candidates. Raises `UsageError`
    where there is no such paper, and where the embedded model is the one to use.
    """
    if settings.model.embedded:
        raise UsageError(
            "the embedded model is sent nothing",
            where=str(snapshot),
            next_step="Name a model with --model, and the executor online in the settings",
        )
    chosen = [each for each in snapshot.each_paper() if paper in (None, each.id)]
    if paper is not None and not chosen:
        raise UsageError(
            f"there is no paper {paper!r} in {snapshot}",
            next_step="Name it by its arXiv id without a version; paperline status "
            f"{snapshot} lists them",
        )
    question = _questions(settings, snapshot, prompt)
    with contextlib.ExitStack() as stack:
        answers: AnswerCache | _NoAnswers = _NoAnswers()
        if any(settings.cache.glob("answers/*")):
            answers = stack.enter_context(contextlib.closing(AnswerCache(settings.cache)))
        asking = _Asking(settings, prompt, answers)
        for each in chosen:
            asked = question(each)
            if isinstance(asked, str):
                yield Rendered(paper=each.id, title=each.title, remark=asked)
            else:
                yield asking.of(asked)


def _questions(
    settings: Settings, snapshot: Snapshot, prompt: Prompt
) -> Callable[[Paper], Job | str]:
    """What gives the question about a paper, or says why there is none."""
    active = {}
    if prompt.answers == "verdicts":
        active = candidates.active(snapshot.run(), snapshot.each_summary())

    def question(paper: Paper) -> Job | str:
        if paper.status == "withdrawn":
            return "is withdrawn, so no model is asked about it"
        if prompt.answers == "lines":
            return job_for(settings, snapshot.topic, snapshot.name, prompt, paper)
        line = active.get(paper.id)
        if line is None or line.origin != "model":
            return "has no line by the active model that could be judged"
        job = judge_job(settings, snapshot.topic, snapshot.name, prompt, paper, line.lines)
        return job if job.languages else "has no line in a language of the prompt"

    return question


class _Asking:
    """Renders questions as the executors would ask them."""

    def __init__(
        self, settings: Settings, prompt: Prompt, answers: AnswerCache | _NoAnswers
    ) -> None:
        self._settings = settings
        self._prompt = prompt
        self._answers = answers
        self._known = Known(answers)
        lines = prompt.answers == "lines"
        sentence = estimate.answer_tokens(settings)
        self._completion = sentence * prompt.sentences if lines else estimate.VERDICTS_TOKENS
        batch = lines and settings.model.executor == "batch"  # second opinions are always online
        self._share = BATCH_SHARE if batch else 1.0

    def of(self, job: Job) -> Rendered:
        """What would be sent for a job, and what it would take."""
        model = self._settings.model
        first, *others = (
            request_to(provider, job, self._known, first=index == 0)
            for index, provider in enumerate(model.providers)
        )
        tokens = Usage(prompt_tokens=count_request(first), completion_tokens=self._completion)
        return Rendered(
            paper=job.paper.id,
            title=job.paper.title,
            messages=self._sent(first),
            terms=self._prompt.terms(job.paper),
            term_tokens=term_tokens(self._prompt, job.paper),
            cached=remembered(job, [first, *others], self._answers) is not None,
            usage=priced(tokens, model, model.name).at(self._share),
        )

    def _sent(self, request: Request) -> tuple[Message, ...]:
        """The messages as they go out, with what a model is told that takes no answer schema."""
        model = self._settings.model
        body = body_of(request, self._known.of(model, request.model), model, room=1)
        return tuple(Message(**turn) for turn in body["messages"])

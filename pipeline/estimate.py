"""What questions to a model would take, before any is asked."""

import contextlib
from typing import NamedTuple

from pipeline import prompts
from pipeline.cache import AnswerCache
from pipeline.exchange import Job, Request
from pipeline.llm.abilities import Known, request_to
from pipeline.llm.prices import BATCH_SHARE, priced
from pipeline.llm.remembered import remembered
from pipeline.llm.tokens import count_request
from pipeline.outputs import Outputs
from pipeline.records import Count, Lines, Record, Usage
from pipeline.settings import Settings
from pipeline.stages.judge import job_for, judging_prompt

LINES_TOKENS = 118
"""Tokens of an answer with two lines, until the books tell what a model uses."""

VERDICTS_TOKENS = 50
"""Tokens of a second opinion on two lines, of which most need no reason."""

NOT_YET = "00000000_0000"
"""Stands for the name of a snapshot that is not there yet."""

ENOUGH = 20
"""Answers in the books after which their mean is believed."""


class Question(NamedTuple):
    """What a model would be asked, and in how many sentences of each language it answers."""

    job: Job
    sentences: int = 1


class Forecast(Record, frozen=True, kw_only=True):
    """What a run would do for one topic: the answer of `paperline run --dry-run --json`.

    `papers` would be worked on, those of earlier nights' gaps included; of them `cached`
    have an answer already, and the others would take `usage`, one answer each.
    """

    topic: str
    papers: Count
    cached: Count
    usage: Usage


def of_questions(
    settings: Settings,
    topic: str,
    questions: list[Question],
    asked: set[str],
    *,
    judged: bool = True,
) -> Forecast:
    """What these questions would take, with second opinions where `judged` and switched on.

    `asked`: fingerprints of requests that are counted already, to which these are added.
    """
    usage, cached = Usage(), 0
    if settings.model.embedded:
        return Forecast(topic=topic, papers=len(questions), cached=0, usage=usage)
    sentence = answer_tokens(settings)
    share = BATCH_SHARE if settings.model.executor == "batch" else 1.0
    judging = judging_prompt(settings) if judged else None
    with contextlib.closing(AnswerCache(settings.cache)) as cache:
        known = Known(cache)
        for job, sentences in questions:
            requests = _requests(settings, job, known)
            key, done = requests[0].fingerprint(), remembered(job, requests, cache)
            if key in asked or done:
                cached += 1
            else:
                usage = usage.plus(_cost(settings, requests[0], sentence * sentences).at(share))
            if judging and key not in asked:
                lines = done.lines if done else None
                opinion = _opinion(settings, judging, job, lines)
                about = _requests(settings, opinion, known)
                if not (lines and remembered(opinion, about, cache)):
                    # Always online, so never at the price of a batch.
                    usage = usage.plus(_cost(settings, about[0], VERDICTS_TOKENS))
            asked.add(key)
    return Forecast(topic=topic, papers=len(questions), cached=cached, usage=usage)


def _requests(settings: Settings, job: Job, known: Known) -> list[Request]:
    """What each provider would be asked, in the order in which they are."""
    return [
        request_to(provider, job, known, first=index == 0)
        for index, provider in enumerate(settings.model.providers)
    ]


def _opinion(settings: Settings, judging: prompts.Prompt, job: Job, lines: Lines | None) -> Job:
    """The question about lines; those that are not there yet are taken for as long as a title."""
    stand_in: Lines = dict.fromkeys(job.languages, job.paper.title)
    return job_for(settings, job.topic, NOT_YET, judging, job.paper, lines or stand_in)


def _cost(settings: Settings, request: Request, answer: int) -> Usage:
    tokens = Usage(prompt_tokens=count_request(request), completion_tokens=answer)
    return priced(tokens, settings.model, settings.model.name)


def answer_tokens(settings: Settings) -> int:
    """Tokens of two lines of a sentence: the mean of the model's answers lately, else a guess.

    Where those were longer it is too much rather than too little.
    """
    spent = Outputs(settings.outputs).recently_spent(settings.model.name, ENOUGH * 10)
    if len(spent) < ENOUGH:
        return LINES_TOKENS
    return round(sum(spend.usage.completion_tokens for spend in spent) / len(spent))

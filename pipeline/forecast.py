"""What a run would ask and cost, before anything is asked: `paperline run --dry-run`."""

import contextlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from pipeline import glossary, prompts
from pipeline.cache import AnswerCache
from pipeline.exchange import Job, Request
from pipeline.llm.abilities import Known, request_to
from pipeline.llm.prices import BATCH_SHARE, priced
from pipeline.llm.remembered import remembered
from pipeline.llm.tokens import count_request
from pipeline.outputs import Outputs
from pipeline.records import Count, Lines, Paper, Record, Usage
from pipeline.run import as_it_was, lacking, prompt_for, recent, to_heal, unfinished
from pipeline.settings import Settings, TopicSettings
from pipeline.snapshot import Snapshot
from pipeline.sources.source import Source, open_source
from pipeline.stages.fetch import preview
from pipeline.stages.judge import job_for as judge_job
from pipeline.stages.judge import judging_prompt
from pipeline.wanted import job_for, wanted_for

LINES_TOKENS = 118
"""Tokens of an answer with two lines, until the books tell what a model uses."""

VERDICTS_TOKENS = 50
"""Tokens of a second opinion on two lines, of which most need no reason."""

NOT_YET = "00000000_0000"
"""Stands for the name of a snapshot that is not there yet."""

ENOUGH = 20
"""Answers in the books after which their mean is believed."""


class Forecast(Record, frozen=True, kw_only=True):
    """What a run would do for one topic: the answer of `paperline run --dry-run --json`.

    `papers` would be worked on, those of earlier nights' gaps included; of them `cached`
    have an answer already, and the others would take `usage`, one answer each.
    """

    topic: str
    papers: Count
    cached: Count
    usage: Usage


def forecast(
    settings: Settings,
    topics: Iterable[TopicSettings],
    now: datetime,
    *,
    prompt: str | None = None,
) -> list[Forecast]:
    """What tonight would take, topic by topic; a paper of two topics is paid in the first.

    arXiv is asked as in a real run, and nothing is written. Raises as `run` does before a
    model is asked.
    """
    asked: set[str] = set()
    source = open_source(settings)
    return [
        of_jobs(settings, topic.name, _all_jobs(settings, topic, now, prompt, source), asked)
        for topic in topics
    ]


def _all_jobs(
    settings: Settings, topic: TopicSettings, now: datetime, prompt: str | None, source: Source
) -> list[Job]:
    outputs = Outputs(settings.outputs)
    snapshots = outputs.snapshots(topic.name)
    newest = snapshots[-1] if snapshots and unfinished(settings, snapshots[-1]) else None
    tonight = prompts.load(settings.prompts, prompt_for(newest, prompt or topic.prompt))
    jobs = _jobs(settings, tonight, topic, _tonight(settings, topic, now, newest, tonight, source))
    for snapshot in recent(outputs, topic.name, now):
        healed = to_heal(snapshot, now)
        if healed == [] or (newest is not None and snapshot.name == newest.name):
            continue
        run = snapshot.run()
        earlier = prompts.load(settings.prompts, run.prompt or topic.prompt)
        papers = [p for p in snapshot.each_paper() if healed is None or p.id in healed]
        jobs += _jobs(as_it_was(settings, run.model), earlier, topic, papers)
    return jobs


def _tonight(  # noqa: PLR0913  what a night depends on
    settings: Settings,
    topic: TopicSettings,
    now: datetime,
    newest: Snapshot | None,
    prompt: prompts.Prompt,
    source: Source,
) -> Iterable[Paper]:
    if newest is None:
        return [p for p in preview(settings, topic, now, source) if p.status != "withdrawn"]
    wanted = wanted_for(settings, newest.run(), prompt, glossary.load(settings.prompts))
    only = lacking(newest)
    wanted = replace(wanted, only=None if only is None else frozenset(only))
    return wanted.to_make(newest.each_paper(), wanted.here(newest))


def _jobs(
    settings: Settings, prompt: prompts.Prompt, topic: TopicSettings, papers: Iterable[Paper]
) -> list[Job]:
    return [job_for(settings, topic.name, NOT_YET, prompt, paper) for paper in papers]


def of_jobs(
    settings: Settings, topic: str, jobs: list[Job], asked: set[str], *, judged: bool = True
) -> Forecast:
    """What these questions would take, with second opinions where `judged` and switched on.

    `asked`: fingerprints of requests that are counted already, to which these are added.
    """
    usage, cached = Usage(), 0
    if settings.model.embedded:
        return Forecast(topic=topic, papers=len(jobs), cached=0, usage=usage)
    answer = _answer_tokens(settings)
    share = BATCH_SHARE if settings.model.executor == "batch" else 1.0
    judging = judging_prompt(settings) if judged else None
    with contextlib.closing(AnswerCache(settings.cache)) as cache:
        known = Known(cache)
        for job in jobs:
            requests = _requests(settings, job, known)
            key, done = requests[0].fingerprint(), remembered(job, requests, cache)
            if key in asked or done:
                cached += 1
            else:
                usage = usage.plus(_cost(settings, requests[0], answer).at(share))
            if judging and key not in asked:
                lines = done.lines if done else None
                question = _question(settings, judging, job, lines)
                about = _requests(settings, question, known)
                if not (lines and remembered(question, about, cache)):
                    # Always online, so never at the price of a batch.
                    usage = usage.plus(_cost(settings, about[0], VERDICTS_TOKENS))
            asked.add(key)
    return Forecast(topic=topic, papers=len(jobs), cached=cached, usage=usage)


def _requests(settings: Settings, job: Job, known: Known) -> list[Request]:
    """What each provider would be asked, in the order in which they are."""
    return [
        request_to(provider, job, known, first=index == 0)
        for index, provider in enumerate(settings.model.providers)
    ]


def _question(settings: Settings, judging: prompts.Prompt, job: Job, lines: Lines | None) -> Job:
    """The question about lines; those that are not there yet are taken for as long as a title."""
    stand_in: Lines = dict.fromkeys(job.languages, job.paper.title)
    return judge_job(settings, job.topic, NOT_YET, judging, job.paper, lines or stand_in)


def _cost(settings: Settings, request: Request, answer: int) -> Usage:
    tokens = Usage(prompt_tokens=count_request(request), completion_tokens=answer)
    return priced(tokens, settings.model, settings.model.name)


def _answer_tokens(settings: Settings) -> int:
    """The mean of the answers that the model gave lately, else a first guess."""
    spent = Outputs(settings.outputs).recently_spent(settings.model.name, ENOUGH * 10)
    if len(spent) < ENOUGH:
        return LINES_TOKENS
    return round(sum(spend.usage.completion_tokens for spend in spent) / len(spent))

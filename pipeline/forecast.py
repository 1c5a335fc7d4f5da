"""What a run would ask and cost, before anything is asked: `paperline run --dry-run`."""

import contextlib
from collections.abc import Iterable
from datetime import datetime

from pipeline import glossary, prompts
from pipeline.cache import AnswerCache
from pipeline.exchange import Job
from pipeline.llm.abilities import Known, request_to
from pipeline.llm.prices import BATCH_SHARE, priced
from pipeline.llm.remembered import remembered
from pipeline.llm.tokens import count_request
from pipeline.outputs import Outputs
from pipeline.records import Count, Paper, Record, Usage
from pipeline.run import as_it_was, recent, to_heal, unfinished
from pipeline.settings import Settings, TopicSettings
from pipeline.snapshot import Snapshot
from pipeline.sources.source import Source, open_source
from pipeline.stages.fetch import preview
from pipeline.stages.summarize import job_for, wanted_for

LINES_TOKENS = 118
"""Tokens of an answer with two lines, until the books tell what a model uses."""

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
        _counted(settings, topic.name, _all_jobs(settings, topic, now, prompt, source), asked)
        for topic in topics
    ]


def _all_jobs(
    settings: Settings, topic: TopicSettings, now: datetime, prompt: str | None, source: Source
) -> list[Job]:
    outputs = Outputs(settings.outputs)
    snapshots = outputs.snapshots(topic.name)
    newest = snapshots[-1] if snapshots and unfinished(settings, snapshots[-1]) else None
    tonight = prompts.load(
        settings.prompts, prompt or (newest and newest.run().prompt) or topic.prompt
    )
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
    have = {s.paper for s in newest.each_summary() if wanted.is_here(s)}
    return wanted.to_make(newest.each_paper(), have)


def _jobs(
    settings: Settings, prompt: prompts.Prompt, topic: TopicSettings, papers: Iterable[Paper]
) -> list[Job]:
    return [job_for(settings, topic.name, NOT_YET, prompt, paper) for paper in papers]


def _counted(settings: Settings, topic: str, jobs: list[Job], asked: set[str]) -> Forecast:
    usage, cached = Usage(), 0
    if settings.model.embedded:
        return Forecast(topic=topic, papers=len(jobs), cached=0, usage=usage)
    answer = _answer_tokens(settings)
    share = BATCH_SHARE if settings.model.executor == "batch" else 1.0
    with contextlib.closing(AnswerCache(settings.cache)) as cache:
        known = Known(cache)
        for job in jobs:
            requests = [
                request_to(provider, job, known, first=index == 0)
                for index, provider in enumerate(settings.model.providers)
            ]
            key = requests[0].fingerprint()
            if key in asked or remembered(job, requests, cache):
                cached += 1
                continue
            asked.add(key)
            tokens = Usage(prompt_tokens=count_request(requests[0]), completion_tokens=answer)
            usage = usage.plus(priced(tokens, settings.model, settings.model.name).at(share))
    return Forecast(topic=topic, papers=len(jobs), cached=cached, usage=usage)


def _answer_tokens(settings: Settings) -> int:
    """The mean of the answers that the model gave lately, else a first guess."""
    spent = Outputs(settings.outputs).recently_spent(settings.model.name, ENOUGH * 10)
    if len(spent) < ENOUGH:
        return LINES_TOKENS
    return round(sum(spend.usage.completion_tokens for spend in spent) / len(spent))

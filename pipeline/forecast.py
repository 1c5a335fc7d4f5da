"""What a run would ask and cost, before anything is asked: `paperline run --dry-run`."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from pipeline import glossary, prompts
from pipeline.errors import DamagedFile
from pipeline.estimate import NOT_YET, Forecast, Question, of_questions
from pipeline.outputs import Outputs
from pipeline.records import Paper
from pipeline.run import as_it_was, lacking, prompt_for, recent, to_heal, unfinished
from pipeline.settings import Settings, TopicSettings
from pipeline.snapshot import Snapshot
from pipeline.sources.source import Source, open_source
from pipeline.stages.fetch import preview
from pipeline.wanted import job_for, wanted_for


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
        of_questions(settings, topic.name, _questions(settings, topic, now, prompt, source), asked)
        for topic in topics
    ]


def _questions(
    settings: Settings, topic: TopicSettings, now: datetime, prompt: str | None, source: Source
) -> list[Question]:
    outputs = Outputs(settings.outputs)
    last = outputs.newest(topic.name)
    newest = last if last and unfinished(settings, last) else None
    tonight = prompts.load(settings.prompts, prompt_for(newest, prompt or topic.prompt))
    jobs = _jobs(settings, tonight, topic, _tonight(settings, topic, now, newest, tonight, source))
    for snapshot in recent(outputs, topic.name, now):
        try:
            healed = to_heal(snapshot, now)
        except DamagedFile:  # a run asks for nothing of it either, and says so
            continue
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
) -> list[Question]:
    jobs = (job_for(settings, topic.name, NOT_YET, prompt, paper) for paper in papers)
    return [Question(job, prompt.sentences) for job in jobs]

"""run, and the demonstration."""

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import (
    MISSING,
    at_option,
    counted,
    executor_option,
    json_option,
    moment,
    progress,
    prompt_option,
    with_model,
)
from pipeline.errors import PaperlineError
from pipeline.text import amount

if TYPE_CHECKING:
    from pipeline.estimate import Forecast
    from pipeline.report import Report
    from pipeline.settings import Settings, TopicSettings


@click.command()
@click.argument("topics", nargs=-1, metavar="[TOPIC]...")
@at_option
@prompt_option
@executor_option
@click.option("--dry-run", is_flag=True, help="Say what it would ask and cost, and ask nothing.")
@json_option
@click.pass_obj
def run(
    config: Path | None,
    topics: tuple[str, ...],
    at: str | None,
    prompt: str | None,
    executor: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """The nightly job: all stages in order, then earlier gaps.

    Fetches, summarizes, checks, assembles, and publishes as far as the gate allows. Continues a
    topic's newest unfinished snapshot, else makes a new one if there is something new;
    then asks again for the gaps of the last seven days.
    """
    from pipeline import configuration
    from pipeline.notices.telling import Watch

    settings = with_model(configuration.load(config), executor=executor)
    chosen, now = _chosen(settings, config, topics), moment(at, settings)
    if dry_run:
        _foretell(settings, chosen, now, prompt=prompt, as_json=as_json)
        return
    with Watch(settings, now):
        code = _work(settings, chosen, now, prompt=prompt, as_json=as_json)
    sys.exit(code)


def _work(
    settings: "Settings",
    topics: "list[TopicSettings]",
    now: datetime,
    *,
    prompt: str | None,
    as_json: bool,
) -> int:
    """All topics, one after the other; the exit code."""
    import msgspec

    from pipeline.executors.selection import opened
    from pipeline.notices import telling
    from pipeline.run import Night, run_topic

    codes, reports = [0], []
    with opened(settings) as executor:
        night = Night(settings, now, executor, progress())
        for topic in topics:
            try:
                report = run_topic(night, topic, prompt=prompt)
            except PaperlineError as error:
                click.echo(f"error: {topic.name}: {error}", err=True)
                codes.append(error.exit_code)
                telling.after_failure(settings, topic.name, error, now)
                continue
            reports.append(report)
            if report.missing:
                told = counted(missing.reason for missing in report.missing)
                click.echo(f"warning: {topic.name}: something is missing: {told}", err=True)
                codes.append(MISSING)
            if not as_json:
                click.echo(_sentence(report))
            telling.after_run(settings, report, now)
    if as_json:
        click.echo(msgspec.json.encode(reports).decode())
    return _worst(codes)


def _foretell(
    settings: "Settings",
    topics: "list[TopicSettings]",
    now: datetime,
    *,
    prompt: str | None,
    as_json: bool,
) -> None:
    import msgspec

    from pipeline.forecast import forecast

    told = forecast(settings, topics, now, prompt=prompt)
    if as_json:
        click.echo(msgspec.json.encode(told).decode())
    else:
        for each in told:
            click.echo(_outlook(each))


def _outlook(told: "Forecast") -> str:
    from pipeline.progress import cost

    asked = told.papers - told.cached
    return (
        f"{told.topic}: {told.papers} papers to summarize, {told.cached} of them answered "
        f"already; asking for {asked} would take about {cost(told.usage)}"
    )


def _worst(codes: list[int]) -> int:
    """The exit code of several topics: what needs somebody most comes first."""
    return next((code for code in (2, 1, 75, MISSING) if code in codes), 0)


def _chosen(
    settings: "Settings", config: Path | None, names: tuple[str, ...]
) -> "list[TopicSettings]":
    """The topics that were named, each once; all of them where none was."""
    from pipeline.configuration import DEFAULT_FILE
    from pipeline.errors import SettingsError

    if names:
        return [settings.find_topic(name) for name in dict.fromkeys(names)]
    if not settings.topic:
        file = config or DEFAULT_FILE
        raise SettingsError(
            "no topic is configured" if file.is_file() else "there is no such file",
            where=str(file),
            next_step="Add a [[topic]] table, or name another file with --config",
        )
    return list(settings.topic)


def _sentence(report: "Report") -> str:
    from pipeline.progress import cost

    late, still = _late(report), _still_waiting(report)
    if report.snapshot is None:
        return f"{report.topic}: nothing new, and no digest yet{late}"
    spent = cost(report.usage)
    healed = f", {report.healed} of {report.asked_again} gaps healed" if report.asked_again else ""
    state = f"waiting for {_decisions(report.waiting_for)}: {report.page}"
    if report.published:
        state = f"published: {report.site}"
    elif report.taken_back:
        state = f"withdrawn: {report.page}"
    if not report.made:
        told = f"{report.topic}: nothing new{healed}{late}, {spent}"
        return f"{told}; {report.snapshot} {state}{still}"
    other = "".join(
        f", {count} {what}"
        for count, what in ((report.withdrawn, "withdrawn"), (report.seen, "shown before"))
        if count
    )
    return (
        f"{report.topic}/{report.snapshot}: {report.new} new, {report.revised} revised{other}, "
        f"{report.model_lines} lines by a model, {report.gaps} gaps{_flagged(report)}"
        f"{healed}{late}, {spent}; {state}{still}"
    )


def _decisions(count: int) -> str:
    return amount(count, "decision") if count else "somebody to publish it"


def _still_waiting(report: "Report") -> str:
    """Every digest that waits for its editors for longer than it should."""
    told = []
    for reminder in report.reminders:
        hours = int((report.at - reminder.since).total_seconds() // 3600)
        age = amount(hours // 24, "day") if hours >= 48 else amount(hours, "hour")
        told.append(f"{reminder.snapshot} for {age} for {_decisions(reminder.waiting_for)}")
    return f"; still waiting: {', '.join(told)}" if told else ""


def _flagged(report: "Report") -> str:
    """What the checks found in the lines."""
    counts = ((report.errors, "error"), (report.warnings, "warning"))
    return "".join(f", {amount(number, what)}" for number, what in counts if number)


def _late(report: "Report") -> str:
    """How many papers are over the limit, and for how long the first of them is."""
    if not report.waiting or report.waiting_since is None:
        return ""
    wait = "1 paper waits" if report.waiting == 1 else f"{report.waiting} papers wait"
    days = (report.at - report.waiting_since).days
    since = f", the longest for {days} {'day' if days == 1 else 'days'}" if days else ""
    return f", {wait} for room{since}"


@click.command()
def demo() -> None:
    """Make two digests of invented papers, in a temporary folder.

    Needs neither network nor key: the lines are by the embedded model.
    """
    from pipeline.demo.demo import demonstrate

    shown = demonstrate()
    click.echo(f"A published digest:  {shown.published}")
    click.echo(f"The next night's draft, waiting for an editor:  {shown.draft}")
    click.echo(f"Everything is in {shown.folder}; review the draft in your browser with")
    click.echo(f"  {shown.command}")

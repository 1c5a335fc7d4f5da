"""run, and the demonstration."""

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import (
    at_option,
    counted,
    executor_option,
    fail,
    json_option,
    moment,
    progress,
    prompt_option,
    warn,
    with_model,
)
from pipeline.errors import PaperlineError

if TYPE_CHECKING:
    from pipeline.cli.outcomes import Outcomes
    from pipeline.estimate import Forecast
    from pipeline.run import Night
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
    from pipeline.cli.outcomes import Outcomes
    from pipeline.notices import heartbeat
    from pipeline.notices.telling import Watch

    settings = with_model(configuration.load(config), executor=executor)
    chosen, now = _chosen(settings, config, topics), moment(at, settings)
    if dry_run:
        _foretell(settings, chosen, now, prompt=prompt, as_json=as_json)
        return
    with Watch(settings, now), _ended_as_by_ctrl_c() as interruption:
        names = [topic.name for topic in chosen]
        outcomes = Outcomes(settings, names, now, as_json=as_json, interruption=interruption)
        code = _work(settings, chosen, now, prompt, outcomes)
        heartbeat.after_run(settings, code, now, len(chosen))
    sys.exit(code)


def _work(
    settings: "Settings",
    topics: "list[TopicSettings]",
    now: datetime,
    prompt: str | None,
    outcomes: "Outcomes",
) -> int:
    """All topics, one after the other; the exit code."""
    from pipeline.executors.selection import opened
    from pipeline.logs import about
    from pipeline.run import Night

    with about(run=outcomes.run), outcomes, opened(settings) as executor:
        night = Night(settings, now, executor, progress())
        for topic in topics:
            with about(topic=topic.name):
                _one(night, topic, prompt, outcomes)
    return outcomes.code


def _one(night: "Night", topic: "TopicSettings", prompt: str | None, outcomes: "Outcomes") -> None:
    """One topic: its night, what is said of it, who is told."""
    from pipeline.notices import telling
    from pipeline.run import run_topic

    outcomes.begin(topic.name)
    try:
        report = run_topic(night, topic, prompt=prompt)
    except PaperlineError as error:
        fail(f"{topic.name}: {error}")
        outcomes.failed(topic.name, error)
        telling.after_failure(night.settings, topic.name, error, night.now)
        return
    if report.missing:
        told = counted(missing.reason for missing in report.missing)
        where = f"{topic.name}/{report.snapshot}" if report.snapshot else ""
        look = f"paperline status {where}".strip()
        warn(f"{topic.name}: something is missing: {told}. The next run tries again; see {look}")
    outcomes.finished(report)
    telling.after_run(night.settings, report, night.now)


@contextlib.contextmanager
def _ended_as_by_ctrl_c() -> Iterator[Callable[[], int]]:
    """SIGTERM ends the block in the same order as Ctrl-C, with the exit code of a shell.

    Gives what tells the exit code of an interruption when one came.
    """
    came: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        came.append(128 + number)
        if not callable(signal.getsignal(signal.SIGINT)):  # ignored, as behind `&` in a script
            sys.exit(came[0])
        signal.raise_signal(signal.SIGINT)

    def exit_code() -> int:
        return came[0] if came else 1

    if threading.current_thread() is not threading.main_thread():
        yield exit_code
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield exit_code
    except KeyboardInterrupt:
        if came:
            sys.exit(came[0])
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


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

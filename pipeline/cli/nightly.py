"""run, its stages one by one, and the demonstration."""

import sys
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.errors import PaperlineError

if TYPE_CHECKING:
    from pipeline.run import Report
    from pipeline.settings import Settings, TopicSettings

MISSING = 3
FIRST_YEAR, LAST_YEAR = 1991, 2100
"""arXiv's first, and one that is surely a slip."""

EXECUTORS = click.Choice(["online", "embedded"])

at_option = click.option("--at", metavar="TIME", help='ISO time that stands for "now".')
prompt_option = click.option("--prompt", metavar="NAME", help="Prompt to use.")
executor_option = click.option("--executor", type=EXECUTORS, help="How lines are made.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def moment(text: str | None, settings: "Settings") -> datetime:
    """`text` as a time, in the configured zone where it names none; now where it is None."""
    from pipeline.errors import UsageError

    if text is None:
        return datetime.now(settings.zone)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"found {text!r}, expected an ISO time such as 2026-05-01T04:05+08:00", where="--at"
        ) from None
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise UsageError(
            f"found {text!r}, expected a year from {FIRST_YEAR} to {LAST_YEAR}", where="--at"
        )
    return at if at.tzinfo else at.replace(tzinfo=settings.zone)


def with_model(
    settings: "Settings", *, executor: str | None = None, model: str | None = None
) -> "Settings":
    """The settings with another executor or model for this command."""
    import msgspec

    changes = {
        key: value for key, value in (("executor", executor), ("name", model)) if value is not None
    }
    chosen = msgspec.structs.replace(settings.model, **changes)
    return msgspec.structs.replace(settings, model=chosen)


@click.command()
@click.argument("topics", nargs=-1, metavar="[TOPIC]...")
@at_option
@prompt_option
@executor_option
@json_option
@click.pass_obj
def run(
    config: Path | None,
    topics: tuple[str, ...],
    at: str | None,
    prompt: str | None,
    executor: str | None,
    as_json: bool,
) -> None:
    """The nightly job: all stages in order, then earlier gaps.

    Fetches, summarizes, assembles, and publishes as far as the gate allows. Continues a
    topic's newest unfinished snapshot, else makes a new one if there is something new;
    then asks again for the gaps of the last seven days.
    """
    import msgspec

    from pipeline import settings as configuration
    from pipeline.llm.budget import Budget
    from pipeline.llm.keys import api_key
    from pipeline.outputs import Outputs
    from pipeline.run import run_topic

    settings = with_model(configuration.load(config), executor=executor)
    chosen = _chosen(settings, config, topics)
    if not settings.model.embedded:
        api_key(settings.model)
    now, codes, reports = moment(at, settings), [0], []
    budget = Budget(settings.budget, Outputs(settings.outputs).spent_on(datetime.now(UTC)))
    for topic in chosen:
        try:
            report = run_topic(settings, topic, now, budget, prompt=prompt)
        except PaperlineError as error:
            click.echo(f"error: {topic.name}: {error}", err=True)
            codes.append(error.exit_code)
            continue
        reports.append(report)
        if report.missing:
            told = _counted(missing.reason for missing in report.missing)
            click.echo(f"warning: {topic.name}: something is missing: {told}", err=True)
            codes.append(MISSING)
        if not as_json:
            click.echo(_sentence(report))
    if as_json:
        click.echo(msgspec.json.encode(reports).decode())
    sys.exit(_worst(codes))


def decisions(count: int) -> str:
    """How many decisions, in words."""
    return "1 decision" if count == 1 else f"{count} decisions"


def _worst(codes: list[int]) -> int:
    """The exit code of several topics: what needs somebody most comes first."""
    return next((code for code in (2, 1, 75, MISSING) if code in codes), 0)


def _chosen(
    settings: "Settings", config: Path | None, names: tuple[str, ...]
) -> "list[TopicSettings]":
    """The topics that were named, each once; all of them where none was."""
    from pipeline.errors import SettingsError
    from pipeline.settings import DEFAULT_FILE

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


def _counted(reasons: Iterable[str]) -> str:
    """Each reason once, with how often it is given."""
    return "; ".join(f"{count} × {reason}" for reason, count in Counter(reasons).items())


def _sentence(report: "Report") -> str:
    if report.snapshot is None:
        return f"{report.topic}: nothing new, and no digest yet"
    usd = report.usage.usd
    cost = "cost unknown" if usd is None else f"${usd:.4f}"
    spent = f"{report.usage.tokens} tokens, {cost}"
    healed = f", {report.healed} of {report.asked_again} gaps healed" if report.asked_again else ""
    state = (
        f"published: {report.site}"
        if report.published
        else f"waiting for {decisions(report.waiting_for)}: {report.page}"
    )
    if not report.made:
        return f"{report.topic}: nothing new{healed}, {spent}; {report.snapshot} {state}"
    return (
        f"{report.topic}/{report.snapshot}: {report.new} new, {report.revised} revised, "
        f"{report.model_lines} lines by a model, {report.gaps} gaps{healed}, {spent}; {state}"
    )


@click.command()
@click.argument("topic")
@at_option
@click.pass_obj
def fetch(config: Path | None, topic: str, at: str | None) -> None:
    """Fetch the papers of a new snapshot."""
    from pipeline import settings as configuration
    from pipeline.outputs import Outputs
    from pipeline.stages import fetch as stage

    settings = configuration.load(config)
    chosen = settings.find_topic(topic)
    with Outputs(settings.outputs).working_on(topic):
        fetched = stage.fetch(settings, chosen, moment(at, settings))
    counts = ", ".join(f"{count} {name}" for name, count in fetched.counts.items())
    click.echo(f"{fetched.snapshot or topic + ': nothing new'}: {counts}")
    sys.exit(MISSING if fetched.left_out else 0)


@click.command()
@click.argument("snapshot")
@prompt_option
@click.option("--model", metavar="NAME", help="Model to use.")
@executor_option
@click.option("--paper", "papers", multiple=True, metavar="ID", help="Only this paper; repeatable.")
@click.option("--redo", is_flag=True, help="Ask anew; earlier answers are kept.")
@click.option("--activate", is_flag=True, help="Make this prompt and model the snapshot's.")
@click.pass_obj
def summarize(
    config: Path | None,
    snapshot: str,
    prompt: str | None,
    model: str | None,
    executor: str | None,
    papers: tuple[str, ...],
    redo: bool,
    activate: bool,
) -> None:
    """Make the lines of a snapshot that are missing.

    Lines by other prompts and models stay beside them.
    """
    from pipeline import settings as configuration
    from pipeline.errors import UsageError
    from pipeline.llm.budget import Budget
    from pipeline.outputs import Outputs
    from pipeline.stages import summarize as stage

    now = datetime.now(UTC)
    settings = with_model(configuration.load(config), executor=executor, model=model)
    outputs = Outputs(settings.outputs)
    found = outputs.find(snapshot)
    if unknown := set(papers) - {paper.id for paper in found.papers()}:
        raise UsageError(f"there is no paper {', '.join(sorted(unknown))} in {found}")
    name = prompt or found.run().prompt or settings.find_topic(found.topic).prompt
    with outputs.working_on(found.topic):
        done = stage.summarize(
            settings,
            found,
            name,
            now,
            budget=Budget(settings.budget, outputs.spent_on(now)),
            only=papers or None,
            redo=redo,
            activate=activate,
        )
    counts = done.counts
    click.echo(f"{found}: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
    if done.failures:
        told = _counted(failure.reason for failure in done.failures.values())
        click.echo(f"warning: {found}: something is missing: {told}", err=True)
    sys.exit(MISSING if done.failures else 0)


@click.command()
@click.argument("snapshot")
@click.pass_obj
def assemble(config: Path | None, snapshot: str) -> None:
    """Write a snapshot's digest from its lines and decisions."""
    from pipeline import settings as configuration
    from pipeline.outputs import Outputs
    from pipeline.stages import assemble as stage

    settings = configuration.load(config)
    found = Outputs(settings.outputs).find(snapshot)
    with found.releasing():
        digest = stage.assemble(settings, found)
    click.echo(
        f"{found}: {len(digest.papers)} papers, {len(digest.gaps)} gaps, "
        f"{len(digest.undecided)} undecided: {found.digest_html}"
    )


@click.command()
@click.argument("snapshots", nargs=-1, metavar="[SNAPSHOT]...")
@click.pass_obj
def publish(config: Path | None, snapshots: tuple[str, ...]) -> None:
    """Publish as far as the gate allows; bring the site up to date.

    The gate is that of today's [review] policy. Without a SNAPSHOT only the site is
    brought up to date.
    """
    from pipeline import settings as configuration
    from pipeline.decisions import waited_for
    from pipeline.outputs import Outputs
    from pipeline.run import release
    from pipeline.stages.publish import build_site

    settings = configuration.load(config)
    outputs = Outputs(settings.outputs)
    for found in [outputs.find(name) for name in snapshots]:
        policy = settings.review.policy
        digest = release(settings, found, moment(None, settings), policy=policy)
        if digest.status == "published":
            click.echo(f"{found}: published")
        else:
            click.echo(f"{found}: waiting for {decisions(len(waited_for(digest, policy)))}")
    written = build_site(settings)
    click.echo(f"{outputs.site}: {len(written)} files changed")


@click.command()
def demo() -> None:
    """Make two digests of invented papers, in a temporary folder.

    Needs neither network nor key: the lines are by the embedded model.
    """
    from pipeline.demo.demo import demonstrate

    shown = demonstrate()
    click.echo(f"A published digest:  {shown.published}")
    click.echo(f"The next night's draft, waiting for an editor:  {shown.draft}")
    click.echo(f"Everything is in {shown.folder}; decide on a paper with")
    click.echo(f"  {shown.command}")

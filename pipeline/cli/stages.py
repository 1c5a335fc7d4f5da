"""The stages one by one: fetch, summarize, check, assemble, publish."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import (
    MISSING,
    asked,
    at_option,
    counted,
    editor_option,
    executor_option,
    login_name,
    moment,
    progress,
    prompt_option,
    warn,
    with_model,
)
from pipeline.text import amount, one_line

if TYPE_CHECKING:
    from pipeline.books import Run
    from pipeline.snapshot import Snapshot


@click.command()
@click.argument("topic")
@at_option
@click.option(
    "--paper",
    "papers",
    multiple=True,
    metavar="ID",
    help="Only let this paper wait for the next snapshot; repeatable.",
)
@click.pass_obj
def fetch(config: Path | None, topic: str, at: str | None, papers: tuple[str, ...]) -> None:
    """Fetch the papers of a new snapshot.

    With --paper nothing else is fetched: the next fetch or run shows these papers, whatever
    the query, the filters and the limit say.
    """
    from pipeline import configuration
    from pipeline.choice import versioned
    from pipeline.outputs import Outputs
    from pipeline.sources.source import open_source
    from pipeline.stages import fetch as stage

    settings = configuration.load(config)
    chosen, now = settings.find_topic(topic), moment(at, settings)
    outputs = Outputs(settings.outputs)
    source = open_source(settings)
    with outputs.working_on(topic):
        if papers:
            added = stage.add_by_hand(settings, chosen, papers, now, source)
            for paper in added:
                click.echo(
                    f"{topic}: {versioned(paper)} waits for the next snapshot: {paper.title}"
                )
            return
        fetched = stage.fetch(settings, chosen, now, source)
    counts = ", ".join(f"{count} {name}" for name, count in fetched.counts.items() if count)
    click.echo(f"{fetched.snapshot or topic + ': nothing new'}: {counts or 'no papers'}")
    if fetched.missing:
        told = "; ".join(fetched.missing)
        warn(f"{topic}: something is missing: {told}. The next fetch or run asks again")
    sys.exit(MISSING if fetched.missing else 0)


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

    Lines by other prompts and models stay beside them, and so does what was decided and
    published: the digest shows the new ones where nothing was, after --activate and paperline
    assemble.
    """
    from pipeline import configuration
    from pipeline.executors.selection import opened
    from pipeline.outputs import Outputs
    from pipeline.stages import summarize as stage

    now = datetime.now(UTC)
    settings = with_model(configuration.load(config), executor=executor, model=model)
    outputs = Outputs(settings.outputs)
    found = outputs.find(snapshot)
    _check_papers(found, papers)
    name = prompt or found.run().prompt or settings.find_topic(found.topic).prompt
    with outputs.working_on(found.topic), opened(settings) as chosen:
        done = stage.summarize(
            settings,
            found,
            name,
            now,
            executor=chosen,
            progress=progress(),
            only=papers or None,
            redo=redo,
            activate=activate,
        )
        (*_, last) = found.run().passes
    gaps = f", {amount(done.counts['gaps'], 'gap')}"
    click.echo(f"{found}: {asked(last)}{gaps}{_active(found.run())}")
    if done.failures:
        told = counted(failure.reason for failure in done.failures.values())
        warn(f"{found}: something is missing: {told}. Run the same command again later")
    sys.exit(MISSING if done.failures else 0)


def _check_papers(snapshot: "Snapshot", papers: tuple[str, ...]) -> None:
    """Raises `UsageError` where one of the papers is none of the snapshot's."""
    from pipeline.errors import UsageError

    if unknown := set(papers) - {paper.id for paper in snapshot.each_paper()}:
        raise UsageError(
            f"there is no paper {', '.join(map(one_line, sorted(unknown)))} in {snapshot}",
            next_step=f"Name papers by their ids; paperline status {snapshot} lists them",
        )


def _active(run: "Run") -> str:
    """Which lines the digest shows, where those that were asked for are others."""
    last = run.passes[-1]
    active = f"{run.prompt} and {run.model}"
    if (last.prompt, last.model) != (run.prompt, run.model):
        return one_line(f"; active: {active}")
    if last.prompt is not None and last.prompt_fingerprint != run.prompt_fingerprint:
        return one_line(f"; active: {active} as the prompt and its terms were before")
    return ""


@click.command()
@click.argument("snapshot")
@click.pass_obj
def check(config: Path | None, snapshot: str) -> None:
    """Check a snapshot's lines against their abstracts.

    Every candidate is checked; what was found in the lines that the digest shows is listed,
    errors first. docs/checks.md has the codes.
    """
    import contextlib

    from pipeline import configuration
    from pipeline.cli.findings import listed
    from pipeline.executors.selection import opened
    from pipeline.outputs import Outputs
    from pipeline.progress import cost
    from pipeline.stages import check as stage

    settings = configuration.load(config)
    found = Outputs(settings.outputs).find(snapshot)
    asks = settings.check.judge and not settings.model.embedded
    with opened(settings) if asks else contextlib.nullcontext() as chosen:
        done = stage.check(settings, found, executor=chosen, progress=progress())
    *table, last = listed(settings, found, done.findings)
    for line in table:
        click.echo(line)
    click.echo(f"{last}, {cost(done.usage)}" if done.usage.tokens else last)
    for what in done.left_out:
        warn(f"{found}: {what}")
    sys.exit(MISSING if done.left_out else 0)


@click.command()
@click.argument("snapshot")
@click.pass_obj
def assemble(config: Path | None, snapshot: str) -> None:
    """Write a snapshot's digest from its lines and decisions."""
    from pipeline import configuration
    from pipeline.outputs import Outputs
    from pipeline.releasing import assembled

    settings = configuration.load(config)
    found = Outputs(settings.outputs).find(snapshot)
    with found.releasing():
        digest = assembled(settings, found)
    click.echo(
        f"{found}: {len(digest.papers)} papers, {len(digest.gaps)} gaps, "
        f"{len(digest.undecided)} undecided: {found.digest_html}"
    )


@click.command()
@click.argument("snapshots", nargs=-1, metavar="[SNAPSHOT]...")
@editor_option
@click.pass_obj
def publish(config: Path | None, snapshots: tuple[str, ...], editor: str | None) -> None:
    """Publish as far as the gate allows; bring the site up to date.

    The gate is that of today's [review] policy. One that was withdrawn comes back. Without
    a SNAPSHOT only the site is brought up to date.
    """
    from pipeline import configuration
    from pipeline.decisions import waited_for
    from pipeline.notices import telling
    from pipeline.outputs import Outputs
    from pipeline.releasing import release
    from pipeline.stages.build import build_site

    settings = configuration.load(config)
    outputs = Outputs(settings.outputs)
    chosen = [outputs.find(name) for name in snapshots]
    for found in chosen:
        policy, name = settings.review.policy, editor or login_name()
        now = moment(None, settings)
        digest = release(settings, found, now, asked_under=policy, by=name, site=False)
        if digest.status == "published":
            click.echo(f"{found}: published")
        else:
            waiting = amount(len(waited_for(digest, policy)), "decision")
            click.echo(f"{found}: waiting for {waiting}")
    built = build_site(settings)
    click.echo(f"{outputs.site}: {amount(len(built.changed), 'file')} changed")
    for topic in dict.fromkeys(found.topic for found in chosen):
        telling.published(settings, topic, moment(None, settings))
    built.complete()

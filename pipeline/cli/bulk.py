"""bulk: the whole of arXiv."""

import importlib.util
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import MISSING, json_option, progress, prompt_option, warn, with_model

if TYPE_CHECKING:
    from pipeline.bulk.folder import Selection
    from pipeline.bulk.report import BulkReport
    from pipeline.estimate import Forecast
    from pipeline.settings import Settings

SIGTERMED = 128 + signal.SIGTERM
ENDED = "ended by SIGTERM; the same command goes on, and what was paid for is kept"

EXECUTORS = click.Choice(["online", "cluster", "embedded"])


@click.command()
@click.argument("dump")
@click.argument("out")
@click.option("--topic", metavar="TOPIC", help="The papers of a topic, with its prompt.")
@click.option("--query", metavar="QUERY", help="The papers that arXiv's query syntax selects.")
@prompt_option
@click.option("--executor", type=EXECUTORS, help="How lines are made.")
@click.option("--dry-run", is_flag=True, help="Say what it would ask and cost, and ask nothing.")
@json_option
@click.pass_obj
def bulk(
    config: Path | None,
    dump: str,
    out: str,
    topic: str | None,
    query: str | None,
    prompt: str | None,
    executor: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Lines for all papers of arXiv's bulk metadata, as Parquet by month.

    DUMP is the metadata file or a folder of such files, OUT a folder; either may be an address
    such as s3://bucket/folder. The same command again goes on where it ended; with a newer dump
    it does what is new or revised.
    """
    import msgspec

    from pipeline import configuration

    settings = with_model(configuration.load(config), executor=executor)
    _check(settings)
    from pipeline.bulk import run

    selection, usual = _selection(settings, topic, query)
    chosen = dump, out, selection, prompt or usual
    if dry_run:
        found = run.forecast(settings, *chosen)
        click.echo(msgspec.json.encode([found]).decode() if as_json else _foretold(found))
        return
    try:
        report = run.bulk(settings, *chosen, progress())
    except SystemExit as ended:
        if ended.code == SIGTERMED:
            warn(ENDED)
        raise
    click.echo(msgspec.json.encode(report).decode() if as_json else _account(report))
    if report.stopped is not None:
        why = f"{report.stopped.kind}: {report.stopped.reason}"
        warn(f"{report.left} months were not finished: {why}. Run the same command again")
    sys.exit(0 if report.complete else MISSING)


def _check(settings: "Settings") -> None:
    from pipeline.errors import SettingsError, UsageError

    if importlib.util.find_spec("pyarrow") is None:
        raise SettingsError(
            "bulk writes Parquet with Arrow, which is not installed",
            next_step="Install it with: pip install 'paperline[bulk]', or 'paperline[ray]' for "
            "a cluster",
        )
    if settings.model.executor == "batch":
        raise UsageError(
            'bulk does not work with executor = "batch"',
            next_step="Add --executor online, cluster or embedded",
        )


def _selection(
    settings: "Settings", topic: str | None, query: str | None
) -> "tuple[Selection, str]":
    """Which papers, and the prompt unless another is named."""
    from pipeline.bulk.folder import Selection
    from pipeline.errors import QueryRefused, UsageError
    from pipeline.settings import TopicSettings
    from pipeline.sources.query import parse

    if topic is not None and query is not None:
        raise UsageError("--topic and --query are two selections", next_step="Give one of them")
    if topic is not None:
        chosen = settings.find_topic(topic)
        parse(chosen.query)
        selection = Selection(
            query=chosen.query, categories=chosen.categories, exclude=chosen.exclude
        )
        return selection, chosen.prompt
    if query is not None:
        try:
            parse(query)
        except QueryRefused as error:
            raise QueryRefused(error.what, where="--query", next_step="Correct it") from None
    return Selection(query=query or ""), TopicSettings(name="bulk", query="all").prompt


def _account(report: "BulkReport") -> str:
    from pipeline.progress import cost, duration
    from pipeline.text import amount

    parts = [
        amount(report.papers, "paper"),
        f"in {amount(report.months, 'month')}"
        + (f" ({report.unchanged} with nothing new)" if report.unchanged else ""),
        f"{report.new} new",
        f"{report.revised} revised",
        f"{report.asked} asked about, {report.from_cache} of them in the cache",
        amount(report.gaps, "gap") if report.gaps else "",
        f"{report.withdrawn} withdrawn" if report.withdrawn else "",
        f"{amount(report.rejected, 'line')} no paper's, named in _books" if report.rejected else "",
        cost(report.usage),
        duration(report.seconds),
    ]
    return f"{report.out}: {', '.join(filter(None, parts))}"


def _foretold(found: "Forecast") -> str:
    from pipeline.progress import cost

    return (
        f"bulk would ask about {found.papers:,} papers, of which some {found.cached:,} are in the "
        f"cache; about {cost(found.usage)}, without answers that have to be asked for again"
    )

"""backfill: the past."""

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import (
    FIRST_YEAR,
    LAST_YEAR,
    MISSING,
    counted,
    executor_option,
    json_option,
    moment,
    progress,
    warn,
    with_model,
)

if TYPE_CHECKING:
    from pipeline.backfill import Filled
    from pipeline.sources.source import Source


@click.command()
@click.argument("topic")
@click.option("--from", "first", metavar="DATE", required=True, help="The first day.")
@click.option("--to", "last", metavar="DATE", required=True, help="The last day.")
@click.option(
    "--dump",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Take the papers from arXiv's bulk metadata file, not from its query API.",
)
@executor_option
@json_option
@click.pass_obj
def backfill(
    config: Path | None,
    topic: str,
    first: str,
    last: str,
    dump: Path | None,
    executor: str | None,
    as_json: bool,
) -> None:
    """Make the snapshots of past days, one for each of arXiv's announcements.

    Days are dates in the configured zone. The same command again goes on where it ended.
    """
    import msgspec

    from pipeline import configuration
    from pipeline.backfill import backfill as fill
    from pipeline.executors.selection import opened
    from pipeline.run import Night

    settings = with_model(configuration.load(config), executor=executor)
    chosen, days = settings.find_topic(topic), _days(first, last)
    now = moment(None, settings)
    with opened(settings) as made_by:
        night = Night(settings, now, made_by, progress())
        filled = fill(night, chosen, *days, _dump(dump) if dump else night.source)
    if as_json:
        click.echo(msgspec.json.encode(filled).decode())
    else:
        click.echo(_account(filled))
    if filled.missing:
        told = counted(missing.reason for missing in filled.missing)
        warn(f"{topic}: something is missing: {told}. Run the same command again later")
    sys.exit(MISSING if filled.missing else 0)


def _dump(path: Path) -> "Source":
    from pipeline.sources.dump import Dump

    return Dump(path)


def _days(first: str, last: str) -> tuple[date, date]:
    from pipeline.errors import UsageError

    days = []
    for option, text in (("--from", first), ("--to", last)):
        try:
            days.append(date.fromisoformat(text))
        except ValueError:
            raise UsageError(
                f"found {text!r}, expected a date such as 2026-05-01", where=option
            ) from None
        if not FIRST_YEAR <= days[-1].year <= LAST_YEAR:
            raise UsageError(
                f"found {text!r}, expected a year from {FIRST_YEAR} to {LAST_YEAR}", where=option
            )
    if days[0] > days[1]:
        raise UsageError(f"{first} is after {last}", next_step="Give the earlier day with --from")
    return days[0], days[1]


def _account(filled: "Filled") -> str:
    from pipeline.progress import cost

    snapshots, days = len(filled.snapshots), filled.days
    wait = f", {filled.waiting} papers wait for room" if filled.waiting else ""
    return (
        f"{filled.topic}: {days} announcement days, {snapshots} snapshots made or finished; "
        f"{filled.papers} papers in all, {filled.gaps} gaps{wait}, {cost(filled.usage)}"
    )

"""compare: prompts and models side by side."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import MISSING, json_option, progress
from pipeline.text import amount

if TYPE_CHECKING:
    from pipeline.comparison.answer import Comparison
    from pipeline.comparison.filling import Order
    from pipeline.comparison.material import Material
    from pipeline.settings import Settings
    from pipeline.snapshot import Snapshot


@click.command()
@click.argument("snapshot")
@click.argument("contenders", nargs=-1, required=True, metavar="PROMPT[~N][@MODEL]...")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where the page is written; compare-....html in this folder where it is left out.",
)
@click.option("--run", "fill", is_flag=True, help="Ask for the lines that are missing.")
@json_option
@click.pass_obj
def compare(
    config: Path | None,
    snapshot: str,
    contenders: tuple[str, ...],
    output: Path | None,
    fill: bool,
    as_json: bool,
) -> None:
    """Set the lines of two or more prompts or models side by side.

    Prints the totals and the papers that differ most, and writes a page with all of them.
    PROMPT~1 are the lines before a prompt's newest ones. With --run the lines that are missing,
    or by an earlier text of the prompt, are asked for first, once it is said what that costs;
    the snapshot's active lines stay.
    """
    from pipeline import configuration, files
    from pipeline.comparison.material import comparison, material
    from pipeline.comparison.page import file_name, page
    from pipeline.comparison.table import table
    from pipeline.outputs import Outputs

    settings = configuration.load(config)
    found = Outputs(settings.outputs).find(snapshot)
    code = 0
    if fill:
        read, code = _filled(settings, found, contenders)
    else:
        read = material(settings, found, contenders)
    compared = comparison(settings, read)
    names = [total.name for total in compared.contenders]
    target = output or Path(file_name(found.topic, found.name, names))
    files.replace(target, page(compared, read.papers))
    if as_json:
        click.echo(compared.but(page=str(target)).to_json())
    else:
        for line in table(compared):
            click.echo(line)
        click.echo(f"\nAll {amount(len(compared.rows), 'paper')}: {target}")
    if not fill:
        _tell_what_is_missing(compared, found, contenders)
    sys.exit(code)


def _filled(
    settings: "Settings", snapshot: "Snapshot", contenders: tuple[str, ...]
) -> "tuple[Material, int]":
    """Ask for what is missing; what there is then, and the exit code."""
    from pipeline.cli.common import counted
    from pipeline.comparison.filling import Filled, asking, fill, orders
    from pipeline.comparison.material import material
    from pipeline.executors.selection import opened
    from pipeline.outputs import Outputs

    with Outputs(settings.outputs).working_on(snapshot.topic):
        read, done = material(settings, snapshot, contenders), Filled()
        wanted = orders(settings, read)
        if wanted:
            _foretell(snapshot, wanted)
            with opened(asking(settings)) as executor:
                read, done = fill(
                    settings,
                    read,
                    contenders,
                    wanted,
                    datetime.now(UTC),
                    executor=executor,
                    progress=progress(),
                )
        else:
            click.echo(f"{snapshot}: no line is missing that can be asked for", err=True)
    for side in read.sides:
        if side.contender.back and len(side.candidates) < len(read.papers):
            told = f"{side.contender} are lines of the past, of which none can be asked for"
            click.echo(f"{snapshot}: {told}", err=True)
    for what in done.unchecked:
        click.echo(f"warning: {snapshot}: {what}", err=True)
    if done.missing:
        told = counted(done.missing.elements())
        click.echo(f"warning: {snapshot}: something is missing: {told}", err=True)
    return read, MISSING if done.missing or done.unchecked else 0


def _foretell(snapshot: "Snapshot", wanted: "list[Order]") -> None:
    """Say what asking will take, before anything is asked."""
    from pipeline.estimate import of_questions
    from pipeline.progress import cost

    asked: set[str] = set()
    for order in wanted:
        questions = order.questions(snapshot.topic, snapshot.name)
        told = of_questions(order.settings, snapshot.topic, questions, asked, judged=False)
        rest = told.papers - told.cached
        click.echo(
            f"{snapshot}: {order.side.contender}: {amount(told.papers, 'paper')} to summarize, "
            f"{told.cached} of them answered already; asking for {rest} will take about "
            f"{cost(told.usage)}",
            err=True,
        )


def _tell_what_is_missing(
    compared: "Comparison", snapshot: "Snapshot", contenders: tuple[str, ...]
) -> None:
    """Which contenders lack lines, and the command that asks for them."""
    import shlex

    asked = [each for each in compared.contenders if not each.back]
    lacking = [total for total in asked if total.missing or total.earlier_text]
    for total in lacking:
        if total.missing:
            click.echo(f"{snapshot}: {total.name} lacks {amount(total.missing, 'line')}", err=True)
        if total.earlier_text:
            told = f"{amount(total.earlier_text, 'line')} by an earlier text of the prompt"
            click.echo(f"{snapshot}: {total.name} has {told}", err=True)
    if lacking and not any(total.note for total in lacking):
        command = shlex.join(["paperline", "compare", str(snapshot), *contenders, "--run"])
        click.echo(f"To ask for them: {command}", err=True)

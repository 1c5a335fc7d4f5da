"""compare: prompts and models side by side."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import MISSING, inform, json_option, progress, warn
from pipeline.text import amount

if TYPE_CHECKING:
    from pipeline.comparison.answer import Comparison
    from pipeline.comparison.filling import Order
    from pipeline.comparison.material import Material
    from pipeline.settings import Settings
    from pipeline.snapshot import Snapshot


STANDARD_OUTPUT = Path("-")


@click.command()
@click.argument("snapshot")
@click.argument("contenders", nargs=-1, required=True, metavar="PROMPT[~N][@MODEL]...")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Where the page is written, - for standard output and no table; compare-....html in "
    "this folder where it is left out.",
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
    to_screen = output == STANDARD_OUTPUT
    _refuse(settings, output, as_json=as_json)
    found = Outputs(settings.outputs).find(snapshot)
    code = 0
    if fill:
        read, code = _filled(settings, found, contenders)
    else:
        read = material(settings, found, contenders)
    compared = comparison(settings, read)
    names = [total.name for total in compared.contenders]
    made, target = page(compared, read.papers), output
    if target is None:
        target = Path(file_name(found.topic, found.name, names))
    if not to_screen:
        files.replace(target, made)
    if to_screen:
        click.echo(made)
    elif as_json:
        click.echo(compared.but(page=str(target)).to_json())
    else:
        for line in table(compared):
            click.echo(line)
        click.echo(f"\nAll {amount(len(compared.rows), 'paper')}: {target}")
    _warn(compared, found)
    if not fill:
        _tell_what_is_missing(compared, found, contenders)
    sys.exit(code)


def _refuse(settings: "Settings", output: Path | None, *, as_json: bool) -> None:
    """Raise `UsageError` before anything is asked where the page has no place to go."""
    from pipeline.errors import UsageError

    if output == STANDARD_OUTPUT:
        if as_json:
            raise UsageError(
                "the page and the JSON cannot both go to standard output",
                where="--output",
                next_step="Name a file, or leave out --json",
            )
        return
    target = (output or Path("compare.html")).resolve()
    for folder in (settings.outputs, settings.cache):
        if target.is_relative_to(folder.resolve()):
            raise UsageError(
                f"the page would be written into {folder}, which is paperline's own",
                where=str(output or Path.cwd()),
                next_step="Name a file elsewhere with --output",
            )


def _warn(compared: "Comparison", snapshot: "Snapshot") -> None:
    """What makes a comparison less than it seems."""
    from pipeline.comparison.words import NAMES, unread
    from pipeline.text import one_line

    for total in compared.contenders:
        if total.note:
            warn(f"{snapshot}: {one_line(unread(total))}")
        if total.back and not total.lines:
            warn(f"{snapshot}: {total.name} is empty: no paper has so many earlier lines")
        for language, count in total.lacking.items():
            told = f"has no {NAMES[language]} line of {amount(count, 'paper')}"
            warn(f"{snapshot}: {total.name} {told}")


def _filled(
    settings: "Settings", snapshot: "Snapshot", contenders: tuple[str, ...]
) -> "tuple[Material, int]":
    """Ask for what is missing; what there is then, and the exit code."""
    from pipeline.cli.common import counted
    from pipeline.comparison.filling import Filled, fill, orders
    from pipeline.comparison.material import material
    from pipeline.outputs import Outputs

    with Outputs(settings.outputs).working_on(snapshot.topic):
        read, done = material(settings, snapshot, contenders), Filled()
        wanted = orders(settings, read)
        if wanted:
            _foretell(settings, snapshot, wanted)
            now = datetime.now(UTC)
            read, done = fill(settings, read, contenders, wanted, now, progress=progress())
        else:
            inform(f"{snapshot}: no line is missing that can be asked for")
    for side in read.sides:
        if side.contender.back and len(side.candidates) < len(read.papers):
            told = f"{side.contender} are lines of the past, of which none can be asked for"
            inform(f"{snapshot}: {told}")
    for what in done.unchecked:
        warn(f"{snapshot}: {what}")
    if done.missing:
        told = counted(done.missing.elements())
        warn(f"{snapshot}: something is missing: {told}. Run the same command again later")
    return read, MISSING if done.missing or done.unchecked else 0


def _foretell(settings: "Settings", snapshot: "Snapshot", wanted: "list[Order]") -> None:
    """Say what asking will take, before anything is asked, and whether the budget allows it."""
    from pipeline.errors import BudgetReached
    from pipeline.estimate import of_questions
    from pipeline.llm.budget import Budget
    from pipeline.outputs import Outputs
    from pipeline.progress import cost

    asked: set[str] = set()
    spent_today = Outputs(settings.outputs).spent_on(datetime.now(UTC))
    budget, limit = Budget(settings.budget, lambda: spent_today), ""
    for order in wanted:
        questions = order.questions(snapshot.topic, snapshot.name)
        told = of_questions(order.settings, snapshot.topic, questions, asked, judged=False)
        rest = told.papers - told.cached
        inform(
            f"{snapshot}: {order.side.contender}: {amount(told.papers, 'paper')} to summarize, "
            f"{told.cached} of them answered already; asking for {rest} will take about "
            f"{cost(told.usage)}"
        )
        try:
            budget.commit(told.usage)
        except BudgetReached as error:
            limit = limit or str(error)
    if limit:
        told_of = f"that is more than the budget leaves, so asking will end early: {limit}"
        warn(f"{snapshot}: {told_of}")


def _tell_what_is_missing(
    compared: "Comparison", snapshot: "Snapshot", contenders: tuple[str, ...]
) -> None:
    """Which contenders lack lines, and the command that asks for them."""
    import shlex

    asked = [each for each in compared.contenders if not each.back]
    lacking = [total for total in asked if total.missing or total.earlier_text]
    for total in lacking:
        if total.missing:
            inform(f"{snapshot}: {total.name} lacks {amount(total.missing, 'line')}")
        if total.earlier_text:
            told = f"{amount(total.earlier_text, 'line')} by an earlier text of the prompt"
            inform(f"{snapshot}: {total.name} has {told}")
    if lacking and not any(total.note for total in lacking):
        command = shlex.join(["paperline", "compare", str(snapshot), *contenders, "--run"])
        inform(f"To ask for them: {command}")

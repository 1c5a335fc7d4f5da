"""prompts: what each one is and came to, what it would send; which one a topic has."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli import prompt_tables as tables
from pipeline.cli.common import json_option, warn, with_model
from pipeline.text import one_line

if TYPE_CHECKING:
    from pipeline.records import Record

OBEYED = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Characters that a terminal obeys or cannot show; line ends and tabs are none of them."""


@click.group()
def prompts() -> None:
    """The prompts: what they wrote, what editors made of it, what they would send."""


@prompts.command(name="list")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--edits", is_flag=True, help="List the lines that editors changed, newest first.")
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="At most so many lines, with --edits."
)
@json_option
@click.pass_obj
def list_(
    config: Path | None, names: tuple[str, ...], edits: bool, limit: int | None, as_json: bool
) -> None:
    """Every prompt: where it is used, what it wrote, what came of it.

    TOKENS are those that are sent with every paper. APPROVED, EDITED and LEFT OUT count the
    decisions in force on its lines, with their shares. BLIND: choices won, lost and tied in
    the review app against other prompts. With --edits, the lines that editors changed:
    [-the prompt's words-]{+the editor's+}.
    """
    from pipeline import configuration
    from pipeline.prompting.edits import edits as edits_of
    from pipeline.prompting.figures import figures

    if limit is not None and not edits:
        raise click.UsageError("--limit goes with --edits")
    settings = configuration.load(config)
    if edits:
        changed = edits_of(settings, names, limit)
        _told(changed.left_out)
        _answer(changed if as_json else tables.edits(changed.edits, names))
        return
    found = figures(settings, names)
    _told([*found.left_out, *(each.fault for each in found.prompts if each.fault)])
    _answer(found if as_json else tables.table(found.prompts))


@prompts.command()
@click.argument("name")
@click.pass_obj
def show(config: Path | None, name: str) -> None:
    """One prompt: its settings, its parents, its text without a paper."""
    from pipeline import configuration
    from pipeline import prompts as files

    settings = configuration.load(config)
    prompt = files.load(settings.prompts, name, answers=None)
    _answer(tables.shown(settings, prompt))


@prompts.command()
@click.argument("name")
@click.argument("snapshot")
@click.argument("paper", required=False)
@click.option("--model", metavar="NAME", help="Model to render it for.")
@json_option
@click.pass_obj
def render(
    config: Path | None,
    name: str,
    snapshot: str,
    paper: str | None,
    model: str | None,
    as_json: bool,
) -> None:
    """Exactly what a prompt would send about papers, and its cost.

    About all papers of the snapshot, or about one PAPER. A judging prompt is filled in with
    the lines of the active prompt and model. Nothing is sent, and nothing is written.
    """
    from pipeline import configuration
    from pipeline import prompts as files
    from pipeline.outputs import Outputs
    from pipeline.prompting.rendering import Rendering, Totals, rendered

    settings = with_model(configuration.load(config), model=model)
    found = Outputs(settings.outputs).find(snapshot)
    prompt = files.load(settings.prompts, name, answers=None)
    totals, papers = Totals(), []
    for each in rendered(settings, found, prompt, paper):
        totals = totals.plus(each)
        if as_json:
            papers.append(each)
        else:
            _answer(tables.rendered(each))
    if as_json:
        answer = Rendering(
            prompt=prompt.name,
            fingerprint=prompt.fingerprint,
            snapshot=str(found),
            model=settings.model.name,
            papers=tuple(papers),
            totals=totals,
        )
        _answer(answer)
    else:
        _answer([f"{found}: {prompt.name} for {settings.model.name}: {tables.total(totals)}"])


@prompts.command()
@click.argument("name")
@click.option("--topic", required=True, metavar="NAME", help="The topic that is to have it.")
@click.pass_obj
def promote(config: Path | None, name: str, topic: str) -> None:
    """Make a prompt a topic's, in the settings file.

    That one value changes; comments and layout of the file stay. Snapshots that are there keep
    the prompt they have.
    """
    from pipeline import configuration, promotion
    from pipeline import prompts as files

    settings = configuration.load(config)
    settings.find_topic(topic)
    files.load(settings.prompts, name)
    done = promotion.promote(config or configuration.DEFAULT_FILE, topic, name)
    if done.before == name:
        _answer([f"{done.file}: {name} is the prompt of {topic} already; nothing was written"])
        return
    _answer(
        [
            f"{done.file}: the prompt of {topic} was {done.before}, and is {name}",
            "Snapshots that are there keep theirs. To have the newest one's lines by it:",
            f"  paperline summarize {topic}/latest --prompt {name} --activate",
        ]
    )


def _answer(told: "Record | Iterable[str]") -> None:
    """Print a record as JSON, to the letter, or lines for a terminal, with nothing to obey."""
    from pipeline.records import Record

    if isinstance(told, Record):
        click.echo(told.to_json())
        return
    for line in told:
        click.echo(OBEYED.sub("", line))


def _told(remarks: Iterable[str]) -> None:
    for remark in dict.fromkeys(remarks):
        warn(one_line(remark))

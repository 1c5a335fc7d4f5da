"""status, config, doctor, repair: what is there, is it well, and mending it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import asked, warn
from pipeline.errors import PaperlineError

if TYPE_CHECKING:
    from pipeline.books import Invocation
    from pipeline.settings import Settings


@click.command()
@click.argument("snapshot", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def status(config: Path | None, snapshot: str | None, as_json: bool) -> None:
    """Where each topic stands, or one SNAPSHOT in detail."""
    import msgspec

    from pipeline import configuration
    from pipeline.outputs import Outputs
    from pipeline.records import utc_text
    from pipeline.status import detailed, overview, with_runs
    from pipeline.text import amount

    settings = configuration.load(config)
    outputs = Outputs(settings.outputs)
    states = [detailed(settings, outputs.find(snapshot))] if snapshot else overview(settings)
    runs = {} if snapshot else _last_runs(settings)
    if as_json:
        click.echo(msgspec.json.encode(with_runs(states, runs)).decode())
        return
    for state in states:
        click.echo(state.sentence())
        for each in state.stale:
            click.echo(f"  {each.sentence()}")
        for each_pass in state.passes if snapshot else ():
            how = "" if each_pass.complete else "not finished: "
            how += "activated: " if each_pass.activated else ""
            click.echo(f"  {utc_text(each_pass.started)}  {how}{asked(each_pass)}")
        for paper in state.papers if snapshot else ():
            remarks = [paper.gap] if paper.gap else []
            counts = ((paper.errors, "error"), (paper.warnings, "warning"))
            remarks += [amount(number, what) for number, what in counts if number]
            told = f"  ({'; '.join(remarks)})" if remarks else ""
            click.echo(f"  {paper.id}  {paper.decision or 'undecided':<9}  {paper.title}{told}")
    for topic, last in runs.items():
        click.echo(f"{topic}: {last.sentence()}")
    if not states:
        click.echo(f"{settings.outputs}: no snapshot yet; paperline run makes one")


def _last_runs(settings: "Settings") -> "dict[str, Invocation]":
    """Of each topic; a journal that cannot be read says nothing, and is warned of."""
    from pipeline.status import last_runs

    try:
        return last_runs(settings)
    except PaperlineError as error:
        warn(str(error))
        return {}


@click.command()
@click.pass_obj
def config(config: Path | None) -> None:
    """Every setting in force and where it came from.

    Keys and passwords are never printed.
    """
    from pipeline import configuration

    rows = list(configuration.effective(config))
    width = max(len(row.name) + len(row.value) for row in rows if len(row.value) < 50) + 3
    for row in rows:
        click.echo(f"{f'{row.name} = {row.value}':<{width}}  # {row.origin}")


@click.command()
@click.option("--offline", is_flag=True, help="Leave out arXiv, key, model and cluster.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def doctor(config: Path | None, offline: bool, as_json: bool) -> None:
    """Check everything that a night needs, one line each.

    Folders, prompts, clock, token tables, notices; every file of the newest snapshots, what stands
    beside them, and what a moment tells of older ones; the site, the disk, the last runs; arXiv,
    key and model. FAIL breaks a night and a note breaks none; both name the command that mends it,
    where one does. Exit code 1 if one fails. Nothing is changed, and nobody is told anything.
    """
    import msgspec

    from pipeline import configuration
    from pipeline.diagnosis import Examined
    from pipeline.doctor import examine
    from pipeline.text import one_line

    found = list(examine(configuration.load(config), offline=offline))
    found.sort(key=lambda each: ("fail", "note", "ok").index(each.state))
    if as_json:
        told = [
            Examined(
                subject=each.subject,
                state=each.state,
                what=each.what,
                command=each.command or None,
            )
            for each in found
        ]
        click.echo(msgspec.json.encode(told).decode())
    else:
        marks = {"ok": "ok  ", "note": "note", "fail": "FAIL"}
        for each in found:
            mend = f"; {each.command}" if each.command else ""
            said = one_line(f"{each.subject}: {each.what}{mend}")
            click.echo(f"{marks[each.state]}  {said}")
    sys.exit(0 if all(each.well for each in found) else 1)


@click.command()
@click.argument("snapshot")
@click.pass_obj
def repair(config: Path | None, snapshot: str) -> None:
    """Mend what is damaged of a SNAPSHOT and beside it.

    What other files know for certain is made again; everything else that is damaged is set
    aside under another name, and nothing is deleted. Decisions are never touched. One line for
    each file that was not well; exit code 1 where something is left, which the line says.
    Harmless when repeated. TOPIC/latest mends the files beside its snapshots also where there
    are none yet. See docs/repair.md.
    """
    from datetime import UTC, datetime

    from pipeline import configuration
    from pipeline import repair as repairs
    from pipeline.outputs import Outputs
    from pipeline.text import one_line

    settings = configuration.load(config)
    outputs = Outputs(settings.outputs)
    topic, _, name = snapshot.rpartition("/")
    bare = name == "latest" and topic in outputs.topics() and not outputs.names(topic)
    found = outputs.snapshot(topic, name) if bare else outputs.find(snapshot)
    left = anything = False
    for done in repairs.repair(settings, found, datetime.now(UTC)):
        anything, left = True, left or not done.well
        click.echo(f"{'ok  ' if done.well else 'LEFT'}  {one_line(f'{done.path}: {done.what}')}")
    if not anything:
        click.echo(f"ok    {found}: nothing to mend")
    sys.exit(1 if left else 0)

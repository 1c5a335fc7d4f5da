"""status, config, doctor: what is there, and is it well."""

import sys
from pathlib import Path

import click

from pipeline.cli.common import asked


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
    from pipeline.status import detailed, overview
    from pipeline.text import amount

    settings = configuration.load(config)
    outputs = Outputs(settings.outputs)
    states = [detailed(settings, outputs.find(snapshot))] if snapshot else overview(settings)
    if as_json:
        click.echo(msgspec.json.encode(states).decode())
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
    if not states:
        click.echo(f"{settings.outputs}: no snapshot yet; paperline run makes one")


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
@click.pass_obj
def doctor(config: Path | None) -> None:
    """Check everything that a night needs, one line each.

    Folders, prompts, clock, token tables, notices, arXiv, key and model; exit code 1 if one
    fails. Nobody is told anything: notices are looked at, not sent.
    """
    from pipeline import configuration
    from pipeline.doctor import examine

    findings = list(examine(configuration.load(config)))
    for finding in findings:
        click.echo(f"{'ok  ' if finding.well else 'FAIL'}  {finding.subject}: {finding.what}")
    sys.exit(0 if all(finding.well for finding in findings) else 1)

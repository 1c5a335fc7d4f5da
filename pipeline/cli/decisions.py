"""decide."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from pipeline.text import amount

if TYPE_CHECKING:
    from pipeline.records import Action, Lines

ACTIONS = click.Choice(["approve", "edit", "exclude", "hold", "reopen"])


@click.command()
@click.argument("snapshot")
@click.argument("paper")
@click.argument("action", type=ACTIONS)
@click.option("--en", metavar="TEXT", help="The new English line, with edit.")
@click.option("--zh", metavar="TEXT", help="The new Chinese line, with edit.")
@click.option("--editor", metavar="NAME", help="Who decides; the login name where it is left out.")
@click.option("--note", metavar="TEXT", default="", help="Kept with the decision.")
@click.pass_obj
def decide(
    config: Path | None,
    snapshot: str,
    paper: str,
    action: str,
    en: str | None,
    zh: str | None,
    editor: str | None,
    note: str,
) -> None:
    """Decide on one paper, on the lines its digest shows now.

    Settling the last paper publishes the digest.
    """
    from datetime import UTC, datetime

    from pipeline import configuration
    from pipeline.decisions import waited_for
    from pipeline.outputs import Outputs
    from pipeline.run import release
    from pipeline.stages import review

    settings = configuration.load(config)
    found = Outputs(settings.outputs).find(snapshot)
    text = cast("Lines", {k: v for k, v in (("en", en), ("zh", zh)) if v is not None})
    now = datetime.now(UTC)
    with found.releasing():
        review.decide(
            found,
            paper,
            cast("Action", action),
            editor=editor or _login_name(),
            at=now,
            text=text,
            note=note,
        )
    digest = release(settings, found, now)
    waiting = len(waited_for(digest, digest.policy))
    left = amount(waiting, "decision")
    state = "published" if digest.status == "published" else f"waiting for {left}"
    click.echo(f"{found} {paper}: {action}; {state}")


def _login_name() -> str:
    """The login name, or nothing where the user has none, as in some containers."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""

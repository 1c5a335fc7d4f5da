"""decide, introduce and unpublish: an editor's word, from a script."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from pipeline.cli.common import editor_option, login_name
from pipeline.text import amount

if TYPE_CHECKING:
    from pipeline.records import Action, Lines
    from pipeline.snapshot import Snapshot
    from pipeline.stages.build import Built
    from pipeline.stages.review import Wish

ACTIONS = click.Choice(
    ["approve", "edit", "exclude", "hold", "reopen", "pin", "unpin", "move"],
)


@click.command()
@click.argument("snapshot")
@click.argument("paper")
@click.argument("action", type=ACTIONS)
@click.option("--en", metavar="TEXT", help="The new English line, with edit.")
@click.option("--zh", metavar="TEXT", help="The new Chinese line, with edit.")
@click.option("--summary", metavar="ID", help="Another candidate's lines than those on show.")
@click.option("--before", metavar="ID", help="The paper that move leads before; else to the end.")
@editor_option
@click.option("--note", metavar="TEXT", default="", help="Kept with the decision.")
@click.pass_obj
def decide(
    config: Path | None,
    snapshot: str,
    paper: str,
    action: str,
    en: str | None,
    zh: str | None,
    summary: str | None,
    before: str | None,
    editor: str | None,
    note: str,
) -> None:
    """Decide on one paper, on the lines its digest shows now.

    Settling the last paper publishes the digest, unless [review] publish says otherwise. pin
    puts a paper at the head of the digest, move before another one.
    """
    from pipeline.stages.review import Wish

    wish = Wish(
        cast("Action", action),
        paper,
        summary=summary,
        text=_given(en, zh),
        note=note,
        before=before,
    )
    found, state, built = _decided(config, snapshot, wish, editor)
    click.echo(f"{found} {paper}: {action}; {state}")
    built.complete()


@click.command()
@click.argument("snapshot")
@click.option("--en", metavar="TEXT", help="The introduction in English.")
@click.option("--zh", metavar="TEXT", help="The introduction in Chinese.")
@editor_option
@click.pass_obj
def introduce(
    config: Path | None, snapshot: str, en: str | None, zh: str | None, editor: str | None
) -> None:
    """Write a digest's introduction; without a text, take it away."""
    from pipeline.stages.review import Wish

    wish = Wish("introduce", text=_given(en, zh))
    found, state, built = _decided(config, snapshot, wish, editor)
    introduced = any(line.strip() for line in wish.text.values())
    click.echo(f"{found}: {'introduced' if introduced else 'without an introduction'}; {state}")
    built.complete()


@click.command()
@click.argument("snapshot")
@click.option("--why", metavar="TEXT", required=True, help="The reason; readers see it.")
@editor_option
@click.pass_obj
def unpublish(config: Path | None, snapshot: str, why: str, editor: str | None) -> None:
    """Withdraw a published digest: its page says so, and why.

    Only paperline publish SNAPSHOT, or the review app, brings it back.
    """
    from datetime import UTC, datetime

    from pipeline import configuration
    from pipeline.outputs import Outputs
    from pipeline.releasing import withdraw

    settings = configuration.load(config)
    found = Outputs(settings.outputs).find(snapshot)
    built = withdraw(settings, found, why, editor=editor or login_name(), now=datetime.now(UTC))
    click.echo(f"{found}: withdrawn")
    built.complete()


def _decided(
    config: Path | None, snapshot: str, wish: "Wish", editor: str | None
) -> "tuple[Snapshot, str, Built]":
    """Decide, and release as far as the gate allows.

    Returns the snapshot, its state in words, and what that did to the site.
    """
    from datetime import UTC, datetime

    from pipeline import configuration
    from pipeline.decisions import waited_for
    from pipeline.desk import Desk
    from pipeline.errors import Overtaken
    from pipeline.notices import telling
    from pipeline.outputs import Outputs
    from pipeline.releasing import release
    from pipeline.stages.build import build_site

    settings, now = configuration.load(config), datetime.now(UTC)
    found = Outputs(settings.outputs).find(snapshot)
    wish = replace(wish, seen=_seen(found, wish))
    try:
        Desk(settings, found).decide([wish], editor=editor or login_name(), at=now)
    except Overtaken:
        release(settings, found, now, site=False)  # so that looking again shows what changed
        raise
    digest = release(settings, found, now, site=False)
    built = build_site(settings)
    telling.published(settings, found.topic, now)
    waiting = len(waited_for(digest, digest.policy))
    if digest.status == "published":
        state = "published"
    elif waiting:
        state = f"waiting for {amount(waiting, 'decision')}"
    else:
        state = f"ready: paperline publish {found}"
    return found, state, built


def _seen(snapshot: "Snapshot", wish: "Wish") -> str | None:
    """What the digest's files show of the paper, which is what the editor can have read.

    They lag behind where whoever decided last was killed before they were written.
    """
    from pipeline.decisions import ON_LINES
    from pipeline.stages.review import Sight

    digest = snapshot.digest() if wish.action in ON_LINES else None
    shown = (entry for entry in digest.papers if entry.paper.id == wish.paper) if digest else ()
    entry = next(iter(shown), None)
    return Sight.of(entry).mark if entry else None


def _given(en: str | None, zh: str | None) -> "Lines":
    return cast("Lines", {k: v for k, v in (("en", en), ("zh", zh)) if v is not None})

"""cache stats, cache clear."""

import contextlib
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

AGE = re.compile(r"(\d{1,6})\s*([hdw])")
HOURS = {"h": 1, "d": 24, "w": 168}


@click.group()
def cache() -> None:
    """The answers that were paid for.

    Removing them costs money when the same is asked again, and never correctness.
    """


@cache.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def stats(config: Path | None, as_json: bool) -> None:
    """Entries, size, hits and what they saved."""
    import msgspec

    from pipeline import configuration
    from pipeline.cache import AnswerCache

    settings = configuration.load(config)
    with contextlib.closing(AnswerCache(settings.cache)) as answers:
        found = answers.stats()
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
        return
    click.echo(
        f"{settings.cache}: {found.answers} answers to {found.requests} requests, "
        f"{found.size / 1_000_000:.1f} MB"
    )
    click.echo(
        f"used again {found.hits} times, which saved {found.saved_tokens} tokens, "
        f"${found.saved_usd:.4f}"
    )


@cache.command()
@click.option("--older-than", metavar="AGE", help="Only answers older than this: 36h, 90d, 8w.")
@click.pass_obj
def clear(config: Path | None, older_than: str | None) -> None:
    """Remove answers, all or the old ones."""
    from pipeline import configuration
    from pipeline.cache import AnswerCache

    settings = configuration.load(config)
    before = datetime.now(UTC) - _age(older_than) if older_than is not None else None
    with contextlib.closing(AnswerCache(settings.cache)) as answers:
        removed = answers.clear(before)
    click.echo(f"{settings.cache}: {removed} answers removed")


def _age(text: str) -> timedelta:
    from pipeline.errors import UsageError

    found = AGE.fullmatch(text.strip())
    if found is None:
        raise UsageError(
            f"found {text!r}, expected an age such as 36h, 90d or 8w", where="--older-than"
        )
    try:
        return timedelta(hours=int(found[1]) * HOURS[found[2]])
    except OverflowError:
        raise UsageError(f"{text!r} is longer than time itself", where="--older-than") from None

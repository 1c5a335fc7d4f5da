"""What several commands share: options, times, and how counts are said."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pipeline.books import Pass
    from pipeline.progress import Progress
    from pipeline.settings import Settings

MISSING = 3
"""The exit code of what finished and is not complete."""

FIRST_YEAR, LAST_YEAR = 1991, 2100
"""arXiv's first, and one that is surely a slip."""

EXECUTORS = click.Choice(["online", "batch", "cluster", "embedded"])

at_option = click.option("--at", metavar="TIME", help='ISO time that stands for "now".')
prompt_option = click.option("--prompt", metavar="NAME", help="Prompt to use.")
executor_option = click.option("--executor", type=EXECUTORS, help="How lines are made.")
host_option = click.option(
    "--host",
    metavar="ADDRESS",
    default="127.0.0.1",
    show_default=True,
    help="Where it listens.",
)


def port_option(default: int) -> Callable[[Any], Any]:
    """`--port` of a server that listens at `default` unless told otherwise."""
    return click.option(
        "--port",
        type=click.IntRange(0, 65535),
        metavar="N",
        default=default,
        show_default=True,
        help="0 takes any that is free.",
    )


editor_option = click.option(
    "--editor", metavar="NAME", help="Who decides; the login name where it is left out."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def moment(text: str | None, settings: "Settings") -> datetime:
    """`text` as a time, in the configured zone where it names none; now where it is None."""
    from pipeline.errors import UsageError

    if text is None:
        return datetime.now(settings.zone)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"found {text!r}, expected an ISO time such as 2026-05-01T04:05+08:00", where="--at"
        ) from None
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise UsageError(
            f"found {text!r}, expected a year from {FIRST_YEAR} to {LAST_YEAR}", where="--at"
        )
    return at if at.tzinfo else at.replace(tzinfo=settings.zone)


def with_model(
    settings: "Settings", *, executor: str | None = None, model: str | None = None
) -> "Settings":
    """The settings with another executor or model for this command."""
    import msgspec

    from pipeline.errors import UsageError
    from pipeline.text import one_line

    chosen = settings.model
    if model is not None:
        if not model or model != one_line(model):
            raise UsageError(f"found {model!r}, expected the name of a model", where="--model")
        chosen = chosen.named(model)
    if executor is not None:
        chosen = msgspec.structs.replace(chosen, executor=executor)
    return msgspec.structs.replace(settings, model=chosen)


def warn(text: str) -> None:
    """Say on standard error what somebody should do something about."""
    import logging

    logging.getLogger("pipeline.cli").warning("%s", text)


def fail(text: str) -> None:
    """Say on standard error that the command, or a part of it, has failed."""
    import logging

    logging.getLogger("pipeline.cli").error("%s", text)


def inform(text: str) -> None:
    """Say on standard error what happens; not with --quiet."""
    import logging

    logging.getLogger("pipeline.cli").info("%s", text)


def counted(reasons: Iterable[str]) -> str:
    """Each reason once, with how often it is given."""
    return "; ".join(f"{count} × {reason}" for reason, count in Counter(reasons).items())


def asked(one: "Pass") -> str:
    """What one time of asking for lines came to, in a line."""
    from pipeline.progress import cost
    from pipeline.text import amount, one_line

    by = one_line(f"{one.prompt} and {one.model}" if one.prompt else one.model)
    written = sum(map(len, one.lines.values()))
    others = {model: len(papers) for model, papers in one.lines.items() if model != one.model}
    by_others = ", ".join(f"{count} by {one_line(model)}" for model, count in others.items())
    parts = [
        f"lines by {by}: {written} of {amount(one.wanted, 'paper')} written"
        + (f" ({by_others})" if others else ""),
        f"{one.kept} there already",
        f"{one.from_cache} from the cache",
        f"{one.failed} failed" if one.failed else "",
        f"{one.hit_rate:.0%} without paying" if one.hit_rate is not None else "",
        amount(one.requests, "request"),
        cost(one.usage),
        f"of which {one.term_tokens:,} tokens of glossary terms" if one.term_tokens else "",
        f"{one.seconds:,.1f} s",
    ]
    return ", ".join(filter(None, parts))


def progress() -> "Progress":
    """A bar on a terminal, lines in a log otherwise and for machines; neither with --quiet."""
    import logging
    import sys

    from pipeline.logs import structured
    from pipeline.progress import Plain

    shown = logging.getLogger().isEnabledFor(logging.INFO)
    if sys.stderr.isatty() and shown and not structured():
        from pipeline.cli.bar import Bar  # rich takes 0.1 s

        return Bar()
    return Plain()


def login_name() -> str:
    """The login name, or nothing where the user has none, as in some containers."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""

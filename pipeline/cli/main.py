"""The `paperline` command: its groups, its log, its exit codes."""

import sys
from pathlib import Path
from typing import Any

import click

from pipeline.cli import (
    bulk,
    caches,
    comparing,
    decisions,
    diagnosis,
    exporting,
    looking,
    nightly,
    past,
    prompting,
    review,
    stages,
)
from pipeline.cli.common import fail
from pipeline.errors import PaperlineError
from pipeline.version import VERSION

EPILOG = """\b
Exit codes:
  0   done, also when there was nothing new or only editors are waited for
  1   failed
  2   usage or configuration
  3   finished, but something is missing: lines, papers that did not arrive, budget,
      a part of the site
  75  not finished: run the same command again
"""


class _Commands(click.Group):
    """For machines, too, an interruption leaves no line on standard error that is no object."""

    def invoke(self, ctx: click.Context) -> Any:
        """As a group does, which else answers `^C` with a blank line."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            if _structured():
                raise click.Abort from None
            raise


def _log_format(_: click.Context, __: click.Parameter, value: str) -> str:
    """Set at once, so that a mistake in the command line is told in it, too."""
    if value == "json":
        from pipeline import logs

        logs.configure(level=logs.INFO, as_json=True)
    return value


@click.group(
    cls=_Commands,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96},
)
@click.version_option(VERSION, prog_name="paperline")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Settings file; ./paperline.toml where it is left out.",
)
@click.option("--quiet", is_flag=True, help="No progress, only warnings and errors.")
@click.option("--debug", is_flag=True, help="Everything, and the traceback of a defect.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    is_eager=True,
    callback=_log_format,
    help="What standard error is: lines for people, or an object a line for machines.",
)
@click.pass_context
def cli(
    context: click.Context, config: Path | None, quiet: bool, debug: bool, log_format: str
) -> None:
    """Turn each night's arXiv abstracts into a reviewed, bilingual digest."""
    from pipeline import logs  # with logging a tenth of the time of --help, which needs none

    context.obj = config
    level = logs.DEBUG if debug else logs.WARNING if quiet else logs.INFO
    logs.configure(level=level, as_json=log_format == "json")


for command in (
    nightly.run,
    past.backfill,
    bulk.bulk,
    stages.fetch,
    stages.summarize,
    stages.check,
    stages.assemble,
    stages.publish,
    decisions.unpublish,
    decisions.decide,
    review.review,
    looking.serve,
    decisions.introduce,
    exporting.export,
    comparing.compare,
    prompting.prompts,
    diagnosis.status,
    diagnosis.config,
    caches.cache,
    diagnosis.doctor,
    diagnosis.repair,
    nightly.demo,
):
    cli.add_command(command)


def main() -> None:
    """Run the command line; an error of ours ends it with one line and its exit code."""
    try:
        sys.exit(cli.main(prog_name="paperline", standalone_mode=False))
    except PaperlineError as error:
        fail(str(error))
        sys.exit(error.exit_code)
    except click.ClickException as error:
        if _structured():
            fail(f"{error.format_message()} See paperline --help")
        else:
            error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        if _structured():
            fail("interrupted. Run the same command again")
        else:
            click.echo("Aborted!", err=True)
        sys.exit(1)
    except Exception as error:
        import logging

        logging.getLogger(__name__).debug("the defect:", exc_info=True)
        what = " ".join(f"{type(error).__name__}: {error}".split())
        fail(
            f"a defect of paperline: {what}. Report it with the output of "
            "paperline --debug and the same command; what is done so far is kept"
        )
        sys.exit(1)


def _structured() -> bool:
    from pipeline.logs import structured

    return structured()

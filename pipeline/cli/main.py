"""The `paperline` command: its groups, its log, its exit codes."""

import sys
from pathlib import Path

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


@click.group(
    epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96}
)
@click.version_option(VERSION, prog_name="paperline")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Settings file; ./paperline.toml where it is left out.",
)
@click.option("--quiet", is_flag=True, help="No progress, only warnings and errors.")
@click.option("--debug", is_flag=True, help="Everything, and the traceback of a defect.")
@click.pass_context
def cli(context: click.Context, config: Path | None, quiet: bool, debug: bool) -> None:
    """Turn each night's arXiv abstracts into a reviewed, bilingual digest."""
    import logging  # a tenth of the time of --help, which needs none

    context.obj = config
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.WARNING if quiet else logging.INFO,
        format="%(message)s",
        stream=sys.stderr,
        force=True,
    )
    for noisy in ("httpx", "httpx2", "openai", "arxiv", "urllib3", "filelock"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


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
    nightly.demo,
):
    cli.add_command(command)


def main() -> None:
    """Run the command line; an error of ours ends it with one line and its exit code."""
    try:
        cli(prog_name="paperline")
    except PaperlineError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except Exception as error:
        import logging

        logging.getLogger(__name__).debug("the defect:", exc_info=True)
        what = " ".join(f"{type(error).__name__}: {error}".split())
        click.echo(
            f"error: a defect of paperline: {what}. Report it with the output of "
            "paperline --debug and the same command; what is done so far is kept",
            err=True,
        )
        sys.exit(1)

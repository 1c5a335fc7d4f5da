"""serve."""

from pathlib import Path

import click

from pipeline.cli.common import host_option, port_option


@click.command()
@host_option
@port_option(8000)
@click.pass_obj
def serve(config: Path | None, host: str, port: int) -> None:
    """Show the site on this machine, and the drafts as they would look on it.

    It prints both addresses. For looking at it: nobody signs in and nothing can be changed.
    Ends with Ctrl-C. At another address than 127.0.0.1 anybody who reaches it reads the drafts,
    too; for readers put outputs/site/ on a web server.
    """
    import logging

    from pipeline import configuration
    from pipeline.text import amount
    from pipeline.web import serving
    from pipeline.web.drafts import drafts
    from pipeline.web.looking import DRAFTS, application, names
    from pipeline.web.origins import bracketed, is_loopback

    settings = configuration.load(config)
    exposed = not is_loopback(host)
    with serving.listening(host, port) as listener:
        taken = listener.getsockname()[1]
        unpublished = drafts(settings)
        waiting = amount(len(unpublished.rows()), "draft")
        if exposed:
            logging.getLogger(__name__).warning(
                "anybody who reaches %s can read what is not published yet. Leave out --host to "
                "have it for this machine alone",
                host,
            )
        site = f"http://{bracketed(host)}:{taken}"
        click.echo(f"{site}/")
        click.echo(f"{site}{DRAFTS} ({waiting})")
        serving.serve(application(unpublished, names(host, taken)), listener)

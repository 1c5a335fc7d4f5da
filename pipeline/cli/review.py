"""review."""

from pathlib import Path

import click

from pipeline.cli.common import host_option, login_name, port_option


@click.command()
@host_option
@port_option(8420)
@click.option("--editor", metavar="NAME", help="Who decides; the login name where it is left out.")
@click.option(
    "--hash-password",
    is_flag=True,
    help="Ask for a password, print its line for [review.editors], and end.",
)
@click.pass_obj
def review(
    config: Path | None, host: str, port: int, editor: str | None, hash_password: bool
) -> None:
    """The editors' web app; prints the link that opens it.

    Ends with Ctrl-C when what is under way is done, and at once with a second one. Without
    [review.editors] the link works once, in one browser, and only on this machine; the next
    one is shown when it was used. With them everybody signs in with name and password; other
    addresses than 127.0.0.1 need that, and [review] hosts.
    """
    if hash_password:
        _print_hash(editor or login_name() or "NAME")
        return
    from threading import Thread

    from pipeline import configuration
    from pipeline.errors import UsageError
    from pipeline.web.app import application
    from pipeline.web.links import Links
    from pipeline.web.newsroom import newsroom
    from pipeline.web.origins import Origins, refuse_exposure
    from pipeline.web.passwords import Passwords
    from pipeline.web.routes import routes
    from pipeline.web.serving import listening, serve
    from pipeline.web.signing_in import Access
    from pipeline.web.templating import prepare

    settings = configuration.load(config)
    refuse_exposure(settings.review, host)
    with listening(host, port) as listener:
        origins = Origins(host, listener.getsockname()[1], settings.review.hosts)
        access: Access
        if settings.review.editors and editor:
            raise UsageError(
                "[review.editors] tells who decides",
                where="--editor",
                next_step="Leave it out, and sign in with a name and its password",
            )
        if settings.review.editors:
            access = Passwords(settings.review.editors)
            link = f"{origins.first}/"
        else:
            access = Links(editor or login_name(), origins.first, _announce)
            link = access.current
        room = newsroom(settings)
        app = application(access, origins, routes(room), during=[room.releases, room.questions])
        Thread(target=prepare, daemon=True).start()
        click.echo(link)
        serve(app, listener)


def _announce(link: str) -> None:
    click.echo(f"For a further browser: {link}", err=True)


def _print_hash(editor: str) -> None:
    import json

    from pipeline.web.passwords import hashed

    password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    click.echo("[review.editors]", err=True)
    click.echo(f"{json.dumps(editor, ensure_ascii=False)} = {json.dumps(hashed(password))}")

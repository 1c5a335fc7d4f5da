"""export: a digest for other programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pipeline.cli.common import warn

if TYPE_CHECKING:
    from pipeline.records import Digest
    from pipeline.site.words import Said

FORMATS: Final = ("json", "md", "csv", "bibtex", "ris")


@click.command()
@click.argument("snapshot")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    required=True,
    help="json has everything (docs/schema/digest.json), csv opens in a spreadsheet.",
)
@click.pass_obj
def export(config: Path | None, snapshot: str, form: str) -> None:
    """Print a snapshot's digest for other programs, in UTF-8.

    It is the digest as it stands: published, a draft, or taken back. Each line says who or what
    wrote it; papers that editors left out are not there.
    """
    from pipeline import configuration
    from pipeline.errors import UsageError
    from pipeline.exports.notes import taken_back
    from pipeline.outputs import Outputs
    from pipeline.text import amount, one_line

    settings = configuration.load(config)
    found = Outputs(settings.outputs).find(snapshot)
    digest = found.digest()
    if digest is None:
        raise UsageError(
            "there is no digest yet",
            where=str(found),
            next_step=f"Make it with paperline assemble {found}",
        )
    withdrawn = taken_back(digest, found.publications())
    made = _written(form, digest, withdrawn)
    if withdrawn:
        told = one_line(f"this digest was taken back. {withdrawn.en}")
        warn(f"{found}: {told}")
    elif digest.status == "draft":
        left = f"{len(digest.undecided)} of {amount(len(digest.papers), 'paper')} not decided on"
        warn(f"{found}: this is a draft, {left}")
    # Bytes, so that the terminal's encoding and line ends have no say.
    click.echo(made.encode(), nl=False)


def _written(form: str, digest: "Digest", withdrawn: "Said | None") -> str:
    from pipeline.exports.bibtex import digest_bibtex
    from pipeline.exports.documents import digest_document, digest_json
    from pipeline.exports.ris import digest_ris
    from pipeline.exports.spreadsheet import digest_csv

    if form == "json":
        return digest_json(digest)
    writers = {
        "md": digest_document,
        "csv": digest_csv,
        "bibtex": digest_bibtex,
        "ris": digest_ris,
    }
    return writers[form](digest, withdrawn)

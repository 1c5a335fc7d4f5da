"""A digest as its own two documents, for a terminal or a pipe: the record, and Markdown."""

import re

from pipeline.records import Digest
from pipeline.site.markdown import digest_markdown
from pipeline.site.words import Said

OBEYED = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""What JSON may hold as it is and a terminal obeys."""


def digest_json(digest: Digest) -> str:
    """The record of docs/schema/digest.json on one line.

    What a terminal obeys is written by its number, which is the same to a program.
    """
    return OBEYED.sub(lambda sign: f"\\u{ord(sign[0]):04x}", digest.to_json()) + "\n"


def digest_document(digest: Digest, withdrawn: Said | None = None) -> str:
    """The Markdown of `5-digest.md`, without its ways to the folders beside it.

    One that was taken back, `withdrawn` as for `notes`, says so and is called no draft.
    """
    if withdrawn is not None:
        digest = digest.but(status="published", notes=(*digest.notes, *withdrawn))
    return digest_markdown(digest.but(earlier=()))

"""A digest -> CSV (RFC 4180), which a spreadsheet opens without harm."""

import csv
import io
import re
from collections.abc import Callable
from typing import Final

from pipeline.records import LANGUAGES, Digest, Entry, Language, utc_text
from pipeline.site.text import abstract_link, pdf_link
from pipeline.site.words import Said
from pipeline.text import one_line

BYTE_ORDER_MARK = "\ufeff"
"""Without it Excel takes Chinese for something else; other programs skip it."""

FORMULA = re.compile("'*[=+\\-@＝＋－＠]")
"""What a spreadsheet computes where a cell begins with it, also behind apostrophes of its own."""

SEPARATOR = "; "
"""Between authors, who may have commas in their names, and between categories."""

Cell = Callable[[Digest, Entry], str]


def digest_csv(digest: Digest, withdrawn: Said | None = None) -> str:
    """A header and a row for each paper, in digest order; lines end with CR LF.

    Every cell is on one line, times are in UTC. A cell that a spreadsheet would take for a
    formula has an apostrophe before it, which taken away gives the text. Of a digest that was
    taken back, `withdrawn` as for `notes`, the status is `withdrawn`.
    """
    status = {"digest_status": "withdrawn"} if withdrawn else {}
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(COLUMNS)
    for entry in digest.papers:
        row = {name: harmless(cell(digest, entry)) for name, cell in COLUMNS.items()}
        writer.writerow((row | status).values())
    return BYTE_ORDER_MARK + table.getvalue()


def harmless(value: str) -> str:
    """`value` on one line, and nothing that a spreadsheet computes."""
    cell = one_line(value)
    return f"'{cell}" if FORMULA.match(cell) else cell


def _line(language: Language) -> dict[str, Cell]:
    """The columns of one language: its line, and who wrote it."""

    def field(name: str) -> Cell:
        return lambda _, entry: getattr(entry.lines.get(language), name, None) or ""

    parts = {f"{language}_{name}": field(name) for name in ("origin", "model", "prompt", "editor")}
    return {language: field("text"), **parts}


def _gap(_: Digest, entry: Entry) -> str:
    return entry.gap.kind if entry.gap else ""


def _reviewed_by(_: Digest, entry: Entry) -> str:
    return entry.decision.reviewer if entry.decision and entry.settled else ""


def _withdrawn(_: Digest, entry: Entry) -> str:
    return utc_text(entry.withdrawn.at) if entry.withdrawn else ""


COLUMNS: Final[dict[str, Cell]] = {
    "topic": lambda digest, _: digest.topic,
    "snapshot": lambda digest, _: digest.snapshot,
    "digest_status": lambda digest, _: digest.status,
    # `id` is a number to a spreadsheet, which drops zeros at its end.
    "arxiv": lambda _, entry: f"arXiv:{entry.paper.id}v{entry.paper.version}",
    "id": lambda _, entry: entry.paper.id,
    "version": lambda _, entry: str(entry.paper.version),
    "status": lambda _, entry: entry.paper.status,
    "title": lambda _, entry: entry.paper.title,
    "authors": lambda _, entry: SEPARATOR.join(entry.paper.authors),
    **{name: cell for language in LANGUAGES for name, cell in _line(language).items()},
    "gap": _gap,
    "reviewed_by": _reviewed_by,
    "pinned": lambda _, entry: "yes" if entry.pinned else "",
    "first": lambda _, entry: utc_text(entry.paper.first),
    "latest": lambda _, entry: utc_text(entry.paper.latest),
    "withdrawn": _withdrawn,
    "primary_category": lambda _, entry: entry.paper.primary_category,
    "categories": lambda _, entry: SEPARATOR.join(entry.paper.categories),
    "comments": lambda _, entry: entry.paper.comments or "",
    "venue": lambda _, entry: entry.paper.venue or "",
    "doi": lambda _, entry: entry.paper.doi or "",
    "url": lambda _, entry: abstract_link(entry.paper),
    "pdf_url": lambda _, entry: pdf_link(entry.paper),
    "abstract": lambda _, entry: entry.paper.abstract,
}

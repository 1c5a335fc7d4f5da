"""A digest -> RIS, the form in which reference managers exchange records.

The tags are those of https://en.wikipedia.org/wiki/RIS_(file_format); UNPB, unpublished work,
is what they make of a preprint.
"""

from collections.abc import Iterator

from pipeline.exports.notes import notes, published_in
from pipeline.records import Digest, Entry
from pipeline.site.latex.rendering import to_text
from pipeline.site.text import abstract_link, pdf_link
from pipeline.site.words import Said
from pipeline.text import one_line


def digest_ris(digest: Digest, withdrawn: Said | None = None) -> str:
    """A record for each paper, in digest order; lines end with CR LF.

    Title and abstract are plain text, names as arXiv writes them. The year and the date are
    those of the first version, in UTC. The lines are the first notes (N1), each with who wrote
    it; `withdrawn` as for `notes`. Raises `DamagedFile` where the digest's time zone is unknown.
    """
    lines = (line for entry in digest.papers for line in _record(digest, entry, withdrawn))
    return "".join(f"{line}\r\n" for line in lines)


def _record(digest: Digest, entry: Entry, withdrawn: Said | None) -> Iterator[str]:
    paper = entry.paper
    fields = [
        ("TY", "UNPB"),
        ("ID", paper.id),
        *(("AU", author) for author in paper.authors),
        ("TI", to_text(paper.title)),
        ("AB", to_text(paper.abstract)),
        ("PY", f"{paper.first:%Y}"),
        ("DA", f"{paper.first:%Y/%m/%d}"),
        ("DB", "arXiv"),
        ("AN", f"arXiv:{paper.id}v{paper.version}"),
        ("DO", paper.doi or ""),
        ("UR", abstract_link(paper)),
        ("L1", pdf_link(paper)),
        ("LA", "en"),  # arXiv asks for an English abstract
        *(("KW", category) for category in paper.categories),
        *(("N1", note) for note in notes(digest, entry, withdrawn)),
        ("N1", paper.comments or ""),
        ("N1", published_in(entry)),
    ]
    # A value on one line can never be taken for the next tag.
    filled = ((tag, one_line(value)) for tag, value in fields)
    yield from (f"{tag}  - {value}" for tag, value in filled if value)
    yield "ER  - "
    yield ""

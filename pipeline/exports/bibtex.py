"""A digest -> BibTeX, in UTF-8, for BibTeX itself and for biblatex.

An eprint is named as https://info.arxiv.org/help/hypertex/bibstyles/index.html asks for.
"""

import re
import unicodedata
from collections.abc import Iterator

from pipeline.exports.notes import notes, published_in
from pipeline.exports.tex import latex, protected
from pipeline.records import Digest, Entry, Paper
from pipeline.site.latex.rendering import to_text
from pipeline.site.text import abstract_link
from pipeline.site.words import Said

DOI = re.compile(r"10\.[0-9]{4,9}/[^\s{}\\%#&\"^~$]+")
"""One that can stand in its field as it is, where TeX takes every sign for itself."""

SEPARATING = frozenset(["and", "others"])
"""Words that BibTeX obeys between authors."""

ORGANISATION = re.compile(
    r"\b(collaboration|consortium|group|initiative|lab|laboratory|network|project|team)\b",
    re.IGNORECASE,
)
SUFFIXES = frozenset(["jr", "sr", "ii", "iii", "iv"])


def digest_bibtex(digest: Digest, withdrawn: Said | None = None) -> str:
    """An `@misc` for each paper, in digest order.

    Year and month are those of the first version, in UTC. `annote` holds the lines, each with
    who wrote it, and who reviewed the paper; `withdrawn` as for `notes`. Keys are like
    `kelp2026-2604.90001`, and stay. Raises `DamagedFile` where the digest's time zone is unknown.
    """
    return "\n".join(_misc(digest, entry, withdrawn) for entry in digest.papers)


def _misc(digest: Digest, entry: Entry, withdrawn: Said | None) -> str:
    fields = "".join(f"  {name} = {value},\n" for name, value in _fields(digest, entry, withdrawn))
    return f"@misc{{{_key(entry.paper)},\n{fields}}}\n"


def _fields(digest: Digest, entry: Entry, withdrawn: Said | None) -> Iterator[tuple[str, str]]:
    paper = entry.paper
    doi = paper.doi if paper.doi and DOI.fullmatch(paper.doi) else None
    remarks = [paper.comments or "", published_in(entry)]
    if paper.doi and not doi:
        remarks.append(f"DOI: {paper.doi}")
    in_braces = {
        "title": protected(latex(paper.title)),
        "author": " and ".join(filter(None, map(_author, paper.authors))),
    }
    yield from ((name, f"{{{value}}}") for name, value in in_braces.items() if value)
    yield "year", f"{{{paper.first:%Y}}}"
    yield "month", f"{paper.first:%b}".lower()
    others = {
        "eprint": paper.id,
        "archivePrefix": "arXiv",
        "primaryClass": latex(paper.primary_category),
        "doi": doi or "",
        "url": abstract_link(paper),
        "note": latex(". ".join(remark.rstrip(". ") for remark in remarks if remark)),
        "abstract": latex(paper.abstract),
        "annote": " ".join(latex(note) for note in notes(digest, entry, withdrawn)),
    }
    yield from ((name, f"{{{value}}}") for name, value in others.items() if value)


def _author(name: str) -> str:
    """A name as BibTeX takes it: what is none of a person, or would be taken apart, in braces."""
    source = latex(name)
    words = {word.casefold() for word in source.split()}
    whole = "," in source or words & SEPARATING or ORGANISATION.search(source)
    return f"{{{source}}}" if whole else source


def _key(paper: Paper) -> str:
    """The first author's last name in plain letters, the year, and arXiv's identifier."""
    first = to_text(paper.authors[0]) if paper.authors else ""
    letters = unicodedata.normalize("NFKD", ORGANISATION.sub(" ", first)).casefold()
    words = [re.sub(r"[^a-z]", "", word) for word in letters.split()]
    names = [word for word in words if word and word not in SUFFIXES]
    name = names[-1] if names else "arxiv"
    return f"{name}{paper.first:%Y}-{paper.id.replace('/', '-')}"

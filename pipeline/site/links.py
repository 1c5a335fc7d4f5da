"""Where else a paper leads: its HTML and DOI, and the code and pages that its authors name."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from pipeline.records import Paper
from pipeline.site.text import PATH, clean

HTML_SINCE: Final = datetime(2023, 12, 1, tzinfo=UTC)
"""From here on arXiv makes HTML of what is submitted (https://info.arxiv.org/about/accessible_HTML.html)."""

MOST_CODE: Final = 5
LONGEST: Final = 200
"""Characters of an address; a longer one is no page that an author would print."""

CODE_HOSTS: Final[dict[str, int]] = {
    "github.com": 1,
    "gitlab.com": 1,
    "huggingface.co": 1,
    "codeberg.org": 1,
    "bitbucket.org": 1,
    "gitee.com": 1,
    "modelscope.cn": 2,
    "zenodo.org": 1,
    "osf.io": 1,
    "figshare.com": 1,
    "anonymous.4open.science": 2,
    "kaggle.com": 2,
    "sites.google.com": 2,
    "colab.research.google.com": 1,
}
"""Hosts of code, data and project pages, and the fewest parts of a path that name one there."""

PAGES: Final = (".github.io", ".gitlab.io", ".codeberg.page", ".hf.space")
"""Hosts that are a project's own, under the name of its owner."""

ARCHIVED: Final = re.compile(
    r"/10\.(?:5281/zenodo|6084/m9\.figshare|17605/osf\.io)\b", re.IGNORECASE
)
"""DOIs of archives of code and data."""

ADDRESS: Final = re.compile(
    r"(?:(?<!\w)https?://|(?<![\w@.:/-]))"
    r"((?:[a-z0-9-]{1,63}\.){1,4}[a-z]{2,10})(?![\w.-]*[@:])"
    r"(/[^\s{}<>\"'`|^$]*)?",
    re.IGNORECASE,
)
TRAILING: Final = ".,;:!?)]\\*~"
DOI: Final = re.compile(r"10\.\d{4,9}/[!-~]{1,200}")


class Link(NamedTuple):
    """An address by https, and how it is shown: its host and path."""

    address: str
    shown: str


def version_link(paper: Paper, version: int) -> str:
    """Address of another version of the paper on arXiv, which keeps all of them."""
    return f"https://arxiv.org/abs/{quote(clean(paper.id), safe=PATH)}v{version}"


def html_link(paper: Paper) -> str | None:
    """Address of the paper as arXiv's HTML, where it was submitted late enough to have one."""
    if paper.latest < HTML_SINCE:
        return None
    return f"https://arxiv.org/html/{quote(clean(paper.id), safe=PATH)}v{paper.version}"


def doi_link(paper: Paper) -> str | None:
    """Address of the published version; None where there is no DOI or it is not well formed."""
    doi = clean(paper.doi or "")
    return f"https://doi.org/{quote(doi, safe='/:;().-_')}" if DOI.fullmatch(doi) else None


def code_links(paper: Paper) -> list[Link]:
    """Pages of code, data or the project named in comments or abstract, at most `MOST_CODE`.

    Only hosts that are known for such pages, always by https, without port, account, query or
    fragment, so that no reader is followed and none is led astray.
    """
    found: dict[str, Link] = {}
    for text in (paper.comments or "", paper.abstract):
        for link in _named(clean(text)):
            found.setdefault(link.shown.casefold(), link)
    return list(found.values())[:MOST_CODE]


def _named(text: str) -> Iterator[Link]:
    # LaTeX writes an underscore, a tilde and the like behind a backslash.
    plain = re.sub(r"\\([_%#&~-])(?:\{\})?", r"\1", text)
    for match in ADDRESS.finditer(plain):
        host, path = match[1].lower().removeprefix("www."), match[2] or ""
        path = unquote(urlsplit(f"https://host{path}").path).rstrip(TRAILING).rstrip("/")
        if len(host) + len(path) > LONGEST or not _is_code(host, path):
            continue
        yield Link(f"https://{host}{quote(path, safe='/:@!().,;+=-._~')}", clean(f"{host}{path}"))


def _is_code(host: str, path: str) -> bool:
    parts = path.split("/")[1:]
    if {"", ".", ".."} & {*parts}:
        return False
    if host == "doi.org":
        return ARCHIVED.match(path) is not None
    return host.endswith(PAGES) or (host in CODE_HOSTS and len(parts) >= CODE_HOSTS[host])

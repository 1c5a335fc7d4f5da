"""Untrusted text made fit for a page: characters, addresses, times."""

import re
from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline.errors import DamagedFile
from pipeline.records import Digest, Paper

BREAKS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
"""Control characters, bidirectional overrides, embeddings and isolates, lone surrogates."""

PATH = "/:@!$&'()*+,;=-._~%"
"""What stays as it is in an address's path; everything else is percent-encoded."""


def clean(text: str) -> str:
    """`text` without characters that no reader sees but a browser or terminal obeys."""
    if text.isprintable():  # nothing of either is, and most texts are
        return text
    return INVISIBLE.sub("", BREAKS.sub(" ", text))


def abstract_link(paper: Paper) -> str:
    """Address of the paper's page on arXiv; see `_arxiv_link`."""
    return _arxiv_link(paper.url, f"/abs/{paper.id}v{paper.version}")


def pdf_link(paper: Paper) -> str:
    """Address of the paper's PDF on arXiv; see `_arxiv_link`."""
    return _arxiv_link(paper.pdf_url, f"/pdf/{paper.id}v{paper.version}")


def _arxiv_link(address: str, instead: str) -> str:
    """`address` by https where it is arXiv's own, else arXiv's path `instead`.

    A feed that was tampered with can thus send no reader anywhere else.
    """
    try:
        parts = urlsplit(clean(address))
    except ValueError:  # such as an unclosed bracket in the host
        parts = urlsplit("")
    ours = parts.scheme in ("http", "https") and re.fullmatch(
        r"([a-z0-9-]+\.)*arxiv\.org", parts.netloc
    )
    if ours:
        return f"https://{parts.netloc}{quote(parts.path, safe=PATH)}"
    return f"https://arxiv.org{quote(clean(instead), safe=PATH)}"


def local_time(digest: Digest) -> Callable[[datetime], str]:
    """The function that writes a moment as `2026-04-29 20:45` in the digest's time zone.

    Raises `DamagedFile` where the digest names no time zone that is known here.
    """
    try:
        zone = ZoneInfo(digest.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise DamagedFile(
            f"names the unknown time zone {digest.time_zone!r}",
            where=f"{digest.topic}/{digest.snapshot}",
            next_step="Correct time_zone in the digest or install the time zone database (tzdata)",
        ) from error
    return lambda moment: f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"

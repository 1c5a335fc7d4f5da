"""A digest -> one self-contained HTML file, the page of the contract.

It holds no script and asks nothing of any server; programs read it by the selectors
that `docs/page.md` lists, so the elements named there hold a field's text and nothing else.
"""

from collections import Counter
from collections.abc import Sequence

from pipeline.records import Digest, Publication
from pipeline.site import words
from pipeline.site.templating import rendered
from pipeline.site.text import local_time

DRAFT_LINK = "../{}/5-digest.html"
"""From one snapshot's folder in `outputs/` to the page of another."""

SITE_LINK = "{}.html"
"""From one page of a topic's site to another."""


def digest_page(
    digest: Digest,
    *,
    releases: Sequence[Publication] = (),
    home: str | None = None,
    newer: str | None = None,
    link: str = DRAFT_LINK,
) -> str:
    """The digest's page.

    `releases`: its publications, oldest first. `home`: the address of the site's
    front page; a page that has one has `history.html` beside it. `newer`: the name
    of the next snapshot. `link`: a snapshot's address, with `{}` for its name.
    Raises `DamagedFile` where the digest's time zone is unknown.
    """
    return rendered(
        "digest.html.j2",
        digest=digest,
        home=home,
        newer=newer,
        link=link,
        statuses=Counter(entry.paper.status for entry in digest.papers),
        release_notes=words.release_notes(digest, releases),
        local=local_time(digest),
        words=words,
    )


def tombstone_page(
    digest: Digest, *, releases: Sequence[Publication], home: str, newer: str | None = None
) -> str:
    """What stays on the site of a digest that was withdrawn: its dates and `digest.notes`."""
    return rendered(
        "tombstone.html.j2",
        digest=digest,
        home=home,
        newer=newer,
        link=SITE_LINK,
        release_notes=words.release_notes(digest, releases),
        local=local_time(digest),
        words=words,
    )

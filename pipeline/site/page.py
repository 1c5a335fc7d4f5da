"""A digest -> its page, the one of the contract, in two forms.

On its own it is one self-contained HTML file that holds no script and asks nothing of any
server; on the site its style and script are files beside it. Programs read it by the
selectors that `docs/page.md` lists, so the elements named there hold a field's text alone.
"""

from collections.abc import Sequence
from typing import Any

from pipeline.records import LANGUAGES, Digest, Publication
from pipeline.site import authors, contents, links, revised, structured, words
from pipeline.site.assets import asset
from pipeline.site.place import Place
from pipeline.site.provenance import Provenance
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
    place: Place | None = None,
) -> str:
    """The digest's page.

    `releases`: its publications, oldest first. `place`: where on the site it stands; a
    page without one is self-contained. Raises `DamagedFile` where the digest's time zone is
    unknown.
    """
    languages = place.languages if place else LANGUAGES
    return rendered(
        "digest.html.j2",
        **_common(digest, releases, place),
        groups=contents.groups(digest),
        statuses=contents.statuses(digest),
        findings=words.findings(digest),
        authors=authors,
        links=links,
        provenance=Provenance(digest, languages, local_time(digest)),
        revised=revised,
        room=revised.room_for_each(digest),
    )


def tombstone_page(
    digest: Digest, *, releases: Sequence[Publication], place: Place | None = None
) -> str:
    """What stays on the site of a digest that was withdrawn: its dates and `digest.notes`."""
    return rendered("tombstone.html.j2", **_common(digest, releases, place))


def _common(digest: Digest, releases: Sequence[Publication], place: Place | None) -> dict[str, Any]:
    local = local_time(digest)
    return {
        "asset": asset,
        "digest": digest,
        "place": place,
        "described": structured.head(digest, releases, place) if place else "",
        "link": SITE_LINK if place else DRAFT_LINK,
        "local": local,
        "when": local(digest.instant),
        "release_notes": words.release_notes(digest, releases),
        "words": words,
    }

"""Everything that was published -> the static site, as paths and texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import quote

from pipeline.records import Digest, Publication
from pipeline.settings import SiteSettings
from pipeline.site import words
from pipeline.site.page import SITE_LINK, digest_page, tombstone_page
from pipeline.site.templating import rendered
from pipeline.site.text import local_time

MOST_EARLIER = 30
"""Earlier snapshots a page names itself, so that it stays the same as years go by."""


@dataclass(frozen=True)
class _Released:
    """One snapshot as it stands on the site. `when` is its local date and time."""

    digest: Digest
    releases: Sequence[Publication]
    withdrawn: bool
    when: str

    @property
    def year(self) -> str:
        return self.when[:4]

    @property
    def month(self) -> str:
        return self.when[:7]


def pages(
    releases: Mapping[str, Sequence[Sequence[Publication]]], site: SiteSettings
) -> dict[str, str]:
    """The whole site: `{path: text}`, indexes after the pages that they lead to.

    `releases`: for each topic its snapshots, oldest first, and of each all of its
    publications, oldest first; the last one counts. Snapshots without one are left out.
    Raises `DamagedFile` where a digest's time zone is unknown.
    """
    made: dict[str, str] = {}
    newest = {}
    for topic, snapshots in releases.items():
        released = [_released(publications) for publications in snapshots if publications]
        if not released:
            continue
        folder = _topic_pages(topic, released, site)
        made |= {f"{topic}/{name}": text for name, text in folder.items()}
        newest[topic] = _newest(released)
    topics = [(quote(topic), released) for topic, released in newest.items()]
    made["index.html"] = rendered("index.html.j2", site=site, topics=topics, words=words)
    return made


def _released(publications: Sequence[Publication]) -> _Released:
    last = publications[-1]
    digest = last.digest.but(status="published")
    when = local_time(digest)(digest.instant)
    return _Released(digest, publications, last.why is not None, when)


def _newest(released: Sequence[_Released]) -> _Released:
    """The last digest that can be read, or where all are withdrawn the last tombstone."""
    standing = [one for one in released if not one.withdrawn]
    return (standing or released)[-1]


def _topic_pages(topic: str, released: Sequence[_Released], site: SiteSettings) -> dict[str, str]:
    names = [one.digest.snapshot for one in released]
    made = {}
    for place, one in enumerate(released):
        # The digest's own list may name snapshots that were never published.
        earlier = tuple(reversed(names[max(0, place - MOST_EARLIER) : place]))
        newer = names[place + 1] if place + 1 < len(names) else None
        made[SITE_LINK.format(one.digest.snapshot)] = _page(one, earlier, newer)
    newest = _newest(released)
    made["history.html"] = _history(topic, released, newest.digest.title, site)
    made["index.html"] = made[SITE_LINK.format(newest.digest.snapshot)]
    return made


def _page(one: _Released, earlier: tuple[str, ...], newer: str | None) -> str:
    digest, home = one.digest.but(earlier=earlier), "../index.html"
    if one.withdrawn:
        return tombstone_page(digest, releases=one.releases, home=home, newer=newer)
    return digest_page(digest, releases=one.releases, home=home, newer=newer, link=SITE_LINK)


def _history(topic: str, released: Sequence[_Released], title: str, site: SiteSettings) -> str:
    """All snapshots, newest first, by year and month of their local date."""
    years = [
        (year, [(month, list(those)) for month, those in groupby(of_year, lambda r: r.month)])
        for year, of_year in groupby(reversed(released), lambda r: r.year)
    ]
    return rendered(
        "history.html.j2", site=site, topic=quote(topic), title=title, years=years, words=words
    )

"""What belongs to the site as a whole: its front page, and what machines ask for first."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from html import escape

from pipeline.records import utc_text
from pipeline.settings import SiteSettings
from pipeline.site.catalogue import Listed, Topic
from pipeline.site.frame import framed
from pipeline.site.place import Place, absolute, spoken_in
from pipeline.site.words import Said

SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
"""https://www.sitemaps.org/protocol.html: at most 50,000 addresses a file, so one a topic."""


def front_page(place: Place, newest: Sequence[tuple[Topic, Listed]]) -> str:
    """The topics, each with its newest digest."""
    topics = [topic for topic, _ in newest]
    titles = [topic.title for topic in topics]
    place = replace(place, spoken=spoken_in(topics))
    return framed(
        "index.html.j2",
        place,
        title=place.site.title,
        about=Said(
            f"Digests of new papers on arXiv, a line for each: {', '.join(titles)}.",
            f"arXiv 新论文速递，每篇一句话：{'、'.join(titles)}。",
        ),
        topics=newest,
    )


def topic_sitemap(site: SiteSettings, topic: Topic, of_topic: Sequence[Listed]) -> str:
    """The addresses of a topic's archive, its months and its digests, the oldest first.

    Without the digests that were withdrawn, and without the topic's own, which is that of its
    newest digest once more.
    """
    months = dict.fromkeys(f"{one.month}.html" for one in of_topic)
    pages = [(page, None) for page in ("archive.html", *months)]
    digests = [(f"{one.snapshot}.html", one.changed) for one in of_topic if not one.withdrawn]
    entries = [
        _entry("url", absolute(site, f"{topic.name}/{page}"), changed)
        for page, changed in (*pages, *digests)
    ]
    return _whole("urlset", entries)


def sitemap(site: SiteSettings, newest: Sequence[tuple[Topic, Sequence[Listed]]]) -> str:
    """The topics' sitemaps, each with the time at which something of it changed last."""
    entries = [
        _entry(
            "sitemap",
            absolute(site, f"{topic.name}/sitemap.xml"),
            max(one.changed for one in of_topic),
        )
        for topic, of_topic in newest
    ]
    return _whole("sitemapindex", entries)


def robots(site: SiteSettings) -> str:
    """That all may be read by programs, and where the sitemap is."""
    return f"User-agent: *\nAllow: /\n\nSitemap: {absolute(site, 'sitemap.xml')}\n"


def _entry(kind: str, address: str, changed: datetime | None) -> str:
    """An entry, as text: a tree of thousands takes as long as the page of one more day."""
    last = "" if changed is None else f"\n    <lastmod>{utc_text(changed)}</lastmod>"
    return f"  <{kind}>\n    <loc>{escape(address, quote=False)}</loc>{last}\n  </{kind}>\n"


def _whole(kind: str, entries: Iterable[str]) -> str:
    begin = f'<?xml version="1.0" encoding="UTF-8"?>\n<{kind} xmlns="{SITEMAP}">\n'
    return f"{begin}{''.join(entries)}</{kind}>\n"

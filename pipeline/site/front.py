"""What belongs to the site as a whole: its front page, and what machines ask for first."""

from collections.abc import Sequence
from dataclasses import replace
from xml.etree import ElementTree as ET

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
    root = ET.Element("urlset", xmlns=SITEMAP)
    for page in ("archive.html", *months):
        _entry(root, "url", absolute(site, f"{topic.name}/{page}"), None)
    for one in of_topic:
        if not one.withdrawn:
            address = absolute(site, f"{topic.name}/{one.snapshot}.html")
            _entry(root, "url", address, utc_text(one.changed))
    return _written(root)


def sitemap(site: SiteSettings, newest: Sequence[tuple[Topic, Sequence[Listed]]]) -> str:
    """The topics' sitemaps, each with the time at which something of it changed last."""
    root = ET.Element("sitemapindex", xmlns=SITEMAP)
    for topic, of_topic in newest:
        changed = max(one.changed for one in of_topic)
        _entry(root, "sitemap", absolute(site, f"{topic.name}/sitemap.xml"), utc_text(changed))
    return _written(root)


def robots(site: SiteSettings) -> str:
    """That all may be read by programs, and where the sitemap is."""
    return f"User-agent: *\nAllow: /\n\nSitemap: {absolute(site, 'sitemap.xml')}\n"


def _entry(root: ET.Element, kind: str, address: str, changed: str | None) -> None:
    entry = ET.SubElement(root, kind)
    ET.SubElement(entry, "loc").text = address
    if changed is not None:
        ET.SubElement(entry, "lastmod").text = changed


def _written(root: ET.Element) -> str:
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'

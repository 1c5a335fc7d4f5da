"""A topic's newest digests -> Atom (RFC 4287) and JSON Feed 1.1, one of each per language."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID, uuid5
from xml.etree import ElementTree as ET

from pipeline.records import TAGS, Language, utc_text
from pipeline.settings import SiteSettings
from pipeline.site import words
from pipeline.site.catalogue import Topic
from pipeline.site.edition import Edition
from pipeline.site.place import absolute
from pipeline.site.templating import rendered
from pipeline.site.text import clean, local_time
from pipeline.site.words import Said

FEED_LENGTH = 14
"""Most digests in a feed."""

MOST_AUTHORS = 10
"""Authors that a feed names of a paper; arXiv's page has all."""

NAMESPACE: Final = UUID("6d1ff7e4-63c0-4a3c-9a0b-5f0d8f1f6a51")
"""Of the ids of feeds and entries."""

LANGUAGE: Final = Said("English", "中文")
WITHDRAWN: Final = Said("Withdrawn: ", "已撤回：")
RIGHTS: Final = Said(
    f"Titles, authors and abstracts are arXiv's metadata (CC0 1.0). {words.THANKS.en}",
    f"标题、作者与摘要为 arXiv 提供的元数据（CC0 1.0）。{words.THANKS.zh}",
)


class _Item(NamedTuple):
    """One digest as both kinds of feed tell of it; `content` is HTML."""

    id: str
    title: str
    link: str
    published: datetime
    updated: datetime
    authors: tuple[str, ...]
    content: str


class Feed(NamedTuple):
    """What both kinds of a topic's feed in one language say, the newest digest first."""

    topic: Topic
    site: SiteSettings
    language: Language
    items: Sequence[_Item]


def feed(topic: Topic, site: SiteSettings, language: Language, digests: Sequence[Edition]) -> Feed:
    """The topic's feed in that language, an item per digest.

    `digests`: the newest first, at least one, at most `FEED_LENGTH`. An item holds the lines
    in full, and says of each that no model wrote who did; of a withdrawn digest it holds why.
    Raises `DamagedFile` where a digest's time zone is unknown.
    """
    items = [_item(topic, site, language, shown) for shown in digests]
    return Feed(topic, site, language, items)


def atom(told: Feed) -> str:
    """The feed as Atom: https://www.rfc-editor.org/rfc/rfc4287."""
    topic, site, language, items = told
    root = ET.Element("feed", {"xmlns": "http://www.w3.org/2005/Atom", "xml:lang": TAGS[language]})
    home = _address(topic, site, "index.html")
    # Only the address tells this feed from that of another installation, so it has another id
    # where the site moves. By the ids of the entries, which stay, readers know what they have read.
    _add(root, "id", _urn(home, language))
    _add(root, "title", _title(topic, language))
    if topic.description:
        _add(root, "subtitle", topic.description)
    _add(root, "updated", utc_text(max(item.updated for item in items)))
    _person(root, site.title)
    address = _address(topic, site, f"feed-{language}.xml")
    ET.SubElement(root, "link", rel="self", type="application/atom+xml", href=address)
    ET.SubElement(root, "link", rel="alternate", type="text/html", href=home)
    _add(root, "generator", "paperline")
    _add(root, "rights", getattr(RIGHTS, language))
    for item in items:
        _entry(root, item)
    ET.indent(root, " ")
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def json_feed(told: Feed) -> str:
    """The feed as JSON Feed 1.1: https://www.jsonfeed.org/version/1.1/."""
    topic, site, language, items = told
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": _title(topic, language),
        "home_page_url": _address(topic, site, "index.html"),
        "feed_url": _address(topic, site, f"feed-{language}.json"),
        **({"description": clean(topic.description)} if topic.description else {}),
        "user_comment": getattr(RIGHTS, language),
        "authors": [{"name": clean(site.title)}],
        "language": TAGS[language],
        "items": [
            {
                "id": item.id,
                "url": item.link,
                "title": item.title,
                "content_html": item.content,
                "date_published": utc_text(item.published),
                "date_modified": utc_text(item.updated),
                **({"authors": [{"name": one} for one in item.authors]} if item.authors else {}),
            }
            for item in items
        ],
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _item(topic: Topic, site: SiteSettings, language: Language, shown: Edition) -> _Item:
    digest, first, last = shown.digest, shown.releases[0], shown.releases[-1]
    taken_back = getattr(WITHDRAWN, language) if shown.withdrawn else ""
    page = _address(topic, site, f"{digest.snapshot}.html")
    history = words.release_notes(digest, shown.releases)
    return _Item(
        # Another installation may well have a topic of this name, and a snapshot of this minute.
        id=_urn(topic.name, digest.snapshot, language, utc_text(first.at)),
        title=clean(f"{taken_back}{digest.title} · {local_time(digest)(digest.instant)}"),
        link=page if len(topic.languages) == 1 else f"{page}?lang={language}",
        published=first.at,
        updated=max(release.at for release in shown.releases),
        authors=tuple(clean(name) for name in (last.who if shown.withdrawn else digest.editors)),
        content=rendered(
            "feed.html.j2",
            digest=digest,
            language=language,
            withdrawn=history[-1] if shown.withdrawn else None,
            history=history[1:],
            most_authors=MOST_AUTHORS,
            words=words,
        ),
    )


def _entry(feed: ET.Element, item: _Item) -> None:
    entry = ET.SubElement(feed, "entry")
    _add(entry, "id", item.id)
    _add(entry, "title", item.title)
    ET.SubElement(entry, "link", rel="alternate", type="text/html", href=item.link)
    _add(entry, "published", utc_text(item.published))
    _add(entry, "updated", utc_text(item.updated))
    for name in item.authors:
        _person(entry, name)
    _add(entry, "content", item.content).set("type", "html")


def _person(parent: ET.Element, name: str) -> None:
    _add(ET.SubElement(parent, "author"), "name", name)


def _add(parent: ET.Element, name: str, text: str) -> ET.Element:
    """A new element with `text`, without what XML 1.0 cannot hold."""
    made = ET.SubElement(parent, name)
    made.text = clean(text)
    return made


def _title(topic: Topic, language: Language) -> str:
    """The topic's, and the language where there is a feed in the other one too."""
    beside = "" if len(topic.languages) == 1 else f" · {getattr(LANGUAGE, language)}"
    return clean(topic.title) + beside


def _address(topic: Topic, site: SiteSettings, page: str) -> str:
    return absolute(site, f"{topic.name}/{page}")


def _urn(*parts: str) -> str:
    return uuid5(NAMESPACE, "/".join(parts)).urn

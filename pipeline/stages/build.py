"""6-published -> the site: what changed since the site was built last, and nothing else.

One more day is its page, those beside it, its month, the topic's feeds, and the lists that
count it. The catalogue says what the site shows and is written last, so a build that was
killed is made up by the next one. Everything else the pages are made of (templates, code,
settings) is in the catalogue's mark: another one means a new site.
"""

import logging
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from pipeline import search_index
from pipeline.errors import PaperlineError, SearchIndexFailed
from pipeline.outputs import Outputs
from pipeline.records import fingerprint
from pipeline.settings import Settings
from pipeline.site import front, search
from pipeline.site.assets import assets, source_fingerprint
from pipeline.site.catalogue import Listed, listed, newest, topics
from pipeline.site.place import Place
from pipeline.site_folder import Catalogue, SiteFolder
from pipeline.snapshot import PUBLISHED
from pipeline.topic_pages import TopicPages

log = logging.getLogger(__name__)


class Built(NamedTuple):
    """The paths that changed, and what kept the search index from being made, if anything did."""

    changed: list[str]
    trouble: PaperlineError | None


def build_site(settings: Settings) -> Built:
    """Bring `outputs/site/` up to date with what was published and with the settings.

    Where a search index could not be made the site is whole all the same: readers search the
    old one, and the next build tries again. Raises `DamagedFile`, `OutputError`.
    """
    outputs, folder = Outputs(settings.outputs), SiteFolder(settings.outputs)
    with outputs.publishing():
        before = folder.catalogue()
        if before is None or before.mark != _mark(settings):
            before = Catalogue(mark=_mark(settings))
        now = tuple(_published(outputs, before))
        if not now and not folder.root.exists():
            return Built([], None)
        topics = _topics(settings, outputs, folder, before, now)
        changed = folder.write(assets())
        for topic in topics:
            for pages in topic.pages():
                changed += folder.write(pages)
        whole = _front(settings, topics)
        changed += folder.write(whole)
        ours = {*assets(), *whole}.union(*(topic.paths for topic in topics))
        changed += folder.remove(folder.names() - ours)
        indexed, paths, trouble = _indexes(settings, folder, before, now)
        after = Catalogue(mark=before.mark, listed=now, indexed=indexed)
        if after != folder.catalogue():
            folder.write_catalogue(after)
        return Built([*changed, *paths], trouble)


def _mark(settings: Settings) -> str:
    """What the site is made of beside what was published."""
    shown = [[t.name, t.title, t.description, t.languages] for t in settings.topic]
    site = settings.site
    return fingerprint(
        [source_fingerprint(), search_index.version(), site.title, site.url, site.search, shown]
    )


def _published(outputs: Outputs, before: Catalogue) -> Iterator[Listed]:
    """What was published, topic by topic, oldest first; only what is new or changed is read."""
    known = {(one.topic, one.snapshot): one for one in before.listed}
    for topic in outputs.topics():
        found = []
        for name, stamp in outputs.stamps(topic, PUBLISHED).items():
            one = known.get((topic, name))
            if one is None or one.stamp != stamp:
                releases = outputs.snapshot(topic, name).publications()
                one = listed(releases, stamp) if releases else None
            if one is not None:
                found.append(one)
        yield from sorted(found, key=lambda one: (one.instant, one.snapshot))


def _topics(
    settings: Settings,
    outputs: Outputs,
    folder: SiteFolder,
    before: Catalogue,
    now: Sequence[Listed],
) -> list[TopicPages]:
    """The topics that have something published, in the order in which readers meet them."""
    there, earlier, of_topics = folder.names(), _by_topic(before.listed), _by_topic(now)
    return [
        TopicPages(
            site=settings.site,
            outputs=outputs,
            topic=topic,
            before=earlier.get(topic.name, []),
            now=of_topics[topic.name],
            there=there,
        )
        for topic in topics(settings, of_topics.values())
    ]


def _front(settings: Settings, of_topics: Sequence[TopicPages]) -> dict[str, str]:
    """What belongs to the site as a whole, and is small."""
    site, shown = settings.site, [one.topic for one in of_topics]
    made = {
        "robots.txt": front.robots(site),
        "sitemap.xml": front.sitemap(site, [(one.topic, one.now) for one in of_topics]),
        "index.html": front.front_page(
            Place(site, "index.html"), [(one.topic, newest(one.now)) for one in of_topics]
        ),
    }
    if site.search:
        years = _years([each for one in of_topics for each in one.now])
        made["search.html"] = search.search_page(Place(site, "search.html"), shown, years)
    return made


def _by_topic(of_all: Sequence[Listed]) -> dict[str, list[Listed]]:
    return {topic: list(those) for topic, those in groupby(of_all, lambda one: one.topic)}


def _years(now: Sequence[Listed]) -> list[str]:
    """The years that have digests to search, the newest first."""
    return sorted({one.snapshot[:4] for one in now if not one.withdrawn}, reverse=True)


def _indexes(
    settings: Settings, folder: SiteFolder, before: Catalogue, now: Sequence[Listed]
) -> tuple[dict[str, str], list[str], PaperlineError | None]:
    """Make the search index of each year anew whose digests changed.

    Returns what each year's is made of now, the paths that changed, and what went wrong.
    """
    wanted = {year: _of_year(year, now) for year in _years(now)} if settings.site.search else {}
    there = search_index.years(folder.root)
    changed = [
        path for year in there - wanted.keys() for path in search_index.remove(folder.root, year)
    ]
    made, trouble = {}, None
    for year, mark in wanted.items():
        try:
            if year not in there or mark != before.indexed.get(year):
                changed += search_index.build(folder.root, year)
            made[year] = mark
        except SearchIndexFailed as failure:
            log.warning("%s", failure)
            trouble = failure
    return made, changed, trouble


def _of_year(year: str, now: Sequence[Listed]) -> str:
    """What a year's index is made of: all digests of the year that can be read."""
    return fingerprint(
        [
            [one.topic, one.snapshot, one.stamp]
            for one in now
            if one.snapshot.startswith(year) and not one.withdrawn
        ]
    )

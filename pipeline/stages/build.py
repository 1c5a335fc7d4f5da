"""6-published -> the site: what changed since the site was built last, and nothing else.

One more day is its page, those beside it, its month, the topic's feeds, and the lists that
count it. The catalogue says what the site shows and is written last, so a build that was
killed is made up by the next one. Everything else the pages are made of (templates, code,
settings) is in the catalogue's mark: another one means that every page is looked at.
"""

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from pipeline import logs, proofs, search_index
from pipeline.errors import DamagedFile, PaperlineError, SearchIndexFailed, SiteIncomplete
from pipeline.files import LOST
from pipeline.outputs import Outputs
from pipeline.records import fingerprint
from pipeline.settings import Settings
from pipeline.site import front, search
from pipeline.site.assets import assets
from pipeline.site.catalogue import Listed, listed, newest, topics
from pipeline.site.place import Place
from pipeline.site_folder import Catalogue, Index, SiteFolder
from pipeline.snapshot import PUBLISHED, Snapshot
from pipeline.sources_of_pages import source_fingerprint
from pipeline.topic_pages import TopicPages


class Built(NamedTuple):
    """The paths that changed, and what is not shown as it should be, and why."""

    changed: list[str]
    troubles: list[PaperlineError]

    def complete(self) -> None:
        """Raise `SiteIncomplete` where something is not shown."""
        if self.troubles:
            raise SiteIncomplete("; ".join(map(str, self.troubles)))


def build_site(settings: Settings) -> Built:
    """Bring `outputs/site/` up to date with what was published and with the settings.

    A snapshot whose releases cannot be read, or are not all there, stays as it is shown; where
    its page is gone, none is made. Everything else is written. Where a search index could not
    be made readers search the old one, and the next build tries again. Raises `OutputError`.
    """
    outputs, folder = Outputs(settings.outputs), SiteFolder(settings.outputs)
    with outputs.publishing(), logs.about(stage="build"):
        known, mark = folder.catalogue(), _mark(settings)
        before = known or Catalogue(mark="")
        unreadable: dict[str, DamagedFile] = {}
        now = tuple(_published(outputs, folder, before, unreadable))
        troubles: list[PaperlineError] = [*unreadable.values()]
        if not now and not folder.root.exists():
            return Built([], troubles)
        there = folder.stamps(_names(before.listed, now))
        whole = {path for path, stamp in there.items() if before.files.get(path) == stamp}
        if before.mark != mark:
            before, whole = Catalogue(mark=mark), set()
        of_topics = _of_topics(settings, before, now, whole, unreadable)
        changed = folder.write(assets())
        for topic in of_topics:
            for pages in topic.pages():
                changed += folder.write(pages)
            troubles += topic.damaged
        of_site = _front(settings, of_topics)
        changed += folder.write(of_site)
        ours = {*assets(), *of_site, *unreadable}.union(*(topic.paths for topic in of_topics))
        changed += folder.remove(there.keys() - ours)
        found = [one for one in now if _page(one) not in unreadable or folder.has(_page(one))]
        indexes, paths = _indexes(settings, folder, before, found, troubles)
        ours -= {path for topic in of_topics for path in topic.outdated}  # looked at again
        kept = {path: stamp for path, stamp in there.items() if path in ours}
        stamps = kept | {path: folder.stamp(path) for path in changed if path in ours}
        after = Catalogue(mark=mark, listed=now, files=stamps, indexes=indexes)
        if after != known:
            folder.write_catalogue(after)
        return Built([*changed, *paths], list({str(each): each for each in troubles}.values()))


def _mark(settings: Settings) -> str:
    """What the site is made of beside what was published."""
    shown = [[t.name, t.title, t.description, t.languages] for t in settings.topic]
    site = settings.site
    return fingerprint([source_fingerprint(), site.title, site.url, site.search, shown])


def _names(*of_all: Sequence[Listed]) -> set[str]:
    return {one.topic for of_some in of_all for one in of_some}


def _page(one: Listed) -> str:
    return f"{one.topic}/{one.snapshot}.html"


def _published(
    outputs: Outputs, folder: SiteFolder, before: Catalogue, unreadable: dict[str, DamagedFile]
) -> Iterator[Listed]:
    """What was published, topic by topic, oldest first; only what is new or changed is read.

    What cannot be read is put into `unreadable`, by the path of its page.
    """
    known = {(one.topic, one.snapshot): one for one in before.listed}
    for topic in outputs.topics():
        found = []
        for name, stamp in outputs.stamps(topic, PUBLISHED).items():
            one, page = known.get((topic, name)), f"{topic}/{name}.html"
            if stamp == LOST and one is None and not folder.has(page):
                continue
            if one is None or one.stamp != stamp:
                try:
                    one = _read(outputs.snapshot(topic, name), stamp, one)
                except DamagedFile as damage:
                    unreadable[page] = damage
            if one is not None:
                found.append(one)
        yield from sorted(found, key=lambda one: (one.instant, one.snapshot))


def _read(snapshot: Snapshot, stamp: str, before: Listed | None) -> Listed | None:
    """How a snapshot is listed; None where nothing was released.

    Raises `DamagedFile`, also where a release is gone: one that readers have seen `before`, or
    that was there when the digest was assembled last. What was never listed is shown only where
    `run.json` can tell that.
    """
    releases = snapshot.publications()
    one = listed(releases, stamp) if releases else None
    if one is None and not snapshot.is_there():
        return None  # somebody has taken it away as a whole
    if before is not None and (one is None or one.changed < before.changed):
        raise _lost(snapshot)
    try:
        run = snapshot.run()
    except DamagedFile:
        if before is None and snapshot.is_there():
            raise
        if one and before and one.changed == before.changed and _size(one) < _size(before):
            raise _lost(snapshot) from None
        return one
    if lost := proofs.lost_releases(snapshot, run):
        raise lost
    return one


def _lost(snapshot: Snapshot) -> DamagedFile:
    return DamagedFile(
        "lacks a release that readers have seen",
        where=str(snapshot.folder / PUBLISHED),
        next_step=f"Run paperline repair {snapshot}, which mends it or says what will",
    )


def _size(one: Listed) -> int:
    """The bytes of its releases, as its stamp tells them."""
    size = one.stamp.partition(" ")[0]
    return int(size) if size.isdecimal() else 0


def _of_topics(
    settings: Settings,
    before: Catalogue,
    now: Sequence[Listed],
    whole: set[str],
    unreadable: Collection[str],
) -> list[TopicPages]:
    """The topics that have something published, in the order in which readers meet them."""
    outputs = Outputs(settings.outputs)
    earlier, present = _by_topic(before.listed), _by_topic(now)
    return [
        TopicPages(
            site=settings.site,
            outputs=outputs,
            topic=topic,
            before=earlier.get(topic.name, []),
            now=present[topic.name],
            whole=whole,
            unreadable={one.snapshot for one in present[topic.name] if _page(one) in unreadable},
        )
        for topic in topics(settings, present.values())
    ]


def _by_topic(of_all: Sequence[Listed]) -> dict[str, list[Listed]]:
    return {topic: list(those) for topic, those in groupby(of_all, lambda one: one.topic)}


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
        years = sorted(_by_year([each for one in of_topics for each in one.now]), reverse=True)
        made["search.html"] = search.search_page(Place(site, "search.html"), shown, years)
    return made


def _by_year(now: Sequence[Listed]) -> dict[str, list[Listed]]:
    """By the year in their names the digests that can be searched."""
    found: dict[str, list[Listed]] = {}
    for one in now:
        if not one.withdrawn:
            found.setdefault(one.snapshot[:4], []).append(one)
    return found


def _indexes(
    settings: Settings,
    folder: SiteFolder,
    before: Catalogue,
    now: Sequence[Listed],
    troubles: list[PaperlineError],
) -> tuple[dict[str, Index], list[str]]:
    """Make the search index of each year anew whose digests changed, or whose files did.

    Returns what each year's is now, and the paths that changed. Where one cannot be made the
    old one stays, but for one that may hold what was taken back.
    """
    wanted = _by_year(now) if settings.site.search else {}
    made, changed = {}, []
    for year in search_index.years(folder.root) - wanted.keys():
        changed += search_index.remove(folder.root, year)
    for year, digests in sorted(wanted.items()):
        known = before.indexes.get(year)
        made_of = fingerprint([[one.topic, one.snapshot, one.stamp] for one in digests])
        if known == Index(made_of=made_of, files=search_index.names(folder.root, year)):
            made[year] = known
            continue
        try:
            pages = [_page(one) for one in digests]
            changed += search_index.build(folder.root, year, pages)
            made[year] = Index(made_of=made_of, files=search_index.names(folder.root, year))
        except SearchIndexFailed as failure:
            troubles.append(failure)
            if _took_back(year, before, now):
                changed += search_index.remove(folder.root, year)
    return made, changed


def _took_back(year: str, before: Catalogue, now: Sequence[Listed]) -> bool:
    """Whether a digest of the year could be searched that should not be any more."""
    standing = {(one.topic, one.snapshot) for one in now if not one.withdrawn}
    return any(
        one.snapshot.startswith(year) and (one.topic, one.snapshot) not in standing
        for one in (*before.listed, *now)
    )

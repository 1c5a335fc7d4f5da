"""What is listed of a topic -> the files of the site that have to be written.

One more day is its own page, those beside it, its month, the archive that counts it, the
feeds and the sitemap; what is not among these is not looked at.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from pipeline.errors import DamagedFile
from pipeline.outputs import Outputs
from pipeline.settings import SiteSettings
from pipeline.site import feeds
from pipeline.site.archive import Month, archive_page, month_page, months
from pipeline.site.catalogue import Listed, Neighbours, Topic, neighbours, newest
from pipeline.site.edition import Edition, edition
from pipeline.site.front import topic_sitemap
from pipeline.site.page import digest_page, tombstone_page
from pipeline.site.place import ALONE, Place


@dataclass(frozen=True)
class TopicPages:
    """A topic's part of the site. `whole`: the paths of the files that are as they were written.

    `now` is what is listed of the topic, `before` what was when the site was built last; both
    are oldest first. `unreadable` are the names of those of which less may be left than readers
    were shown: nothing of them is written. Once `pages` was gone through, `damaged` is what else
    could not be read, `outdated` the paths of what is not as it would be if all could be.
    """

    site: SiteSettings
    outputs: Outputs
    topic: Topic
    before: Sequence[Listed]
    now: Sequence[Listed]
    whole: set[str]
    unreadable: Collection[str] = ()
    outdated: set[str] = field(default_factory=set)
    damaged: list[DamagedFile] = field(default_factory=list)

    @cached_property
    def paths(self) -> set[str]:
        """The paths of all that the site has of the topic."""
        pages = [f"{one.snapshot}.html" for one in self.now]
        pages += [f"{one.month}.html" for one in self.now]
        for language in self.topic.languages:
            pages += [f"feed-{language}.xml", f"feed-{language}.json"]
        pages += ["index.html", "archive.html", "sitemap.xml"]
        return {f"{self.topic.name}/{page}" for page in pages}

    def pages(self) -> Iterator[dict[str, str]]:
        """What has to be written; nothing where nothing changed and nothing is missing."""
        if self.before == self.now and self.paths <= self.whole:
            return
        name, index = self.topic.name, f"{self.topic.name}/index.html"
        changed, last = self._changed(), newest(self.now)
        for one in changed:
            yield from self._at(one, f"{name}/{one.snapshot}.html")
        if last in changed or last != newest(self.before or self.now) or index not in self.whole:
            yield from self._at(last, index)
        yield self._archive()
        yield self._feeds()

    @cached_property
    def _neighbours(self) -> dict[str, tuple[str | None, str | None]]:
        return neighbours([one.snapshot for one in self.now])

    def _changed(self) -> list[Listed]:
        """The snapshots that were released since, stand beside others now, or have no page.

        Those without a page come first: pages that are there may lead to them.
        """
        beside_before = neighbours([one.snapshot for one in self.before])
        known = {one.snapshot: one for one in self.before}
        changed = [
            one
            for one in self.now
            if known.get(one.snapshot) != one
            or beside_before.get(one.snapshot) != self._neighbours[one.snapshot]
            or not self._is_whole(one)
        ]
        return sorted(changed, key=self._is_whole)

    def _is_whole(self, one: Listed) -> bool:
        return f"{self.topic.name}/{one.snapshot}.html" in self.whole

    def _place(self, page: str, beside: tuple[str | None, str | None] = ALONE) -> Place:
        return Place(self.site, f"{self.topic.name}/{page}", self.topic, Neighbours(*beside))

    def _edition(self, one: Listed) -> Edition | None:
        """A snapshot as it was released; None, and noted, where that cannot be read any more."""
        if one.snapshot in self.unreadable:
            return None
        snapshot = self.outputs.snapshot(one.topic, one.snapshot)
        try:
            if releases := snapshot.publications():
                return edition(releases)
            return None  # they are lost, which was noted when it was listed
        except DamagedFile as damage:
            if str(damage) not in map(str, self.damaged):
                self.damaged.append(damage)
            return None

    def _at(self, one: Listed, path: str) -> Iterator[dict[str, str]]:
        """A snapshot's page at a path; nothing where its releases cannot be read."""
        shown = self._edition(one)
        if shown is None:
            self.outdated.add(path)
            return
        place = self._place(f"{one.snapshot}.html", self._neighbours[one.snapshot])
        make = tombstone_page if shown.withdrawn else digest_page
        yield {path: make(shown.digest, releases=shown.releases, place=place)}

    def _archive(self) -> dict[str, str]:
        """The topic's archive, its sitemap, and of its months those that look different now."""
        name, found, before = self.topic.name, months(self.now), months(self.before)
        beside, beside_before = _in_order(found), _in_order(before)
        made = {}
        for month in found:
            path = f"{month.name}.html"
            same = month in before and beside[month.name] == beside_before[month.name]
            if not same or f"{name}/{path}" not in self.whole:
                made[f"{name}/{path}"] = month_page(self._place(path, beside[month.name]), month)
        made[f"{name}/archive.html"] = archive_page(self._place("archive.html"), found)
        made[f"{name}/sitemap.xml"] = topic_sitemap(self.site, self.topic, self.now)
        return made

    def _feeds(self) -> dict[str, str]:
        """The topic's feeds; they stay as they are where nothing of it can be read."""
        newest_first = [self._edition(one) for one in reversed(self.now[-feeds.FEED_LENGTH :])]
        last = [shown for shown in newest_first if shown is not None]
        made: dict[str, str] = {}
        for language in self.topic.languages if last else ():
            told = feeds.feed(self.topic, self.site, language, last)
            made[f"{self.topic.name}/feed-{language}.xml"] = feeds.atom(told)
            made[f"{self.topic.name}/feed-{language}.json"] = feeds.json_feed(told)
        if len(last) < len(newest_first):
            self.outdated.update(made)
        return made


def _in_order(found: Sequence[Month]) -> dict[str, tuple[str | None, str | None]]:
    return neighbours([month.name for month in found])

"""What is listed of a topic -> the files of the site that have to be written.

One more day is its own page, those beside it, its month, the archive that counts it, the
feeds and the sitemap; what is not among these is not looked at.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

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
    """A topic's part of the site. `there` are the paths of the files that the site has.

    `now` is what is listed of the topic, `before` what was when the site was built last; both
    are oldest first.
    """

    site: SiteSettings
    outputs: Outputs
    topic: Topic
    before: Sequence[Listed]
    now: Sequence[Listed]
    there: set[str]

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
        name, index = self.topic.name, f"{self.topic.name}/index.html"
        changed, last = self._changed(), newest(self.now)
        for one in changed:
            yield {f"{name}/{one.snapshot}.html": self._page(one)}
        if self.before == self.now and self.paths <= self.there:
            return
        if last in changed or last != newest(self.before or self.now) or index not in self.there:
            yield {index: self._page(last)}
        yield self._archive()
        yield self._feeds()

    @cached_property
    def _beside(self) -> dict[str, Neighbours]:
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
            or beside_before.get(one.snapshot) != self._beside[one.snapshot]
            or not self._is_there(one)
        ]
        return sorted(changed, key=self._is_there)

    def _is_there(self, one: Listed) -> bool:
        return f"{self.topic.name}/{one.snapshot}.html" in self.there

    def _place(self, page: str, beside: Neighbours = ALONE) -> Place:
        return Place(self.site, f"{self.topic.name}/{page}", self.topic, beside)

    def _edition(self, one: Listed) -> Edition:
        return edition(self.outputs.snapshot(one.topic, one.snapshot).publications())

    def _page(self, one: Listed) -> str:
        shown = self._edition(one)
        place = self._place(f"{one.snapshot}.html", self._beside[one.snapshot])
        if shown.withdrawn:
            return tombstone_page(shown.digest, releases=shown.releases, place=place)
        return digest_page(shown.digest, releases=shown.releases, place=place)

    def _archive(self) -> dict[str, str]:
        """The topic's archive, its sitemap, and of its months those that look different now."""
        name, found, before = self.topic.name, months(self.now), months(self.before)
        beside, beside_before = _beside(found), _beside(before)
        made = {}
        for month in found:
            path = f"{month.name}.html"
            same = month in before and beside[month.name] == beside_before[month.name]
            if not same or f"{name}/{path}" not in self.there:
                made[f"{name}/{path}"] = month_page(self._place(path, beside[month.name]), month)
        made[f"{name}/archive.html"] = archive_page(self._place("archive.html"), found)
        made[f"{name}/sitemap.xml"] = topic_sitemap(self.site, self.topic, self.now)
        return made

    def _feeds(self) -> dict[str, str]:
        last = [self._edition(one) for one in reversed(self.now[-feeds.FEED_LENGTH :])]
        made = {}
        for language in self.topic.languages:
            about = self.topic, self.site, language, last
            made[f"{self.topic.name}/feed-{language}.xml"] = feeds.atom(*about)
            made[f"{self.topic.name}/feed-{language}.json"] = feeds.json_feed(*about)
        return made


def _beside(found: Sequence[Month]) -> dict[str, Neighbours]:
    return neighbours([month.name for month in found])

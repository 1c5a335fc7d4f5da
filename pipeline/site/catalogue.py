"""What the site shows, without the digests themselves: which there are, when, and how large.

The catalogue is what lets one more day be published without reading all others again.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pipeline.records import (
    LANGUAGES,
    Count,
    Digest,
    Language,
    Publication,
    Record,
    SnapshotName,
    Utc,
)
from pipeline.settings import Settings
from pipeline.site.text import local_time


class Listed(Record, frozen=True, kw_only=True, gc=False):
    """One snapshot that was published, as lists and calendars name it.

    `when` is its local date and time, `2026-04-29 20:45`. `published` and `changed` are the
    times of its first and its last release. `stamp` is that of its `6-published`: another
    one says that it has to be read again.
    """

    topic: str
    snapshot: SnapshotName
    title: str
    instant: Utc
    time_zone: str
    when: str
    papers: Count
    new: Count
    revised: Count
    withdrawn: bool
    published: Utc
    changed: Utc
    stamp: str

    @property
    def year(self) -> str:
        """`2026`, of its local date."""
        return self.when[:4]

    @property
    def month(self) -> str:
        """`2026-04`, of its local date."""
        return self.when[:7]

    @property
    def day(self) -> int:
        """The day of the month, of its local date."""
        return int(self.when[8:10])


class Topic(NamedTuple):
    """A topic as readers know it; a topic that is configured no more still has its pages."""

    name: str
    title: str
    description: str
    languages: Sequence[Language]


class Neighbours(NamedTuple):
    """The names of the snapshots, or months, before and after one; None where there is none."""

    previous: str | None
    newer: str | None


def listed(releases: Sequence[Publication], stamp: str) -> Listed:
    """A snapshot by all of its publications, oldest first, at least one.

    Raises `DamagedFile` where the digest's time zone is unknown.
    """
    last = releases[-1]
    digest = last.digest
    return Listed(
        topic=digest.topic,
        snapshot=digest.snapshot,
        title=digest.title,
        instant=digest.instant,
        time_zone=digest.time_zone,
        when=local_time(digest)(digest.instant),
        papers=len(digest.papers),
        new=_with_status(digest, "new"),
        revised=_with_status(digest, "revised"),
        withdrawn=last.why is not None,
        published=releases[0].at,
        changed=max(release.at for release in releases),
        stamp=stamp,
    )


def _with_status(digest: Digest, status: str) -> int:
    return sum(entry.paper.status == status for entry in digest.papers)


def neighbours(names: Sequence[str]) -> dict[str, tuple[str | None, str | None]]:
    """By each name, in order of time, the ones before and after it; see `Neighbours`."""
    count = len(names)
    before, after = [None, *names][:count], [*names[1:], None][:count]
    # Tuples, since thousands of another kind take as long as the page of one more day.
    return dict(zip(names, zip(before, after, strict=True), strict=True))


def newest(of_topic: Sequence[Listed]) -> Listed:
    """The last digest that can be read, or where all are withdrawn the last of them."""
    standing = [one for one in of_topic if not one.withdrawn]
    return (standing or list(of_topic))[-1]


def topics(settings: Settings, of_topics: Iterable[Sequence[Listed]]) -> list[Topic]:
    """The topics that have something published: in the order of the settings, then by name."""
    titles = {of_topic[-1].topic: newest(of_topic).title for of_topic in of_topics if of_topic}
    configured = [each.name for each in settings.topic]
    order = [name for name in configured if name in titles]
    order += sorted(name for name in titles if name not in configured)
    return [topic(settings, name, titles[name]) for name in order]


def topic(settings: Settings, name: str, title: str) -> Topic:
    """A topic as the settings have it; `title` is its digests', for where they have none."""
    known = next((each for each in settings.topic if each.name == name), None)
    if known is None:
        return Topic(name, title, "", LANGUAGES)
    return Topic(name, known.title or title, known.description, known.languages)

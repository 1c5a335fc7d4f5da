"""Where a page stands on the site: addresses, languages, and what stands beside it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.records import LANGUAGES, Language
from pipeline.settings import SiteSettings
from pipeline.site.catalogue import Neighbours, Topic

ALONE = Neighbours(None, None)


@dataclass(frozen=True)
class Place:
    """A page of the site. `path` is its own, from the site's root: `ai4science/archive.html`.

    `topic` and `beside` are there where the page belongs to a topic and to a snapshot of it;
    `spoken` are the languages of a page that belongs to none.
    """

    site: SiteSettings
    path: str
    topic: Topic | None = None
    beside: Neighbours = ALONE
    spoken: Sequence[Language] = LANGUAGES

    @property
    def languages(self) -> Sequence[Language]:
        """What the page is written in: the first one leads."""
        return self.topic.languages if self.topic else self.spoken

    @property
    def root(self) -> str:
        """The way from the page to the site's root: empty, or `../`."""
        return "../" * self.path.count("/")

    @property
    def address(self) -> str:
        """The page's full address, by which others name it."""
        return absolute(self.site, self.path)


def absolute(site: SiteSettings, path: str) -> str:
    """The full address of a path of the site; that of a folder ends with a slash."""
    return f"{site.url.rstrip('/')}/{path.removesuffix('index.html')}"


def spoken_in(topics: Iterable[Topic]) -> Sequence[Language]:
    """The languages that a page about these topics needs: those of all, else both."""
    found = dict.fromkeys(language for topic in topics for language in topic.languages)
    return tuple(found) or LANGUAGES

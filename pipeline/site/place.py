"""Where a page stands on the site: addresses, and what stands beside it."""

from dataclasses import dataclass

from pipeline.settings import SiteSettings
from pipeline.site.catalogue import Neighbours, Topic

ALONE = Neighbours(None, None)


@dataclass(frozen=True)
class Place:
    """A page of the site. `path` is its own, from the site's root: `ai4science/archive.html`.

    `topic` and `beside` are there where the page belongs to a topic and to a snapshot of it.
    """

    site: SiteSettings
    path: str
    topic: Topic | None = None
    beside: Neighbours = ALONE

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

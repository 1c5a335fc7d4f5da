"""Published digests on disk, and the site that is built of them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lxml import html as lxml_html
from lxml.html import HtmlElement

from pipeline.outputs import Outputs
from pipeline.records import Publication, Reason
from pipeline.settings import Settings, SiteSettings
from pipeline.site_folder import SiteFolder
from pipeline.stages.build import Built, build_site
from tests.digests import a_digest, a_publication, an_entry, approved

SITE = SiteSettings(title="Invented Digests", url="https://digests.example/", search=False)


def a_night(
    day: int,
    papers: int = 1,
    *,
    month: int = 5,
    year: int = 2026,
    reason: Reason = "first",
    **changes: Any,
) -> Publication:
    """The release, an hour later, of a digest of that day at 10:00 in Shanghai."""
    instant = datetime(year, month, day, 2, 0, tzinfo=UTC)
    digest = a_digest(
        *(approved(an_entry(number)) for number in range(1, papers + 1)),
        snapshot=f"{year}{month:02d}{day:02d}_1000",
        instant=instant,
    ).but(**changes)
    return a_publication(digest, reason=reason, at=instant + timedelta(hours=1))


def withdrawn(night: Publication, why: str = "The wrong query was used.") -> Publication:
    """That the digest as a whole was taken back an hour later."""
    return night.but(reason="withdrawn", why=why, at=night.at + timedelta(hours=1))


class Press:
    """Publishes into a folder, and builds the site there."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.settings = Settings(
            outputs=folder / "outputs",
            cache=folder / "cache",
            **{"site": SITE, **settings},
        )
        self.outputs = Outputs(self.settings.outputs)
        self.folder = SiteFolder(self.settings.outputs)

    def publish(self, *releases: Publication, topic: str = "tides") -> "Press":
        """Append releases, each to its own snapshot."""
        for release in releases:
            digest = release.digest.but(topic=topic)
            snapshot = self.outputs.snapshot(topic, digest.snapshot)
            snapshot.folder.mkdir(parents=True, exist_ok=True)
            snapshot.append_publication(release.but(digest=digest))
        return self

    def build(self) -> Built:
        """Bring the site up to date."""
        return build_site(self.settings)

    def text(self, path: str) -> str:
        """A file of the site."""
        return (self.folder.root / path).read_text(encoding="utf-8")

    def page(self, path: str) -> HtmlElement:
        """A page of the site."""
        parser = lxml_html.HTMLParser(encoding="utf-8")
        return lxml_html.document_fromstring(self.text(path).encode(), parser)

    def files(self) -> dict[str, bytes]:
        """Every file of the site, by its path."""
        root = self.folder.root
        found = (path for path in root.rglob("*") if path.is_file())
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}

    def times(self) -> dict[str, tuple[int, int]]:
        """By path, what changes when a file is written: its time and its number."""
        stats = {name: (self.folder.root / name).stat() for name in self.files()}
        return {name: (stat.st_mtime_ns, stat.st_ino) for name, stat in stats.items()}

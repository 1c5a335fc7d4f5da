"""Sole owner of `outputs/site/`: its files, each whole, and the catalogue of what they show."""

import logging
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from pipeline import files
from pipeline.errors import DamagedFile
from pipeline.records import Record
from pipeline.site.catalogue import Listed
from pipeline.snapshot import Snapshot

log = logging.getLogger(__name__)

OF_THE_SITE = re.compile(
    r"(index|search)\.html|sitemap\.xml|robots\.txt|assets/[a-z]+-[0-9a-f]{8}\.(css|js)"
)
OF_A_TOPIC = re.compile(
    r"[^/]+/((index|archive|history)\.html|[0-9]{4}-[0-9]{2}\.html|[0-9]{8}_[0-9]{4}\.html"
    r"|feed-[a-z]{2}\.(xml|json)|sitemap\.xml)"
)
"""The paths that are ours to remove. Whatever else stands there (CNAME, .nojekyll) stays."""

PART = re.compile(r"(.*/)?\.[^/]+\.part")
"""What a killed build left half-written."""


class Index(Record, frozen=True, kw_only=True):
    """A year's search index: what it was made of, and the names of its files."""

    made_of: str
    files: tuple[str, ...]


class Catalogue(Record, frozen=True, kw_only=True):
    """What the site shows, as it was last written.

    `mark`: a fingerprint of all that makes pages beside what was published. `listed`: topic by
    topic, the oldest first. `files`: the paths of our own files, with their stamps. `indexes`:
    the search index of each year.
    """

    mark: str
    listed: tuple[Listed, ...] = ()
    files: dict[str, str] = {}
    indexes: dict[str, Index] = {}


class SiteFolder:
    """The site below `outputs/`. Hold `Outputs.publishing()` to write."""

    def __init__(self, outputs: Path) -> None:
        self.root = outputs / "site"
        self._catalogue = outputs / ".site.json"

    def catalogue(self) -> Catalogue | None:
        """What was last put there; None where that is not known: the whole site is made anew."""
        if not self._catalogue.exists():
            return None
        try:
            text = files.read_text(self._catalogue)
            return Catalogue.from_json(text, where=str(self._catalogue))
        except DamagedFile as damage:
            log.info("%s; the whole site is made anew", damage.what)
            return None

    def write_catalogue(self, catalogue: Catalogue) -> None:
        """Replace it, after all that it names."""
        files.remake(self._catalogue, catalogue.to_json() + "\n")

    def behind(self, snapshots: Iterable[Snapshot]) -> list[Snapshot]:
        """Those of the snapshots whose last release readers do not see yet."""
        known = self.catalogue()
        listed = known.listed if known else ()
        shown = {(one.topic, one.snapshot): one.stamp for one in listed}
        return [
            each
            for each in snapshots
            if shown.get((each.topic, each.name), files.LOST) != each.publications_stamp()
        ]

    def standing(self, topic: str, stamps: Mapping[str, str]) -> set[str]:
        """The topic's snapshots whose last release readers see, and see a digest.

        `stamps` are those of their releases, by name.
        """
        known = self.catalogue()
        of_topic = (one for one in (known.listed if known else ()) if one.topic == topic)
        return {
            one.snapshot
            for one in of_topic
            if not one.withdrawn and stamps.get(one.snapshot) == one.stamp
        }

    def stamps(self, topics: Collection[str]) -> dict[str, str]:
        """The paths of our own files, each with a text that changes when the file does.

        In the folders of these topics and in our own; those of the search indexes are not there.
        """
        with files.translated(self.root):
            return {name: files.told(entry.stat()) for name, entry in self._entries(topics)}

    def has(self, name: str) -> bool:
        """Whether the file is there."""
        return (self.root / name).is_file()

    def stamp(self, name: str) -> str:
        """The same of one file."""
        return files.stamp(f"{self.root}/{name}")

    def _entries(self, topics: Collection[str]) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
        for entry in _scanned(self.root):
            if OF_THE_SITE.fullmatch(entry.name) or PART.fullmatch(entry.name):
                yield entry.name, entry
        for folder in {"assets", *topics}:
            ours = OF_THE_SITE if folder == "assets" else OF_A_TOPIC
            for entry in _scanned(self.root / folder):
                name = f"{folder}/{entry.name}"
                if ours.fullmatch(name) or PART.fullmatch(name):
                    yield name, entry

    def write(self, pages: Mapping[str, str]) -> list[str]:
        """Write the files that changed, in the order given; returns their paths.

        Keys are paths relative to the site. One that is the same keeps its time.
        """
        written = []
        for name, text in pages.items():
            path = self.root / name
            with files.translated(path):
                same = path.is_file() and path.read_bytes() == text.encode()
            if not same:
                files.ensure_public(path.parent, self.root)
                files.remake(path, text)
                written.append(name)
        return written

    def remove(self, names: Iterable[str]) -> list[str]:
        """Remove these files, and the folders that are left empty; returns the paths."""
        removed = sorted(names)
        for name in removed:
            path = self.root / name
            with files.translated(path):
                path.unlink(missing_ok=True)
                if path.parent != self.root and not any(path.parent.iterdir()):
                    path.parent.rmdir()
        return removed


def _scanned(folder: Path) -> list["os.DirEntry[str]"]:
    """The files in a folder; none where it is not there, or is a link to somewhere else."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as found:
        return [entry for entry in found if entry.is_file(follow_symlinks=False)]

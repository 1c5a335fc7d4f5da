"""Sole owner of `outputs/site/`: its files, each whole, and the catalogue of what they show."""

import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pipeline import files
from pipeline.errors import DamagedFile
from pipeline.records import Record
from pipeline.site.catalogue import Listed

log = logging.getLogger(__name__)

OWN = re.compile(
    r"(index|search)\.html|sitemap\.xml|robots\.txt|assets/[a-z]+-[0-9a-f]{8}\.(css|js)"
    r"|[a-z0-9][a-z0-9_-]*/("
    r"(index|archive)\.html|[0-9]{4}-[0-9]{2}\.html|[0-9]{8}_[0-9]{4}\.html"
    r"|feed-[a-z]{2}\.(xml|json)|sitemap\.xml)"
)
"""The paths that are ours to remove. Whatever else stands there (CNAME, .nojekyll) stays."""


class Catalogue(Record, frozen=True, kw_only=True):
    """What the site shows, as it was last written.

    `mark`: a fingerprint of all that makes pages beside what was published. `listed`: topic by
    topic, the oldest first. `indexed`: by year, what its search index was made of.
    """

    mark: str
    listed: tuple[Listed, ...] = ()
    indexed: dict[str, str] = {}


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
            log.warning("%s; the whole site is made anew", damage.what)
            return None

    def write_catalogue(self, catalogue: Catalogue) -> None:
        """Replace it, after all that it names."""
        files.replace(self._catalogue, catalogue.to_json() + "\n")

    def names(self) -> set[str]:
        """The paths of our own files that are there, without those of the search indexes."""
        return {name for name in _below(self.root) if OWN.fullmatch(name)}

    def write(self, pages: Mapping[str, str]) -> list[str]:
        """Write the files that changed, in the order given; returns their paths.

        Keys are paths relative to the site. One that is the same keeps its time.
        """
        written = []
        for name, text in pages.items():
            path = self.root / name
            if not path.is_file() or path.read_bytes() != text.encode():
                files.replace(path, text)
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


def _below(root: Path) -> Iterator[str]:
    """The files in a folder and in its own folders, by their paths from there."""
    with files.translated(root):
        for entry in _entries(root):
            if entry.is_file(follow_symlinks=False):
                yield entry.name
            elif entry.is_dir(follow_symlinks=False) and entry.name != "search":
                yield from (f"{entry.name}/{inner.name}" for inner in _entries(Path(entry.path)))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as found:
        return list(found)

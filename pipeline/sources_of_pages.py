"""What the site's pages are made of beside what was published: code, templates and libraries."""

import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path

from pipeline.version import VERSION

PACKAGE = Path(__file__).parent
SOURCES = (
    "site",
    "differences.py",
    "encoding.py",
    "formats.py",
    "records.py",
    "search_index.py",
    "text.py",
    "topic_pages.py",
    "word_differences.py",
)
"""What makes pages, relative to the package: the site's own, and what that uses."""

LIBRARIES = ("jinja2", "latex2mathml", "lxml", "markupsafe", "pagefind", "tzdata")


@cache
def source_fingerprint() -> str:
    """Changes when another page may come of the same releases: after an update, or an edit."""
    whole = hashlib.sha256(VERSION.encode())
    for name in LIBRARIES:
        whole.update(f"{name} {metadata.version(name)}\0".encode())
    for path in sorted(_files()):
        whole.update(f"{path.relative_to(PACKAGE)}\0".encode())
        whole.update(path.read_bytes())
    return whole.hexdigest()


def _files() -> list[Path]:
    suffixes = (".py", ".j2", ".css", ".js")
    found = [PACKAGE / name for name in SOURCES]
    return [
        path
        for each in found
        for path in (each.rglob("*") if each.is_dir() else [each])
        if path.suffix in suffixes
    ]

"""A digest's papers by what readers choose among: their primary category, and what is new."""

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.records import Digest, Entry, Status
from pipeline.site.words import STATUS


class Group(NamedTuple):
    """The papers of one primary category, each with its number in the digest."""

    category: str
    papers: Sequence[tuple[int, Entry]]


def groups(digest: Digest) -> list[Group]:
    """The largest first, then by name; papers in digest order."""
    found: dict[str, list[tuple[int, Entry]]] = {}
    for number, entry in enumerate(digest.papers, 1):
        found.setdefault(entry.paper.primary_category, []).append((number, entry))
    order = sorted(found, key=lambda category: (-len(found[category]), category))
    return [Group(category, found[category]) for category in order]


def statuses(digest: Digest) -> dict[Status, Sequence[Entry]]:
    """The papers by status, those that have papers, in the order of `STATUS`."""
    found = {
        status: [entry for entry in digest.papers if entry.paper.status == status]
        for status in STATUS
    }
    return {status: entries for status, entries in found.items() if entries}

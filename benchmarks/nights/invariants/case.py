"""What is judged: the files, what is true, and what the judge remembers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.nights.corpus import Version
from benchmarks.nights.evidence import Evidence, Json, TopicFiles
from benchmarks.nights.machine import Done, Machine, Topic

APPEND_ONLY = ("4-decisions.jsonl", "6-published.jsonl", "4-preferences.jsonl")


@dataclass(frozen=True)
class Word:
    """A decision that an editor took, and the lines that he had before him, or wrote."""

    snapshot: str
    paper: str
    action: str
    lines: Json | None
    acknowledged: bool


@dataclass
class Memory:
    """What the judge knows from elsewhere: from before, from the editors, from the model.

    `lost_on_the_wire` is how many answers may have been paid for and not kept: those that were
    under way when runs were killed. `cache_lost`: what more than one snapshot has may have been
    paid for as often. `asked_again`: so many answers were lost with the cache and their lines.
    """

    words: list[Word] = field(default_factory=list)
    runs: list[tuple[str, Done]] = field(default_factory=list)
    lost_on_the_wire: int = 0
    cache_lost: bool = False
    asked_again: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    seen: dict[str, set[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """All that is judged: the files, what is true, and what is remembered."""

    machine: Machine
    evidence: Evidence
    memory: Memory

    @property
    def topics(self) -> Iterator[tuple[Topic, TopicFiles]]:
        """Each topic with its files."""
        by_name = {topic.name: topic for topic in self.machine.topics}
        for files in self.evidence.topics:
            yield by_name[files.name], files

    def versions(self, topic: Topic) -> Iterator[Version]:
        """What arXiv has of a topic, today and later."""
        return (each for each in self.machine.world.papers if topic.has(each.categories))


def seen_by_readers(case: Case) -> dict[str, set[str]]:
    """The papers of each snapshot that is published, as its last release shows them."""
    return {
        str(snapshot): {entry["paper"]["id"] for entry in snapshot.releases[-1]["digest"]["papers"]}
        for snapshot in case.evidence.snapshots
        if snapshot.releases
    }


def remembered(case: Case) -> dict[str, bytes]:
    """The files that may only grow, as they are now."""
    outputs = case.machine.outputs
    paths: Iterable[Path] = (path for name in APPEND_ONLY for path in outputs.glob(f"*/*/{name}"))
    return {str(path.relative_to(outputs)): path.read_bytes() for path in paths}


def tree(root: Path) -> dict[str, bytes]:
    """Every file below a folder; the search index apart, whose names are of chance."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and "search" not in path.relative_to(root).parts[0]
    }

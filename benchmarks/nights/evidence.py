"""What is on disk, read from the files alone, as any program outside could."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

Json = dict[str, Any]


class Damaged(Exception):
    """A file does not hold what a program outside could read."""


def lines_of(path: Path) -> list[Json]:
    """The records of a JSON Lines file; none where there is no such file. Raises `Damaged`."""
    if not path.exists():
        return []
    return [_read(line, path) for line in path.read_text(encoding="utf-8").splitlines()]


def _read(text: str, path: Path) -> Json:
    try:
        return dict(json.loads(text))
    except ValueError as error:
        raise Damaged(f"{path.parent.name}/{path.name} is damaged: {error}") from error


@dataclass(frozen=True)
class SnapshotFiles:
    """One snapshot's files, each read when it is asked for."""

    folder: Path

    def __str__(self) -> str:
        return f"{self.folder.parent.name}/{self.folder.name}"

    @cached_property
    def run(self) -> Json:
        """`run.json`."""
        path = self.folder / "run.json"
        if not path.exists():
            raise Damaged(f"{self}/run.json is missing")
        return _read(path.read_text(encoding="utf-8"), path)

    @cached_property
    def instant(self) -> datetime:
        """When it was made."""
        return moment(self.run["instant"])

    @cached_property
    def papers(self) -> list[Json]:
        """The papers, in the order in which they were fetched."""
        return lines_of(self.folder / "1-papers.jsonl")

    @cached_property
    def summaries(self) -> list[Json]:
        """All candidates."""
        return lines_of(self.folder / "2-summaries.jsonl")

    @cached_property
    def decisions(self) -> list[Json]:
        """All decisions, oldest first."""
        return lines_of(self.folder / "4-decisions.jsonl")

    @cached_property
    def digest(self) -> Json | None:
        """The digest as it stands; None before there is one."""
        path = self.folder / "5-digest.json"
        return _read(path.read_text(encoding="utf-8"), path) if path.exists() else None

    @cached_property
    def releases(self) -> list[Json]:
        """All releases, oldest first."""
        return lines_of(self.folder / "6-published.jsonl")

    @property
    def digests(self) -> Iterator[Json]:
        """Every digest that a person may have been shown: the draft, and all that was released."""
        if self.digest is not None:
            yield self.digest
        yield from (release["digest"] for release in self.releases)


@dataclass(frozen=True)
class TopicFiles:
    """One topic's files."""

    folder: Path

    @property
    def name(self) -> str:
        """The topic's name."""
        return self.folder.name

    @cached_property
    def snapshots(self) -> Sequence[SnapshotFiles]:
        """Its snapshots, oldest first."""
        found = [SnapshotFiles(path) for path in self.folder.glob("[0-9]*_[0-9]*")]
        return sorted(found, key=lambda one: (one.instant, one.folder.name))

    @cached_property
    def waiting(self) -> list[Json]:
        """What is in no snapshot yet."""
        return lines_of(self.folder / "waiting.jsonl")

    @cached_property
    def fetches(self) -> list[Json]:
        """What each fetch found, oldest first."""
        return lines_of(self.folder / "fetches.jsonl")


@dataclass(frozen=True)
class Evidence:
    """All of `outputs/`, of these topics."""

    outputs: Path
    names: Sequence[str]

    @cached_property
    def topics(self) -> Sequence[TopicFiles]:
        """The topics that have begun, in the order of the settings."""
        folders = [self.outputs / name for name in self.names]
        return [TopicFiles(folder) for folder in folders if folder.is_dir()]

    def unreadable(self) -> Iterator[str]:
        """Every file of records that is not what it should be; what was set aside is none."""
        for path in sorted(self.outputs.rglob("*.json*")):
            if path.suffix not in (".json", ".jsonl") or "site" in path.parts:
                continue
            text = path.read_text(encoding="utf-8")
            try:
                if path.suffix == ".jsonl":
                    lines_of(path)
                else:
                    _read(text, path)
            except Damaged as damage:
                yield str(damage)
            if text and not text.endswith("\n"):
                yield f"{path.parent.name}/{path.name} ends in the middle of a line"

    @property
    def snapshots(self) -> Iterator[SnapshotFiles]:
        """The snapshots of all topics, oldest first within each."""
        for topic in self.topics:
            yield from topic.snapshots

    @cached_property
    def spent(self) -> dict[str, Json]:
        """What answers cost, each once, by its id."""
        return {line["id"]: line for line in lines_of(self.outputs / "spend.jsonl")}


def moment(text: str) -> datetime:
    """A time of a record."""
    return datetime.fromisoformat(text)

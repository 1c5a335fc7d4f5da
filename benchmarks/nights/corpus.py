"""The papers that the long run's arXiv announces, and what is true of each of them."""

import gzip
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

DAY = timedelta(days=1)
PER_DAY = (3, 9)
"""Fewest and most papers of one announcement."""

HELD = 0.05
"""The share of papers that arXiv holds for 10 to 30 days, and then shows with their old date."""

REVISED = 0.15
WITHDRAWN = 0.03
"""The shares of papers that get a second version, and one that says they are withdrawn."""

WITHDRAWAL = "This paper has been withdrawn by the authors due to an error"


@dataclass(frozen=True)
class Version:
    """One version of a paper: from `announced` on arXiv shows it."""

    paper: str
    number: int
    title: str
    abstract: str
    comment: str | None
    categories: tuple[str, ...]
    updated: datetime
    announced: datetime

    @property
    def content(self) -> tuple[str, str, str]:
        """What a reader would call another text, white space apart."""
        told = self.title, self.abstract, self.comment or ""
        return tuple(" ".join(text.split()) for text in told)  # type: ignore[return-value]

    @property
    def withdrawn(self) -> bool:
        """Whether this version says that the paper is withdrawn."""
        return WITHDRAWAL in (self.comment or "")


def written_for(
    recorded: Path, target: Path, first: datetime, last: datetime, seed: int
) -> list[Version]:
    """Recorded papers, dated anew between two days, as a corpus for the test bed's arXiv.

    The records go to `target`; returned are all versions of all papers.
    """
    chance = random.Random(seed)
    with gzip.open(recorded, "rt", encoding="utf-8") as lines:
        papers = [json.loads(line) for line in lines]
    papers = [one for one in papers if one["version"] == 1 and len(one["abstract"]) > 400]
    chance.shuffle(papers)
    dated = list(_dated(papers, first, last, chance))
    target.write_text("".join(json.dumps(one) + "\n" for one in dated), encoding="utf-8")
    return [version for one in dated for version in versions_of(one)]


def versions_of(record: dict[str, Any]) -> Iterator[Version]:
    """The versions of a record as the test bed's arXiv serves them, oldest first."""
    shown = {**record, "number": record["version"]}
    for later in ({}, *record.get("revisions", ())):
        shown |= {**later, "number": later.get("version", shown["number"])}
        yield Version(
            paper=record["id"],
            number=shown["number"],
            title=record["title"],
            abstract=shown["abstract"],
            comment=shown["comment"],
            categories=tuple(record["categories"]),
            updated=datetime.fromisoformat(shown["updated"]),
            announced=datetime.fromisoformat(shown["announced"]),
        )


def announcements(first: datetime, last: datetime) -> Iterator[datetime]:
    """Midnights in UTC from Monday to Friday: when arXiv announces."""
    day = first.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    while day <= last:
        if day.weekday() < 5:
            yield day
        day += DAY


def _dated(
    papers: Iterable[dict[str, Any]], first: datetime, last: datetime, chance: random.Random
) -> Iterator[dict[str, Any]]:
    taken = iter(papers)
    for announced in announcements(first - 4 * DAY, last):
        for _ in range(chance.randint(*PER_DAY)):
            yield _record(next(taken), announced, chance)


def _record(paper: dict[str, Any], announced: datetime, chance: random.Random) -> dict[str, Any]:
    # Submitted before 18:00 UTC of the day before.
    submitted = announced - timedelta(seconds=chance.randrange(6 * 3600, 20 * 3600))
    if chance.random() < HELD:
        announced = next(iter(announcements(announced + chance.randint(10, 30) * DAY, _NEVER)))
    record = {
        **{key: paper[key] for key in ("id", "title", "authors", "abstract", "categories")},
        "version": 1,
        "comment": None,
        "journal_ref": None,
        "doi": None,
        "published": _text(submitted),
        "updated": _text(submitted),
        "announced": _text(announced),
    }
    drawn = chance.random()
    if drawn < REVISED + WITHDRAWN:
        later = next(iter(announcements(announced + chance.randint(2, 20) * DAY, _NEVER)))
        told = {"version": 2, "updated": _text(later - 9 * DAY / 24), "announced": _text(later)}
        if drawn < WITHDRAWN:
            told["comment"] = WITHDRAWAL
        elif drawn < REVISED / 2:
            told["comment"] = "Accepted at a workshop"
        else:  # the first version lacked the last sentence
            told["abstract"] = record["abstract"]
            shorter = record["abstract"].rstrip(". ").rpartition(". ")[0]
            record["abstract"] = f"{shorter}." if len(shorter) > 200 else f"{record['title']}."
        record["revisions"] = [told]
    return record


_NEVER = datetime(2100, 1, 1, tzinfo=UTC)


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"

"""What is done to each night: every kind of trouble some times, when is drawn from a seed."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

SHARES = {
    "arXiv has defects": 0.3,
    "arXiv is out for hours": 0.1,
    "the model has faults": 0.4,
    "the model is out for hours": 0.1,
    "a run is killed": 0.4,
    "two runs at once": 0.12,
    "the disk is full": 0.08,
    "the cache is corrupted": 0.06,
    "the index is corrupted": 0.05,
    "a file is truncated": 0.2,
    "the clock is set back": 0.06,
    "the prompt is changed": 0.05,
    "the glossary is changed": 0.05,
    "the limit is changed": 0.06,
    "a decision is killed": 0.1,
    "a correction": 0.15,
    "nobody decides": 0.3,
    "a week is skipped": 0.03,
}
"""The share of nights with each kind of trouble; each comes at least once."""

OUT = {"arXiv is out for hours", "the model is out for hours"}

FIRST_NIGHT = datetime(2026, 3, 3, 0, 35, tzinfo=UTC)
"""Half an hour after an announcement, so that what is done to a night meets new papers."""


@dataclass(frozen=True)
class Night:
    """One night: its time, what is done to it, and a seed for how."""

    number: int
    now: datetime
    seed: int
    events: frozenset[str] = field(default_factory=frozenset)

    def has(self, event: str) -> bool:
        """Whether this is done to it."""
        if event not in SHARES:
            raise ValueError(f"no such event: {event}")
        return event in self.events


def nights(count: int, seed: int) -> list[Night]:
    """So many nights; the first one is left alone, so that there is something to break."""
    chance = random.Random(seed)
    events: list[set[str]] = [set() for _ in range(count)]
    for event, share in SHARES.items():
        # Where arXiv gives nothing there is nothing to ask a model, so never both at once.
        free = [n for n in range(1, count) if not (event in OUT and OUT & events[n])]
        for number in chance.sample(free, min(max(1, round(share * count)), len(free))):
            events[number].add(event)
    made, now = [], FIRST_NIGHT
    for number, of_night in enumerate(events):
        if "a week is skipped" in of_night:
            now += timedelta(days=7)
        made.append(Night(number + 1, now, chance.randrange(2**32), frozenset(of_night)))
        now += timedelta(days=1)
    return made

"""Nights of the invented topic `lamps`, fetched from a small arXiv."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.outputs import Outputs
from pipeline.records import Paper
from pipeline.settings import ArxivSettings, Settings, SiteSettings, TopicSettings
from pipeline.snapshot import Snapshot
from pipeline.sources.source import open_source
from pipeline.stages.fetch import Fetched, add_by_hand, fetch
from tests.feeds import NOW

DAY = timedelta(days=1)
PROMPTS = Path(__file__).parents[1] / "prompts"


@dataclass
class Nights:
    """Calling it fetches the topic as of a moment; keywords are the topic's settings."""

    outputs: Outputs
    url: str

    @property
    def settings(self) -> Settings:
        """With a cache of its own beside the outputs."""
        return Settings(
            outputs=self.outputs.root,
            cache=self.outputs.root.parent / "cache",
            prompts=PROMPTS,
            arxiv=ArxivSettings(url=self.url, delay=0.0, page_size=3, patience=0.3),
            site=SiteSettings(search=False),
        )

    def __call__(self, now: datetime = NOW, **topic: Any) -> Fetched:
        asked = TopicSettings(**{"name": "lamps", "query": "all:lantern", **topic})
        with self.outputs.working_on("lamps"):
            source = open_source(self.settings)
            return fetch(self.settings, asked, now, source)

    def by_hand(self, ids: Sequence[str], now: datetime = NOW) -> list[Paper]:
        """Ask for papers by hand."""
        asked = TopicSettings(name="lamps", query="all:lantern")
        with self.outputs.working_on("lamps"):
            source = open_source(self.settings)
            return add_by_hand(self.settings, asked, ids, now, source)


def titles(snapshot: Snapshot | None) -> list[str]:
    """The snapshot's titles in digest order."""
    assert snapshot is not None
    return [paper.title for paper in snapshot.papers()]


def statuses(snapshot: Snapshot | None) -> dict[str, str]:
    """The snapshot's statuses by paper."""
    assert snapshot is not None
    return {paper.id: paper.status for paper in snapshot.papers()}

"""The page by which readers search all digests in their browser."""

from collections.abc import Sequence

from pipeline.site.catalogue import Topic
from pipeline.site.frame import framed
from pipeline.site.place import Place


def search_page(place: Place, topics: Sequence[Topic], years: Sequence[str]) -> str:
    """The page. `years`: those that have an index, the newest first."""
    return framed("search.html.j2", place, topics=topics, years=years)

"""The page by which readers search all digests in their browser."""

from collections.abc import Sequence
from dataclasses import replace

from pipeline.site.catalogue import Topic
from pipeline.site.frame import framed, named
from pipeline.site.place import Place, spoken_in
from pipeline.site.words import Said

SEARCH = Said("Search", "搜索")
ABOUT = Said(
    "Full-text search over the lines, titles, authors and abstracts of all digests.",
    "全文检索各期的一句话简介、标题、作者与摘要。",
)


def search_page(place: Place, topics: Sequence[Topic], years: Sequence[str]) -> str:
    """The page. `years`: those that have an index, the newest first."""
    place = replace(place, spoken=spoken_in(topics))
    site = Said(place.site.title, place.site.title)
    return framed(
        "search.html.j2",
        place,
        title=named(place, SEARCH, site),
        about=ABOUT,
        topics=topics,
        years=years,
    )

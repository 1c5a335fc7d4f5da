"""The site's pages beside the digests: front, archive, months and search."""

from datetime import UTC, datetime
from typing import Any

import html5lib
import pytest
from lxml.html import HtmlElement

from pipeline.records import Language, Publication
from pipeline.settings import SiteSettings
from pipeline.site.archive import archive_page, month_page, months
from pipeline.site.catalogue import Listed, Neighbours, Topic, listed
from pipeline.site.front import front_page
from pipeline.site.place import Place, spoken_in
from pipeline.site.search import search_page
from tests.digests import a_digest, a_paper, an_entry, approved
from tests.press import a_night, withdrawn
from tests.test_site import HOSTILE, flat, having, parsed

SITE = SiteSettings(title="Invented Digests", url="https://digests.example/daily/")
BOTH: tuple[Language, ...] = ("en", "zh")


def a_topic(languages: tuple[Language, ...] = BOTH, **changes: Any) -> Topic:
    return Topic("tides", "Tide Papers", "Of harbours", languages)._replace(**changes)


def snapshots() -> list[Listed]:
    """Of four nights: one paper, two of which one is revised, one that was taken back, three."""
    revised = a_digest(
        approved(an_entry(1)),
        approved(an_entry(2, paper=a_paper(2, status="revised", version=2))),
        snapshot="20260502_1000",
        instant=datetime(2026, 5, 2, 2, tzinfo=UTC),
    )
    nights: list[list[Publication]] = [
        [a_night(1)],
        [a_night(2).but(digest=revised)],
        [a_night(3), withdrawn(a_night(3))],
        [a_night(9, 3, month=3)],
    ]
    return [listed(releases, "stamp") for releases in nights]


def pages(*topics: Topic) -> dict[str, str]:
    """The pages of a site of these topics; archive and month are those of the first."""
    first, found = topics[0], months(snapshots())
    beside = Neighbours("2026-03", None)
    return {
        "front": front_page(Place(SITE, "index.html"), [(t, snapshots()[1]) for t in topics]),
        "search": search_page(Place(SITE, "search.html"), topics, ["2026"]),
        "archive": archive_page(Place(SITE, "tides/archive.html", first), found),
        "month": month_page(Place(SITE, "tides/2026-05.html", first, beside), found[1]),
    }


NAMES = tuple(pages(a_topic()))


def page(name: str, *topics: Topic) -> HtmlElement:
    return parsed(pages(*(topics or (a_topic(),)))[name])


def said(root: HtmlElement) -> str:
    """All that is read or heard of a page, its title and its description too."""
    heard = root.xpath("//@aria-label | //@title | //option/text() | //meta/@content")
    return " ".join([flat(root), *heard])


@pytest.mark.parametrize("languages", [BOTH, ("en",), ("zh",)])
@pytest.mark.parametrize("name", NAMES)
def test_every_page_is_valid_html(name: str, languages: tuple[Language, ...]) -> None:
    for topic in (a_topic(languages), a_topic(languages, title=HOSTILE, description=HOSTILE)):
        text = pages(topic)[name]
        html5lib.HTMLParser(strict=True).parse(text)
        root = parsed(text)
        ids = root.xpath("//@id")
        assert len(ids) == len(set(ids))
        assert root.xpath("//input[@type='radio' or @type='checkbox']/@autocomplete") == []


# Languages


@pytest.mark.parametrize("name", NAMES)
def test_where_all_topics_are_in_chinese_so_is_every_page(name: str) -> None:
    root = page(name, a_topic(("zh",), title="潮汐论文", description="港口"))
    assert root.get("lang") == "zh-Hans"
    assert having(root, "languages") == []
    text = said(root).replace(SITE.title, "")
    for english in ("Archive", "Search", "papers", "paper", "Other months", "Mon", "All", "Site"):
        assert english not in text.split()
    assert "digests of" not in text.casefold()


@pytest.mark.parametrize("name", NAMES)
def test_where_all_topics_are_in_english_no_page_has_a_word_of_chinese(name: str) -> None:
    root = page(name, a_topic(("en",)))
    assert root.get("lang") == "en"
    assert [sign for sign in said(root) if sign >= "\u2e80"] == []


def test_a_page_of_no_topic_is_in_the_languages_of_all() -> None:
    assert spoken_in([a_topic(("zh",)), a_topic(("en",))]) == ("zh", "en")
    assert spoken_in([a_topic(("zh",)), a_topic(("zh",))]) == ("zh",)
    assert spoken_in([]) == BOTH
    root = page("front", a_topic(("zh",)), a_topic(("en",), name="reefs"))
    assert len(having(root, "languages")) == 1


def test_the_name_of_a_feed_says_in_which_language_it_is() -> None:
    feeds = page("front").xpath("//a[contains(@href, 'feed-')]/span")
    assert [(feed.get("lang"), feed.text) for feed in feeds] == [
        ("en", "Feed in English"),
        ("zh-Hans", "中文订阅"),
    ]


# Counts and headings


def test_one_paper_is_one_paper() -> None:
    counts = [
        flat(each) for each in page("month").xpath("//*[@class='history']//*[@class='amount']")
    ]
    assert counts == [
        "Withdrawn 已撤回",
        "2 papers 2 篇 · 1 revised 新版本 1 篇",
        "1 paper 1 篇",
    ]
    days = page("month").xpath("//table//a/@aria-label")
    assert days == [
        "2026-05-01 10:00 1 paper · 1 篇",
        "2026-05-02 10:00 2 papers · 2 篇",
        "2026-05-03 10:00 withdrawn · 已撤回",
    ]
    assert [flat(each) for each in page("archive").xpath("//h2/*[@class='amount']")] == [
        "6 papers 6 篇"
    ]


def test_a_heading_joins_title_and_month_without_a_mark() -> None:
    (heading,) = page("month").xpath("//h1")
    assert [flat(part) for part in heading] == ["Tide Papers", "2026-05"]
    assert flat(page("archive").xpath("//h1")[0]) == "Tide Papers Archive 往期"


# What a page says of itself


@pytest.mark.parametrize(
    ("name", "title", "about"),
    [
        (
            "front",
            "Invented Digests",
            "Digests of new papers on arXiv, a line for each: Tide Papers.",
        ),
        ("search", "Search 搜索 · Invented Digests", "Full-text search over the lines"),
        ("archive", "Tide Papers · Archive 往期", "All digests of Tide Papers, by year and month."),
        ("month", "Tide Papers · 2026-05", "Tide Papers in 2026-05: 2 digests, 3 papers."),
    ],
)
def test_a_page_describes_itself_where_it_is_found_and_shared(
    name: str, title: str, about: str
) -> None:
    root = page(name)
    properties = {
        meta.get("property") or meta.get("name"): meta.get("content")
        for meta in root.xpath("//meta[@property or @name]")
    }
    assert root.findtext(".//title") == properties["og:title"] == title
    assert properties["description"].startswith(about)
    assert properties["og:description"] == properties["description"]
    assert properties["og:type"] == "website"
    assert properties["og:url"] == root.xpath("//link[@rel='canonical']/@href")[0]
    assert (properties["og:locale"], properties["og:locale:alternate"]) == ("en_US", "zh_CN")


def test_a_description_is_no_longer_than_search_engines_show() -> None:
    root = page("front", a_topic(title="Tides " * 1_000))
    (description,) = root.xpath("//meta[@name='description']/@content")
    assert len(description) <= 300


def test_the_front_page_names_the_feeds_of_all_topics() -> None:
    root = page("front", a_topic(), a_topic(("zh",), name="reefs"))
    assert root.xpath("//link[@rel='alternate']/@href") == [
        "tides/feed-en.xml",
        "tides/feed-en.json",
        "tides/feed-zh.xml",
        "tides/feed-zh.json",
        "reefs/feed-zh.xml",
        "reefs/feed-zh.json",
    ]

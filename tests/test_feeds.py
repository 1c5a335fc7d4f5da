"""Feeds of a topic: what a feed reader is given, in each language, whatever the text is."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from lxml import html as lxml_html
from lxml.html import HtmlElement

from pipeline.records import Digest, Failure, Language, Publication, Withdrawal
from pipeline.settings import SiteSettings
from pipeline.site.catalogue import Topic
from pipeline.site.edition import Edition, edition
from pipeline.site.feeds import FEED_LENGTH, MOST_AUTHORS, atom, feed, json_feed
from tests.digests import (
    a_decision,
    a_digest,
    a_line,
    a_paper,
    a_publication,
    an_entry,
    approved,
)

SITE = SiteSettings(title="Invented Digests", url="https://digests.example/sub/")
MOVED = SiteSettings(title="Elsewhere", url="https://other.example/")
TOPIC = Topic("tides", "Tide Papers", "Tides & harbours", ("en", "zh"))
HOSTILE = "</p><script>alert(1)</script>]]>&amp;\x00\x0b\x1b[31m\ud800\ufffe\u202e\u2028 ${x}"
ATOM = {"a": "http://www.w3.org/2005/Atom"}
FIRST = a_publication().at


def an_edition(digest: Digest | None = None, *later: Publication) -> Edition:
    return edition([a_publication(digest or a_digest()), *later])


def the_feed(*editions: Edition, language: Language = "en", topic: Topic = TOPIC) -> Any:
    """The Atom feed, read by a parser that accepts nothing but well-formed XML."""
    return etree.fromstring(atom(feed(topic, SITE, language, editions or [an_edition()])).encode())


def the_json(*editions: Edition, language: Language = "en", topic: Topic = TOPIC) -> Any:
    return json.loads(json_feed(feed(topic, SITE, language, editions or [an_edition()])))


def texts(feed: Any, path: str) -> list[str]:
    return [element.text or "" for element in feed.findall(path, ATOM)]


def content(edition: Edition, language: Language = "en") -> HtmlElement:
    """The entry's HTML; the two kinds of feed hold the same."""
    (in_atom,) = texts(the_feed(edition, language=language), "a:entry/a:content")
    (item,) = the_json(edition, language=language)["items"]
    assert item["content_html"] == in_atom
    return lxml_html.fragment_fromstring(in_atom, create_parent="div")


def said(edition: Edition, language: Language = "en") -> str:
    return " ".join(str(content(edition, language).text_content()).split())


def test_an_entry_holds_each_papers_line_title_link_and_authors() -> None:
    shown = content(an_edition(a_digest(approved(an_entry(1)), approved(an_entry(2)))))
    items = shown.findall("ol/li")
    assert [item.findtext("p/strong") for item in items] == [
        "Adapts a coastal model to harbour 1 with few gauges.",
        "Adapts a coastal model to harbour 2 with few gauges.",
    ]
    assert [link.get("href") for link in shown.iter("a")] == [a_paper(1).url, a_paper(2).url]
    assert [link.text for link in shown.iter("a")] == [a_paper(1).title, a_paper(2).title]
    assert "Ada Kelp, Lü Haiyan, Orla O'Brine" in str(items[0].text_content())


def test_each_language_has_its_own_lines_and_words_alone() -> None:
    english, chinese = said(an_edition(), "en"), said(an_edition(), "zh")
    assert "harbour 1 with few gauges" in english
    assert "Reviewed by Mei Lan." in english
    assert "港口" not in english
    assert "第 1 个港口" in chinese
    assert "由 Mei Lan 审阅。" in chinese
    assert "Reviewed" not in chinese


def test_a_line_that_no_model_wrote_says_so_beside_it() -> None:
    gap = Failure(kind="unavailable", reason="localhost:8000: refused")
    stand_in = an_entry(1, lines={"en": a_line("tides, harbour", "embedded")}, gap=gap)
    edited = an_entry(2, lines={"en": a_line("By hand.", "editor", editor="Mei Lan")})
    first, second = content(an_edition(a_digest(stand_in, edited))).findall("ol/li")
    assert "not written by a model" in str(first.text_content())
    assert "it could not be reached" in str(first.text_content())
    assert "localhost" not in str(first.text_content())
    assert "[Edited by Mei Lan]" in str(second.text_content())


def test_a_line_by_a_model_has_no_note() -> None:
    assert "[" not in said(an_edition())


def test_a_paper_without_a_line_in_that_language_says_so() -> None:
    only_english = an_entry(lines={"en": a_line("One.")})
    assert "There is no line" not in said(an_edition(a_digest(only_english)), "en")
    assert "本篇暂无一句话简介。" in said(an_edition(a_digest(only_english)), "zh")


def test_the_introduction_stands_first_with_its_editor() -> None:
    words = a_decision().but(
        paper=None, version=None, action="introduce", lines={"en": "A week of floods."}
    )
    shown = an_edition(a_digest(introduction=words))
    assert said(shown).startswith("A week of floods. Introduction by Mei Lan")
    assert "Introduction" not in said(shown, "zh")


def test_revised_and_chosen_papers_are_marked() -> None:
    entry = an_entry(paper=a_paper(status="revised"), pinned=True)
    assert "[Revised] [Editors' choice]" in said(an_edition(a_digest(entry)))
    assert "[新版本] [编辑推荐]" in said(an_edition(a_digest(entry)), "zh")


def test_a_paper_that_was_withdrawn_since_says_so() -> None:
    gone = Withdrawal(version=2, at=FIRST, comments="Lemma 3 is wrong", snapshot="20260502_0405")
    shown = an_edition(a_digest(an_entry().but(withdrawn=gone)))
    assert "This paper has been withdrawn since, by its version 2" in said(shown)
    assert "本文其后已撤稿" in said(shown, "zh")


def test_of_many_authors_the_first_are_named() -> None:
    names = tuple(f"Ada Kelp {number}" for number in range(MOST_AUTHORS + 1))
    shown = an_edition(a_digest(an_entry(paper=a_paper(authors=names))))
    assert f"{names[-2]} et al." in said(shown)
    assert names[-1] not in said(shown)
    assert f"{names[-2]} 等" in said(shown, "zh")


def test_entries_keep_their_order_and_carry_the_local_date() -> None:
    day = timedelta(days=1)
    first = a_digest()
    second = a_digest(snapshot="20260502_0405", instant=first.instant + day)
    feed = the_feed(an_edition(second), an_edition(first))
    assert texts(feed, "a:entry/a:title") == [
        "Tide Papers 潮汐论文 · 2026-05-02 04:05",
        "Tide Papers 潮汐论文 · 2026-05-01 04:05",
    ]
    assert FEED_LENGTH >= 14  # who was away for two weeks has missed nothing


def test_an_entry_is_published_at_the_first_release_and_updated_at_the_last() -> None:
    later = a_publication(reason="correction", at=FIRST + timedelta(hours=30))
    feed, (item,) = the_feed(an_edition(None, later)), the_json(an_edition(None, later))["items"]
    assert texts(feed, "a:entry/a:published") == ["2026-05-01T00:30:00Z"]
    assert texts(feed, "a:entry/a:updated") == texts(feed, "a:updated") == ["2026-05-02T06:30:00Z"]
    assert item["date_published"] == "2026-05-01T00:30:00Z"
    assert item["date_modified"] == "2026-05-02T06:30:00Z"
    assert "Corrected on 2026-05-02 14:30" in said(an_edition(None, later))
    assert "Published on" not in said(an_edition(None, later))


def test_a_clock_that_was_set_back_makes_no_entry_older_than_it_was() -> None:
    early = a_publication(reason="correction", at=FIRST - timedelta(hours=30))
    feed, (item,) = the_feed(an_edition(None, early)), the_json(an_edition(None, early))["items"]
    assert texts(feed, "a:entry/a:updated") == texts(feed, "a:updated") == ["2026-05-01T00:30:00Z"]
    assert item["date_modified"] == item["date_published"] == "2026-05-01T00:30:00Z"


def test_the_editors_are_the_authors_and_the_site_where_there_are_none() -> None:
    feed = the_feed(an_edition(), an_edition(a_digest(an_entry(), snapshot="20260430_0405")))
    assert texts(feed, "a:entry/a:author/a:name") == ["Mei Lan"]
    assert texts(feed, "a:author/a:name") == ["Invented Digests"]
    items = the_json(an_edition(), an_edition(a_digest(an_entry())))["items"]
    assert [item.get("authors") for item in items] == [[{"name": "Mei Lan"}], None]


def test_a_withdrawn_digest_says_why_and_shows_none_of_its_lines() -> None:
    gone = a_publication(
        reason="withdrawn", why="The wrong day.", who=("Orla",), at=FIRST + timedelta(hours=1)
    )
    shown = an_edition(None, gone)
    assert said(shown) == "Withdrawn on 2026-05-01 09:30 by Orla: The wrong day."
    assert said(shown, "zh") == "2026-05-01 09:30 由 Orla 撤回。原因：The wrong day."
    assert texts(the_feed(shown), "a:entry/a:title")[0].startswith("Withdrawn: Tide Papers")
    assert texts(the_feed(shown), "a:entry/a:author/a:name") == ["Orla"]
    assert texts(the_feed(shown), "a:entry/a:id") == texts(the_feed(an_edition()), "a:entry/a:id")


def test_ids_of_entries_outlive_another_address_and_all_differ_by_topic_and_language() -> None:
    def ids(language: Language = "en", *, site: SiteSettings = SITE, **changes: Any) -> list[str]:
        topic = TOPIC._replace(name=changes.get("topic", "tides"))
        shown = an_edition(a_digest(**changes))
        told = feed(topic, site, language, [shown])
        root = etree.fromstring(atom(told).encode())
        (item,) = json.loads(json_feed(told))["items"]
        assert texts(root, "a:entry/a:id") == [item["id"]]
        return [*texts(root, "a:id"), item["id"]]

    known = ids()
    assert all(one.startswith("urn:uuid:") for one in known)
    assert ids(site=MOVED, title="Another title")[1:] == known[1:]
    assert ids(site=SiteSettings(title="Elsewhere", url=SITE.url), title="Another") == known
    others = [ids("zh"), ids(topic="lamps"), ids(snapshot="20260502_0405")]
    assert len({known[1], *(other[1] for other in others)}) == 4
    assert [other[0] == known[0] for other in others] == [False, False, True]


def test_two_installations_with_a_topic_of_one_name_have_ids_of_their_own() -> None:
    other = edition([a_publication(at=FIRST + timedelta(seconds=1))])
    elsewhere = etree.fromstring(atom(feed(TOPIC, MOVED, "en", [other])).encode())
    for path in ("a:id", "a:entry/a:id"):
        assert texts(elsewhere, path) != texts(the_feed(), path)


def test_the_feed_names_itself_the_topics_page_and_the_digests_page() -> None:
    feed, data = the_feed(language="zh"), the_json(language="zh")
    links = {link.get("rel"): link.get("href") for link in feed.findall("a:link", ATOM)}
    assert links == {
        "self": "https://digests.example/sub/tides/feed-zh.xml",
        "alternate": "https://digests.example/sub/tides/",
    }
    assert data["feed_url"] == "https://digests.example/sub/tides/feed-zh.json"
    assert data["home_page_url"] == links["alternate"]
    page = "https://digests.example/sub/tides/20260501_0405.html?lang=zh"
    assert feed.find("a:entry/a:link", ATOM).get("href") == data["items"][0]["url"] == page


def test_a_topic_in_one_language_asks_its_pages_for_none() -> None:
    topic = TOPIC._replace(languages=("zh",))
    assert the_json(language="zh", topic=topic)["items"][0]["url"].endswith("20260501_0405.html")
    assert the_json(language="zh", topic=topic)["title"] == "Tide Papers"
    assert the_json(language="zh")["title"] == "Tide Papers · 中文"


def test_the_feed_says_its_language_what_it_is_about_and_whose_the_metadata_are() -> None:
    feed, data = the_feed(language="zh"), the_json(language="zh")
    assert feed.get("{http://www.w3.org/XML/1998/namespace}lang") == data["language"] == "zh-Hans"
    assert texts(feed, "a:subtitle") == [data["description"]] == ["Tides & harbours"]
    assert texts(feed, "a:rights") == [data["user_comment"]]
    assert "CC0" in data["user_comment"]
    assert "感谢 arXiv" in data["user_comment"]
    bare = TOPIC._replace(description="")
    assert texts(the_feed(topic=bare), "a:subtitle") == []
    assert "description" not in the_json(topic=bare)


def test_atom_has_what_rfc_4287_asks_for() -> None:
    feed = the_feed()
    for name in ("id", "title", "updated", "author"):
        assert len(feed.findall(f"a:{name}", ATOM)) == 1
    (entry,) = feed.findall("a:entry", ATOM)
    for name in ("id", "title", "updated", "content"):
        assert len(entry.findall(f"a:{name}", ATOM)) == 1
    assert entry.find("a:content", ATOM).get("type") == "html"
    for moment in texts(entry, "a:updated"):
        assert datetime.fromisoformat(moment).tzinfo


def test_json_feed_has_what_version_1_1_asks_for() -> None:
    data = the_json()
    assert data["version"] == "https://jsonfeed.org/version/1.1"
    assert {"title", "items"} <= data.keys()
    assert {"id", "content_html", "url"} <= data["items"][0].keys()


def test_an_empty_digest_says_so() -> None:
    empty = an_edition(a_digest().but(papers=()))
    assert "This digest holds no papers." in said(empty)
    assert "本期没有论文。" in said(empty, "zh")


@pytest.mark.parametrize("language", ["en", "zh"])
@given(text=st.text() | st.just(HOSTILE))
def test_any_text_gives_a_well_formed_feed_in_which_it_is_text(
    language: Language, text: str
) -> None:
    paper = a_paper(title=text or "-", authors=(text,), url=text)
    lines = {"en": a_line(text, "editor", editor=text), "zh": a_line(text, model=text)}
    entry = approved(an_entry(paper=paper, lines=lines), editor=text)
    hostile = a_digest(entry, title=text, notes=(text,), model=text)
    gone = a_publication(hostile, "withdrawn", why=text or "-", who=(text,))
    for shown in (an_edition(hostile), an_edition(hostile, gone)):
        made = content(shown, language)
        assert {element.tag for element in made.iter()} <= {
            "div", "p", "ol", "li", "strong", "small", "a", "br"
        }  # fmt: skip
        assert all(link.get("href").startswith("https://arxiv.org/") for link in made.iter("a"))
        assert made.xpath("//@*[name() != 'href']") == []
    title = the_feed(topic=TOPIC._replace(title=text, description=text))
    assert len(texts(title, "a:title")) == 1

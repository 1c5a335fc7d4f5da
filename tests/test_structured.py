"""What a digest's page says of itself in its head: description, Open Graph, schema.org."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html as lxml_html
from lxml.html import HtmlElement

from pipeline.records import Digest, Language, Publication
from pipeline.settings import SiteSettings
from pipeline.site.catalogue import Topic
from pipeline.site.place import Place
from pipeline.site.structured import LONGEST_TITLE, MOST_AUTHORS, head
from tests.digests import a_digest, a_paper, a_publication, an_entry, approved

SITE = SiteSettings(title="Invented Digests", url="https://digests.example/sub/")
HOSTILE = (
    "</script><!--<script>\"'><img src=x onerror=alert(1)>&amp;\x00\x1b\ud800\u2028\u2029\u202e"
)


def a_place(*languages: Language, description: str = "Tides.") -> Place:
    topic = Topic("tides", "Tide Papers", description, languages or ("en", "zh"))
    return Place(SITE, "tides/20260501_0405.html", topic)


def the_head(
    digest: Digest | None = None, *later: Publication, place: Place | None = None
) -> HtmlElement:
    """As a browser reads it."""
    digest = digest or a_digest()
    made = head(digest, [a_publication(digest), *later], place or a_place())
    return lxml_html.document_fromstring(f"<!doctype html><head>{made}</head><body></body>")


def said(root: HtmlElement) -> dict[str, str]:
    """The content of each `<meta>` by its name."""
    return {
        meta.get("name") or meta.get("property"): meta.get("content") for meta in root.iter("meta")
    }


def data(root: HtmlElement) -> Any:
    """What the only script holds."""
    (script,) = root.iter("script")
    assert script.get("type") == "application/ld+json"
    return json.loads(script.text)


def test_the_page_is_described_and_can_be_shared() -> None:
    later = a_publication(reason="correction", at=a_publication().at + timedelta(hours=30))
    assert said(the_head(None, later)) == {
        "description": "Tides. · 1 paper from arXiv. Reviewed by Mei Lan. "
        "arXiv 论文 1 篇。由 Mei Lan 审阅。",
        "og:type": "article",
        "og:site_name": "Invented Digests",
        "og:title": "Tide Papers 潮汐论文 · 2026-05-01 04:05",
        "og:description": "Tides. · 1 paper from arXiv. Reviewed by Mei Lan. "
        "arXiv 论文 1 篇。由 Mei Lan 审阅。",
        "og:url": "https://digests.example/sub/tides/20260501_0405.html",
        "og:locale": "en_US",
        "og:locale:alternate": "zh_CN",
        "article:published_time": "2026-05-01T00:30:00Z",
        "article:modified_time": "2026-05-02T06:30:00Z",
    }


def test_a_clock_that_was_set_back_leaves_the_time_of_the_latest_change() -> None:
    early = a_publication(reason="correction", at=a_publication().at - timedelta(hours=30))
    root = the_head(None, early)
    assert said(root)["article:modified_time"] == "2026-05-01T00:30:00Z"
    assert data(root)["dateModified"] == "2026-05-01T00:30:00Z"


def test_a_topic_in_one_language_is_described_in_it_alone() -> None:
    root = the_head(place=a_place("zh", description=""))
    assert said(root)["description"] == "arXiv 论文 1 篇。由 Mei Lan 审阅。"
    assert said(root)["og:locale"] == "zh_CN"
    assert "og:locale:alternate" not in said(root)
    assert data(root)["inLanguage"] == ["zh-Hans"]


def test_the_digest_is_a_collection_of_scholarly_articles() -> None:
    page = data(the_head(a_digest(approved(an_entry(paper=a_paper(doi="10.1000/tide.1"))))))
    assert page["@context"] == "https://schema.org"
    assert page["@type"] == "CollectionPage"
    assert page["url"] == "https://digests.example/sub/tides/20260501_0405.html"
    assert page["isPartOf"] == {
        "@type": "WebSite",
        "name": "Invented Digests",
        "url": "https://digests.example/sub/",
    }
    assert page["editor"] == [{"@type": "Person", "name": "Mei Lan"}]
    assert page["datePublished"] == page["dateModified"] == "2026-05-01T00:30:00Z"
    assert page["hasPart"] == [
        {
            "@type": "ScholarlyArticle",
            "headline": a_paper().title,
            "author": [
                {"@type": "Person", "name": "Ada Kelp"},
                {"@type": "Person", "name": "Lü Haiyan"},
                {"@type": "Person", "name": "Orla O'Brine"},
            ],
            "datePublished": "2026-04-29",
            "url": "https://arxiv.org/abs/2604.90001v1",
            "sameAs": "https://doi.org/10.1000/tide.1",
        }
    ]


def test_a_doi_that_is_none_is_left_out() -> None:
    page = data(the_head(a_digest(an_entry(paper=a_paper(doi="see the publisher")))))
    assert "sameAs" not in page["hasPart"][0]


def test_a_digest_without_an_editor_names_none() -> None:
    assert "editor" not in data(the_head(a_digest(an_entry())))


def test_a_draft_has_no_dates_of_publication() -> None:
    draft = a_digest(an_entry(), status="draft")
    root = lxml_html.fragment_fromstring(head(draft, [], a_place()), create_parent="div")
    assert "article:published_time" not in said(root)
    assert "datePublished" not in data(root)
    assert "This is a draft" in said(root)["description"]


def test_a_digest_that_was_taken_back_says_so_and_names_no_papers() -> None:
    root = the_head(None, a_publication(reason="withdrawn", why="The wrong day."))
    assert "by Mei Lan: The wrong day." in said(root)["description"]
    assert "原因：The wrong day." in said(root)["og:description"]
    assert "hasPart" not in data(root)
    assert a_paper().title not in lxml_html.tostring(root, encoding="unicode")


def test_thirty_papers_with_long_lists_of_authors_stay_small() -> None:
    names = tuple(f"Ada Christina Kelp {number}" for number in range(100))
    papers = [a_paper(number, authors=names) for number in range(1, 31)]
    digest = a_digest(*(approved(an_entry(paper=paper)) for paper in papers))
    made = head(digest, [a_publication(digest)], a_place())
    assert len(made.encode()) < 16_000
    assert made.count("Ada Christina Kelp") == 30 * MOST_AUTHORS
    few = a_digest(*(approved(an_entry(n, paper=a_paper(n))) for n in range(1, 31)))
    assert len(head(few, [a_publication(few)], a_place()).encode()) < 12_000


def test_a_title_of_any_length_is_cut() -> None:
    entry = an_entry(paper=a_paper(title="tide " * 20_000, authors=("Kelp" * 20_000,)))
    root = the_head(a_digest(entry))
    (article,) = data(root)["hasPart"]
    assert len(article["headline"]) <= LONGEST_TITLE
    assert article["headline"].endswith("…")
    assert len(lxml_html.tostring(root)) < 5_000


@given(text=st.text() | st.just(HOSTILE))
def test_no_text_can_end_its_element_or_add_one(text: str) -> None:
    paper = a_paper(title=text or "-", authors=(text,), doi=text, url=text)
    digest = a_digest(approved(an_entry(paper=paper), editor=text), title=text)
    gone = a_publication(digest, "withdrawn", why=text, who=(text,))
    usual = the_head(place=a_place(description=""))
    for later in ([], [gone]):
        made = head(digest, [a_publication(digest), *later], a_place(description=text))
        root = lxml_html.document_fromstring(f"<!doctype html><head>{made}</head><body></body>")
        assert [one.tag for one in root.iter()] == [one.tag for one in usual.iter()]
        assert said(root).keys() == said(usual).keys()
        assert data(root)["@type"] == "CollectionPage"


@pytest.mark.parametrize("sign", ["<", ">", "&", "\u2028", "\u2029"])
def test_signs_that_html_or_scripts_obey_stand_in_the_data_by_their_numbers(sign: str) -> None:
    made = head(a_digest(an_entry(paper=a_paper(title=f"a{sign}b"))), [], a_place())
    _, _, script = made.partition('ld+json">')
    assert sign not in script.removesuffix("</script>")

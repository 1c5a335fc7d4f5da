"""What editors add to a digest's page: an introduction, pins, and notes of what they did."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pipeline.records import Decision, Language, Publication
from pipeline.site.markdown import digest_markdown
from pipeline.site.page import digest_page, tombstone_page
from pipeline.site.text import clean
from tests.digests import a_decision, a_digest, a_publication, an_entry, approved
from tests.test_site import HOSTILE, body_of, having, parsed, text_of

WORDS: dict[Language, str] = {"en": "Two harbours today.", "zh": "今天有两个港口。"}


def introduction(lines: dict[Language, str] = WORDS, editor: str = "Lin Mei") -> Decision:
    return a_decision().but(
        paper=None, version=None, action="introduce", lines=lines, editor=editor
    )


def rendered(markdown: str) -> str:
    return str(MarkdownIt("commonmark").render(markdown))


@pytest.mark.parametrize("status", ["draft", "published"])
def test_an_introduction_stands_before_the_papers_in_both_languages(status):
    page = digest_page(a_digest(introduction=introduction(), status=status))
    (section,) = having(parsed(page), "introduction")
    assert [(p.get("lang"), p.text_content()) for p in section.findall("p")[:2]] == [
        ("en", WORDS["en"]),
        ("zh-Hans", WORDS["zh"]),
    ]
    by = " ".join(text_of(section, "by").split())
    assert by == "Introduction by Lin Mei Lin Mei 撰写导语"
    assert page.index(WORDS["en"]) < page.index('<article class="paper"')


def test_an_introduction_stands_before_the_papers_in_markdown():
    text = digest_markdown(a_digest(introduction=introduction()))
    assert WORDS["en"] in text
    assert WORDS["zh"] in text
    assert text.index("Introduction by Lin Mei") < text.index("\n## ")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_introduction_may_have_one_language(language: Language):
    digest = a_digest(introduction=introduction({language: WORDS[language]}))
    (section,) = having(parsed(digest_page(digest)), "introduction")
    assert len(section.findall("p")) == 2
    assert WORDS[language] in digest_markdown(digest)


def test_without_an_introduction_nothing_stands_there():
    assert having(parsed(digest_page(a_digest())), "introduction") == []
    assert "Introduction" not in digest_markdown(a_digest())


@pytest.mark.parametrize("text", [HOSTILE, "# No heading", "- no item", "1. none", "> no quote"])
def test_an_introduction_and_its_editors_name_are_text(text):
    digest = a_digest(introduction=introduction({"en": text, "zh": text}, editor=text))
    page = digest_page(digest)
    (section,) = having(parsed(page), "introduction")
    assert [p.text_content() for p in section.findall("p")[:2]] == [text, text]
    assert {element.tag for element in section.iter()} == {"section", "p", "i"}
    plain = rendered(digest_markdown(a_digest(introduction=introduction())))
    shown = rendered(digest_markdown(digest))
    for tag in ("<script", "<img", "<h1", "<h2", "<li", "<ol", "<blockquote", "<a "):
        assert shown.count(tag) == plain.count(tag)


@settings(max_examples=50)
@given(st.text(max_size=80))
def test_any_introduction_is_shown_as_it_is(text):
    page = digest_page(a_digest(introduction=introduction({"en": text, "zh": "一句。"})))
    (section,) = having(parsed(page), "introduction")
    shown = section.findall("p")[0].text_content()
    assert shown.split() == clean(text).split()
    assert "\u202e" not in page


def test_a_pinned_paper_has_a_badge_and_keeps_the_contract():
    pinned, other = approved(an_entry(2, pinned=True)), approved(an_entry(1))
    page = parsed(digest_page(a_digest(pinned, other)))
    first, second = having(page, "paper")
    assert first.get("id") == pinned.paper.id
    (badge,) = having(first, "pinned")
    assert "badge" in badge.get("class").split()
    assert " ".join(badge.text_content().split()) == "Editors' choice 编辑推荐"
    assert having(second, "pinned") == []
    assert first.xpath("./h2/a")[0].text_content() == pinned.paper.title
    assert having(first, "summary")[0].xpath("./*[@lang='en']")[0].text_content() == (
        pinned.lines["en"].text
    )


def test_a_pinned_paper_is_marked_in_markdown():
    text = digest_markdown(a_digest(approved(an_entry(1, pinned=True)), approved(an_entry(2))))
    assert text.count("Chosen · 推荐: Editors' choice · 编辑推荐") == 1


@pytest.fixture
def releases() -> list[Publication]:
    """Published, corrected, withdrawn, and published again."""
    before = a_digest(approved(an_entry(1)), approved(an_entry(2)))
    after = before.but(papers=before.papers[::-1], introduction=introduction())
    return [
        a_publication(before),
        a_publication(after, "correction", who=("Bo",)),
        a_publication(after, "withdrawn", who=("Bo",), why=HOSTILE),
        a_publication(after, "correction"),
    ]


def test_what_was_done_since_is_told_in_order(releases):
    page = digest_page(releases[-1].digest, releases=releases)
    said = [
        " ".join(item.text_content().split())
        for notes in having(parsed(page), "notes")
        for item in notes.findall("li")
    ]
    assert "Published on 2026-05-01 08:30." in body_of(page)
    assert [line.partition(" on ")[0] for line in said] == [
        "Corrected",
        "Withdrawn",
        "Published again",
    ]
    assert "by Bo: the introduction, the order of the papers." in said[0]
    assert "由 Bo 更正：导语、论文次序。" in said[0]
    assert "Published again on 2026-05-01 08:30." in said[2]


def test_a_tombstone_has_the_reason_as_text_and_no_line(releases):
    digest = releases[2].digest
    page = tombstone_page(digest, releases=releases[:3])
    root = parsed(page)
    assert having(root, "paper") == having(root, "introduction") == []
    assert f"by Bo: {HOSTILE}" in body_of(page)
    assert root.findall(".//script") == root.findall(".//img") == []
    for entry in digest.papers:
        for line in entry.lines.values():
            assert line.text not in page
    assert f"Snapshot: {digest.snapshot}" in page
    assert "This digest was withdrawn" in body_of(page)
    assert "本期已撤回" in body_of(page)

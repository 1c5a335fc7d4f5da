"""The digest's page and its Markdown: the contract, who wrote and reviewed, hostile text."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import html as lxml_html
from lxml.html import HtmlElement
from markdown_it import MarkdownIt

from pipeline.errors import DamagedFile
from pipeline.records import Digest, Failure, Publication, Reason
from pipeline.settings import SiteSettings
from pipeline.site.latex.rendering import to_html
from pipeline.site.markdown import digest_markdown, escaped
from pipeline.site.page import digest_page
from pipeline.site.text import clean
from tests.digests import (
    a_decision,
    a_digest,
    a_line,
    a_paper,
    a_publication,
    an_entry,
    approved,
)

HOSTILE = "</p><script>alert(1)</script><img src=x onerror='a()'>\" & [x](javascript:a) {{ 7*7 }}"
SITE = SiteSettings(title="Invented Digests", url="https://digests.example/")
UNREACHABLE = Failure(kind="unavailable", reason="localhost:8000: the connection failed")
PICKED_EN = "Picked from the title and abstract by a program, not written by a model."
PICKED_ZH = "由程序根据标题和摘要列出，并非模型撰写。"


def parsed(page: str) -> HtmlElement:
    return lxml_html.document_fromstring(page.encode(), lxml_html.HTMLParser(encoding="utf-8"))


def having(root: HtmlElement, name: str) -> list[HtmlElement]:
    """The elements below `root` of class `name`."""
    return list(
        root.xpath(f".//*[contains(concat(' ', normalize-space(@class), ' '), ' {name} ')]")
    )


def text_of(root: HtmlElement, name: str) -> str:
    (element,) = having(root, name)
    return str(element.text_content())


def flat(root: HtmlElement) -> str:
    return " ".join(root.text_content().split())


def body_of(page: str) -> str:
    return flat(parsed(page).find("body"))


def read(text: str) -> str:
    """What a reader sees of a paper's text."""
    return str(lxml_html.fragment_fromstring(to_html(text), create_parent=True).text_content())


def the_article(page: str) -> HtmlElement:
    (article,) = parsed(page).xpath("//article[@class='paper']")
    return article


def a_night(day: int, count: int = 1, *, month: int = 5, reason: Reason = "first") -> Publication:
    instant = datetime(2026, month, day, 2, 0, tzinfo=UTC)
    digest = a_digest(
        *(approved(an_entry(number)) for number in range(1, count + 1)),
        snapshot=f"2026{month:02d}{day:02d}_1000",
        instant=instant,
    )
    return a_publication(digest, reason=reason, at=instant + timedelta(hours=1))


# The contract


def test_each_paper_is_an_article_with_the_fields_exact_text() -> None:
    paper = a_paper(comments="9 pages  & more", venue="Tides <4>", version=2)
    article = the_article(digest_page(a_digest(an_entry(paper=paper))))
    (title,) = article.xpath("./h2/a")
    assert article.get("id") == paper.id
    assert title.text_content() == paper.title
    assert title.get("href") == paper.url
    assert text_of(article, "authors") == "Ada Kelp, Lü Haiyan, Orla O'Brine"
    assert text_of(article, "comments") == paper.comments
    assert text_of(article, "venue") == paper.venue
    assert text_of(article, "abstract") == paper.abstract.replace("$k < 50$", "k<50")


def test_times_are_utc_in_the_attribute_and_local_in_the_text() -> None:
    paper = a_paper(latest=datetime(2026, 4, 30, 17, 0, 1, tzinfo=UTC))
    article = the_article(digest_page(a_digest(an_entry(paper=paper))))
    (first,), (latest,) = article.xpath(".//time[@class='first']"), having(article, "latest")
    assert (first.get("datetime"), first.text_content()) == (
        "2026-04-29T12:45:00Z",
        "2026-04-29 20:45",
    )
    assert (latest.get("datetime"), latest.text_content()) == (
        "2026-04-30T17:00:01Z",
        "2026-05-01 01:00",
    )


def test_unknown_comments_and_venue_leave_no_element() -> None:
    article = the_article(digest_page(a_digest(an_entry(paper=a_paper(comments=None, venue=None)))))
    assert not having(article, "comments")
    assert not having(article, "venue")


def test_each_line_carries_its_language_and_its_own_origin() -> None:
    entry = an_entry().but(lines={"en": a_line("One."), "zh": a_line("一。", "editor")})
    article = the_article(digest_page(a_digest(approved(entry, action="edit"))))
    (summary,) = having(article, "summary")
    (english,) = summary.xpath(".//*[@lang='en']")
    (chinese,) = summary.xpath(".//*[@lang='zh-Hans']")
    assert (english.text_content(), english.get("data-origin")) == ("One.", "model")
    assert (chinese.text_content(), chinese.get("data-origin")) == ("一。", "editor")
    assert summary.xpath(".//@data-origin") == ["model", "editor"]


def test_page_shows_title_time_zone_snapshot_and_acknowledgement() -> None:
    text = body_of(digest_page(a_digest()))
    assert "Tide Papers 潮汐论文" in text
    assert "2026-05-01 04:05 Asia/Shanghai" in text
    assert "Snapshot: 20260501_0405" in text
    assert "Thank you to arXiv for use of its open access interoperability." in text


def test_every_status_has_a_badge_in_both_languages() -> None:
    statuses = ("new", "revised", "seen", "withdrawn")
    entries = [an_entry(n, paper=a_paper(n, status=s)) for n, s in enumerate(statuses, 1)]
    badges = [flat(badge) for badge in having(parsed(digest_page(a_digest(*entries))), "badge")]
    assert badges == ["New 新论文", "Revised 新版本", "Shown before 曾收录", "Withdrawn 已撤稿"]


def test_earlier_snapshots_are_linked_newest_first_by_the_pattern() -> None:
    digest = a_digest(earlier=("20260430_0405", "20260429_0405"))
    links = parsed(digest_page(digest)).xpath("//ul[@class='earlier']//a/@href")
    assert links == ["../20260430_0405/5-digest.html", "../20260429_0405/5-digest.html"]


def test_contents_lead_to_every_article() -> None:
    page = parsed(digest_page(a_digest(an_entry(1), an_entry(2))))
    targets = page.xpath("//nav[@class='contents']//ol//a/@href")
    assert targets == [f"#{article.get('id')}" for article in page.xpath("//article")]


def test_an_old_identifier_is_an_anchor_too() -> None:
    paper = a_paper(id="math.GT/0309136", url="", pdf_url="")
    page = parsed(digest_page(a_digest(an_entry(paper=paper))))
    assert page.xpath("//article/@id") == ["math.GT/0309136"]
    assert page.xpath("//article/h2/a/@href") == ["https://arxiv.org/abs/math.GT/0309136v1"]


# Who wrote and who reviewed


def test_a_stand_in_says_in_both_languages_that_no_model_wrote_it() -> None:
    lines = {"en": a_line("harbour, gauge", "embedded"), "zh": a_line("港口、潮位", "embedded")}
    entry = an_entry().but(lines=lines, gap=UNREACHABLE)
    article = the_article(digest_page(a_digest(entry)))
    assert [note.text_content() for note in having(article, "origin-note")] == [
        PICKED_EN,
        PICKED_ZH,
    ]
    assert article.xpath(".//p[@lang='en']/text()") == ["harbour, gauge"]
    assert "it could not be reached" in text_of(article, "gap")


def test_a_model_line_has_no_origin_note() -> None:
    assert not having(the_article(digest_page(a_digest())), "origin-note")


def test_a_gap_without_any_line_says_why() -> None:
    article = the_article(
        digest_page(a_digest(an_entry().but(lines={}, gap=UNREACHABLE.but(kind="budget"))))
    )
    assert not having(article, "summary")
    assert "There is no line by the model: the budget was used up." in text_of(article, "gap")
    assert "预算已用完" in text_of(article, "gap")


def test_the_operators_details_of_a_gap_are_not_told_to_readers() -> None:
    entry = an_entry().but(lines={}, gap=UNREACHABLE)
    assert UNREACHABLE.reason not in digest_page(a_digest(entry))
    assert "localhost" not in digest_markdown(a_digest(entry))


def test_an_edited_line_names_its_editor_in_its_language() -> None:
    by = {"origin": "editor", "editor": "Mei Lan"}
    lines = {"en": a_line("One.", **by), "zh": a_line("一。", **by)}
    entry = approved(an_entry().but(lines=lines), editor="Orla")
    article = the_article(digest_page(a_digest(entry)))
    notes = [note.text_content() for note in having(article, "origin-note")]
    assert notes == ["Edited by Mei Lan", "经 Mei Lan 修改"]


def test_a_carried_decision_names_its_snapshot() -> None:
    entry = approved(an_entry()).but(carried_from="20260428_0405")
    provenance = flat(having(the_article(digest_page(a_digest(entry))), "provenance")[0])
    assert provenance == (
        "Written by tide-1 (one_line); "
        "reviewed by Mei Lan, 2026-05-01 08:30, decided in snapshot 20260428_0405 "
        "撰写：tide-1（one_line）；审阅：Mei Lan，2026-05-01 08:30，沿用 20260428_0405 期的决定"
    )
    assert "carried over from snapshot 20260428\\_0405" in digest_markdown(a_digest(entry))


@pytest.mark.parametrize(
    ("digest", "said"),
    [
        (a_digest(), "written by a language model (tide-1; prompt: one_line), except where marked"),
        (a_digest(), "Reviewed by Mei Lan."),
        (a_digest(an_entry()), "No person has reviewed them. "),
        (a_digest(an_entry()), "未经人工审阅。"),
        (a_digest(approved(an_entry(1)), an_entry(2)), "except 1 of 2 papers that no person"),
        (a_digest(an_entry(1), an_entry(2), status="draft"), "a draft: 2 of 2 papers wait"),
        (a_digest(an_entry(1), status="draft"), "尚有 1 篇等待编辑审定"),
    ],
)
def test_page_and_markdown_say_who_wrote_and_who_reviewed(digest: Digest, said: str) -> None:
    assert said.strip() in body_of(digest_page(digest))
    assert escaped(said) in digest_markdown(digest)


def test_a_digest_without_a_model_does_not_claim_one() -> None:
    lines = {"en": a_line("harbour", "embedded"), "zh": a_line("港口", "embedded")}
    digest = a_digest(an_entry().but(lines=lines), model="embedded", prompt="")
    text = body_of(digest_page(digest))
    assert "no language model was asked" in text
    assert "written by a language model" not in text


def test_a_night_on_which_the_model_failed_does_not_claim_its_lines() -> None:
    lines = {"en": a_line("harbour", "embedded"), "zh": a_line("港口", "embedded")}
    text = body_of(digest_page(a_digest(an_entry(lines=lines, gap=UNREACHABLE))))
    assert "(tide-1) was asked, but wrote none of the lines shown here" in text
    assert "lines are written by a language model" not in text
    assert "it could not be reached." in text


def test_corrections_and_healed_gaps_are_dated_notes() -> None:
    reasons: tuple[Reason, ...] = ("first", "correction", "heal")
    releases = [a_publication(reason=reason) for reason in reasons]
    page = parsed(digest_page(a_digest(), releases=releases))
    assert "Published on 2026-05-01 08:30." in text_of(page, "about")
    notes = text_of(page, "notes")
    assert "Corrected on 2026-05-01 08:30 by Mei Lan." in notes
    assert "Completed on 2026-05-01 08:30" in notes


def test_counts_tell_papers_new_revised_gaps_and_left_out() -> None:
    entries = (
        an_entry(1, gap=UNREACHABLE),
        an_entry(2, paper=a_paper(2, status="revised")),
        an_entry(3),
    )
    left_out = a_decision(a_paper(4), action="exclude")
    page = parsed(digest_page(a_digest(*entries, excluded=(left_out,))))
    counts = [value.text_content() for value in page.xpath("//dl[@class='counts']//dd")]
    assert counts == ["3", "1", "1"]
    facets = [flat(facet) for facet in page.xpath("//*[@class='facets']//a")]
    assert facets == ["New 新论文 2", "Revised 新版本 1", "physics.ao-ph 3"]


# Hostile text


def a_hostile_page() -> str:
    paper = a_paper(
        title=HOSTILE,
        authors=(HOSTILE, "B"),
        abstract=HOSTILE,
        comments=HOSTILE,
        venue=HOSTILE,
        doi=HOSTILE,
        primary_category=HOSTILE,
        categories=(HOSTILE,),
        url="javascript:alert(1)",
        pdf_url="https://arxiv.org.evil.example/pdf/1",
    )
    lines = {"en": a_line(HOSTILE, model=HOSTILE, prompt=HOSTILE), "zh": a_line(HOSTILE, "editor")}
    entry = approved(
        an_entry(paper=paper, lines=lines, gap=Failure(kind="content", reason=HOSTILE)),
        editor=HOSTILE,
    )
    digest = a_digest(entry, title=HOSTILE, notes=(HOSTILE,), model=HOSTILE)
    return digest_page(digest, releases=[a_publication(digest, "correction")])


def test_hostile_text_in_every_field_stays_text() -> None:
    page = a_hostile_page()
    article = the_article(page)
    shown = read(HOSTILE)
    assert "<script>alert(1)</script><img src=x onerror=" in shown
    assert text_of(article, "abstract") == shown
    assert text_of(article, "authors") == f"{shown}, B"
    assert article.xpath("./h2/a")[0].text_content() == shown
    assert parsed(page).xpath("//script | //img | //iframe | //@onerror") == []


def test_page_asks_nothing_of_any_server_and_links_to_arxiv_only() -> None:
    page = parsed(a_hostile_page())
    links = [str(link) for link in page.xpath("//@href")]
    outside = [link for link in links if re.match(r"[a-z]+:|//", link)]
    assert page.xpath("//@src | //@srcset | //@style | //link[not(@href='data:,')]") == []
    assert set(outside) == {
        "data:,",
        "https://arxiv.org/abs/2604.90001v1",
        "https://arxiv.org/html/2604.90001v1",
        "https://arxiv.org/pdf/2604.90001v1",
    }
    assert "url(" not in page.xpath("string(//style)")
    assert "@import" not in page.xpath("string(//style)")


@pytest.mark.parametrize(
    ("address", "link"),
    [
        ("http://arxiv.org/abs/2604.90001v1", "https://arxiv.org/abs/2604.90001v1"),
        ('https://export.arxiv.org/abs/a b"<c', "https://export.arxiv.org/abs/a%20b%22%3Cc"),
        ("https://user@arxiv.org/abs/1", "https://arxiv.org/abs/2604.90001v1"),
        ("//evil.example/abs/1", "https://arxiv.org/abs/2604.90001v1"),
        ("https://[broken", "https://arxiv.org/abs/2604.90001v1"),
        ("data:text/html,x", "https://arxiv.org/abs/2604.90001v1"),
    ],
)
def test_an_address_that_is_not_arxivs_is_replaced(address: str, link: str) -> None:
    article = the_article(digest_page(a_digest(an_entry(paper=a_paper(url=address)))))
    assert article.xpath("./h2/a/@href") == [link]


def test_control_characters_and_bidi_overrides_do_not_reach_the_page() -> None:
    title = "Tide\x00\x1b[31m\u202egnp\u2066\x85s\ud800"
    paper = a_paper(title=title)
    digest = a_digest(an_entry(paper=paper))
    page = digest_page(digest)
    assert the_article(page).xpath("./h2/a")[0].text_content() == "Tide[31mgnp s"
    assert not re.search("[\x00\x1b\u202e\u2066\ud800]", page + digest_markdown(digest))


@given(st.text(min_size=1))
def test_any_printable_text_is_read_back_from_the_page_as_latex_shows_it(text: str) -> None:
    title = "x" + "".join(c for c in text if c.isprintable()) + "x"
    paper = a_paper(title=title, abstract=title)
    article = the_article(digest_page(a_digest(an_entry(paper=paper))))
    assert article.xpath("./h2/a")[0].text_content() == read(title)
    assert text_of(article, "abstract") == read(title)
    if not re.search(r"[\\${}^_~%`'&-]", title):
        assert read(title) == title


def test_right_to_left_names_are_isolated_from_their_neighbours() -> None:
    paper = a_paper(authors=("דנה גל", "Ada Kelp"))
    article = the_article(digest_page(a_digest(an_entry(paper=paper))))
    assert article.xpath(".//*[@class='authors']/bdi/text()") == ["דנה גל"]
    assert text_of(article, "authors") == "דנה גל, Ada Kelp"


def test_hundreds_of_authors_stay_exact_and_all_but_the_first_are_folded() -> None:
    names = tuple(f"Diver {n}" for n in range(400))
    article = the_article(digest_page(a_digest(an_entry(paper=a_paper(authors=names)))))
    (authors,) = having(article, "authors")
    assert authors.text_content() == ", ".join(names)
    assert authors.text == ", ".join(names[:8])
    (summary,) = authors.xpath("./details/summary")
    assert summary.get("aria-label") == "and 392 more · 另有 392 位"


@pytest.mark.parametrize(("count", "folded"), [(8, 0), (10, 0), (11, 3)])
def test_authors_are_folded_where_three_or_more_remain(count: int, folded: int) -> None:
    names = tuple(f"Diver {n}" for n in range(count))
    article = the_article(digest_page(a_digest(an_entry(paper=a_paper(authors=names)))))
    assert text_of(article, "authors") == ", ".join(names)
    more = [summary.get("data-en") for summary in article.xpath(".//*[@class='authors']//summary")]
    assert more == ([f"and {folded} more"] if folded else [])


def test_an_unknown_time_zone_is_an_error_that_names_it() -> None:
    with pytest.raises(DamagedFile, match="Mars/Olympus"):
        digest_page(a_digest(time_zone="Mars/Olympus"))


# Markdown


def test_markdown_escapes_all_markup_of_untrusted_text() -> None:
    paper = a_paper(title=HOSTILE, abstract="# a\n- b\n\n<b>*c*</b> | `d` $e$")
    text = digest_markdown(a_digest(an_entry(paper=paper)))
    assert "<script" not in text.replace("\\<", "")
    assert r"\[x\](javascript:a)" in text
    assert r"> \# a - b \<b\>\*c\*\</b\> \| \`d\` \$e\$" in text


@given(st.text(max_size=60))
@example("1) one")
@example("a_b_ *c* ![d](http://e.f) www.g.h i@j.k `l` &amp; ~~m~~ \\ [n] <o>")
@example("=== - + # : 3. ***")
def test_escaped_text_is_read_as_one_paragraph_of_plain_text(text: str) -> None:
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(escaped(text))
    inline = [child for token in tokens for child in token.children or ()]
    assert [token.type for token in tokens if token.children is None] == (
        ["paragraph_open", "paragraph_close"] if inline else []
    )
    assert {child.type for child in inline} <= {"text"}
    assert "".join(child.content for child in inline) == " ".join(clean(text).split())


def test_escaped_text_stays_readable() -> None:
    assert escaped("0.661 (2026-04-29): 85 %, cs.CL!") == "0.661 (2026-04-29): 85 %, cs.CL!"


def test_markdown_holds_lines_origins_gaps_and_the_way_back() -> None:
    lines = {"en": a_line("harbour", "embedded"), "zh": a_line("港口", "embedded")}
    entry = an_entry().but(lines=lines, gap=UNREACHABLE)
    text = digest_markdown(a_digest(entry, earlier=("20260430_0405",)))
    assert escaped(PICKED_EN) in text
    assert PICKED_ZH in text
    assert "There is no line by the model: it could not be reached." in text
    assert "(../20260430_0405/5-digest.md)" in text
    assert "Snapshot: 20260501_0405" in text

"""The digest's page in its two forms: languages, revisions, code, provenance, validity, size."""

import base64
import hashlib
import re
from datetime import UTC, datetime
from typing import Any

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml.html import HtmlElement
from msgspec import structs

from pipeline.records import Digest, Entry, Failure, Language, Revision, Withdrawal
from pipeline.settings import SiteSettings
from pipeline.site.assets import asset, assets
from pipeline.site.catalogue import Neighbours, Topic
from pipeline.site.links import Link, code_links, doi_link, html_link
from pipeline.site.page import digest_page, tombstone_page
from pipeline.site.place import Place
from tests.digests import (
    a_decision,
    a_digest,
    a_line,
    a_paper,
    a_publication,
    an_entry,
    approved,
)
from tests.harbours import TEXTS
from tests.test_site import HOSTILE, flat, having, parsed, text_of, the_article

SITE = SiteSettings(title="Invented Digests", url="https://digests.example/daily/")
BOTH: tuple[Language, ...] = ("en", "zh")
LARGEST = 130_000
EARLIER = Revision(version=1, snapshot="20260428_0405", before={})
HEBREW = "\u05d3\u05e0\u05d4 \u05d2\u05dc"


def a_place(
    languages: tuple[Language, ...] = BOTH, beside: Neighbours | None = None, **site: Any
) -> Place:
    topic = Topic("tides", "Tide Papers 潮汐论文", "", languages)
    beside = beside or Neighbours("20260430_0405", "20260502_0405")
    return Place(structs.replace(SITE, **site), "tides/20260501_0405.html", topic, beside)


def on_the_site(digest: Digest | None = None, **options: Any) -> str:
    """The page of a digest at its place on the site."""
    options = {"place": a_place(), **options}
    return digest_page(digest or a_digest(), **options)


def thirty(**changes: Any) -> Digest:
    """A digest of thirty papers, of the size that they have on arXiv."""
    entries = []
    for number in range(1, 31):
        text = TEXTS[number % len(TEXTS)]
        abstract = f"{text.abstract} {text.abstract}"[:1400]
        paper = a_paper(
            number,
            title=f"{text.title} and Beyond $O(n^2)$",
            abstract=abstract.ljust(1400, "x"),
            authors=tuple(f"Given{n} Surname{n}" for n in range(7)),
        )
        lines: dict[Language, Any] = {"en": a_line(text.en), "zh": a_line(text.zh)}
        entries.append(approved(an_entry(number, paper=paper, lines=lines)))
    return a_digest(*entries, **changes)


def a_busy_digest() -> Digest:
    """One of each: revised, withdrawn, edited, picked by a program, without lines, pinned."""
    gone = Withdrawal(
        version=2, at=datetime(2026, 5, 4, tzinfo=UTC), comments="Wrong.", snapshot="20260504_1000"
    )
    picked = {"en": a_line("harbour", "embedded"), "zh": a_line("港口", "embedded")}
    edited: dict[Language, Any] = {
        "en": a_line("One.", "editor", editor="Mei Lan"),
        "zh": a_line("一。"),
    }
    before = EARLIER.but(before={"title": "Tides", "comments": ""})
    gap = Failure(kind="budget", reason="x")
    return a_digest(
        approved(an_entry(1, pinned=True, withdrawn=gone)),
        an_entry(2, paper=a_paper(2, status="revised", version=2), revision=before),
        approved(an_entry(3, lines=edited), action="edit"),
        an_entry(4, lines=picked, gap=gap),
        an_entry(5, lines={}),
        an_entry(6, paper=a_paper(6, authors=tuple(f"Diver {n}" for n in range(40)), doi="10.1/x")),
        notes=("A note.",),
        earlier=("20260430_0405",),
        introduction=a_decision().but(
            paper=None, version=None, action="introduce", lines={"en": "Hello.", "zh": "你好。"}
        ),
    )


def pages() -> dict[str, str]:
    busy = a_busy_digest()
    releases = [a_publication(busy), a_publication(busy, "correction")]
    gone = [*releases, a_publication(busy, "withdrawn", why=HOSTILE)]
    hostile = a_paper(title=HOSTILE, comments=HOSTILE, abstract=HOSTILE, authors=(HOSTILE,) * 20)
    return {
        "alone": digest_page(busy, releases=releases),
        "a draft": digest_page(busy.but(status="draft")),
        "on the site": on_the_site(busy, releases=releases),
        "in Chinese": on_the_site(busy, place=a_place(("zh",))),
        "in English": on_the_site(busy, place=a_place(("en",))),
        "without papers": on_the_site(a_digest().but(papers=())),
        "hostile": on_the_site(a_digest(an_entry(paper=hostile))),
        "withdrawn": tombstone_page(busy, releases=gone, place=a_place()),
        "withdrawn, alone": tombstone_page(busy, releases=gone),
    }


@pytest.mark.parametrize("name", pages())
def test_every_page_is_valid_html(name: str) -> None:
    page = pages()[name]
    html5lib.HTMLParser(strict=True).parse(page)
    root = parsed(page)
    ids = root.xpath("//@id")
    assert len(ids) == len(set(ids))
    assert [
        target for target in root.xpath("//a/@href[starts-with(., '#')]") if target[1:] not in ids
    ] == []
    assert root.xpath("//label[not(.//input)]") == []
    # https://html.spec.whatwg.org/multipage/input.html: where autocomplete applies.
    assert root.xpath("//input[@type='radio' or @type='checkbox']/@autocomplete") == []


# Its two forms


def test_alone_it_is_one_file_without_a_script() -> None:
    page = digest_page(a_busy_digest())
    root = parsed(page)
    assert root.xpath("//script | //link[@rel='stylesheet'] | //*[@class='tools']") == []
    assert len(root.xpath("//style")) == 1
    assert "script-src" not in page
    assert root.xpath("//a[@rel='prev']/@href") == ["../20260430_0405/5-digest.html"]


def test_on_the_site_it_asks_for_one_style_sheet_and_one_script_of_the_site() -> None:
    root = parsed(on_the_site())
    assert root.xpath("//link[@rel='stylesheet']/@href") == [f"../{asset('site.css')}"]
    assert root.xpath("//script/@src") == [f"../{asset('site.js')}"]
    assert root.xpath("//style | //img | //iframe | //@style") == []
    assert not re.search(r"url\(|@import", assets()[asset("site.css")])


def test_the_policy_allows_the_one_script_within_the_page_by_its_hash() -> None:
    root = parsed(on_the_site())
    (script,) = root.xpath("//script[not(@src or @type)]/text()")
    (policy,) = root.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in policy
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


def test_what_the_script_offers_is_hidden_until_it_runs() -> None:
    (tools,) = having(parsed(on_the_site()), "tools")
    assert tools.get("hidden") is not None
    assert (
        parsed(on_the_site()).xpath("//button[not(ancestor::*[@hidden] or ancestor::dialog)]") == []
    )


def test_the_site_is_left_to_all_its_parts() -> None:
    root = parsed(on_the_site())
    assert root.xpath("//nav[@class='site']/a/@href") == [
        "../index.html",
        "index.html",
        "archive.html",
        "../search.html?topic=tides",
    ]
    assert root.xpath("//a[@rel='prev']/@href") == ["20260430_0405.html"]
    assert root.xpath("//a[@rel='next']/@href") == ["20260502_0405.html"]
    assert root.xpath("//link[@rel='canonical']/@href") == [
        "https://digests.example/daily/tides/20260501_0405.html"
    ]
    feeds = [f"feed-{name}.{kind}" for name in BOTH for kind in ("xml", "json")]
    assert root.xpath("//link[@rel='alternate']/@href") == feeds
    assert root.xpath("//nav[@class='ways']//a[@type]/@href") == feeds


def test_the_snapshots_beside_it_are_a_click_away_at_the_head_too() -> None:
    beside = having(parsed(on_the_site()), "beside")[0]
    assert flat(beside) == "← 20260430_0405 20260502_0405 →"
    assert beside.xpath("./a/@href") == ["20260430_0405.html", "20260502_0405.html"]
    assert beside.xpath("ancestor::header")
    alone = having(parsed(digest_page(a_busy_digest())), "beside")[0]
    assert alone.xpath("./a/@href") == ["../20260430_0405/5-digest.html"]
    assert having(parsed(on_the_site(place=a_place(beside=Neighbours(None, None)))), "beside") == []


def test_a_site_without_search_and_a_first_snapshot_say_so() -> None:
    page = on_the_site(place=a_place(search=False, beside=Neighbours(None, None)))
    assert "search.html" not in page
    assert "This is the first snapshot." in page
    assert parsed(page).xpath("//a[@rel='prev' or @rel='next']") == []


# Languages


@pytest.mark.parametrize(("language", "tag"), [("en", "en"), ("zh", "zh-Hans")])
def test_a_topic_in_one_language_shows_nothing_of_the_other(language: Language, tag: str) -> None:
    page = on_the_site(a_busy_digest(), place=a_place((language,)))
    root = parsed(page)
    assert root.get("lang") == tag
    shown = flat(root.find("body"))
    for said in ("Abstract", "First", "Written by", "Skip to the content", "written by a language"):
        assert (said in shown) is (language == "en")
    for said in ("摘要", "首版", "撰写", "跳到正文", "由语言模型撰写"):
        assert (said in shown) is (language == "zh")
    assert having(root, "languages") == []
    (summary,) = root.xpath("//*[@class='authors']//summary")
    assert [name for name in summary.attrib if name.startswith("data-")] == [f"data-{language}"]
    titles = root.xpath("//nav[@class='contents']//ol//a")
    assert {title.get("lang") for title in titles} == {"en" if language == "zh" else None}
    (told,) = root.xpath("//*[@id='told']")
    assert [name for name in told.attrib if name.startswith("data-")] == [f"data-{language}"]
    assert set(root.xpath("//*[@class='summary']/p/@lang")) == {tag}
    assert [
        link.partition("feed-")[2][:2] for link in root.xpath("//link[@rel='alternate']/@href")
    ] == [language] * 2


def test_a_topic_shows_its_own_language_first() -> None:
    root = parsed(on_the_site(place=a_place(("zh", "en"))))
    assert root.xpath("//*[@class='summary']/p/@lang") == ["zh-Hans", "en"]


def test_the_choice_of_a_language_needs_no_script() -> None:
    for page in (on_the_site(), digest_page(a_digest())):
        choice = parsed(page).xpath("//fieldset[@class='languages']//input")
        assert [(each.get("type"), each.get("id")) for each in choice] == [
            ("radio", "lang-both"),
            ("radio", "lang-en"),
            ("radio", "lang-zh"),
        ]
    assert ":root:has(#lang-en:checked)" in assets()[asset("site.css")]


def test_bilingual_labels_are_marked_so_that_either_language_can_be_hidden() -> None:
    labels = parsed(on_the_site(a_busy_digest())).xpath("//i[@lang]")
    assert len(labels) > 20
    for label in labels:
        assert label.get("lang") == "zh"
        assert label.getprevious().tag == "i"
    labels = parsed(on_the_site()).xpath("//article//summary[i]")
    assert [[part.text for part in label] for label in labels] == [["Abstract", "摘要"]]


# What is revised


def revised(paper_changes: dict[str, Any], before: dict[Any, str]) -> HtmlElement:
    paper = a_paper(version=3, status="revised", **paper_changes)
    entry = an_entry(paper=paper, revision=EARLIER.but(version=2, before=before))
    return the_article(on_the_site(a_digest(entry)))


def test_a_revised_paper_says_since_when_and_what_and_leads_to_what_was_shown() -> None:
    article = revised({"title": "Tides of One Harbour"}, {"title": "Tides of a Harbour"})
    (note,) = having(article, "revision")
    assert flat(note).startswith("Revised since v2: title 较第 2 版有修订：标题")
    assert note.xpath("./a/@href") == [f"https://arxiv.org/abs/{a_paper().id}v2"]
    (changed,) = article.xpath(".//*[@class='changes']/dd")
    assert changed.xpath("./del/text()") == ["a"]
    assert changed.xpath("./ins/text()") == ["One"]
    assert "".join(changed.xpath("./text() | ./ins/text()")) == "Tides of One Harbour"


def test_what_is_far_from_a_change_is_left_out_of_the_comparison() -> None:
    same = " The tide comes in and the tide goes out. " * 20
    article = revised(
        {"abstract": f"{same}It is high.{same}"}, {"abstract": f"{same}It is low.{same}"}
    )
    (changed,) = article.xpath(".//*[@class='changes']/dd")
    assert changed.xpath("./del/text()") == ["low"]
    assert len(changed.text_content()) < 200
    assert changed.text.startswith(" … ")
    assert changed.text.endswith(" It is ")


def test_a_comment_that_is_new_is_compared_with_none() -> None:
    article = revised({"comments": "9 pages"}, {"comments": ""})
    assert article.xpath(".//*[@class='changes']/dd/ins/text()") == ["9 pages"]
    assert article.xpath(".//*[@class='changes']//del") == []


def test_a_revision_of_other_parts_says_that_the_texts_are_the_same() -> None:
    article = revised({}, {})
    assert "title, abstract and comments are the same" in text_of(article, "revision")
    assert having(article, "changes") == []


def test_latex_in_a_comparison_is_read_and_markup_is_text() -> None:
    article = revised({"title": r"Tides \& <b>Reefs</b>"}, {"title": r"Tides \& Reefs"})
    (changed,) = article.xpath(".//*[@class='changes']/dd")
    assert "Tides & " in changed.text_content()
    assert changed.xpath(".//b") == []


# Code and other links


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("See https://github.com/tides/harbour.", "github.com/tides/harbour"),
        (r"Code: \url{http://www.github.com/tides/har\_bour/}", "github.com/tides/har_bour"),
        (r"\href{https://gitlab.com/a/b?utm_source=x#y}{code}", "gitlab.com/a/b"),
        ("(huggingface.co/datasets/tides)", "huggingface.co/datasets/tides"),
        ("at https://codeberg.org/a/b, soon", "codeberg.org/a/b"),
        ("https://bitbucket.org/a/b", "bitbucket.org/a/b"),
        ("https://doi.org/10.5281/zenodo.1234567.", "doi.org/10.5281/zenodo.1234567"),
        ("Project page: https://tide-lab.github.io/harbour", "tide-lab.github.io/harbour"),
        ("https://anonymous.4open.science/r/Tide-9A.", "anonymous.4open.science/r/Tide-9A"),
    ],
)
def test_code_named_in_an_abstract_is_linked_by_https_without_what_tracks(
    text: str, found: str
) -> None:
    assert code_links(a_paper(abstract=text, comments=None)) == [Link(f"https://{found}", found)]
    assert code_links(a_paper(abstract="", comments=text)) == [Link(f"https://{found}", found)]


@pytest.mark.parametrize(
    "text",
    [
        "https://github.com",
        "https://github.com.evil.example/a/b",
        "https://evilgithub.com/a/b",
        "https://user@github.com/a/b",
        "mail@github.com/a",
        "https://github.com:8080/a/b",
        "javascript:github.com//a",
        "https://evil.example/github.com/a/b",
        "https://doi.org/10.1234/other",
        "https://github.com/a/../../login",
        f"https://github.com/{'a' * 300}",
    ],
)
def test_other_addresses_are_not_taken_for_code(text: str) -> None:
    assert code_links(a_paper(abstract=text, comments=None)) == []


def test_code_is_linked_once_comments_first_and_at_most_five_times() -> None:
    many = " ".join(f"https://github.com/tides/{n}" for n in range(7))
    found = code_links(a_paper(abstract=f"{many}", comments="https://GitHub.com/Tides/8"))
    assert [link.shown for link in found] == [
        "github.com/Tides/8",
        *(f"github.com/tides/{n}" for n in range(4)),
    ]


@settings(max_examples=50)
@given(st.text(max_size=80))
def test_a_code_link_leads_to_the_host_it_shows(text: str) -> None:
    for link in code_links(a_paper(abstract=f"https://github.com/{text} {text}", comments=None)):
        assert link.address.startswith("https://")
        assert re.fullmatch(r"https://[a-z0-9.-]+(/[!-~]*)?", link.address)
        assert not re.search(r"[?#\"<>\s]", link.address)


def test_arxivs_html_is_linked_for_papers_that_can_have_one() -> None:
    assert html_link(a_paper(version=2)) == "https://arxiv.org/html/2604.90001v2"
    assert html_link(a_paper(latest=datetime(2023, 11, 30, tzinfo=UTC))) is None


@pytest.mark.parametrize(
    ("doi", "address"),
    [
        ("10.1234/tides(4).5", "https://doi.org/10.1234/tides(4).5"),
        ("10.1234/a?b#c", "https://doi.org/10.1234/a%3Fb%23c"),
        ("javascript:alert(1)", None),
        ("10.1234/a b", None),
        (None, None),
    ],
)
def test_a_doi_is_linked_where_it_is_one(doi: str | None, address: str | None) -> None:
    assert doi_link(a_paper(doi=doi)) == address


def test_a_doi_that_is_none_stays_text() -> None:
    article = the_article(on_the_site(a_digest(an_entry(paper=a_paper(doi="see below")))))
    (doi,) = having(article, "doi")
    assert (doi.tag, doi.text_content()) == ("bdi", "see below")


# Provenance


def provenance_of(entry: Entry, *others: Entry, **options: Any) -> str:
    """What stands under the first paper."""
    page = parsed(on_the_site(a_digest(entry, *others), **options))
    found = having(having(page, "paper")[0], "provenance")
    return flat(found[0]) if found else ""


def test_what_all_papers_share_stands_in_the_head_and_beside_each_who_read_it_and_when() -> None:
    page = parsed(on_the_site(a_digest(approved(an_entry(1)), approved(an_entry(2)))))
    assert [flat(each) for each in having(page, "provenance")] == [
        "✓ Mei Lan, 2026-05-01 08:30"
    ] * 2
    about = flat(having(page, "about")[0])
    for said in ("tide-1; prompt: one_line", "✓ under a paper: who reviewed it", "✓ 后为审阅人"):
        assert said in about


def test_two_models_on_one_page_are_told_of_at_each_paper() -> None:
    other = approved(an_entry(2, lines={"en": a_line("Two.", model="tide-2")}))
    assert provenance_of(approved(an_entry(1)), other) == (
        "Written by tide-1 (one_line); reviewed by Mei Lan, 2026-05-01 08:30 "
        "撰写：tide-1（one_line）；审阅：Mei Lan，2026-05-01 08:30"
    )


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Written by tide-1 (one_line); reviewed by Mei Lan, 2026-05-01 08:30"),
        ("zh", "撰写：tide-1（one_line）；审阅：Mei Lan，2026-05-01 08:30"),
    ],
)
def test_a_page_in_one_language_says_it_in_a_sentence(language: Language, said: str) -> None:
    assert provenance_of(approved(an_entry()), place=a_place((language,))) == said
    page = parsed(on_the_site(place=a_place((language,))))
    assert "✓" not in flat(page)


def test_where_nobody_reviewed_anything_the_head_alone_says_so() -> None:
    page = parsed(on_the_site(a_digest(an_entry(1), an_entry(2))))
    assert having(page, "provenance") == []
    assert "No person has reviewed them." in flat(having(page, "about")[0])
    assert "✓" not in flat(page)


def test_a_paper_that_no_person_read_among_others_says_so() -> None:
    assert provenance_of(an_entry(1), approved(an_entry(2))) == (
        "Written by tide-1 (one_line); not reviewed by a person "
        "撰写：tide-1（one_line）；未经人工审阅"
    )


def test_lines_of_different_origins_are_told_of_each() -> None:
    lines: dict[Language, Any] = {"en": a_line("One.", "editor", editor="Bo"), "zh": a_line("一。")}
    assert provenance_of(an_entry(lines=lines)) == (
        "English line edited by Bo; Chinese line written by tide-1 (one_line); "
        "not reviewed by a person "
        "英文句修改：Bo；中文句撰写：tide-1（one_line）；未经人工审阅"
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (a_line("x", "embedded"), "Not written by a model; 并非模型撰写；"),
        (a_line("x", "editor"), "Edited by an editor; 经编辑修改；"),
        (a_line("x", model=None, prompt=None), "Written by a model; 由模型撰写；"),
    ],
)
def test_what_is_not_known_of_a_line_leaves_no_gap_in_the_sentence(line: Any, said: str) -> None:
    shown = provenance_of(an_entry(lines={"en": line, "zh": line}), approved(an_entry(2)))
    assert shown == said.replace("; ", "; not reviewed by a person ") + "未经人工审阅"


# Size and order


def rewritten(entry: Entry) -> Entry:
    """The entry as that of a new version, of whose abstract every sixth word is new."""
    words = entry.paper.abstract.split(" ")
    before = " ".join(f"{word}s" if n % 6 == 0 else word for n, word in enumerate(words))
    paper = entry.paper.but(status="revised", version=2)
    return entry.but(paper=paper, revision=EARLIER.but(before={"abstract": before}))


@pytest.mark.parametrize(("revised", "most"), [(0, 122_000), (10, LARGEST)])
def test_thirty_papers_take_less_than_130_kilobytes(revised: int, most: int) -> None:
    digest = thirty()
    papers = [*map(rewritten, digest.papers[:revised]), *digest.papers[revised:]]
    page = on_the_site(digest.but(papers=tuple(papers)), releases=[a_publication(digest)])
    assert page.count('class="changes"') == revised
    assert len(page.encode()) < most
    assert len(assets()[asset("site.js")]) < 11_000


def test_of_a_long_change_the_middle_is_left_out_and_of_many_the_rest() -> None:
    long = " ".join(f"gauge{n}" for n in range(100))
    article = revised({"abstract": f"It is {long} here."}, {"abstract": "It is gone here."})
    (added,) = article.xpath(".//*[@class='changes']/dd/ins/text()")
    assert added.startswith("gauge0 gauge1 ")
    assert added.endswith(" gauge98 gauge99")
    assert " … " in added
    assert len(added) < 250
    many = " ".join(f"gauge{n} of the harbour" for n in range(60))
    article = revised({"abstract": many}, {"abstract": many.replace("gauge", "buoy")})
    (changed,) = article.xpath(".//*[@class='changes']/dd")
    assert len(changed.text_content()) < 800
    assert changed.text_content().endswith(" … ")
    assert "buoy3" in changed.text_content()
    assert "gauge59" not in changed.text_content()


@pytest.mark.parametrize(("count", "longest"), [(1, 500), (30, 250)])
def test_where_many_are_revised_each_comparison_is_shorter(count: int, longest: int) -> None:
    entries = [rewritten(entry) for entry in thirty().papers[:count]]
    found = having(parsed(on_the_site(a_digest(*entries))), "changes")
    sizes = [len(each.text_content()) for each in found]
    assert len(sizes) == count
    assert longest / 2 < max(sizes) < longest


def test_contents_are_grouped_by_primary_category_the_largest_first() -> None:
    categories = ["cs.LG", "math.ST", "cs.LG", "cs.CL"]
    entries = [
        an_entry(n, paper=a_paper(n, primary_category=category))
        for n, category in enumerate(categories, 1)
    ]
    (contents,) = parsed(on_the_site(a_digest(*entries))).xpath("//nav[@class='contents']/details")
    assert [flat(group) for group in having(contents, "group")] == [
        "cs.LG 2",
        "cs.CL 1",
        "math.ST 1",
    ]
    assert contents.xpath(".//li/@value") == ["1", "3", "4", "2"]


def test_a_title_of_100_kilobytes_is_shortened_in_the_contents_alone() -> None:
    paper = a_paper(title="Tide " * 20_000)
    page = parsed(on_the_site(a_digest(an_entry(paper=paper))))
    (listed,) = page.xpath("//nav[@class='contents']//ol//a")
    assert len(listed.text_content()) <= 240
    assert page.xpath("//article/h2/a")[0].text_content() == paper.title


def test_the_title_opens_the_article_and_has_an_anchor_of_its_own() -> None:
    article = the_article(on_the_site())
    heading = article.find("h2")
    assert heading.get("id") == f"p-{article.get('id')}"
    assert article.index(heading) < article.index(having(article, "summary")[0])
    assert article.xpath("./*[@class='tags']/a/@href") == [f"#{article.get('id')}"]


@pytest.mark.parametrize("sign", ["\u202e", "\u2067", "\x00", "\x1b"])
def test_what_reorders_or_controls_text_is_on_no_page(sign: str) -> None:
    text = f"Tides{sign}evil"
    paper = a_paper(title=text, authors=(text, HEBREW), abstract=text, comments=text, venue=text)
    entry = an_entry(paper=paper, lines={"en": a_line(text), "zh": a_line(text)})
    page = on_the_site(a_digest(entry.but(revision=EARLIER.but(before={"abstract": f"x{sign}"}))))
    assert sign not in page
    assert "Tidesevil" in page

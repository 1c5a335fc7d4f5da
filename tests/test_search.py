"""The search page, what is indexed of a digest, and the index of a year on disk."""

import gzip
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml.html import document_fromstring

from pipeline import search_index
from pipeline.errors import SearchIndexFailed
from pipeline.records import Digest
from pipeline.settings import SiteSettings
from pipeline.site.assets import STATIC
from pipeline.site.catalogue import Topic
from pipeline.site.page import digest_page, tombstone_page
from pipeline.site.place import Place
from pipeline.site.search import search_page
from pipeline.site.searchable import HAN, searchable, tokens
from tests.digests import a_digest, a_paper, a_publication, an_entry, approved

SITE = SiteSettings(title="Tide Papers 潮汐论文", url="https://tides.example/")
TIDES = Topic("tides", "Tide Papers", "", ("en", "zh"))
LAMPS = Topic("lamps", "<Lamps> & Lights", "", ("en", "zh"))


def page_of(digest: Digest) -> str:
    return digest_page(digest, place=Place(SITE, f"tides/{digest.snapshot}.html", TIDES))


def put(site: Path, *names: str) -> None:
    """Publish a digest of two papers under each name, `tides/20260501_0405`."""
    for name in names:
        topic, snapshot = name.split("/")
        path = site / topic / f"{snapshot}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        day = int(snapshot[4:8])
        digest = a_digest(an_entry(day), an_entry(day + 1), topic=topic, snapshot=snapshot)
        path.write_text(page_of(digest), encoding="utf-8")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site with one digest of 2025 and two of 2026."""
    made = tmp_path / "outputs" / "site"
    put(made, "tides/20251231_0405", "tides/20260501_0405", "lamps/20260501_0405")
    return made


def built(site: Path, year: str) -> list[str]:
    """Build the index of the digests' pages that are there."""
    pages = site.glob(f"*/{year}[0-9][0-9][0-9][0-9]_[0-9][0-9][0-9][0-9].html")
    return search_index.build(site, year, [path.relative_to(site).as_posix() for path in pages])


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """By path the bytes of all files and when they were last changed."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def said(folder: Path) -> dict[str, bytes]:
    return {name: text for name, (text, _) in contents(folder).items()}


def fragments(folder: Path) -> Iterator[dict[str, object]]:
    """What the index tells of each digest."""
    for path in (folder / "fragment").iterdir():
        yield json.loads(gzip.decompress(path.read_bytes()).removeprefix(b"pagefind_dcd"))


def program(folder: Path, text: str) -> str:
    """A program that takes Pagefind's place."""
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


# What is indexed.


def test_chinese_is_indexed_by_pairs_of_characters_and_the_rest_by_words():
    assert tokens("微调神经网络，误差 4.1 cm/s。") == (
        ["微调", "调神", "神经", "经网", "网络", "络", "，", "误差", "差", "4.1", "cm/s", "。"]
    )
    assert tokens("用TideFormer-XL（v2）适配") == (
        ["用", "TideFormer-XL", "（", "v2", "）", "适配", "配"]
    )


@given(st.text(st.characters(codec="utf-8")))
def test_a_token_holds_no_blank_and_one_of_chinese_two_characters_at_most(text):
    for token in tokens(text):
        assert token.split() == [token]
        assert len(token) <= (2 if re.search(f"[{HAN}]", token) else 80)


def test_the_script_splits_a_query_as_the_index_is_split():
    script = (STATIC / "indexes.js").read_text(encoding="utf-8")
    (written,) = re.findall(r"const HAN =\s+((?:\"[^\"]+\"[\s+]*)+);", script)
    codes = [int(code, 16) for code in re.findall(r"\\u\{?([0-9a-f]+)", written)]
    assert codes == [ord(character) for character in HAN if character != "-"]


def test_of_a_paper_its_id_title_authors_lines_abstract_and_facts_are_indexed():
    paper = a_paper(7, comments="12 pages", venue="Tidal Letters", doi="10.1000/tide.7")
    indexed = searchable(page_of(a_digest(an_entry(7, paper=paper))), "tides")
    text = document_fromstring(indexed).text_content().split()
    for wanted in ("2604.90007", "Adapters", "Kelp,", "coastal", "个港", "Harbours", "12"):
        assert wanted in text
    assert {"Letters", "10.1000/tide.7", "cs.LG"} <= set(text)


def test_what_is_not_of_a_paper_is_not_indexed():
    digest = a_digest(approved(an_entry(7)), title="Mooring News")
    indexed = searchable(page_of(digest), "tides")
    for unwanted in ("Mooring", "Mei", "arXiv", "Abstract", "摘要"):
        assert unwanted not in indexed


def test_an_author_is_also_indexed_in_plain_letters_where_unicode_knows_no_accent():
    paper = a_paper(7, authors=("Łukasz Ørsted", "Zoë Müller"))
    indexed = searchable(page_of(a_digest(an_entry(7, paper=paper))), "tides")
    assert indexed.partition('<i id="unaccented"></i>')[2].split("\n")[0].split() == (
        ["lukasz", "orsted"]
    )


def test_hostile_text_is_indexed_as_text():
    paper = a_paper(7, title='<script>alert(1)</script> "q" & </body>')
    indexed = searchable(page_of(a_digest(an_entry(7, paper=paper))), 'a"><b>')
    document = document_fromstring(indexed)
    assert not document.cssselect("script, b")
    assert "<script>alert(1)</script>" in document.text_content()


def test_of_a_withdrawn_digest_nothing_is_indexed():
    page = tombstone_page(
        a_digest(), releases=[a_publication(why="Wrong")], place=Place(SITE, "tides/x.html", TIDES)
    )
    assert searchable(page, "tides") == ""


# The index of a year.


def test_an_index_holds_what_a_search_asks_for_and_nothing_else(site: Path):
    changed = built(site, "2026")
    names = [name.removeprefix("search/2026/") for name in changed]
    assert sorted(names) == sorted(said(site / "search" / "2026"))
    assert names[-1] == "pagefind-entry.json"
    kinds = {re.sub(r"en_[0-9a-f]+", "HASH", name) for name in names}
    assert kinds == {
        "pagefind.js",
        "pagefind-worker.js",
        "wasm.en.pagefind",
        "pagefind.HASH.pf_meta",
        "index/HASH.pf_index",
        "fragment/HASH.pf_fragment",
        "pagefind-entry.json",
    }


def test_an_index_is_of_its_year_over_all_topics(site: Path):
    built(site, "2026")
    urls = {one["url"] for one in fragments(site / "search" / "2026")}
    assert urls == {"/tides/20260501_0405.html", "/lamps/20260501_0405.html"}
    assert search_index.years(site) == {"2026"}


def test_builds_without_news_leave_bytes_and_times(site: Path):
    built(site, "2026")
    before = contents(site)
    for _ in range(5):
        assert built(site, "2026") == []
    assert contents(site) == before


def test_a_site_may_be_named_from_where_the_command_runs(
    site: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(site.parent.parent)
    assert "search/2026/pagefind-entry.json" in built(Path("outputs/site"), "2026")


def test_the_same_pages_give_the_same_bytes(site: Path, tmp_path: Path):
    put(site, *(f"tides/202604{day:02}_0405" for day in range(1, 31)))
    built(site, "2026")
    other = tmp_path / "elsewhere" / "site"
    for page in sorted(site.glob("*/*.html"), reverse=True):
        path = other / page.relative_to(site)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(page.read_bytes())
    built(other, "2026")
    assert said(other / "search") == said(site / "search")


def test_one_more_digest_leaves_what_the_index_tells_of_the_others(site: Path):
    built(site, "2026")
    before = contents(site / "search" / "2026" / "fragment")
    put(site, "tides/20260502_0405")
    changed = built(site, "2026")
    after = contents(site / "search" / "2026" / "fragment")
    assert before.items() < after.items()
    assert len([name for name in changed if "/fragment/" in name]) == 1


def test_an_index_brought_up_to_date_is_the_one_made_anew(site: Path, tmp_path: Path):
    built(site, "2026")
    put(site, "tides/20260502_0405")
    (site / "lamps" / "20260501_0405.html").unlink()
    built(site, "2026")
    other = tmp_path / "elsewhere" / "site"
    put(other, "tides/20260501_0405", "tides/20260502_0405")
    built(other, "2026")
    assert said(site / "search" / "2026") == said(other / "search" / "2026")


def test_what_a_killed_build_left_is_made_up_by_the_next(site: Path):
    built(site, "2026")
    whole = said(site / "search")
    folder = site / "search" / "2026"
    (folder / "pagefind-entry.json").unlink()
    (folder / "pagefind.js").write_text("half a fi")
    (folder / "fragment" / "en_0000000.pf_fragment").write_text("of another night")
    left = site / ".search.killed.part"
    left.mkdir()
    built(site, "2026")
    assert said(site / "search") == whole
    assert not left.exists()
    assert [path.name for path in site.parent.iterdir()] == ["site"]


def test_a_year_whose_digests_are_gone_has_no_folder(site: Path):
    built(site, "2025")
    (site / "tides" / "20251231_0405.html").unlink()
    removed = built(site, "2025")
    assert removed[0] == "search/2025/pagefind-entry.json"
    assert not (site / "search").joinpath("2025").exists()
    assert built(site, "2025") == []


def test_an_index_can_be_removed(site: Path):
    made = built(site, "2025")
    built(site, "2026")
    assert sorted(search_index.remove(site, "2025")) == sorted(made)
    assert search_index.years(site) == {"2026"}
    assert search_index.remove(site, "2025") == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("echo 'no space' >&2; exit 3", "Pagefind ended with 3: no space"),
        ("exit 0", "made no pagefind-entry.json"),
        ("exec tail -f /dev/null", "had not finished"),
    ],
)
def test_where_pagefind_fails_the_old_index_stays(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: str
):
    built(site, "2026")
    before = contents(site)
    put(site, "tides/20260502_0405")
    if told == "had not finished":
        monkeypatch.setattr(search_index, "LONGEST", 0.2)
    monkeypatch.setenv("PAGEFIND_BINARY_PATH", program(tmp_path, text))
    with pytest.raises(SearchIndexFailed, match=told) as failure:
        built(site, "2026")
    assert "search = false" in failure.value.next_step
    assert contents(site / "search").items() == {
        (name.removeprefix("search/"), file)
        for name, file in before.items()
        if name.startswith("search/")
    }
    assert [path.name for path in site.parent.iterdir()] == ["site"]


def test_where_pagefind_is_missing_an_error_says_so(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PAGEFIND_BINARY_PATH", str(tmp_path / "none"))
    with pytest.raises(SearchIndexFailed, match="Pagefind cannot be run: No such file"):
        built(site, "2026")


def test_where_the_index_cannot_be_written_an_error_says_which_file(site: Path):
    (site / "search").write_text("a file of somebody else")
    with pytest.raises(SearchIndexFailed, match="search/2026 cannot be used") as failure:
        built(site, "2026")
    assert "move it away" in failure.value.next_step


def test_settings_of_pagefind_elsewhere_are_not_obeyed(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "pagefind.toml").write_text('glob = "nothing"')
    monkeypatch.setenv("PAGEFIND_GLOB", "nothing")
    built(site, "2026")
    assert len(list(fragments(site / "search" / "2026"))) == 2


def test_all_may_read_an_index_file_whatever_the_umask(site: Path):
    before = os.umask(0o077)
    try:
        built(site, "2026")
    finally:
        os.umask(before)
    for path in (site / "search").rglob("*"):
        assert path.is_dir() or path.stat().st_mode & 0o777 == 0o644


def test_the_index_tells_a_text_token_for_token(site: Path):
    odd = (
        "（A）“b”—\u00a0c\u3000d &amp; e<f 😀\ufe0f ñ̃ O'Brine… x\u200by $5,\u2009“用GPT” 𠀀𠀁 かな"
    )
    paper = a_paper(7, title=odd, abstract=f"{odd} {'long' * 50} end.", authors=(odd, "Bo Ree"))
    page = page_of(a_digest(an_entry(7, paper=paper), an_entry(8)))
    (site / "lamps" / "20260501_0405.html").unlink()
    (site / "tides" / "20260501_0405.html").write_text(page, encoding="utf-8")
    built(site, "2026")
    (told,) = fragments(site / "search" / "2026")
    body = document_fromstring(searchable(page, "tides"))
    assert str(told["content"]).split() == body.text_content().split()
    anchors = told["anchors"]
    assert isinstance(anchors, list)
    assert [anchor["id"] for anchor in anchors] == [mark.get("id") for mark in body.iter("i")]
    assert [anchor["location"] for anchor in anchors] == [
        len("".join(mark.xpath("preceding::text()")).split()) for mark in body.iter("i")
    ]


# The page.


def test_the_page_offers_the_topics_and_the_years_the_newest_first():
    page = search_page(Place(SITE, "search.html"), [TIDES, LAMPS], ["2026", "2025"])
    document = document_fromstring(page)
    offered = {
        select.get("name"): [option.get("value", option.text) for option in select]
        for select in document.cssselect("form[method=get] select")
    }
    assert offered == {"topic": ["", "tides", "lamps"], "year": ["", "2026", "2025"]}
    assert document.cssselect('option[value="lamps"]')[0].text == "<Lamps> & Lights"


def test_without_a_script_the_page_says_so_and_leads_to_the_archives():
    page = search_page(Place(SITE, "search.html"), [TIDES, LAMPS], ["2026"])
    document = document_fromstring(page)
    (told,) = document.cssselect("#unable")
    assert "needs JavaScript" in told.text_content()
    assert "hidden" not in told.attrib
    links = [link.get("href") for link in document.cssselect(".archives a")]
    assert links == ["tides/archive.html", "lamps/archive.html"]


def test_only_this_page_lets_webassembly_run():
    page = search_page(Place(SITE, "search.html"), [TIDES], ["2026"])
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    assert "'wasm-unsafe-eval'" in policy
    assert "worker-src &#39;self&#39;" in policy or "worker-src 'self'" in policy
    assert "wasm" not in page_of(a_digest(an_entry()))


def test_a_formula_is_indexed_in_plain_text_and_its_source_beside_it():
    title = r"Tides over $\mathbb{F}_q$, $k < 50$, in $O(n^2)$ steps of $\sqrt[3]{x}$"
    abstract = r"Again $O(n^2)$; in all $$\frac{a}{b}.$$"
    paper = a_paper(7, title=title, abstract=abstract)
    indexed = searchable(page_of(a_digest(an_entry(7, paper=paper))), "tides")
    told = dict(re.findall('<i id="([a-z]+)"></i> (.*)', indexed))
    assert told["title"] == r"Tides over 𝔽_q, k&lt;50, in O(n²) steps of \sqrt[3]{x}"
    assert told["abstract"] == "Again O(n²); in all a/b."
    assert told["formulas"] == r"\mathbb{F}_q O(n^2) \frac{a}{b}."

"""The search page in a browser: what it finds, its address, and for whom it works."""

import functools
import http.server
import re
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Request, expect

from pipeline import search_index
from pipeline.records import Paper
from pipeline.settings import SiteSettings
from pipeline.site.assets import assets
from pipeline.site.catalogue import Topic
from pipeline.site.page import digest_page
from pipeline.site.place import Place
from pipeline.site.search import search_page
from tests.browser import PHONE, Browsing, Screen, Shoot
from tests.digests import a_digest, a_line, a_paper, an_entry
from tests.test_browser_pages import BEYOND, EVERY_RULE, SMALL_TARGETS, violations
from tests.web_client import Served

pytestmark = pytest.mark.asyncio(loop_scope="session")

SITE = SiteSettings(title="Harbour Papers 港口论文")
TIDES = Topic("tides", "Tide Papers 潮汐论文", "", ("en", "zh"))
LAMPS = Topic("lamps", "Lamp Papers 灯塔论文", "", ("en", "zh"))

FOGHORNS = a_paper(
    101,
    id="2605.01234",
    title="Foghorns Heard by Graph Models",
    authors=("Łukasz Ørsted", "Zoë Müller"),
    abstract="A <mark>loud</mark> buoy is told from <img src=x onerror=alert(1)> a quiet one.",
)
MOORINGS = a_paper(
    102,
    id="2605.05678",
    title="Adapting Mooring Loads with $k < 50$ Storms",
    authors=("Ada Kelp",),
    abstract="We calibrate ropes. A wavelet basis is enough.",
)
LANTERNS = a_paper(
    103,
    id="2511.00042",
    title="Lantern Glass under Salt",
    authors=("Orla O'Brine",),
    abstract="Glass ages. A wavelet of salt is seen.",
)
CODES = a_paper(
    104,
    id="2605.09999",
    title=r"Buoy Codes over $\mathbb{F}_q$ in $O(n^2)$ Steps",
    authors=("Mei Lin",),
    abstract=r"We bound $\mathcal{L}_{\mathrm{tide}}$.",
)
BELLS = a_paper(105, id="2511.00077", title="Bells for Divers", authors=("Mei Lin",))
YEARS = ("2026", "2025")
LINES = {
    FOGHORNS.id: ("Hears foghorns by a graph of buoys.", "用图神经网络从浮标录音中识别雾号。"),
    MOORINGS.id: ("Adapts a model of moorings.", "把系泊载荷模型迁移到新泊位，误差降到 4.1 cm/s。"),
    LANTERNS.id: ("Shows how lantern glass ages.", "展示灯塔玻璃如何老化。"),
    CODES.id: ("Builds codes of buoy lights.", "构造浮标灯光编码。"),
    BELLS.id: ("Rings for divers.", "为潜水员鸣钟。"),
}


def publish(site: Path, topic: Topic, snapshot: str, *papers: Paper) -> None:
    entries = []
    for paper in papers:
        en, zh = LINES.get(paper.id, ("Counts gulls.", "统计海鸥数量。"))
        lines = {"en": a_line(en), "zh": a_line(zh)}
        entries.append(an_entry(paper=paper, lines=lines))
    digest = a_digest(*entries, topic=topic.name, title=topic.title, snapshot=snapshot)
    path = f"{topic.name}/{snapshot}.html"
    put(site, {path: digest_page(digest, place=Place(SITE, path, topic))})


def put(site: Path, pages: dict[str, str]) -> None:
    for name, text in pages.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two topics and two years; one digest has more papers than a page of hits."""
    made = tmp_path_factory.mktemp("published") / "site"
    gulls = [
        a_paper(number, title=f"Gull Census {number}", authors=("Bo Ree",))
        for number in range(1, 26)
    ]
    publish(made, TIDES, "20260501_0405", FOGHORNS, MOORINGS, CODES)
    publish(made, TIDES, "20260502_0405", *gulls)
    publish(made, LAMPS, "20260503_0405", FOGHORNS)
    publish(made, LAMPS, "20251130_0405", LANTERNS, BELLS, gulls[0])
    for day in range(10, 16):
        publish(made, LAMPS, f"202605{day}_0405", BELLS)
    for year in YEARS:
        pages = [path.relative_to(made).as_posix() for path in made.glob(f"*/{year}*_*.html")]
        search_index.build(made, year, pages)
    put(made, assets())
    put(made, {"search.html": search_page(Place(SITE, "search.html"), [TIDES, LAMPS], YEARS)})
    put(made, {"tides/archive.html": '<link rel="icon" href="data:,"><h1>Archive</h1>'})
    return made


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server(site: Path) -> Iterator[Served]:
    """A server that knows nothing of the site but its files."""
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield Served(running.server_port, [])
        running.shutdown()
        thread.join()


class Searcher(Screen):
    """A reader at the search page."""

    async def search(self, query: str) -> None:
        """Type a query, and wait for the answer to it."""
        await self.find("#q").fill(query)
        await self.press("Enter")
        await self.answered()

    async def answered(self) -> None:
        await self.find('#hits[aria-busy="false"]').wait_for(state="attached")

    async def titles(self) -> list[str]:
        return await self.find("#hits h2").all_inner_texts()

    async def marked(self) -> set[str]:
        return set(await self.find("#hits mark").all_inner_texts())


@pytest_asyncio.fixture(loop_scope="session")
async def reader(browsing: Browsing, server: Served) -> AsyncIterator[Searcher]:
    screen = await browsing.screen(server, editor=None)
    yield Searcher(screen.page, screen.client)


FOUND = {
    "雾号": ("Foghorns", {"雾号"}),
    "神经网络": ("Foghorns", {"神经网络"}),
    "网络": ("Foghorns", {"网络"}),
    "经网": ("Foghorns", {"经网"}),
    "号": ("Foghorns", {"号"}),
    "foghorn": ("Foghorns", {"Foghorns", "foghorns"}),
    "fogh": ("Foghorns", {"Foghorns", "foghorns"}),
    "calibrating": ("Adapting", {"calibrate"}),
    "Müller": ("Foghorns", {"Müller"}),
    "muller": ("Foghorns", {"Müller"}),
    "Lukasz Orsted": ("Foghorns", {"Łukasz Ørsted"}),
    "o'brine": ("Lantern", {"O'Brine"}),
    "2605.05678": ("Adapting", {"2605.05678"}),
    "2605.05678v2": ("Adapting", {"2605.05678"}),
    "https://arxiv.org/abs/2605.05678v1": ("Adapting", {"2605.05678"}),
    "arXiv:2605.05678": ("Adapting", {"2605.05678"}),
    "Kelp 系泊载荷 4.1": ("Adapting", {"Kelp", "系泊载荷", "4.1"}),
    "wavelet 玻璃": ("Lantern", {"wavelet", "玻璃"}),
}
"""By the query, how the titles of all hits begin, and what is marked in them."""


async def test_a_paper_is_found_by_a_part_of_its_lines_its_words_authors_and_id(reader: Searcher):
    await reader.open("/search.html")
    for query, (title, marked) in FOUND.items():
        await reader.search(query)
        titles = await reader.titles()
        assert titles, query
        assert all(each.startswith(title) for each in titles), query
        assert await reader.marked() == marked, query


async def test_a_hit_leads_to_the_paper_in_its_digest(reader: Searcher):
    await reader.open("/search.html?q=moorings")
    await reader.answered()
    hit = reader.find("#hits li")
    await expect(hit.locator("time")).to_have_text("2026-05-01")
    await expect(hit).to_contain_text("Tide Papers 潮汐论文")
    await expect(hit.locator('.summary [lang="zh-Hans"]')).to_have_text(LINES[MOORINGS.id][1])
    await hit.get_by_role("link").click()
    await expect(reader.page).to_have_url("/tides/20260501_0405.html#2605.05678")
    await expect(reader.find('[id="2605.05678"]')).to_be_in_viewport()


async def test_a_paper_in_several_digests_is_one_hit_in_the_newest_of_them(reader: Searcher):
    await reader.open("/search.html?q=foghorn")
    await reader.said("1 paper.")
    newest = reader.find("#hits h2 a")
    await expect(newest).to_have_attribute("href", re.compile(r"/lamps/20260503_0405\.html#2605"))
    other = reader.find("#hits .also").get_by_role("link")
    await expect(other).to_have_text("2026-05-01 Tide Papers 潮汐论文")
    await other.click()
    await expect(reader.page).to_have_url("/tides/20260501_0405.html#2605.01234")


async def test_of_many_digests_with_a_paper_all_but_the_newest_are_folded(reader: Searcher):
    await reader.open("/search.html?q=bells")
    await reader.said("1 paper.")
    await expect(reader.find("#hits .facts time")).to_have_text("2026-05-15")
    days = reader.find("#hits .also time:visible")
    await expect(days).to_have_text([f"2026-05-{day}" for day in (14, 13, 12, 11)])
    await reader.page.get_by_text("2 more").click()
    await expect(days).to_have_text(
        [*(f"2026-05-{day}" for day in (14, 13, 12, 11, 10)), "2025-11-30"]
    )


async def test_where_a_topic_is_chosen_its_own_digests_alone_are_named(reader: Searcher):
    await reader.open("/search.html?q=foghorn&topic=tides")
    await reader.said("1 paper.")
    await expect(reader.find("#hits .facts time")).to_have_text("2026-05-01")
    await expect(reader.find("#hits .also")).to_have_count(0)


async def test_a_formula_is_shown_in_plain_text_and_found_by_its_source_too(reader: Searcher):
    await reader.open("/search.html")
    for query, marked in {"O(n^2)": {"O(n²)"}, "𝔽_q": {"𝔽_q"}, r"mathbb": set()}.items():
        await reader.search(query)
        assert await reader.titles() == ["Buoy Codes over 𝔽_q in O(n²) Steps"], query
        assert await reader.marked() == marked, query


async def test_words_of_different_papers_of_a_digest_find_neither(reader: Searcher):
    await reader.open("/search.html")
    await reader.search("foghorn ropes")
    await reader.said("No paper was found")
    await reader.search("雾泊")
    await reader.said("没有找到论文")
    assert await reader.titles() == []


async def test_topic_and_year_choose_and_years_are_merged_the_newest_first(reader: Searcher):
    await reader.open("/search.html")
    await reader.search("wavelet")
    assert await reader.titles() == [
        "Adapting Mooring Loads with k<50 Storms",
        "Lantern Glass under Salt",
    ]
    await reader.find("#year").select_option("2025")
    await reader.said("1 paper.")
    assert await reader.titles() == ["Lantern Glass under Salt"]
    await reader.find("#year").select_option("")
    await reader.find("#topic").select_option("tides")
    await reader.said("1 paper.")
    assert await reader.titles() == ["Adapting Mooring Loads with k<50 Storms"]
    await expect(reader.page).to_have_url("/search.html?q=wavelet&topic=tides")


async def test_the_address_holds_the_query_and_the_back_button_the_one_before(reader: Searcher):
    await reader.open("/search.html?q=foghorn&topic=lamps&year=2026")
    await reader.answered()
    await expect(reader.find("#q")).to_have_value("foghorn")
    await expect(reader.find("#topic")).to_have_value("lamps")
    assert len(await reader.titles()) == 1
    await reader.search("灯塔")
    await expect(reader.page).to_have_url("/search.html?q=%E7%81%AF%E5%A1%94&topic=lamps&year=2026")
    await expect(reader.page).to_have_title(
        re.compile("^灯塔 · Search.* · Harbour Papers 港口论文$")
    )
    await reader.page.go_back()
    await expect(reader.find("#q")).to_have_value("foghorn")
    await reader.said("1 paper.")


async def test_hits_come_as_one_types_and_the_slash_leads_to_the_words(reader: Searcher):
    await reader.open("/search.html")
    await reader.press("/")
    await reader.page.keyboard.type("lantern")
    await reader.said("1 paper.")
    await expect(reader.page).to_have_url("/search.html?q=lantern")
    assert await reader.page.evaluate("history.length") == 2  # the empty page, then this one
    await reader.find("#q").fill("")
    await expect(reader.find("#hits li")).to_have_count(0)
    await expect(reader.page.get_by_role("status")).to_be_empty()


async def test_twenty_hits_are_shown_and_then_more(reader: Searcher):
    await reader.open("/search.html?q=gull")
    await reader.said("The first 20 papers; there are more.")
    await expect(reader.find("#hits li")).to_have_count(20)
    await reader.find("#more").click()
    await reader.said("25 papers.")
    await expect(reader.find("#hits li")).to_have_count(25)
    # The last year, which was not asked for the first page, has one of them too.
    also = reader.find("#hits li").first.locator(".also").get_by_role("link")
    await expect(also).to_contain_text("2025-11-30")
    await expect(reader.find("#hits li .facts time").first).to_have_text("2026-05-02")
    await expect(reader.find("#hits li").nth(20).get_by_role("link")).to_be_focused()
    await expect(reader.find("#more")).to_be_hidden()


async def test_hostile_text_is_shown_as_text(reader: Searcher):
    await reader.open("/search.html?q=quiet+buoy&topic=tides")
    await reader.said("1 paper.")
    await expect(reader.find("#hits .excerpt")).to_have_text(FOGHORNS.abstract)
    assert await reader.marked() == {"buoy", "buoys", "quiet"}
    await expect(reader.find("#hits img")).to_have_count(0)


async def test_no_other_host_is_asked(reader: Searcher):
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    reader.page.context.on("request", note)
    await reader.open("/search.html?q=lantern")
    await reader.said("1 paper.")
    assert any("/search/2025/" in address for address in asked)
    assert all(address.startswith(f"{reader.client.origin}/") for address in asked)


async def test_a_year_that_cannot_be_searched_is_named_and_the_others_are(
    reader: Searcher, browsing: Browsing
):
    browsing.expected += ["ERR_FAILED", "Failed to fetch"]
    await reader.page.route("**/search/2026/**", lambda route: route.abort())
    await reader.open("/search.html?q=wavelet")
    await reader.said("1 paper, but the index of 2026 could not be loaded")
    assert await reader.titles() == ["Lantern Glass under Salt"]
    await reader.find("#year").select_option("2026")
    await reader.said("0 papers, but the index of 2026 could not be loaded")
    await reader.find("#year").select_option("2025")
    await reader.said("1 paper.")


async def test_where_the_index_was_made_anew_meanwhile_nothing_found_is_not_believed(
    reader: Searcher, browsing: Browsing
):
    browsing.expected.append("made anew")
    await reader.open("/search.html?q=foghorn&year=2026")
    await reader.said("1 paper.")
    await reader.search("lobster")
    await reader.said("No paper was found")
    await reader.page.route("**/search/2026/*-entry.json", lambda route: route.fulfill(body="{}"))
    await reader.search("crab")
    await reader.said("Reload the page")


async def test_without_a_script_the_page_says_what_it_needs(browsing: Browsing, server: Served):
    screen = await browsing.screen(server, editor=None, java_script_enabled=False)
    await screen.open("/search.html?q=lantern")
    await expect(screen.find("#unable")).to_be_visible()
    await screen.find(".archives a").first.click()
    await expect(screen.page).to_have_url("/tides/archive.html")


async def test_from_a_file_the_page_says_what_it_needs(reader: Searcher, site: Path):
    await reader.open((site / "search.html").as_uri())
    await expect(reader.find("#unable")).to_be_visible()


async def test_axe_finds_nothing_and_nothing_is_too_small_or_too_wide(
    browsing: Browsing, server: Served, shoot: Shoot
):
    wrong = {}
    contexts = {"desktop": {}, "phone": {"viewport": PHONE, "color_scheme": "dark"}}
    for name, context in contexts.items():
        screen = await browsing.screen(server, editor=None, **context)
        for query, said in {
            "bells": "1 paper.",
            "wavelet": "2 papers.",
            "gull": "The first 20",
        }.items():
            await screen.open(f"/search.html?q={query}")
            await screen.said(said)
            wrong[name, query] = [
                *await violations(screen.page, EVERY_RULE),
                *await screen.page.evaluate(SMALL_TARGETS),
                *await screen.page.evaluate(BEYOND, ""),
            ]
            await shoot(screen.page, f"search-{query}-{name}")
    assert not any(wrong.values()), wrong

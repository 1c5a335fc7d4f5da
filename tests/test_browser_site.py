"""The digest's page in a browser: for everybody, in either language, with and without script."""

import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Request, expect

from pipeline.records import Digest, Revision
from pipeline.site.assets import assets
from pipeline.site.page import tombstone_page
from tests.browser import DESKTOP, PHONE, Shoot
from tests.digests import a_digest, a_line, a_paper, a_publication, an_entry, approved
from tests.harbours import TEXTS
from tests.test_browser_pages import (
    BEYOND,
    EVERY_RULE,
    FOCUSABLE,
    FOCUSED,
    SMALL_TARGETS,
    violations,
)
from tests.test_digest_page import a_busy_digest, a_place, on_the_site
from tests.test_site import HOSTILE
from tests.test_site_pages import a_topic
from tests.test_site_pages import pages as lists

pytestmark = pytest.mark.asyncio(loop_scope="session")

CATEGORIES = ("cs.LG", "cs.CL", "cs.LG", "physics.ao-ph")
FORMULA = "$" + " + ".join(rf"\frac{{x_{{{n}}}}}{{\sqrt{{y^{{{n}}}}}}}" for n in range(24)) + "$"
SENTINEL = "<img src=x onerror='window.broken=1'><script>window.broken=1</script>"
NO_STORAGE = (
    "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no'); }})"
)
OPENED = """async () => {
  for (const it of document.querySelectorAll("details")) it.open = true;
  for (const _ of [1, 2]) await new Promise(requestAnimationFrame);  // it is laid out
}"""
MARKED = "name => [...CSS.highlights.get(name)].map(range => range.toString())"


def a_morning_of_papers() -> Digest:
    """Eight papers, of which the second has many authors and the third is revised."""
    entries = []
    for number, text in enumerate(TEXTS, 1):
        category = CATEGORIES[number % len(CATEGORIES)]
        paper = a_paper(number, title=text.title, abstract=text.abstract)
        paper = paper.but(primary_category=category, categories=(category, "cs.AI"))
        lines: Any = {"en": a_line(text.en), "zh": a_line(text.zh)}
        entries.append(approved(an_entry(number, paper=paper, lines=lines)))
    entries[1] = entries[1].but(
        paper=entries[1].paper.but(authors=tuple(f"Diver {n}" for n in range(40)))
    )
    entries[2] = entries[2].but(
        paper=entries[2].paper.but(version=2, status="revised"),
        revision=Revision(version=1, snapshot="20260428_0405", before={"title": "Mooring Loads"}),
    )
    return a_digest(*entries)


def a_hostile_digest() -> Digest:
    """Text that would be markup, never ends, or runs the other way, in every field."""
    evil = f"{HOSTILE}{SENTINEL}</article></main><style>*{{display:none}}</style>\u202e\x00<a href="
    paper = a_paper(
        title=evil + "W" * 100_000,
        authors=(evil, *(f"{evil}{n}" for n in range(20))),
        abstract=f"{evil} {FORMULA} " + "x" * 5_000,
        comments=f"{evil} \\url{{javascript:alert(1)}} \\href{{javascript:alert(1)}}{{x}}",
        venue=evil,
        doi=evil,
        primary_category=evil,
        categories=(evil, evil),
        url="javascript:alert(1)",
    )
    revision = Revision(
        version=1, snapshot="20260428_0405", before={"title": evil, "abstract": evil}
    )
    lines: Any = {"en": a_line(evil), "zh": a_line(evil, "editor", editor=evil)}
    entry = approved(an_entry(paper=paper, lines=lines, revision=revision), editor=evil)
    return a_digest(entry, an_entry(2), title=evil[:200], notes=(evil,))


@dataclass
class Reader:
    """Opens pages of a site in windows of its own; `asked` and `complaints` are the browser's."""

    browser: Browser
    address: str
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    async def open(self, path: str = "morning.html", *, without: str = "", **context: Any) -> Page:
        """A page of `tides/`; `without`: a script that takes something from it beforehand."""
        made = await self.browser.new_context(
            **{"viewport": DESKTOP, "base_url": f"{self.address}/tides/", **context}
        )
        made.set_default_timeout(10_000)
        opened = await made.new_page()
        if without:
            await opened.add_init_script(without)
        opened.on("request", self._ask)
        opened.on("console", lambda message: self.complaints.append(message.text))
        opened.on("pageerror", lambda error: self.complaints.append(str(error)))
        opened.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        await opened.goto(path)
        return opened

    def _ask(self, request: Request) -> None:
        if not request.url.startswith((f"{self.address}/", "data:")):
            self.asked.append(request.url)


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def log_message(self, *_arguments: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A site on loopback, of pages that the tests name."""
    folder = tmp_path_factory.mktemp("site")
    morning, busy = a_morning_of_papers(), a_busy_digest()
    formula = a_paper(title=f"Sums {FORMULA}", abstract=f"A sum: {FORMULA}")
    releases = [a_publication(morning), a_publication(morning, "correction")]
    pages = {
        "morning": on_the_site(morning, releases=releases),
        "busy": on_the_site(busy),
        "hostile": on_the_site(a_hostile_digest()),
        "formula": on_the_site(a_digest(an_entry(paper=formula))),
        "lone": on_the_site(a_digest(an_entry(lines={"en": a_line("Alone.")}))),
        "gone": tombstone_page(
            busy,
            releases=[a_publication(busy), a_publication(busy, "withdrawn", why="Wrong.")],
            place=a_place(),
        ),
    }
    beside = lists(a_topic())
    pages |= {"archive": beside["archive"], "month": beside["month"]}
    files = {f"tides/{name}.html": page for name, page in pages.items()} | assets()
    files["index.html"] = beside["front"]
    for path, text in files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        Path(folder / path).write_text(text, "utf-8")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest_asyncio.fixture(loop_scope="session")
async def reader(chromium: Browser, address: str) -> AsyncIterator[Reader]:
    """What it complained of fails the test, and so does a request to any other host."""
    made = Reader(chromium, address)
    yield made
    for context in chromium.contexts:
        await context.close()
    assert (made.asked, made.complaints) == ([], [])


async def shown(page: Page) -> list[str]:
    """The numbers of the papers that can be seen, in their order."""
    numbers = page.locator("article.paper:visible .number")
    return await numbers.all_inner_texts()


# For everybody


@pytest.mark.parametrize("name", ["morning", "busy", "formula"])
@pytest.mark.parametrize(
    ("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"]
)
async def test_axe_finds_nothing_and_every_target_is_large_enough(
    reader: Reader, name: str, size: Any, scheme: Any
):
    page = await reader.open(f"{name}.html", viewport=size, color_scheme=scheme)
    await page.evaluate(OPENED)
    # WCAG 2.2, 2.5.8 leaves out links within a sentence, such as those of an abstract.
    small = await page.evaluate(SMALL_TARGETS)
    assert [*await violations(page), *(each for each in small if "nofollow" not in each)] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_by_any_of_its_rules_on_any_kind_of_page(
    reader: Reader, scheme: Any
):
    page = await reader.open(color_scheme=scheme)
    wrong = {}
    for path in ("../index.html", "archive.html", "month.html", "gone.html", "busy.html"):
        await page.goto(path)
        await page.evaluate(OPENED)
        wrong[path] = await violations(page, EVERY_RULE)
    assert {path: each for path, each in wrong.items() if each} == {}


@pytest.mark.parametrize("name", ["morning", "busy", "hostile", "formula", "archive", "month"])
async def test_nothing_scrolls_sideways_when_narrow_or_twice_as_large(reader: Reader, name: str):
    page = await reader.open(f"{name}.html")
    await page.evaluate(OPENED)
    doubled = await page.evaluate(BEYOND, "200%")
    await page.set_viewport_size({"width": 320, "height": 640})
    narrow = await page.evaluate(BEYOND, "")
    assert (doubled, narrow) == ([], [])


async def test_hostile_text_runs_nothing_asks_nothing_and_hides_nothing(reader: Reader):
    page = await reader.open("hostile.html", viewport=PHONE)
    await page.evaluate(OPENED)
    assert await page.evaluate("window.broken") is None
    assert await page.locator("article.paper").count() == 2
    assert await page.locator("main img, main script, main style, main iframe").count() == 0
    await expect(page.locator("footer.page")).to_be_visible()
    addresses = await page.locator("a").evaluate_all("all => all.map(it => it.href)")
    assert [each for each in addresses if not each.startswith(("http:", "https:"))] == []
    await page.fill("#mine-keywords", "<img src=x onerror=a()>, (, [, \\")
    await page.fill("#filter", "<script>")
    assert len(await shown(page)) == 1


async def test_everything_is_reached_by_tab_and_is_hidden_by_nothing(reader: Reader):
    page = await reader.open()
    await page.evaluate("document.activeElement.blur()")
    unseen = []
    for _ in range(await page.evaluate(FOCUSABLE) + 2):
        await page.keyboard.press("Tab")
        unseen += await page.evaluate(FOCUSED)
    missed = await page.evaluate(
        # Of radio buttons Tab reaches one, the arrows the others.
        "wanted().filter(e => !reached.has(e) && e.type !== 'radio').map(named)"
    )
    assert (missed, [each for each in unseen if "radio" not in each]) == ([], [])


async def test_the_lines_lead_and_a_screen_reader_hears_the_title_first(reader: Reader):
    page = await reader.open()
    article = page.locator("article.paper").first
    line = await article.locator(".summary [lang=en]").bounding_box()
    title = await article.locator("h2").bounding_box()
    assert line
    assert title
    assert line["y"] + line["height"] < title["y"]
    heard = await article.aria_snapshot()
    assert heard.index("heading") < heard.index("lowers the mean current error")


# Languages


@pytest.mark.parametrize("script", [True, False])
async def test_one_language_can_be_chosen_with_and_without_script(reader: Reader, script: bool):
    page = await reader.open(java_script_enabled=script)
    first = page.locator("article.paper").first
    for choice, english, chinese in (("中文", False, True), ("English", True, False)):
        await page.get_by_label(choice, exact=True).check()
        for language, wanted in (("en", english), ("zh-Hans", chinese)):
            line = first.locator(f".summary [lang={language}]")
            await expect(line).to_be_visible(visible=wanted)
        assert ("摘要" in await first.inner_text()) is chinese
        assert ("Abstract" in await first.inner_text()) is english
        assert ("Tide Papers" in await page.locator("h1").inner_text()) is True
    await page.get_by_label("Both").check()
    await expect(first.locator(".summary p")).to_have_count(2)
    await expect(first.locator(".summary p").last).to_be_visible()


async def test_a_line_that_stands_alone_is_shown_in_either_language(reader: Reader):
    page = await reader.open("lone.html?lang=zh")
    await expect(page.locator(".summary [lang=en]")).to_be_visible()


async def test_the_choice_is_remembered_and_an_address_can_ask_for_another(reader: Reader):
    page = await reader.open()
    await page.get_by_label("中文", exact=True).check()
    await page.reload()
    await expect(page.get_by_label("中文", exact=True)).to_be_checked()
    await page.goto("busy.html")
    await expect(page.locator(".summary [lang=en]").first).to_be_hidden()
    await page.goto("morning.html?lang=en")
    await expect(page.locator(".summary [lang=zh-Hans]").first).to_be_hidden()
    await page.goto("morning.html")
    await expect(page.get_by_label("中文", exact=True)).to_be_checked()


async def test_a_reader_without_a_choice_keeps_what_an_address_asked_for(reader: Reader):
    page = await reader.open("morning.html?lang=zh")
    await page.goto("busy.html")
    await expect(page.get_by_label("中文", exact=True)).to_be_checked()
    await page.goto("busy.html?lang=none")
    await expect(page.get_by_label("中文", exact=True)).to_be_checked()


async def test_an_address_that_asks_for_an_unknown_language_is_kept_by_nobody(reader: Reader):
    page = await reader.open("morning.html?lang=none")
    await expect(page.get_by_label("Both")).to_be_checked()
    assert await page.evaluate("localStorage.getItem('paperline.language')") is None


async def test_the_language_is_chosen_before_anything_is_painted(reader: Reader):
    page = await reader.open()
    await page.get_by_label("English", exact=True).check()
    await page.route("**/site-*.js", lambda route: route.abort())
    reader.complaints.clear()
    await page.reload()
    await expect(page.locator(".summary [lang=zh-Hans]").first).to_be_hidden()
    assert all("ERR_FAILED" in each for each in reader.complaints)
    reader.complaints.clear()


# What script adds


async def test_without_script_the_page_is_complete_and_offers_nothing_that_does_nothing(
    reader: Reader,
):
    page = await reader.open(java_script_enabled=False)
    assert len(await shown(page)) == len(TEXTS)
    await expect(page.locator(".tools")).to_be_hidden()
    assert await page.locator("button:visible").count() == 0
    await page.get_by_role("link", name="cs.CL").click()
    await expect(page.locator(".contents .group", has_text="cs.CL")).to_be_visible()
    await page.locator("article.paper > details > summary").first.click()
    await expect(page.locator(".abstract").first).to_be_visible()
    await page.locator(".authors summary").first.click()
    await expect(page.locator(".authors details").first).to_contain_text("Diver 39")


async def test_it_filters_as_one_types_over_all_that_a_paper_says_and_tells_how_many(
    reader: Reader,
):
    page = await reader.open()
    said = page.get_by_role("status")
    identifier = a_paper(5).id
    for typed, count in ((identifier, 1), ("潮", 1), ("Diver 39", 1), ("MoorMeta STORMS", 1)):
        await page.fill("#filter", typed)
        await expect(page.locator("article.paper:visible")).to_have_count(count)
        await expect(said).to_contain_text(f"{count} of {len(TEXTS)} papers")
    await page.fill("#filter", "no such word")
    await expect(page.locator("article.paper:visible")).to_have_count(0)
    await page.keyboard.press("Escape")
    await expect(page.locator("article.paper:visible")).to_have_count(len(TEXTS))
    await expect(said).to_be_empty()


async def test_categories_and_what_is_new_filter_together(reader: Reader):
    page = await reader.open()
    await page.get_by_role("button", name="cs.LG").click()
    one = await shown(page)
    await page.get_by_role("button", name="cs.CL").click()
    two = await shown(page)
    await page.get_by_role("button", name="Revised").click()
    assert (one, two) == (["2", "4", "6", "8"], ["1", "2", "4", "5", "6", "8"])
    assert await shown(page) == []
    await page.get_by_role("button", name="cs.LG").click()
    await page.get_by_role("button", name="cs.CL").click()
    assert await shown(page) == ["3"]
    pressed = await page.locator(".facets [aria-pressed=true]").all_text_contents()
    assert pressed == ["Revised 新版本 1"]


@pytest.mark.parametrize("way", ["Escape", "Show all"])
async def test_all_papers_come_back_by_a_key_and_by_a_button(reader: Reader, way: str):
    page = await reader.open()
    button = page.get_by_role("button", name="Show all")
    await expect(button).to_be_hidden()
    await page.get_by_role("button", name="cs.LG").click()
    await expect(button).to_be_visible()
    if way == "Escape":
        await page.keyboard.press("Escape")
    else:
        await button.click()
    assert len(await shown(page)) == len(TEXTS)
    assert await page.locator(".facets [aria-pressed=true]").count() == 0
    await expect(button).to_be_hidden()


async def test_a_link_to_a_paper_that_the_filter_hides_shows_it(reader: Reader):
    page = await reader.open()
    await page.fill("#filter", "MoorMeta")
    await page.evaluate("location.hash = document.querySelectorAll('article')[6].id")
    await expect(page.locator("article.paper").nth(6)).to_be_in_viewport()
    await expect(page.locator("#filter")).to_have_value("")


async def test_a_link_in_the_contents_shows_a_hidden_paper_again_and_again(reader: Reader):
    page = await reader.open()
    await page.locator(".contents summary").click()
    link = page.locator(f".contents ol a[href='#{a_paper(7).id}']")
    for _ in range(2):
        await page.fill("#filter", "MoorMeta")
        await expect(page.locator("article.paper").nth(6)).to_be_hidden()
        await link.click()
        await expect(page.locator("article.paper").nth(6)).to_be_in_viewport()


async def test_a_readers_subjects_are_marked_come_first_and_are_kept(reader: Reader):
    page = await reader.open()
    await page.locator(".mine > summary").click()
    await page.get_by_label("Keywords").fill("MoorMeta, 灯塔, os")
    await page.get_by_label("Authors", exact=False).fill("diver 3")
    await page.get_by_label("Mine first").check()
    assert (await shown(page))[:3] == ["2", "3", "1"]
    await page.reload()
    assert (await shown(page))[:3] == ["2", "3", "1"]
    assert await page.locator(".hit").count() == 2
    marked = await page.evaluate(MARKED, "mine-words")
    assert set(marked) == {"MoorMeta", "灯塔"}
    assert set(await page.evaluate(MARKED, "mine-people")) == {"Diver 3"}
    await page.locator(".mine > summary").click()
    await page.get_by_label("Mine first").uncheck()
    assert await shown(page) == [str(n) for n in range(1, len(TEXTS) + 1)]
    await page.keyboard.press("Escape")
    await expect(page.get_by_label("Keywords")).to_be_hidden()


async def test_keys_go_from_paper_to_paper_open_filter_and_explain(reader: Reader):
    page = await reader.open()
    titles = page.locator("article.paper h2 a")
    for key, number in (("j", 0), ("j", 1), ("j", 2), ("k", 1)):
        await page.keyboard.press(key)
        await expect(titles.nth(number)).to_be_focused()
        await expect(titles.nth(number)).to_be_in_viewport()
    await page.keyboard.press("o")
    abstract = page.locator("article.paper").nth(1).locator(".abstract")
    await expect(abstract).to_be_visible()
    await page.keyboard.press("o")
    await expect(abstract).to_be_hidden()
    await page.keyboard.press("/")
    await page.keyboard.type("jo?")
    await expect(page.locator("#filter")).to_have_value("jo?")
    await page.keyboard.press("Escape")
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_be_visible()
    assert await violations(page) == []
    await page.get_by_label("Use single keys").uncheck()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_be_hidden()


async def test_all_abstracts_open_and_close_at_once(reader: Reader):
    page = await reader.open()
    button = page.get_by_role("button", name="All abstracts")
    await button.click()
    await expect(page.locator(".abstract:visible")).to_have_count(len(TEXTS))
    await expect(page.locator(".changes")).to_be_hidden()
    await button.click()
    await expect(page.locator(".abstract:visible")).to_have_count(0)


async def test_a_browser_that_keeps_nothing_offers_the_same(reader: Reader):
    page = await reader.open(without=NO_STORAGE)
    await page.get_by_label("中文", exact=True).check()
    await expect(page.locator(".summary [lang=en]").first).to_be_hidden()
    await page.fill("#filter", "MoorMeta")
    await page.locator(".mine > summary").click()
    await page.get_by_label("关键词").fill("MoorMeta")
    assert await shown(page) == ["3"]
    assert await page.locator(".hit").count() == 1


async def test_paper_holds_lines_titles_authors_and_addresses_and_no_tools(
    reader: Reader,
):
    page = await reader.open()
    await page.emulate_media(media="print")
    first = page.locator("article.paper").first
    for selector in (".tools", ".languages", "nav.site", ".contents", ".facts", "dialog"):
        await expect(page.locator(selector).first).to_be_hidden()
    for selector in (".summary [lang=en]", ".summary [lang=zh-Hans]", "h2", ".authors"):
        await expect(first.locator(selector)).to_be_visible()
    printed = "it => getComputedStyle(it, '::after').content"
    address = await first.locator(".links a").first.evaluate(printed)
    assert address == f'"https://arxiv.org/abs/{a_paper().id}v1"'
    more = page.locator(".authors summary").first
    assert await more.evaluate(printed) == '"et al. 等"'
    await page.locator("#lang-zh").evaluate("it => { it.checked = true; }")
    assert await more.evaluate(printed) == '"等"'


async def test_it_is_looked_at_in_every_form(reader: Reader, shoot: Shoot):
    for name, size, path in (
        ("page-desktop", DESKTOP, "morning.html"),
        ("page-phone", PHONE, "morning.html"),
        ("page-chinese", DESKTOP, "morning.html?lang=zh"),
    ):
        page = await reader.open(path, viewport=size)
        assert len(await shown(page)) == len(TEXTS)
        await shoot(page, name)

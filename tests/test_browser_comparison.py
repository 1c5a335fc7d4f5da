"""The page of `paperline compare` in a browser: for everybody, and by itself."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Request

from pipeline.comparison.material import comparison, material
from pipeline.comparison.page import page
from pipeline.records import Lines, fingerprint
from tests.browser import DESKTOP, PHONE, Shoot
from tests.harbours import CORRECTED, TEXTS, WRONG, a_morning
from tests.test_browser_pages import BEYOND, SMALL_TARGETS, violations

pytestmark = pytest.mark.asyncio(loop_scope="session")

OTHERS: dict[int, Lines] = {
    1: {
        "en": "A mean current error of 4.1 cm/s on HarbourBench, against 6.8 cm/s for a calibrated "
        "setup, is reached by TideFormer with 20 gauge readings of a new harbour.",
        "zh": "TideFormer 在 HarbourBench 上的平均流速误差为 4.1 cm/s，低于率定模型的 6.8 cm/s，"
        "在新港口只需 20 次验潮读数。",
    },
    2: {**TEXTS[WRONG - 1].lines, "en": CORRECTED},
    3: {"en": TEXTS[2].en.replace("predicts", "forecasts"), "zh": TEXTS[2].zh},
    4: TEXTS[3].lines,
    6: {"en": "As an AI model I cannot say.", "zh": "針對海鷗飛行的風場估計。"},
}
"""Lines by the second prompt, by the place of the paper: others, alike, the same, and wrong."""

LAID_OUT = """() => {
  for (const it of document.querySelectorAll("article")) it.style.contentVisibility = "visible";
  for (const it of document.querySelectorAll("details")) it.open = true;
}"""
"""Everything is looked at, also what is far below."""

SPOKEN = """it => {
  const around = name => getComputedStyle(it, name).content.replaceAll('"', "");
  return around("::before") + it.textContent + around("::after");
}"""


@dataclass
class Reader:
    """Opens the page in windows of its own; `asked` and `complaints` are the browser's."""

    browser: Browser
    files: dict[int, Path]
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    async def open(self, contenders: int = 2, **context: Any) -> Page:
        made = await self.browser.new_context(**{"viewport": DESKTOP, **context})
        opened = await made.new_page()
        opened.on("request", self._ask)
        opened.on("console", lambda message: self.complaints.append(message.text))
        await opened.goto(self.files[contenders].as_uri())
        return opened

    def _ask(self, request: Request) -> None:
        if not request.url.startswith(("file:", "data:")):
            self.asked.append(request.url)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The page of two contenders, and that of three."""
    folder = tmp_path_factory.mktemp("compared")
    room = a_morning(folder)
    room.write(
        *(
            room.candidate(place, lines, prompt=prompt, prompt_fingerprint=fingerprint(prompt))
            for prompt in ("results_first", "plain_language")
            for place, lines in OTHERS.items()
        )
    )
    made = {}
    for count, names in (
        (2, ["one_line", "results_first"]),
        (3, ["one_line", "results_first", "plain_language"]),
    ):
        read = material(room.settings, room.snapshot, names)
        made[count] = folder / f"{count}.html"
        made[count].write_text(page(comparison(room.settings, read), read.papers), "utf-8")
    return made


@pytest_asyncio.fixture(loop_scope="session")
async def reader(chromium: Browser, files: dict[int, Path]) -> AsyncIterator[Reader]:
    """What it complained of fails the test, and so does a request to any server."""
    made = Reader(chromium, files)
    yield made
    for context in chromium.contexts:
        await context.close()
    assert (made.asked, made.complaints) == ([], [])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_axe_finds_nothing_and_every_target_is_large_enough(
    reader: Reader, size: Any, scheme: Any
):
    opened = await reader.open(viewport=size, color_scheme=scheme)
    await opened.evaluate(LAID_OUT)
    assert [*await violations(opened), *await opened.evaluate(SMALL_TARGETS)] == []


async def test_axe_finds_nothing_where_three_are_compared(reader: Reader):
    opened = await reader.open(3)
    await opened.evaluate(LAID_OUT)
    assert await violations(opened) == []


@pytest.mark.parametrize("contenders", [2, 3])
async def test_nothing_scrolls_sideways_when_narrow_or_twice_as_large(
    reader: Reader, contenders: int
):
    opened = await reader.open(contenders)
    await opened.evaluate(LAID_OUT)
    doubled = await opened.evaluate(BEYOND, "200%")
    await opened.set_viewport_size({"width": 320, "height": 640})
    narrow = await opened.evaluate(BEYOND, "")
    assert (doubled, narrow) == ([], [])


@pytest.mark.parametrize("contenders", [2, 3])
async def test_no_number_of_the_totals_breaks_on_a_phone(reader: Reader, contenders: int):
    opened = await reader.open(contenders, viewport={"width": 320, "height": 640})
    rows = await opened.evaluate(
        """() => [...document.querySelectorAll("td")].map(cell => {
          const range = document.createRange();
          range.selectNodeContents(cell);
          return new Set([...range.getClientRects()].map(box => box.top)).size;
        })"""
    )
    assert set(rows) == {1}


async def test_it_is_read_without_any_script(reader: Reader):
    opened = await reader.open(java_script_enabled=False)
    article = opened.locator("article").first
    await article.locator("summary").click()
    assert await article.locator(".abstract").is_visible()


async def test_two_columns_on_a_desk_are_one_on_a_phone(reader: Reader):
    for size, columns in ((DESKTOP, 2), (PHONE, 1)):
        opened = await reader.open(viewport=size)
        boxes = [await each.bounding_box() for each in await opened.locator(".side").all()]
        assert len({box["x"] for box in boxes if box}) == columns


async def test_marks_are_told_apart_by_more_than_colour_and_are_spoken(reader: Reader):
    opened = await reader.open()
    style = "it => getComputedStyle(it).textDecorationStyle"
    for name, drawn in (("del", "dashed"), ("ins", "solid")):
        assert await opened.locator(f"article {name}").first.evaluate(style) == drawn
    alike = opened.locator("article", has_text="MoorMeta").first
    spoken = [await alike.locator(name).evaluate(SPOKEN) for name in ("del", "ins")]
    assert spoken == [" [only in the first: predicts] ", " [only here: forecasts] "]
    chinese = opened.locator("[lang=zh-Hans] ins").first
    assert (await chinese.evaluate(SPOKEN)).startswith("【仅见于此版：")


async def test_every_paper_is_shown_at_every_size(reader: Reader, shoot: Shoot):
    for name, contenders, size in (
        ("compare-desktop", 2, DESKTOP),
        ("compare-phone", 2, PHONE),
        ("compare-three-desktop", 3, DESKTOP),
    ):
        opened = await reader.open(contenders, viewport=size)
        await opened.evaluate(LAID_OUT)
        await opened.evaluate("document.querySelector('article').scrollIntoView()")
        assert await opened.locator("article").count() == len(TEXTS)
        await shoot(opened, name)

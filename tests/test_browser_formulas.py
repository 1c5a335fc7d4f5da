"""Formulas in a browser: seen whole, and never wider than the page."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from pipeline.site.assets import assets
from tests.digests import a_digest, a_line, a_paper, an_entry
from tests.test_browser_pages import BEYOND
from tests.test_digest_page import on_the_site

pytestmark = pytest.mark.asyncio(loop_scope="session")

TALL = [
    "x",
    "k<50",
    r"\hat{\mathbb{Q}}",
    r"\overline{X^{2}}",
    r"\sqrt{\frac{\hat{y}^{2^2}}{z_{i_j}}}",
    r"\mathcal{O}(n^2)",
    r"\bigl\lfloor \tfrac{a}{b} \bigr\rfloor",
    r"\prod_{j}^{n}\int_0^1",
    r"\begin{pmatrix}a&b\\c&d\end{pmatrix}",
    "WWWWWWWWWWWWWWWW",
]
WIDE = [
    r"\sum_{i=1}^{n} \frac{\hat{x}_i^{2}}{\sqrt{y}} + \int_0^1 f(x)\,dx + \underline{\sigma^2}",
    r"\begin{cases} 1 & \text{at every ebb and at every flood of spring} \\ 0 & x \end{cases}",
    r"x = \text{潮位模型对每一个港口、每一个季节和每一场风暴都适用}",
    r"a\hspace{90em}b",
]
ALIGNED = r"\begin{aligned} a &= b + c \\ d + e + f &= g \end{aligned}"

CLIPPED = """() => [...document.querySelectorAll("math")].filter(math => {
  const { overflowX, overflowY } = getComputedStyle(math);
  const whole = overflowX === "visible" && overflowY === "visible";
  return !whole && math.scrollHeight > math.clientHeight;
}).map(math => math.outerHTML.slice(0, 120))"""
OUTSIDE = """() => [...document.querySelectorAll("math")].filter(math => {
  const column = math.closest("p, h2, .abstract").getBoundingClientRect();
  return math.getBoundingClientRect().right > column.right + 1;
}).map(math => math.outerHTML.slice(0, 120))"""
OPENED = """async () => {
  for (const it of document.querySelectorAll("details")) it.open = true;
  for (const _ of [1, 2]) await new Promise(requestAnimationFrame);  // it is laid out
}"""
CELLS = """table => [...table.querySelectorAll("mtr")].map(row =>
  [row.children[0].lastElementChild.getBoundingClientRect().right,
   row.children[1].querySelector("mo").getBoundingClientRect().left])"""


def a_page(formulas: list[str]) -> str:
    """Every formula in a title, in both lines, and in an abstract also in a line of its own."""
    entries = []
    for number, formula in enumerate(formulas, 1):
        text = f"Tides of ${formula}$ gauges"
        paper = a_paper(number, title=text, abstract=f"{text}: $${formula}$$")
        lines: Any = {"en": a_line(text), "zh": a_line(f"潮位 ${formula}$ 模型")}
        entries.append(an_entry(number, paper=paper, lines=lines))
    return on_the_site(a_digest(*entries))


@pytest_asyncio.fixture(loop_scope="session", params=[1280, 320])
async def page(
    chromium: Browser, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Page]:
    """A digest that is full of formulas, on a screen that has one dot for a pixel."""
    files = {"tides/all.html": a_page([*TALL, *WIDE, ALIGNED]), **assets()}
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    context = await chromium.new_context(
        viewport={"width": request.param, "height": 800}, device_scale_factor=1
    )
    opened = await context.new_page()
    await opened.goto((tmp_path / "tides/all.html").as_uri())
    await opened.evaluate(OPENED)
    yield opened
    await context.close()


async def test_nothing_of_a_formula_is_cut_off(page: Page):
    assert await page.locator("math").count() == 5 * len([*TALL, *WIDE, ALIGNED])
    assert await page.evaluate(CLIPPED) == []


async def test_no_formula_is_wider_than_its_column_and_the_page_does_not_scroll_sideways(
    page: Page,
):
    assert await page.evaluate(OUTSIDE) == []
    assert await page.evaluate(BEYOND, "") == []


async def test_what_is_wider_than_its_column_can_be_scrolled_by_keyboard(page: Page):
    scrolled = page.locator("h2 math[tabindex='0']")
    by_far = page.locator("h2 math", has=page.locator("mspace[width='90em']"))
    await by_far.and_(scrolled).wait_for()
    narrow = page.viewport_size is not None and page.viewport_size["width"] == 320
    assert await scrolled.count() == (len(WIDE) if narrow else 1)


async def test_lines_of_an_aligned_formula_meet_at_their_signs(page: Page):
    cells = await page.locator("h2 mtable[displaystyle]").evaluate(CELLS)
    ends, signs = zip(*cells, strict=True)
    assert max(ends) - min(ends) < 1
    assert max(signs) - min(signs) < 1
    assert 0 <= signs[0] - ends[0] < 10

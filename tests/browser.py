"""A real browser for tests: Chromium, started once in a test process.

Each test has contexts of its own, and fails where a page wrote an error to its console. The
tests run in one event loop for the whole process, since a browser belongs to its loop:
`pytestmark = pytest.mark.asyncio(loop_scope="session")`.
"""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NoReturn

import pytest
import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Route,
    ViewportSize,
    async_playwright,
    expect,
)

from tests.web_client import Client, Served

SYSTEM_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
REQUIRED = os.environ.get("PAPERLINE_BROWSER") == "required"
NO_BROWSER = "there is no browser"
REMEDY = "install Debian's chromium, or run: python -m playwright install chromium"

DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}

FLAGS = [
    # Its sandbox needs privileges that root's containers have not; the pages are our own.
    "--no-sandbox",
    # A container's shared memory is too small for several browsers, which then stand still.
    "--disable-dev-shm-usage",
    "--disable-gpu",
    # Nothing is asked of hosts that a machine without a network cannot reach.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

MOST_TABS = 500
"""Presses of Tab by which everything on a page was in focus."""

Shoot = Callable[[Page, str], Awaitable[None]]
"""Writes pictures of a page, light and dark, under a name, where `--screenshots` asks for it."""


@dataclass
class Screen:
    """A page, and how many keys were pressed on it; papers are named by their number.

    `client` is in the same session.
    """

    page: Page
    client: Client
    presses: int = 0

    async def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        for key in keys:
            await self.page.keyboard.press(key)
            self.presses += 1

    async def at_once(self, *keys: str) -> None:
        """Press keys faster than any answer can come."""
        await self.page.evaluate(
            "keys => keys.forEach(key => document.activeElement.dispatchEvent("
            "new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true})))",
            list(keys),
        )
        self.presses += len(keys)

    @asynccontextmanager
    async def held(self, address: str) -> AsyncIterator[None]:
        """Requests to addresses that match a regular expression wait for the end of the block."""
        end = asyncio.Event()

        async def hold(route: Route) -> None:
            await end.wait()
            await route.continue_()

        # The route stays, and lets all pass from then on: Playwright never comes back from taking
        # one away while the page navigates.
        await self.page.route(re.compile(address), hold)
        try:
            yield
        finally:
            end.set()

    async def follow(self, name: str, role: Literal["link", "button"] = "link") -> None:
        """Go to a link or a button by Tab, and press Enter on it."""
        wanted = self.page.get_by_role(role, name=name, exact=True)
        await expect(wanted).to_be_visible()
        for _ in range(MOST_TABS):
            if await wanted.evaluate("it => it === document.activeElement"):
                await self.press("Enter")
                return
            await self.press("Tab")
        pytest.fail(f"Tab does not lead to {name}")

    async def open(self, path: str) -> None:
        """Go to an address of the server."""
        await self.page.goto(path)

    def find(self, selector: str, **options: Any) -> Locator:
        """What a CSS selector names; `options` as for Playwright."""
        return self.page.locator(selector, **options)

    def item(self, number: int) -> Locator:
        """A paper in the strip, which shows all of them."""
        return self.find("#strip > li").nth(number - 1)

    async def shows(self, number: int) -> None:
        """Wait until that paper is in focus, and marked in the strip."""
        # `wait_for` looks again at shorter intervals than `expect`.
        in_focus, in_strip = re.compile(rf"^{number} / "), re.compile(rf"^{number}$")
        await self.find(".tags .number", has_text=in_focus).wait_for()
        await self.find("#strip a[aria-current] .number", has_text=in_strip).wait_for()

    async def approve(self, *numbers: int) -> None:
        """Press `a` on each of these papers, which come one after the other."""
        for number in numbers:
            await self.shows(number)
            await self.press("a")

    async def is_in(self, number: int, state: str) -> None:
        """Wait until the strip shows a paper in that state."""
        await expect(self.item(number).locator(".state")).to_have_text(state)

    async def said(self, text: str) -> None:
        """Wait until a screen reader has been told this."""
        await expect(self.page.get_by_role("status")).to_contain_text(text)


@dataclass
class Browsing:
    """Opens pages, each in a context of its own, and hears what goes wrong in them.

    `expected` are parts of the complaints that a test provokes: the browser tells of every
    refusal.
    """

    browser: Browser
    expected: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    async def screen(self, server: Served, editor: str | None = "alice", **context: Any) -> Screen:
        """A page of the server, signed in as one of its editors; `context` as for Playwright."""
        made = await self.browser.new_context(
            **{
                "viewport": DESKTOP,
                "locale": "en-GB",
                "base_url": server.client().origin,
                **context,
            }
        )
        self.contexts.append(made)
        made.set_default_timeout(10_000)
        client = server.client() if editor is None else server.signed_in(editor)
        await made.add_cookies(
            [{"name": k, "value": v, "url": client.origin} for k, v in client.cookies.items()]
        )
        page = await made.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return Screen(page, client)

    async def close(self) -> None:
        for context in self.contexts:
            await context.close()

    def _hear(self, message: ConsoleMessage) -> None:
        tolerated = any(part in message.text for part in self.expected)
        if message.type in ("error", "warning") and not tolerated:
            self.complaints.append(f"{message.text} ({message.location.get('url')})")


def executable(own: str) -> str | None:
    """The system's Chromium, else Playwright's `own` where it was installed."""
    return next(filter(None, map(shutil.which, [*SYSTEM_BROWSERS, own])), None)


def give_up(*, required: bool) -> NoReturn:
    """Skip for want of a browser, or fail where `PAPERLINE_BROWSER=required` asks for one."""
    if required:
        pytest.fail(f"{NO_BROWSER}, and PAPERLINE_BROWSER=required; {REMEDY}", pytrace=False)
    pytest.skip(NO_BROWSER)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    """The browser of this test process. Gives up where there is none."""
    async with async_playwright() as playwright:
        found = executable(playwright.chromium.executable_path)
        if found is None:
            give_up(required=REQUIRED)
        home = str(tmp_path_factory.mktemp("browser"))
        browser = await playwright.chromium.launch(
            executable_path=found, args=FLAGS, env={"HOME": home}
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def browsing(chromium: Browser) -> AsyncIterator[Browsing]:
    """Opens pages; what they complained of fails the test."""
    opened = Browsing(chromium)
    yield opened
    await opened.close()
    assert opened.complaints == []


@pytest.fixture
def shoot(request: pytest.FixtureRequest, browsing: Browsing) -> Shoot:
    """Writes screenshots to the folder that `--screenshots` names, if it does."""
    folder: str | None = request.config.getoption("--screenshots")
    if folder is not None:  # Playwright hides the cursor by a style of its own, which is refused
        browsing.expected.append("Applying inline style violates")

    async def write(page: Page, name: str) -> None:
        for scheme in ("light", "dark") if folder is not None else ():
            await page.emulate_media(color_scheme=scheme)
            await page.screenshot(path=f"{folder}/{name}-{scheme}.png", animations="disabled")

    return write


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--screenshots DIR`."""
    parser.addoption(
        "--screenshots",
        metavar="DIR",
        type=lambda given: str(Path(given).resolve()),
        help="write a picture of each page of the review app to this folder",
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line that tests were skipped for want of a browser."""
    skipped = terminalreporter.stats.get("skipped", [])
    missed = sum(NO_BROWSER in str(report.longrepr) for report in skipped)
    if missed:
        line = f"{missed} BROWSER TESTS WERE SKIPPED: {NO_BROWSER}; {REMEDY}"
        terminalreporter.write_line(line, red=True, bold=True)

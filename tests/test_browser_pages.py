"""The pages of the review app for everybody: WCAG 2.2 AA by axe, by keyboard and on a phone.

With `--screenshots DIR` each page is written there, light and dark and for a phone.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from importlib.resources import files
from typing import Any

import pytest
from playwright.async_api import Page, ViewportSize, expect

from pipeline.records import Lines
from pipeline.releasing import withdraw
from tests.browser import DESKTOP, PHONE, Browsing, Screen, Shoot
from tests.desks import Room
from tests.harbours import GAP, TEXTS, WRONG, a_morning
from tests.web_client import Served, review_app

pytestmark = pytest.mark.asyncio(loop_scope="session")

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    "rules": {"target-size": {"enabled": True}},
    "resultTypes": ["violations"],
    "iframes": False,  # the digest's page has tests of its own
}
EVERY_RULE = {"resultTypes": ["violations"]}
"""Those that are advice, not WCAG's, too."""

REFUSALS = ("status of 409", "status of 404")

SMALL_TARGETS = """() =>
  [...document.querySelectorAll("a[href], button, summary, input, select, textarea")]
    .filter(e => e.checkVisibility() && !e.closest(".skip, dialog:not([open])"))
    .map(e => [e.outerHTML.slice(0, 120), e.getBoundingClientRect()])
    .filter(([_, box]) => box.width > 0 && (box.width < 24 || box.height < 24))
    .map(([html, box]) => `${Math.round(box.width)} x ${Math.round(box.height)}: ${html}`)
"""
"""Elements to press that are smaller than 24 by 24 CSS pixels (WCAG 2.2, 2.5.8)."""

BEYOND = """size => {
  const root = document.documentElement;
  root.style.fontSize = size;
  const edge = root.clientWidth;
  if (root.scrollWidth <= edge) return [];
  return [...document.body.querySelectorAll("*")]
    .filter(e => e.getBoundingClientRect().right > edge + 1)
    .map(e => e.outerHTML.slice(0, 120));
}"""
"""What makes the page scroll sideways with letters of this size."""

FOCUSABLE = """() => {
  window.reached = new Set();
  window.named = e => e.outerHTML.slice(0, 120);
  const all = "a[href], button, summary, input, select, textarea, [tabindex='0']";
  window.wanted = () => [...document.querySelectorAll(all)].filter(e =>
    e.checkVisibility({visibilityProperty: true}) && !e.disabled && e.type !== "hidden");
  return wanted().length;
}"""
"""How many elements Tab must reach."""

FOCUSED = """async () => {
  for (const _ of [1, 2]) await new Promise(requestAnimationFrame);  // it is scrolled to
  const it = document.activeElement;
  reached.add(it);
  if (it === document.body || it.tagName === "IFRAME") return [];
  const style = getComputedStyle(it), box = it.getBoundingClientRect();
  const [x, y] = [box.x + box.width / 2, box.y + Math.min(box.height / 2, 40)];
  const top = document.elementFromPoint(x, y);
  const ringed = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const hidden = !top || !(it.contains(top) || top.contains(it));
  return [!ringed && `no ring: ${named(it)}`, hidden && `hidden: ${named(it)}`].filter(Boolean);
}"""
"""What keeps the focused element from being seen (WCAG 2.2, 2.4.7 and 2.4.11)."""


RESULTS_FIRST: dict[int, Lines] = {
    3: {
        "en": "Half the error of a physical model at 8 berths that were kept apart: MoorMeta "
        "learns mooring loads from three storms.",
        "zh": "在 8 个留出泊位上，MoorMeta 只用三次风暴的记录，误差就降到物理模型的一半。",
    },
    4: {
        "en": "9% of a pilot's orders are misunderstood, some gravely, by a model tuned on 18,000 "
        "instructions from harbour radio, although it answers 74% of the questions.",
        "zh": "9% 的口令会被误解：在 1.8 万条港口无线电指令上微调的模型虽能回答 74% 的问题，"
        "仍不宜上船桥。",
    },
    7: {
        "en": "83% of the damaged plates instead of 61%: that is what 200 labelled images of quay "
        "walls add to 60,000 images of bridges.",
        "zh": "受损板材的检出率从 61% 升至 83%，所需的只是 200 张标注的码头岸壁图像。",
    },
}
"""What another prompt writes of some papers."""


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    """Eight papers, some of them decided on, and the digests of three days before."""
    folder = tmp_path_factory.mktemp("newsroom")
    withdrawn = a_morning(folder, papers=1, name="20260428_0405")
    withdrawn.settle()
    withdrawn.release()
    why = "It was sent out under another topic's name."
    withdraw(withdrawn.settings, withdrawn.snapshot, why, editor="Mei Lan", now=withdrawn.later())
    for name, publish in (("20260429_0405", "settled"), ("20260430_0405", "asked")):
        earlier = a_morning(folder, papers=1, name=name, publish=publish)
        earlier.settle()
        earlier.release()
    room = a_morning(folder)
    room.write(
        *(
            room.candidate(number, lines, prompt="results_first")
            for number, lines in RESULTS_FIRST.items()
        )
    )
    room.decide("approve", 1)
    room.decide("edit", 4, text={"en": f"{TEXTS[3].en[:-1]}, some gravely."}, note="too tame")
    room.decide("exclude", 8)
    return room


@pytest.fixture(scope="module")
def server(room: Room) -> Iterator[Served]:
    with review_app(room.settings) as running:
        yield running


async def contest_of(screen: Screen, room: Room) -> str:
    """The address of the contest between two prompts, to whose list it goes."""
    await screen.open(f"/review/{room.snapshot}/choice")
    link = screen.page.get_by_role("link", name="results_first@tide-1").first
    return (await link.get_attribute("href") or "").removesuffix("/result")


async def states_of_choosing(screen: Screen, room: Room) -> AsyncIterator[str]:
    """As `states`, of blind choice."""
    contest = await contest_of(screen, room)
    yield "choice"
    await screen.open(f"{contest}?paper={room.id(7)}&language=zh")
    await expect(screen.find("#lines")).to_be_visible()
    yield "choice-pair"
    await screen.open(f"{contest}?paper={room.id(3)}&language=en")
    await expect(screen.find("#choice[data-ready]")).to_be_visible()
    await screen.press("1")
    await expect(screen.find(".tags .number")).not_to_have_text("1 / 6")
    await expect(screen.find(".just")).to_be_visible()
    yield "choice-just"
    await screen.open(f"{contest}?paper={room.id(3)}&language=en")
    await expect(screen.find("#lines .chosen")).to_be_visible()
    yield "choice-again"
    await screen.press("?")
    await expect(screen.page.get_by_role("dialog")).to_be_visible()
    yield "choice-keys"
    await screen.open(f"{contest}?at=end&after=1")
    yield "choice-end"
    await screen.open(f"/review/{room.snapshot}/choice/{'0' * 16}")
    yield "choice-gone"
    await screen.open(f"{contest}/result")
    await expect(screen.find(".scores")).to_be_visible()
    yield "choice-result"


async def states(screen: Screen, room: Room) -> AsyncIterator[str]:
    """The name of each page and state, once it is on the screen of an editor."""
    review = f"/review/{room.snapshot}"
    await screen.open("/")
    yield "list"
    await screen.open(f"{review}?paper={room.id(WRONG)}")
    await screen.shows(WRONG)
    yield "review"
    await screen.press("e")
    await expect(screen.find("#live .finding").first).to_be_visible()
    yield "editor"
    await screen.press("Escape", "r")
    await expect(screen.page.get_by_label("Prompt")).to_be_focused()
    yield "ask"
    await screen.press("Escape", "?")
    await expect(screen.page.get_by_role("dialog")).to_be_visible()
    yield "help"
    await screen.open(f"{review}/approve")
    yield "bulk"
    await screen.open(f"{review}?paper={room.id(GAP)}")
    await screen.shows(GAP)
    yield "gap"
    await screen.press("e")
    await screen.find("#edit-zh").fill("Sandbank 从渡轮尾流估计水深。")
    room.decide("hold", GAP, editor="Bo Lin", note="ask the model again")
    await screen.press("Control+Enter")
    await expect(screen.find(".conflict")).to_be_visible()
    await expect(screen.find("#live .length").first).to_be_visible()
    yield "conflict"
    room.decide("reopen", GAP, editor="Bo Lin")
    await screen.open(f"{review}/preview")
    await expect(screen.page.frame_locator("iframe").locator("h1")).to_be_visible()
    yield "preview"
    await screen.open(f"{review}/audit")
    yield "audit"
    async for state in states_of_choosing(screen, room):
        yield state
    await screen.open("/no-such-page")
    yield "problem"
    await screen.page.context.clear_cookies()
    await screen.open("/login")
    yield "sign-in"


async def violations(page: Page, rules: Mapping[str, Any] = RULES) -> list[str]:
    """What axe finds, each with the first element that it concerns."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE)
    found = await page.evaluate("rules => axe.run(document, rules)", rules)
    return [
        f"{each['id']}: {each['help']}: {each['nodes'][0]['html'][:300]}"
        for each in found["violations"]
    ]


ON_A_PHONE: dict[str, Any] = {
    "viewport": PHONE,
    "color_scheme": "dark",
    "has_touch": True,
    "is_mobile": True,
}


async def test_axe_finds_nothing_on_a_phone_and_every_target_is_large_enough_for_a_finger(
    browsing: Browsing, server: Served, room: Room, shoot: Shoot
):
    browsing.expected += REFUSALS
    screen = await browsing.screen(server, **ON_A_PHONE)
    wrong = {}
    async for state in states(screen, room):
        wrong[state] = [*await violations(screen.page), *await screen.page.evaluate(SMALL_TARGETS)]
        await shoot(screen.page, f"{state}-phone")
    assert not any(wrong.values()), wrong


async def test_axe_finds_nothing_and_no_page_scrolls_sideways_when_narrow_or_twice_as_large(
    browsing: Browsing, server: Served, room: Room, shoot: Shoot
):
    browsing.expected += REFUSALS
    screen = await browsing.screen(server)
    wrong = {}
    async for state in states(screen, room):
        await shoot(screen.page, f"{state}-desktop")
        found = await violations(screen.page)
        doubled = await screen.page.evaluate(BEYOND, "200%")
        await screen.page.set_viewport_size({"width": 320, "height": 640})
        wrong[state] = [*found, *doubled, *await screen.page.evaluate(BEYOND, "")]
        await screen.page.set_viewport_size(DESKTOP)
    assert not any(wrong.values()), wrong


# On a phone the review page alone has something that stays above the rest.
@pytest.mark.parametrize(
    ("size", "pages"),
    [
        (DESKTOP, ["", "/review", "/approve", "/preview", "/audit", "/choice", "/pair", "/result"]),
        (PHONE, ["/review", "/pair"]),
    ],
    ids=["desktop", "phone"],
)
async def test_everything_is_reached_by_tab_is_seen_to_be_and_is_hidden_by_nothing(
    browsing: Browsing, server: Served, room: Room, size: ViewportSize, pages: list[str]
):
    screen = await browsing.screen(server, viewport=size)
    review = f"/review/{room.snapshot}"
    contest = await contest_of(screen, room)
    paths = {
        "": "/",
        "/review": f"{review}?paper={room.id(WRONG)}",
        "/pair": f"{contest}?paper={room.id(3)}&language=en",
        "/result": f"{contest}/result",
    }
    for name in pages:
        path = paths.get(name, f"{review}{name}")
        await screen.open(path)
        await screen.page.evaluate("document.activeElement.blur()")
        unseen = []
        for _ in range(await screen.page.evaluate(FOCUSABLE) + 2):  # once around
            await screen.press("Tab")
            unseen += await screen.page.evaluate(FOCUSED)
        missed = await screen.page.evaluate("wanted().filter(e => !reached.has(e)).map(named)")
        assert (path, missed, unseen) == (path, [], [])


async def test_the_skip_link_leads_past_the_strip_to_the_paper(
    browsing: Browsing, server: Served, room: Room
):
    screen = await browsing.screen(server)
    await screen.open(f"/review/{room.snapshot}?paper={room.id(WRONG)}")
    await screen.shows(WRONG)
    skip = screen.page.get_by_role("link", name="Skip to the content")
    await skip.focus()
    await screen.press("Enter")
    await expect(screen.find("#title")).to_be_focused()
    await screen.press("Tab", "Tab")
    await expect(screen.find(".candidates a").first).to_be_focused()


async def test_nothing_moves_where_less_motion_is_asked_for(
    browsing: Browsing, server: Served, room: Room
):
    screen = await browsing.screen(server, reduced_motion="reduce")
    await screen.open(f"/review/{room.snapshot}?paper={room.id(WRONG)}")
    moving = await screen.page.evaluate(
        "[...document.querySelectorAll('*')].map(e => getComputedStyle(e)).filter(style =>"
        " style.transitionDuration !== '0s' || style.animationName !== 'none'"
        " || style.scrollBehavior !== 'auto').length"
    )
    assert moving == 0


async def test_a_paper_fits_a_phone_with_its_actions_in_reach_and_its_abstract_after_its_lines(
    browsing: Browsing, server: Served, room: Room
):
    screen = await browsing.screen(server, **ON_A_PHONE)
    await screen.open(f"/review/{room.snapshot}?paper={room.id(1)}")
    await screen.shows(1)
    await screen.find("[value=approve]").click()
    await screen.shows(WRONG)
    approve = await screen.find("[value=approve]").bounding_box()
    lines = await screen.find(".shown").bounding_box()
    abstract = await screen.find(".source").bounding_box()
    assert approve
    assert lines
    assert abstract
    assert PHONE["height"] - 100 < approve["y"] + approve["height"] < PHONE["height"]
    assert lines["y"] < PHONE["height"] * 0.4
    assert 0 <= abstract["y"] - lines["y"] - lines["height"] < 30

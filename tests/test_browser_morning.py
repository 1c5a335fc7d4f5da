"""An editor's morning in a real browser, on invented papers."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect
from pytest_httpserver import HTTPServer

from tests.browser import Browsing, Screen, Shoot
from tests.desks import Room
from tests.harbours import CORRECTED, TEXTS, a_morning
from tests.model_server import ModelServer
from tests.web_client import PASSWORD, Served, review_app

NUMBERS = itertools.count(1)

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def newsroom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a server that all tests share which need none of their own."""
    return tmp_path_factory.mktemp("newsroom")


@pytest.fixture(scope="module")
def server(newsroom: Path) -> Iterator[Served]:
    with review_app(a_morning(newsroom, papers=1, topic="first").settings) as running:
        yield running


@pytest.fixture
def room(newsroom: Path) -> Room:
    """One paper in which nothing is found, one with a wrong number, one with a strange name.

    Each test has a topic of its own.
    """
    return a_morning(newsroom, papers=3, topic=f"topic-{next(NUMBERS)}")


@pytest_asyncio.fixture(loop_scope="session")
async def desk(browsing: Browsing, server: Served, room: Room) -> Screen:
    """The review page of an editor who is signed in."""
    screen = await browsing.screen(server)
    await screen.open(f"/review/{room.snapshot}")
    await screen.shows(1)
    return screen


def actions(room: Room) -> list[str]:
    return [decision.action for decision in room.snapshot.decisions()]


# Getting there


async def test_the_link_leads_to_the_list_and_the_list_to_the_first_paper_without_a_mouse(
    browsing: Browsing, tmp_path: Path
):
    room = a_morning(tmp_path, papers=3)
    with review_app(room.settings, editors=()) as server:
        screen = await browsing.screen(server, editor=None)
        await screen.open(server.links[0])
        await expect(screen.find("main")).to_contain_text("signed Mei Lan")
        await screen.follow("Start reviewing", role="button")
        await expect(screen.find("h1")).to_have_text("All digests")
        await expect(screen.find(".lead")).to_have_text("One digest waits for you.")
        await screen.follow(str(room.snapshot))
        await screen.shows(1)
        await expect(screen.find("#title")).to_have_text(TEXTS[0].title)
        await expect(screen.find("#title")).to_be_focused()


async def test_a_name_and_its_password_sign_in_and_lead_back_to_the_page(
    browsing: Browsing, server: Served, room: Room
):
    browsing.expected.append("status of 403")
    screen = await browsing.screen(server, editor=None)
    await screen.open(f"/review/{room.snapshot}?show=flagged")
    page = screen.page
    await page.get_by_label("Name").fill("bob")
    await page.get_by_label("Password").fill("a wrong guess")
    await screen.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    await expect(page.get_by_label("Name")).to_have_value("bob")
    await page.get_by_label("Password").fill(PASSWORD)
    await screen.press("Enter")
    await expect(page).to_have_url(re.compile(r"show=flagged"))
    await expect(screen.find(".who")).to_contain_text("bob")
    await page.get_by_role("button", name="Sign out").click()
    await expect(screen.find("h1")).to_have_text("Sign in")
    await screen.open(f"/review/{room.snapshot}")
    await expect(screen.find("h1")).to_have_text("Sign in")


async def test_the_interface_speaks_the_browsers_language_until_another_is_chosen(
    browsing: Browsing, server: Served, room: Room, shoot: Shoot
):
    screen = await browsing.screen(server, locale="zh-CN")
    await screen.open(f"/review/{room.snapshot}")
    await expect(screen.find("html")).to_have_attribute("lang", "zh-Hans")
    await expect(screen.find("[value=approve]")).to_contain_text("通过")
    await shoot(screen.page, "review-chinese")
    await screen.page.get_by_role("button", name="English").click()
    await expect(screen.find("[value=approve]")).to_contain_text("Approve")
    await screen.shows(1)
    await screen.page.reload()
    await expect(screen.find("html")).to_have_attribute("lang", "en")


# Reading


async def test_j_and_k_go_through_the_papers_and_stop_at_the_ends(desk: Screen):
    await desk.press("j")
    await desk.shows(2)
    await desk.press("j")
    await desk.shows(3)
    await desk.press("j", "k")
    await desk.shows(2)
    await desk.press("k", "k")
    await desk.shows(1)
    await expect(desk.find("#title")).to_be_focused()


async def test_keys_that_are_pressed_faster_than_the_server_answers_count_all_the_same(
    desk: Screen,
):
    await desk.at_once("j", "j")
    await desk.shows(3)
    await desk.at_once("k", "k")
    await desk.shows(1)
    await expect(desk.find("#title")).to_have_text(TEXTS[0].title)


async def test_on_a_slow_connection_nothing_is_decided_on_what_is_about_to_be_replaced(
    desk: Screen, room: Room
):
    approve, loading = desk.find("[value=approve]"), desk.page.get_by_text("Loading …").last
    async with desk.held(r"paper=.*90002"):
        await desk.press("j", "a", "x", "e")
        await approve.click()
        await expect(loading).to_be_visible()
        await desk.said("Loading …")
        await expect(desk.find("#title")).to_have_text(TEXTS[0].title)
        await desk.press("j", "k", "2")  # further moves count, and are counted from there
    await desk.shows(2)
    await expect(loading).to_be_hidden()
    await desk.said("2 / 3")
    async with desk.held("candidate="):
        await desk.press("2", "a", "h")
    await expect(desk.find(".shown .line:lang(en)")).to_have_text(CORRECTED)
    async with desk.held("show=flagged"):
        await desk.find(".filters").get_by_text("Flagged").click(no_wait_after=True)
        await desk.press("a")
    await expect(desk.find("#strip > li")).to_have_count(2)
    assert actions(room) == []


async def test_what_belongs_together_in_line_and_abstract_lights_up_together(desk: Screen):
    await desk.find(".shown mark", has_text="412").first.hover()
    await expect(desk.find(".abstract mark.lit")).to_have_text("412")
    await desk.find("#title").hover()
    await expect(desk.find(".lit")).to_have_count(0)


async def test_findings_stand_in_words_below_the_line_with_their_places_marked(desk: Screen):
    await desk.press("j")
    await desk.shows(2)
    await expect(desk.find(".shown mark.f-error")).to_have_text("98.2%")
    await expect(desk.find(".shown .finding.f-error")).to_contain_text(
        "98.2% is neither in the abstract"
    )
    await desk.find(".shown .finding.f-error").hover()
    await expect(desk.find(".shown mark.lit")).to_have_text("98.2%")


async def test_the_keys_are_shown_and_hidden_by_their_key(desk: Screen):
    keys = desk.page.get_by_role("dialog", name="Keys")
    await desk.press("?")
    await expect(keys).to_be_visible()
    await desk.press("a", "j")  # nothing is decided from behind it
    await expect(keys).to_contain_text("Approve the lines shown")
    await desk.press("?")
    await expect(keys).to_be_hidden()
    await desk.press("?", "Escape")
    await expect(keys).to_be_hidden()
    await desk.shows(1)


async def test_single_keys_can_be_switched_off_and_stay_so_in_that_browser(
    desk: Screen, room: Room
):
    single = desk.page.get_by_label("Single keys")
    await desk.press("?")
    await single.uncheck()
    await desk.press("Escape", "a", "j", "?")
    await expect(desk.page.get_by_role("dialog")).to_be_hidden()
    await expect(desk.find("[data-key] kbd:visible")).to_have_count(0)
    await desk.page.reload()
    await desk.shows(1)
    await desk.press("x", "j", "e")
    await desk.find("#editor summary").click()
    await desk.find("#edit-en").fill("TideFormer, in fewer words than before.")
    await desk.press("Control+Enter")
    await desk.shows(2)
    assert actions(room) == ["edit"]
    await desk.page.get_by_role("button", name="Keys").click()
    await single.check()
    await desk.press("Escape", "j")
    await desk.shows(3)


async def test_keys_mean_the_same_under_caps_lock(desk: Screen, room: Room):
    await desk.press("J")  # a capital letter without Shift
    await desk.shows(2)
    await desk.press("H")
    await desk.shows(3)
    await desk.press("Shift+J")
    assert actions(room) == ["hold"]


async def test_filters_narrow_the_strip_and_are_kept_from_paper_to_paper(desk: Screen):
    await desk.find(".filters").get_by_text("Flagged").click()
    await expect(desk.find("#strip > li")).to_have_count(2)
    await desk.shows(2)
    await desk.press("j")
    await desk.shows(3)
    await desk.press("h")
    await desk.shows(2)
    await expect(desk.find("#strip > li")).to_have_count(2)


async def test_a_held_paper_that_keeps_nothing_back_says_so(
    browsing: Browsing, server: Served, newsroom: Path
):
    topic = f"topic-{next(NUMBERS)}"
    room = a_morning(newsroom, papers=2, topic=topic, policy="flagged")
    for number in (1, 2):
        room.decide("hold", number)
    desk = await browsing.screen(server)
    await desk.open(f"/review/{room.snapshot}?paper={room.id(1)}")
    await expect(desk.find(".head")).to_contain_text("it is published all the same")
    await desk.press("j")
    await desk.shows(2)  # it is flagged, and waited for
    await expect(desk.find(".head")).not_to_contain_text("it is published all the same")


# Deciding


async def test_a_approves_what_is_shown_and_opens_the_next_paper(desk: Screen, room: Room):
    await desk.approve(1)
    await desk.shows(2)
    await desk.is_in(1, "Approved")
    await expect(desk.find("#title")).to_be_focused()
    await expect(desk.find("#progress")).to_contain_text("1 of 3 decided")
    await desk.said("2 to decide before it can be published")
    (decision,) = room.snapshot.decisions()
    assert (decision.action, decision.paper, decision.editor) == ("approve", room.id(1), "alice")
    assert decision.lines == TEXTS[0].lines


async def test_a_key_pressed_twice_at_once_decides_on_one_paper(desk: Screen, room: Room):
    await desk.at_once("a", "a", "x")
    await desk.shows(2)
    assert actions(room) == ["approve"]
    await desk.press("j")
    await desk.shows(3)
    assert actions(room) == ["approve"]


async def test_a_key_that_is_held_down_decides_on_one_paper(desk: Screen, room: Room):
    await desk.page.keyboard.down("a")
    await desk.shows(2)
    await desk.page.keyboard.down("a")  # what a keyboard repeats while a key is down
    await desk.press("j")
    await desk.shows(3)
    assert actions(room) == ["approve"]


async def test_a_double_click_decides_on_one_paper(desk: Screen, room: Room):
    await desk.find("[value=hold]").dblclick(delay=30)
    await desk.shows(2)
    await desk.press("j")
    await desk.shows(3)
    assert actions(room) == ["hold"]


async def test_a_form_of_any_page_is_sent_once_by_a_double_click_or_a_key_held_down(
    desk: Screen, room: Room
):
    count = "addEventListener('submit', () => { sessionStorage.sent += '.' })"
    await desk.page.add_init_script(count)
    await desk.page.evaluate("sessionStorage.sent = ''")
    await desk.open(f"/review/{room.snapshot}/preview")
    words = desk.page.get_by_label("In English")
    save = desk.page.get_by_role("button", name="Save the introduction")
    await words.fill("A morning of harbours.")
    async with desk.held("/introduction$"):
        await save.dblclick(no_wait_after=True)
    await expect(words).to_have_value("A morning of harbours.")
    assert await desk.page.evaluate("sessionStorage.sent") == "."
    await save.focus()
    async with desk.held("/introduction$"):
        for _ in range(3):
            await desk.page.keyboard.down("Enter")
    await desk.page.keyboard.up("Enter")
    await expect(words).to_have_value("A morning of harbours.")
    assert await desk.page.evaluate("sessionStorage.sent") == ".."


async def test_papers_are_left_out_held_reopened_and_what_was_done_is_undone(
    desk: Screen, room: Room
):
    await desk.press("x")
    await desk.is_in(3, "Left out")  # behind the others, so that the next one is the first now
    await desk.shows(1)
    await desk.press("h")
    await desk.shows(2)
    await desk.is_in(1, "On hold")
    await desk.press("u")
    await desk.shows(1)
    await expect(desk.find(".tags .state")).to_have_text("Undecided")
    await desk.press("u")
    await desk.shows(1)
    await expect(desk.find("#title")).to_have_text(TEXTS[0].title)
    await expect(desk.find("[data-key=u]")).to_be_disabled()
    await desk.approve(1)
    await desk.shows(2)
    await desk.press("k")
    await desk.shows(1)
    await desk.press("o")
    await expect(desk.item(1).locator(".state")).to_have_count(0)
    assert actions(room) == ["exclude", "hold", "reopen", "reopen", "approve", "reopen"]


async def test_another_candidate_is_one_key_away_and_approved_as_it_was_seen(
    desk: Screen, room: Room
):
    await desk.press("j")
    await desk.shows(2)
    await desk.press("2")
    await expect(desk.find(".shown .line:lang(en)")).to_have_text(CORRECTED)
    await expect(desk.find(".candidates [aria-current]")).to_contain_text("tide-2")
    await expect(desk.find("[value=approve]")).to_contain_text("Approve these lines")
    await desk.press("1")
    await expect(desk.find(".shown .line:lang(en)")).to_have_text(TEXTS[1].en)
    await desk.press("2")
    await expect(desk.find(".shown .line:lang(en)")).to_have_text(CORRECTED)
    await desk.press("a")
    await desk.is_in(2, "Approved")
    (decision,) = room.snapshot.decisions()
    assert decision.lines == {"en": CORRECTED, "zh": TEXTS[1].zh}


async def test_all_papers_without_findings_are_read_on_one_page_and_approved_at_once(
    desk: Screen, room: Room
):
    await desk.page.get_by_role("link", name="Approve all 1").click()
    await expect(desk.find(".bulk > li")).to_have_count(1)
    await expect(desk.find(".bulk p:lang(en)")).to_have_text(TEXTS[0].en)
    await desk.page.get_by_role("button", name="Approve these 1").click()
    await desk.shows(2)
    await desk.is_in(1, "Approved")
    await expect(desk.page.get_by_role("link", name="Approve all")).to_have_count(0)
    await desk.press("u")
    await desk.shows(1)
    assert actions(room) == ["approve", "reopen"]


async def test_a_paper_is_moved_and_pinned_and_stays_in_focus(desk: Screen, room: Room):
    third = TEXTS[2].title
    await desk.press("j")
    await desk.shows(2)
    await desk.press("j")
    await desk.shows(3)
    await desk.press("[")
    await desk.shows(2)
    await expect(desk.find("#title")).to_have_text(third)
    await desk.press("]")
    await desk.shows(3)
    await desk.press("p")
    await desk.shows(1)
    await expect(desk.find("#title")).to_have_text(third)
    await expect(desk.item(1)).to_contain_text("Pinned")
    await desk.press("u")
    await desk.shows(3)


async def test_a_model_is_asked_again_while_the_page_can_be_used_and_its_lines_are_offered(
    browsing: Browsing, httpserver: HTTPServer, tmp_path: Path
):
    model = ModelServer(httpserver)
    room = a_morning(tmp_path, papers=1, model=[f'base_url = "{model.base_url}"'])
    with review_app(room.settings) as server:
        desk = await browsing.screen(server)
        await desk.open(f"/review/{room.snapshot}")
        await desk.shows(1)
        await desk.press("r")
        await expect(desk.page.get_by_label("Prompt")).to_be_focused()
        await desk.press("Tab", "Tab", "Enter")
        await desk.said("tide-1 has answered")
        await desk.page.get_by_role("link", name="Look at the new lines").press("Enter")
        await expect(desk.find(".shown .line:lang(en)")).to_contain_text("A line about TideFormer")
        await desk.press("a")
        await desk.is_in(1, "Approved")
    assert len(model.bodies) == 1
    (decision,) = room.snapshot.decisions()
    assert decision.lines is not None
    assert decision.lines["zh"] == "一句关于这篇论文的话。"


# Editing


async def test_an_edit_is_checked_and_measured_while_it_is_typed_and_saved_by_a_key(
    desk: Screen, room: Room
):
    await desk.press("j")
    await desk.shows(2)
    await desk.press("e")
    line = desk.page.get_by_label("English line")
    await expect(line).to_be_focused()
    await expect(desk.find("#live .finding.f-error")).to_contain_text("98.2%")
    await expect(desk.find("#live .length").first).to_contain_text("24 words, 4 to 60")
    await line.fill(CORRECTED)
    await expect(desk.find("#live .clean")).to_have_text("The checks find nothing.")
    await desk.said("The checks find nothing.")
    await line.fill("Too short.")
    await expect(desk.find("#live .length.beyond")).to_contain_text("2 words")
    assert actions(room) == []  # to look is not to decide
    await line.fill(CORRECTED)
    await desk.press("Control+Enter")
    await desk.shows(3)
    await desk.is_in(2, "Edited")
    (decision,) = room.snapshot.decisions()
    assert (decision.action, decision.lines) == ("edit", {"en": CORRECTED, "zh": TEXTS[1].zh})


async def test_letters_typed_into_a_line_or_a_note_are_no_commands(desk: Screen, room: Room):
    await desk.find("#note").focus()
    await desk.press("x", "a", "j", "Enter", "Escape")
    await expect(desk.find("#note")).to_have_value("xaj")
    await desk.press("e", "x", "h", "Enter", "Escape")
    await expect(desk.find("#edit-en")).to_be_hidden()
    await expect(desk.find("#title")).to_be_focused()
    assert actions(room) == []
    await desk.press("a")
    await desk.shows(2)
    (decision,) = room.snapshot.decisions()
    assert (decision.action, decision.note) == ("approve", "xaj")
    assert decision.lines == TEXTS[0].lines


async def test_an_edit_saved_at_once_after_the_last_letter_is_saved_once_and_whole(
    desk: Screen, room: Room
):
    await desk.press("e", *" Tried", "Control+Enter")
    await desk.shows(2)
    (decision,) = room.snapshot.decisions()
    assert decision.lines == {**TEXTS[0].lines, "en": f"{TEXTS[0].en} Tried"}


async def test_an_emptied_line_is_refused_and_what_was_typed_is_still_there(
    browsing: Browsing, desk: Screen, room: Room
):
    browsing.expected.append("status of 400")
    await desk.press("e")
    await desk.find("#edit-zh").fill("改过的一句。")
    await desk.find("#edit-en").fill("")
    await desk.press("Control+Enter")
    await expect(desk.find("#focus .problem")).to_contain_text("line is empty")
    await expect(desk.find("#edit-zh")).to_have_value("改过的一句。")
    await expect(desk.find("#edit-en")).to_be_focused()
    assert actions(room) == []


async def test_an_unfinished_edit_is_offered_again_also_by_a_restarted_browser(
    browsing: Browsing, desk: Screen, server: Served, room: Room
):
    await desk.press("e")
    await desk.find("#edit-en").fill("Half a thought about harbours")
    await desk.page.reload()
    await desk.press("e")
    await expect(desk.find("#kept")).to_contain_text("has kept an edit")
    state = await desk.page.context.storage_state()
    await desk.page.context.close()
    again = await browsing.screen(server, editor=None, storage_state=state)
    await again.open(f"/review/{room.snapshot}")
    await again.shows(1)
    await again.press("e")
    await again.page.get_by_role("button", name="Go on with it").click()
    await expect(again.find("#edit-en")).to_have_value("Half a thought about harbours")
    await again.find("#edit-en").focus()
    await again.press("Control+Enter")
    await again.shows(2)
    await again.press("k")
    await again.shows(1)
    await again.press("e")
    await expect(again.find("#edit-en")).to_have_value("Half a thought about harbours")
    await expect(again.find("#kept")).to_be_hidden()
    assert await again.page.evaluate("localStorage.length") == 0


async def test_an_unfinished_edit_is_offered_to_nobody_else_in_the_same_browser(
    desk: Screen, server: Served
):
    context = desk.page.context
    await desk.press("e")
    await desk.find("#edit-en").fill("Alice's unfinished thought")
    for editor, offered in (("bob", False), ("alice", True)):
        cookies = server.signed_in(editor).cookies.items()
        url = desk.client.origin
        await context.add_cookies([{"name": k, "value": v, "url": url} for k, v in cookies])
        await desk.page.reload()
        await desk.press("e")
        await expect(desk.find("#kept")).to_be_visible(visible=offered)


async def test_an_unfinished_edit_can_be_forgotten(desk: Screen):
    await desk.press("e")
    await desk.find("#edit-en").fill("Half a thought")
    await desk.press("Escape", "j")
    await desk.shows(2)
    await desk.press("k")
    await desk.shows(1)
    await desk.press("e")
    await desk.page.get_by_role("button", name="Forget it").click()
    await expect(desk.find("#kept")).to_be_hidden()
    await expect(desk.find("#edit-en")).to_have_value(TEXTS[0].en)
    assert await desk.page.evaluate("localStorage.length") == 0


async def test_a_session_that_ends_in_the_middle_of_an_edit_loses_no_text(
    browsing: Browsing, desk: Screen, room: Room
):
    browsing.expected.append("status of 403")
    await desk.press("e")
    await desk.find("#edit-en").fill("Written while the session ended, at length")
    await expect(desk.find("#live .length").first).to_contain_text("7 words")
    desk.client.post("/logout")
    await desk.press("Control+Enter")
    await expect(desk.find("h1")).to_have_text("Sign in")
    await desk.page.get_by_label("Name").fill("alice")
    await desk.page.get_by_label("Password").fill(PASSWORD)
    await desk.press("Enter")
    await desk.shows(1)
    await desk.press("e")
    await desk.page.get_by_role("button", name="Go on with it").click()
    await desk.find("#edit-en").press("Control+Enter")
    await desk.shows(2)
    (decision,) = room.snapshot.decisions()
    assert decision.lines is not None
    assert decision.lines["en"] == "Written while the session ended, at length"


async def test_a_server_that_cannot_be_reached_is_told_and_the_edit_goes_through_later(
    browsing: Browsing, desk: Screen, room: Room
):
    browsing.expected += ["ERR_INTERNET_DISCONNECTED", "Failed to fetch"]
    await desk.press("e")
    await desk.find("#edit-en").fill("Written while the server was away")
    await desk.page.context.set_offline(offline=True)
    await desk.press("Control+Enter")
    await expect(desk.find("#offline")).to_be_visible()
    await desk.page.context.set_offline(offline=False)
    await desk.find("#edit-en").press("Control+Enter")
    await desk.shows(2)
    await expect(desk.find("#offline")).to_be_hidden()
    assert actions(room) == ["edit"]


# Two editors


async def bob_at_an_edit(browsing: Browsing, server: Served, room: Room) -> Screen:
    """Another editor, who has typed a line of the first paper and not saved it."""
    browsing.expected.append("status of 409")
    other = await browsing.screen(server, "bob")
    await other.open(f"/review/{room.snapshot}")
    await other.press("e")
    await other.find("#edit-en").fill("Bob's own line about TideFormer")
    return other


async def test_the_second_of_two_editors_is_shown_what_the_first_one_did_and_keeps_the_text(
    browsing: Browsing, desk: Screen, server: Served, room: Room
):
    other = await bob_at_an_edit(browsing, server, room)
    await desk.press("e")
    await desk.find("#edit-en").fill("Alice's line about TideFormer")
    await desk.press("Control+Enter")
    await desk.shows(2)
    for key in ("Control", "Enter"):
        await other.page.keyboard.down(key)
    conflict = other.find(".conflict")
    await expect(conflict).to_contain_text("alice, Edited")
    await expect(conflict.locator(".line:lang(en)")).to_have_text("Alice's line about TideFormer")
    await expect(conflict.locator(".line:lang(zh)")).to_have_text(TEXTS[0].zh)
    await expect(other.find("#edit-en")).to_have_value("Bob's own line about TideFormer")
    await expect(other.find("#edit-en")).to_be_focused()
    await expect(other.find("#live .length").first).to_contain_text("5 words")
    await other.is_in(1, "Edited")
    await other.page.keyboard.down("Enter")  # what a keyboard repeats while a key is down
    await expect(other.find("#edit-en")).to_be_focused()
    for key in ("Enter", "Control"):
        await other.page.keyboard.up(key)
    again = other.page.get_by_role("button", name="Do it all the same")
    await other.press("Control+Enter", "Control+Enter")
    await expect(again).to_be_focused()
    assert actions(room) == ["edit"]
    await other.press("Enter")
    await other.shows(2)
    assert actions(room) == ["edit", "edit"]
    assert room.snapshot.decisions()[-1].lines == {
        **TEXTS[0].lines,
        "en": "Bob's own line about TideFormer",
    }


async def test_no_key_of_a_decision_confirms_it_against_another_editors(
    browsing: Browsing, desk: Screen, server: Served, room: Room
):
    browsing.expected.append("status of 409")
    other = await browsing.screen(server, "bob")
    await other.open(f"/review/{room.snapshot}")
    await desk.press("h")
    await desk.shows(2)
    await other.page.keyboard.down("a")
    await expect(other.find(".conflict")).to_contain_text("alice, On hold")
    await other.page.keyboard.down("a")  # what a keyboard repeats while a key is down
    await other.page.keyboard.up("a")
    await other.press("a", "x", "h", "o", "Control+Enter")
    again = other.page.get_by_role("button", name="Do it all the same")
    await expect(again).to_be_focused()
    await other.press("j")
    await other.shows(2)
    await other.press("k")
    await other.shows(1)
    assert actions(room) == ["hold"]
    await desk.press("k")
    await desk.shows(1)
    await desk.approve(1)
    await desk.shows(2)
    await other.press("x")
    await again.click()
    await other.is_in(3, "Left out")
    assert actions(room) == ["hold", "approve", "exclude"]


async def test_the_second_of_two_editors_can_go_on_with_what_the_first_one_did(
    browsing: Browsing, desk: Screen, server: Served, room: Room
):
    other = await bob_at_an_edit(browsing, server, room)
    await desk.approve(1)
    await desk.shows(2)
    await other.press("Control+Enter")
    await other.page.get_by_role("link", name="Go on with theirs").click()
    await expect(other.find(".conflict")).to_have_count(0)
    await expect(other.find(".shown .line:lang(en)")).to_have_text(TEXTS[0].en)
    await other.press("e")
    await expect(other.find("#edit-en")).to_have_value(TEXTS[0].en)
    await other.page.get_by_role("button", name="Go on with it").click()
    await expect(other.find("#edit-en")).to_have_value("Bob's own line about TideFormer")
    assert actions(room) == ["approve"]


async def test_whoever_decided_already_is_told_so_by_a_second_window(
    browsing: Browsing, desk: Screen, room: Room
):
    browsing.expected.append("status of 409")
    second = Screen(await desk.page.context.new_page(), desk.client)
    await second.open(f"/review/{room.snapshot}")
    await desk.approve(1)
    await desk.shows(2)
    await second.press("x")
    await expect(second.find(".conflict")).to_contain_text("You have decided on this paper already")
    await second.follow("Go on with what is on show")
    await expect(second.find(".tags .state")).to_have_text("Approved")
    assert actions(room) == ["approve"]


# Publishing


async def test_the_last_decision_publishes_and_a_later_one_corrects_with_a_note(
    browsing: Browsing, tmp_path: Path
):
    room = a_morning(tmp_path, papers=3)
    with review_app(room.settings, pause=0.0) as server:
        desk = await browsing.screen(server)
        await desk.open(f"/review/{room.snapshot}")
        await desk.approve(1, 2, 3)
        await expect(desk.find("#progress .release")).to_have_text("Published")
        await desk.said("Published")
        await desk.open(f"/review/{room.snapshot}?paper={room.id(2)}")
        await desk.press("e")
        await desk.find("#edit-en").fill(CORRECTED)
        await desk.press("Control+Enter")
        await desk.is_in(2, "Edited")
        await expect(desk.find("#progress .release")).to_have_text("Published")
    first, correction = room.publications()
    assert (first.reason, correction.reason) == ("first", "correction")
    assert first.digest.papers[1].lines["en"].text == TEXTS[1].en
    assert "98.2%" not in room.page
    assert CORRECTED in room.page


async def test_what_is_focused_stays_so_while_the_progress_is_renewed(
    browsing: Browsing, tmp_path: Path
):
    room = a_morning(tmp_path, papers=1)
    with review_app(room.settings) as server:
        desk = await browsing.screen(server)
        await desk.open(f"/review/{room.snapshot}")
        await desk.approve(1)
        await desk.is_in(1, "Approved")
        await desk.find("#publish").focus()
        await expect(desk.find("#progress .release")).to_have_text("Published")
        await expect(desk.find("#publish")).to_be_focused()


async def test_a_digest_is_previewed_introduced_published_withdrawn_and_published_again(
    browsing: Browsing, tmp_path: Path
):
    room = a_morning(tmp_path, papers=1, publish="asked")
    with review_app(room.settings) as server:
        desk = await browsing.screen(server)
        page = desk.page
        await desk.open(f"/review/{room.snapshot}")
        await desk.approve(1)
        await expect(desk.find("#progress .release")).to_contain_text("Everything is decided")
        await desk.press("v")
        await expect(desk.find("h1")).to_contain_text("Preview of")
        digest = page.frame_locator("iframe")
        await expect(digest.locator(".summary").first).to_contain_text("TideFormer")
        await page.get_by_label("In English").fill("A morning of harbours.")
        await page.get_by_role("button", name="Save the introduction").click()
        await expect(digest.locator("body")).to_contain_text("A morning of harbours.")
        await page.get_by_role("button", name="Publish").click()
        await expect(desk.find(".gate .state")).to_have_text("Published")
        assert "A morning of harbours." in room.page
        await page.get_by_text("Withdraw it from the site").click()
        await page.get_by_label("The reason").fill("The harbour was another one.")
        await page.get_by_role("button", name="Withdraw", exact=True).click()
        await expect(desk.find(".gate .state")).to_have_text("Withdrawn")
        assert "The harbour was another one." in room.page
        assert TEXTS[0].en not in room.page
        await page.get_by_role("button", name="Publish again").click()
        await expect(desk.find(".gate .state")).to_have_text("Published")
        assert TEXTS[0].en in room.page
        await page.get_by_role("link", name="Audit").click()
        await expect(desk.find(".events")).to_contain_text("wrote the introduction")
        await expect(desk.find(".events li").first).to_contain_text("alice published again")


async def test_a_proxys_error_page_takes_the_place_of_nothing(
    desk: Screen, browsing: Browsing, room: Room
):
    await desk.page.route("**/decide", lambda route: route.fulfill(status=502, body="<h1>502</h1>"))
    browsing.expected.append("status of 502")
    await desk.press("a")
    await expect(desk.find("#offline")).to_be_visible()
    await expect(desk.find("#title")).to_have_text(TEXTS[0].title)
    await desk.page.unroute("**/decide")
    await desk.press("a")
    await desk.shows(2)
    await expect(desk.find("#offline")).to_be_hidden()
    assert [d.action for d in room.snapshot.decisions()] == ["approve"]


async def test_the_audit_page_tells_who_did_what_with_the_text_before_and_after(
    desk: Screen, room: Room
):
    await desk.press("e")
    await desk.find("#edit-en").fill("TideFormer, in fewer words than before.")
    await desk.press("Control+Enter")
    await desk.shows(2)
    await desk.page.get_by_role("link", name="Audit").click()
    event = desk.find(".events li").first
    await expect(event).to_contain_text("alice edited")
    await expect(event.locator("del")).to_have_text(TEXTS[0].en)
    await expect(event.locator("ins")).to_have_text("TideFormer, in fewer words than before.")
    await event.get_by_role("link", name=room.id(1)).click()
    await desk.shows(1)


# Without JavaScript


async def test_without_javascript_all_is_read_decided_edited_undone_and_published_by_forms(
    browsing: Browsing, tmp_path: Path
):
    room = a_morning(tmp_path, papers=3, publish="asked")
    with review_app(room.settings) as server:
        desk = await browsing.screen(server, java_script_enabled=False)
        page = desk.page
        await desk.open("/")
        await page.get_by_role("link", name=str(room.snapshot), exact=True).click()
        await desk.shows(1)
        await expect(desk.find(".abstract")).to_contain_text("412 harbours")
        await page.get_by_role("button", name="Hold").click()
        await desk.shows(2)
        await page.get_by_role("button", name="Undo").click()
        await desk.shows(1)
        await page.get_by_role("button", name="Approve a", exact=True).click()
        await desk.shows(2)
        await desk.find("#editor summary").click()
        await page.get_by_label("English line").fill(CORRECTED)
        await page.get_by_role("button", name="Save the edit").click()
        await desk.shows(3)
        await page.get_by_role("button", name="Leave out").click()
        await page.get_by_role("link", name="Preview and publish").click()
        await page.get_by_label("In Chinese").fill("港口的早晨。")
        await page.get_by_role("button", name="Save the introduction").click()
        await page.get_by_role("button", name="Publish").click()
        await expect(desk.find(".gate .state")).to_have_text("Published")
    assert "港口的早晨。" in room.page
    assert CORRECTED in room.page
    assert TEXTS[2].title not in room.page

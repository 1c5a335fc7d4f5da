"""Blind choice in a real browser, by keyboard alone."""

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from pipeline.preferences import Score, tally
from pipeline.records import Language, Lines
from tests.browser import Browsing, Screen
from tests.desks import Room, a_desk, lines_of
from tests.web_client import Served, review_app

pytestmark = pytest.mark.asyncio(loop_scope="session")

NUMBERS = itertools.count(1)
PAPERS = 15
LATER = datetime(2100, 1, 1, tzinfo=UTC)


def others(number: int) -> Lines:
    """What the other prompt writes of a paper."""
    return {
        "en": f"With an error of 4 cm a coastal model is fitted to harbour {number} by adapters.",
        "zh": f"适配器把海岸模型调到第 {number} 个港口，误差只有 4 cm。",
    }


@pytest.fixture(scope="module")
def newsroom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("choosing")


@pytest.fixture(scope="module")
def server(newsroom: Path) -> Iterator[Served]:
    with review_app(a_desk(newsroom, papers=1, topic="first").settings) as running:
        yield running


@pytest.fixture
def room(newsroom: Path) -> Room:
    """Fifteen papers with lines by two prompts; each test has a topic of its own."""
    made = a_desk(newsroom, papers=PAPERS, topic=f"topic-{next(NUMBERS)}")
    made.write(
        *(
            made.candidate(number, others(number), prompt="results_first")
            for number in range(1, PAPERS + 1)
        )
    )
    return made


@pytest_asyncio.fixture(loop_scope="session")
async def chooser(browsing: Browsing, server: Served, room: Room) -> Screen:
    """The list of contests, to which an editor has come from the review page."""
    screen = await browsing.screen(server)
    await screen.page.clock.install()
    await screen.open(f"/review/{room.snapshot}")
    await screen.shows(1)
    await screen.follow("Blind choice")
    await expect(screen.find(".contests")).to_be_visible()
    return screen


async def begin(screen: Screen) -> None:
    await screen.follow("Begin: results_first@tide-1")
    await is_at(screen, 1)


async def is_shown(screen: Screen, number: int) -> None:
    """Wait until that pair is on the screen."""
    await expect(screen.find(".tags .number")).to_have_text(f"{number} / {2 * PAPERS}")


async def is_at(screen: Screen, number: int) -> None:
    """Wait until that pair is on the screen and can have been read; the clock hurries."""
    await is_shown(screen, number)
    await screen.page.clock.run_for(1000)
    await expect(screen.find("#choice[data-ready]")).to_be_visible()


async def prefer(screen: Screen, line: str, keys: tuple[str, str] = ("1", "2")) -> None:
    """Press the key of the side that shows a line."""
    shown = await screen.find("#lines .line").all_inner_texts()
    await screen.press(keys[shown.index(line)])


async def test_thirty_pairs_are_chosen_between_by_thirty_keys(chooser: Screen, room: Room):
    await begin(chooser)
    before = chooser.presses
    languages: tuple[Language, Language] = ("en", "zh")
    asked = [(n, language) for n in range(1, PAPERS + 1) for language in languages]
    for place, (number, language) in enumerate(asked, 1):
        await is_at(chooser, place)
        if number % 3 == 0:
            await chooser.press("t" if language == "en" else "=")
        else:
            wanted = lines_of(number) if number % 3 == 1 else others(number)
            arrows = ("ArrowLeft", "ArrowRight")
            await prefer(chooser, wanted[language], ("1", "2") if language == "en" else arrows)
    await expect(chooser.find(".scores")).to_be_visible()
    assert chooser.presses - before == 2 * PAPERS
    made = room.snapshot.preferences()
    assert [(one.paper, one.language) for one in made] == [(room.id(n), lang) for n, lang in asked]
    each = Score(won=5, lost=5, tied=5)
    assert tally(made, room.snapshot.summaries()).of("one_line") == {"en": each, "zh": each}
    await expect(chooser.find(".scores tbody tr").first).to_have_text(
        re.compile(r"You · English line\s*5\s*5\s*5")
    )


async def test_pairs_are_skipped_gone_back_to_and_chosen_between_again(chooser: Screen, room: Room):
    await begin(chooser)
    await chooser.press("j")
    await is_at(chooser, 2)
    await chooser.press("2")
    await is_at(chooser, 3)
    await chooser.press("k")
    await is_at(chooser, 2)
    await expect(chooser.page.get_by_text("You have chosen line 2.")).to_be_visible()
    await chooser.press("1")
    await is_at(chooser, 3)
    await chooser.press(
        "k",
    )
    await is_at(chooser, 2)
    await chooser.press("k")
    await is_at(chooser, 1)
    made = room.snapshot.preferences()
    assert [one.language for one in made] == ["zh", "zh"]
    assert [one.preferred for one in made] == [made[0].summaries[1], made[0].summaries[0]]


async def test_a_key_that_is_held_down_chooses_once(chooser: Screen, room: Room):
    await begin(chooser)
    await chooser.page.keyboard.down("1")
    for _ in range(5):
        await chooser.page.keyboard.down("1")
    await is_at(chooser, 2)
    for _ in range(5):
        await chooser.page.keyboard.down("1")
    await chooser.page.keyboard.up("1")
    await is_at(chooser, 2)
    assert len(room.snapshot.preferences()) == 1


async def test_keys_pressed_before_the_next_pair_is_there_choose_nothing_of_it(
    chooser: Screen, room: Room
):
    await begin(chooser)
    await chooser.at_once("1", "2", "t", "ArrowRight")
    await is_at(chooser, 2)
    (made,) = room.snapshot.preferences()
    assert (made.language, made.preferred) == ("en", made.summaries[0])


async def test_keys_and_buttons_do_nothing_to_a_pair_that_nobody_can_have_read_yet(
    chooser: Screen, room: Room
):
    await begin(chooser)
    await chooser.page.clock.pause_at(LATER)
    await chooser.press("1")
    await is_shown(chooser, 2)
    await expect(chooser.find(".just")).to_contain_text("Just now you chose line 1.")
    await chooser.page.wait_for_load_state("load")
    await chooser.page.clock.run_for(200)
    await chooser.press("1", "ArrowRight", "t", "j", "k")
    for name in ("Line 1", "Neither", "Line 2"):
        await chooser.page.get_by_role("button", name=name).dblclick()
    await chooser.page.get_by_role("link", name="Skip j").click()
    await chooser.page.get_by_role("button", name="Line 2").focus()
    await chooser.press("Enter")
    await expect(chooser.find("#choice[data-ready]")).to_have_count(0)
    await is_at(chooser, 2)
    assert len(room.snapshot.preferences()) == 1
    await chooser.press("2")
    await is_at(chooser, 3)
    assert len(room.snapshot.preferences()) == 2


async def test_what_was_skipped_is_gone_on_with_by_key_before_the_result(
    chooser: Screen, room: Room
):
    await begin(chooser)
    for number in range(1, 2 * PAPERS + 1):
        await is_at(chooser, number)
        await chooser.press("j" if number in (1, 9) else "t")
    await expect(chooser.page.get_by_text("Skipped, or not seen yet: 2.")).to_be_visible()
    await expect(chooser.page.get_by_text("results_first")).to_have_count(0)
    await chooser.press("j")
    await is_at(chooser, 1)
    await chooser.press("2")
    await is_at(chooser, 9)
    await chooser.press("k")
    await is_at(chooser, 1)
    await chooser.press("1")
    await is_at(chooser, 9)
    await chooser.press("t")
    await expect(chooser.find(".scores")).to_be_visible()


async def test_single_keys_can_be_switched_off_and_the_buttons_stay(chooser: Screen, room: Room):
    await begin(chooser)
    await chooser.press("?")
    await expect(chooser.page.get_by_role("dialog")).to_be_visible()
    await chooser.page.get_by_label("Single keys").focus()
    await chooser.press("Space", "Escape")
    await chooser.press("1", "ArrowRight", "t", "=", "j", "k")
    await is_at(chooser, 1)
    await expect(chooser.find("#choice kbd").first).to_be_hidden()
    await chooser.follow("Neither is better", "button")
    await is_at(chooser, 2)
    (made,) = room.snapshot.preferences()
    assert made.preferred is None


async def test_the_browser_s_way_back_shows_what_was_chosen(chooser: Screen, room: Room):
    await begin(chooser)
    await chooser.press("2")
    await is_at(chooser, 2)
    await chooser.page.go_back()
    await is_at(chooser, 1)
    await expect(chooser.find("#lines .chosen")).to_be_visible()
    await chooser.page.reload()
    await is_at(chooser, 1)
    await chooser.press("1")
    await is_at(chooser, 2)
    assert len(room.snapshot.preferences()) == 2


async def test_all_of_it_works_without_javascript(browsing: Browsing, server: Served, room: Room):
    screen = await browsing.screen(server, java_script_enabled=False)
    await screen.open(f"/review/{room.snapshot}/choice")
    await screen.page.get_by_role("link", name="Begin").click()
    await is_shown(screen, 1)
    await screen.page.get_by_role("button", name="Line 1").click()
    await is_shown(screen, 2)
    await screen.page.get_by_role("link", name="Skip j").click()
    await is_shown(screen, 3)
    await screen.page.get_by_role("link", name="Back k").click()
    await is_shown(screen, 2)
    await screen.page.get_by_role("link", name="see the result").click()
    await expect(screen.find(".scores")).to_be_visible()
    assert len(room.snapshot.preferences()) == 1

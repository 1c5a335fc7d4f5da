"""Drafts in a real browser, as `paperline serve` shows them."""

import pytest
from playwright.async_api import expect

from tests.desks import a_desk
from tests.digests import a_paper
from tests.test_browser_pages import violations
from tests.test_serve import FIRST, NO_SEARCH, SECOND, serving
from tests.web_client import Served

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_draft_is_looked_at_and_the_way_back_leads_to_the_site(tmp_path, browsing, shoot):
    a_desk(tmp_path, name=FIRST, policy="none", more=NO_SEARCH)
    a_desk(tmp_path, name=SECOND, papers=[a_paper(4)], more=NO_SEARCH)
    with serving(tmp_path) as client:
        screen = await browsing.screen(Served(client.port, []), editor=None)
        await screen.open("/drafts/")
        assert await violations(screen.page) == []
        await shoot(screen.page, "drafts")
        await screen.follow(f"tides/{SECOND}")
        await expect(screen.find(".draft")).to_be_visible()
        colour = "it => getComputedStyle(it).backgroundColor"
        assert await screen.find(".draft").evaluate(colour) != "rgba(0, 0, 0, 0)"
        await screen.find('a[rel="prev"]').first.click()
        await screen.page.wait_for_url(f"**/tides/{FIRST}.html")
        assert "/drafts/" not in screen.page.url
        await expect(screen.find(".draft")).to_have_count(0)

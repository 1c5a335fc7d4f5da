"""The thirty recorded papers, reviewed and published by the keyboard alone. Needs the test bed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.async_api import expect

from pipeline import configuration
from pipeline.outputs import Outputs
from tests.browser import Browsing, Screen
from tests.test_seed import CONFIG, QUERY, ROOT, page_papers, paperline
from tests.testbed_servers import serving
from tests.web_client import review_app

pytestmark = pytest.mark.asyncio(loop_scope="session")

EDITED, LEFT_OUT, HELD = (3, 11, 24), 7, 15


@contextmanager
def servers(testbed: Path) -> Iterator[tuple[str, str]]:
    """The addresses of the recorded arXiv and of the model."""
    recorded = str(testbed / "corpus" / "seed_papers.jsonl.gz")
    now = "2026-04-30T20:05:00Z"
    arxiv = serving(testbed / "arxiv_server.py", "--corpus", recorded, "--now", now)
    with arxiv as arxiv_url, serving(testbed / "llm_server.py") as model_url:
        yield arxiv_url, model_url


async def decide(screen: Screen, number: int) -> None:
    """What the editor does with the paper that is the `number`th to be read."""
    if number in EDITED:
        await screen.press("e")
        await screen.find("#edit-en:focus").wait_for()
        await screen.press("End", "Backspace", "!", "Control+Enter")
    else:
        await screen.press({LEFT_OUT: "x", HELD: "h"}.get(number, "a"))


async def test_thirty_papers_are_reviewed_and_published_by_the_keyboard_alone(
    browsing: Browsing, testbed: Path, tmp_path: Path
):
    config = tmp_path / "paperline.toml"
    with servers(testbed) as (arxiv, model):
        places = {"prompts": ROOT / "prompts", "arxiv": f"{arxiv}/api/query", "model": model}
        config.write_text(CONFIG.format(**places, query=QUERY), encoding="utf-8")
        paperline(tmp_path, "run", "--at", "2026-05-01T04:05+08:00")
    settings = configuration.load(config, {})
    (snapshot,) = Outputs(settings.outputs).snapshots("ai4science")
    papers = [paper.id for paper in snapshot.papers()]
    with review_app(settings, editors=()) as server:
        screen = await browsing.screen(server, editor=None)
        await screen.open(server.links[0])
        await screen.follow("Start reviewing", role="button")
        await screen.follow(str(snapshot))
        for number, paper in enumerate([*papers, papers[HELD - 1]], 1):
            await screen.find(f'#focus[data-paper="{paper}"] #title:focus').wait_for()
            await decide(screen, number)
        await expect(screen.find("#progress .release")).to_have_text("Published")
    # Ten minutes are twenty seconds a paper: they are for reading.
    assert screen.presses < 2 * len(papers)
    page = settings.outputs / "site" / "ai4science" / f"{snapshot.name}.html"
    shown = page_papers(page.read_text("utf-8"))
    titles = [paper.title for paper in snapshot.papers() if paper.id != papers[LEFT_OUT - 1]]
    assert [paper["title"] for paper in shown] == titles
    (released,) = snapshot.publications()
    edited = {e.paper.id: e.lines["en"].text for e in released.digest.papers if e.settled}
    for number in EDITED:
        assert edited[papers[number - 1]].endswith("!")
    assert "Mei Lan" in json.dumps(released.who)

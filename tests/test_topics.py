"""Several topics on one site: each shows its own papers, and none is paid for twice."""

import json
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from tests.feeds import SmallArxiv, entry
from tests.model_server import ModelServer
from tests.terminal import Terminal

NIGHT = "2026-03-12T04:05+08:00"


@pytest.fixture
def model(httpserver: HTTPServer) -> ModelServer:
    return ModelServer(httpserver)


def run(folder: Path, arxiv: SmallArxiv, model: ModelServer, *topics: str) -> str:
    """A night of these topics by the real command; each is the lines of its table."""
    tables = "".join(f"[[topic]]\n{topic}\n" for topic in topics)
    terminal = Terminal(
        folder,
        f'[arxiv]\nurl = "{arxiv.url}"\ndelay = 0.0\npatience = 0.0\n'
        f'[model]\nbase_url = "{model.base_url}"\n'
        f"requests_per_minute = 1000000\ntokens_per_minute = 1000000000\n{tables}",
    )
    assert terminal("run", "--at", NIGHT) == 0, terminal.errors
    return terminal.said


def shown(folder: Path, topic: str) -> list[str]:
    path = folder / "outputs" / topic / "20260312_0405" / "5-digest.json"
    digest: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return [entry["paper"]["title"] for entry in digest["papers"]]


def test_a_paper_of_two_topics_is_fetched_and_summarized_once(tmp_path, arxiv, model) -> None:
    arxiv.entries = [entry(1, hours=1), entry(2, hours=2)]
    said = run(
        tmp_path,
        arxiv,
        model,
        'name = "lamps"\nquery = "all:lantern"',
        'name = "lights"\nquery = "all:lantern"\nlimit = 1',
    )
    assert len(arxiv.requests) == 1
    assert len(model.bodies) == 2
    assert shown(tmp_path, "lamps") == ["Lantern 1", "Lantern 2"]
    assert shown(tmp_path, "lights") == ["Lantern 1"]
    assert "lights/20260312_0405: 1 new" in said
    assert "1 paper waits for room," in said


def test_topics_choose_by_their_own_rules(tmp_path, arxiv, model) -> None:
    arxiv.entries = [
        entry(1, hours=1, title="Lantern one: a survey"),
        entry(2, hours=2, published="2026-03-11T13:00:00Z"),
        entry(3, hours=3, published="2026-03-11T14:00:00Z"),
    ]
    run(
        tmp_path,
        arxiv,
        model,
        'name = "new"\nquery = "all:lantern"\nexclude = ["surveys"]\norder = "submitted"',
        'name = "maths"\nquery = "all:lantern"\ncategories = ["math.*", "physics.optics"]',
    )
    assert shown(tmp_path, "new") == ["Lantern 3", "Lantern 2"]
    assert len(shown(tmp_path, "maths")) == 3

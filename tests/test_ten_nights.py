"""Ten nights unattended, with everything that goes wrong; sixty: benchmarks/sixty_nights.py."""

import ast
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from benchmarks import sixty_nights
from benchmarks.nights import plan
from benchmarks.nights.machine import REPOSITORY
from tests.invented_nights import InventedWorld, ten_nights

JUDGES = REPOSITORY / "benchmarks" / "nights"


def test_ten_nights_of_invented_papers_hold_every_invariant(httpserver: HTTPServer) -> None:
    simulation = ten_nights(httpserver, REPOSITORY)
    assert simulation.diary.found == [], simulation.diary.notes
    # All that is to be done was done, or the nights would prove nothing.
    assert simulation.diary.done.keys() == plan.SHARES.keys()
    assert {word.action for word in simulation.memory.words} >= {"approve", "edit", "exclude"}
    assert isinstance(simulation.machine.world, InventedWorld)
    assert simulation.machine.world.told["bad-json"] > 2
    assert simulation.diary.readers_lines > 20


def test_ten_nights_on_the_test_bed_hold_every_invariant(testbed: Path) -> None:
    told = sixty_nights.sixty_nights(3, count=10, code=REPOSITORY)
    assert told.found == ()


@pytest.mark.parametrize("module", sorted(path.name for path in JUDGES.glob("*.py")))
def test_whoever_judges_shares_no_code_with_what_is_judged(module: str) -> None:
    tree = ast.parse((JUDGES / module).read_text(encoding="utf-8"))
    imported = [
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
        )
    ]
    assert not [name for name in imported if name.split(".")[0] in ("pipeline", "tests")]

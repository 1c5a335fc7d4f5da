"""Ten nights unattended, with everything that goes wrong; sixty: benchmarks/sixty_nights.py."""

import ast
from datetime import timedelta
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from benchmarks import sixty_nights
from benchmarks.nights import plan
from benchmarks.nights.machine import REPOSITORY, Machine, Topic
from benchmarks.nights.simulation import Simulation, folder_on_a_disk
from tests import invented_nights
from tests.invented_nights import CATEGORY, InventedWorld

JUDGES = REPOSITORY / "benchmarks" / "nights"


def test_ten_nights_of_invented_papers_hold_every_invariant(httpserver: HTTPServer) -> None:
    nights = plan.nights(10, seed=7)
    last = nights[-1].now + timedelta(days=30)
    world = InventedWorld(httpserver, invented_nights.papers(plan.FIRST_NIGHT, last, 7), 7)
    topics = (Topic("lamps", (CATEGORY,)), Topic("mills", (CATEGORY,)))
    with folder_on_a_disk() as (folder, disk):
        simulation = Simulation(Machine(folder, world, topics), disk)
        simulation.run(nights)
    assert simulation.diary.found == [], simulation.diary.notes
    assert simulation.diary.done.keys() >= plan.SHARES.keys() - {"the disk is full"}


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

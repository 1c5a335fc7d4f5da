"""The long run can fail: a program with one promise broken on purpose does not get through it."""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from pytest_httpserver import HTTPServer

from benchmarks.nights import plan
from benchmarks.nights.machine import REPOSITORY, Machine, Topic
from benchmarks.nights.simulation import Simulation, folder_on_a_disk
from tests import invented_nights
from tests.invented_nights import CATEGORY, InventedWorld

DECIDED = (
    "        files.append_lines(self._decisions, [decision.to_json() for decision in decisions])\n"
)


class Mutation(NamedTuple):
    """One place of the program, what is broken there, and who has to notice."""

    file: str
    was: str
    is_now: str
    noticed_by: str


MUTATIONS = {
    "what is over the limit is dropped": Mutation(
        "stages/fetch.py",
        "        outputs.write_waiting(topic.name, choice.rest)\n    outputs.append_fetch(",
        "        outputs.write_waiting(topic.name, [])\n    outputs.append_fetch(",
        "nothing is lost",
    ),
    "whatever was shown is due again": Mutation(
        "ledger.py",
        "    return paper.version > shown.version and content_of(paper) != shown.content\n",
        "    return True\n",
        "nothing is shown twice",
    ),
    "the gate stands open": Mutation(
        "decisions.py",
        '    if policy == "none":\n        return ()\n    flagged',
        "    if policy:\n        return ()\n    flagged",
        "nothing is published unread",
    ),
    "a decision is acknowledged and not kept": Mutation(
        "snapshot.py",
        DECIDED,
        "        files.append_lines(self._decisions, [d.to_json() for d in decisions][1:])\n",
        "no decision is lost",
    ),
    "decisions are replaced by the last ones": Mutation(
        "snapshot.py",
        DECIDED,
        "        files.replace(self._decisions, as_lines(decisions))\n",
        "no decision is lost",
    ),
    "a stand-in passes for a model's line": Mutation(
        "wanted.py",
        'origin: Origin = "embedded" if outcome.model == EMBEDDED else "model"',
        'origin: Origin = "model"',
        "no failure is shown as a summary",
    ),
    "a page calls every line a model's": Mutation(
        "site/templates/paper.html.j2",
        'data-origin="{{ line.origin }}"',
        'data-origin="model"',
        "no failure is shown as a summary",
    ),
    "no answer is found in the cache": Mutation(
        "cache.py",
        '            key = f"{fingerprint}:{attempt}"\n            try:',
        '            key = f"{fingerprint}:none{attempt}"\n            try:',
        "nothing is paid twice",
    ),
    "costs are not booked": Mutation(
        "outputs.py",
        "        self._spend.append(spent)\n",
        "        self._spend.append([*spent][1:])\n",
        "the books balance",
    ),
    "pages are written once and never again": Mutation(
        "site_folder.py",
        "                same = path.is_file() and path.read_bytes() == text.encode()\n",
        "                same = path.is_file()\n",
        "the site is what was published",
    ),
    "gaps are forgotten": Mutation(
        "stages/summarize.py",
        "        gaps[paper] = Gap(failure=failure, nights=nights)\n",
        "        gaps.pop(paper, None)\n",
        "every gap is explained",
    ),
    "two runs do not mind each other": Mutation(
        "outputs.py",
        "        path = self.topic_folder(topic) / name\n        return files.locked(",
        "        path = self.topic_folder(topic) / f'{os.getpid()}'\n        return files.locked(",
        "",
    ),
}


@pytest.mark.prove
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_broken_promise_does_not_get_through_the_nights(
    name: str, tmp_path: Path, httpserver: HTTPServer
) -> None:
    mutation = MUTATIONS[name]
    code = tmp_path / "code"
    for folder in ("pipeline", "prompts"):
        shutil.copytree(
            REPOSITORY / folder, code / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    broken = code / "pipeline" / mutation.file
    text = broken.read_text(encoding="utf-8")
    assert text.count(mutation.was) == 1, "the program has changed: mutate it elsewhere"
    broken.write_text(text.replace(mutation.was, mutation.is_now), encoding="utf-8")
    found = a_few_nights(httpserver, code)
    assert [each for each in found if mutation.noticed_by in each], found


def a_few_nights(httpserver: HTTPServer, code: Path) -> list[str]:
    """What does not hold after up to ten nights of the program in `code`."""
    nights = plan.nights(10, seed=7)
    last = nights[-1].now + timedelta(days=30)
    world = InventedWorld(httpserver, invented_nights.papers(plan.FIRST_NIGHT, last, 7), 7)
    topics = (Topic("lamps", (CATEGORY,)), Topic("mills", (CATEGORY,)))
    with folder_on_a_disk() as (folder, disk):
        simulation = Simulation(Machine(folder, world, topics, code), disk)
        simulation.run(nights)
    return simulation.diary.found

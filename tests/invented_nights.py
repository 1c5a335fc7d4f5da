"""The world of the long run without the test bed: invented papers, a small arXiv and model."""

import json
import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from benchmarks.nights import plan
from benchmarks.nights.corpus import WITHDRAWAL, Version, announcements
from benchmarks.nights.machine import Machine, Topic
from benchmarks.nights.simulation import Simulation, folder_on_a_disk
from benchmarks.nights.world import Account
from tests.feeds import Entry, SmallArxiv
from tests.model_server import ModelServer, completion, error

DAY = timedelta(days=1)
CATEGORY = "cs.LG"
SEED = 7
THINGS = {
    "lanterns": "灯笼",
    "kites": "风筝",
    "clocks": "时钟",
    "bridges": "桥梁",
    "mills": "磨坊",
    "sails": "船帆",
    "wells": "水井",
    "looms": "织机",
}
DEEDS = {"dim": "变暗", "turn": "转动", "wait": "等待", "sing": "歌唱", "bend": "弯曲"}
TITLE = re.compile(r"How (\w+) number (\d+) learn to (\w+)")


def papers(first: datetime, last: datetime, seed: int) -> list[Version]:
    """Two to four papers for each announcement; some are held, revised or withdrawn."""
    chance = random.Random(seed)
    made: list[Version] = []
    for announced in announcements(first - 4 * DAY, last):
        for _ in range(chance.randint(2, 4)):
            made += _versions(len(made) + 1, announced, chance)
    return made


def _versions(number: int, announced: datetime, chance: random.Random) -> list[Version]:
    thing, deed, share = chance.choice([*THINGS]), chance.choice([*DEEDS]), _share(number)
    updated = announced - timedelta(hours=chance.randint(7, 18))
    if chance.random() < 0.1:
        announced = next(iter(announcements(announced + 12 * DAY, announced + 20 * DAY)))
    one = Version(
        paper=f"2603.{number:05}",
        number=1,
        title=f"How {thing} number {number} learn to {deed}",
        abstract=(
            f"It is hard to say when {thing} should {deed}. We show that {thing} of kind {number} "
            f"{deed} in {share} hours, and compare them with {number} others."
        ),
        comment=None,
        categories=(CATEGORY,),
        updated=updated,
        announced=announced,
    )
    drawn = chance.random()
    if drawn > 0.25:
        return [one]
    days = chance.randint(2, 6) * DAY
    comment = WITHDRAWAL if drawn < 0.05 else None
    more = "" if comment else f" A second trial took {share + 1} hours."
    later = Version(
        one.paper,
        2,
        one.title,
        one.abstract + more,
        comment,
        one.categories,
        updated + days,
        announced + days,
    )
    return [one, later]


@dataclass
class InventedWorld:
    """As the test bed's, in this process; its faults are those that a status or a text can tell."""

    server: HTTPServer
    papers: Sequence[Version]
    seed: int
    account: Account = field(default_factory=Account)
    told: Counter[str] = field(default_factory=Counter)
    """The faults that struck the model."""

    _good: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._arxiv, self._model = "", ""
        self._site = SmallArxiv(self.server)
        self._models = ModelServer(self.server)
        self._models.always = self._reply
        self._site.before_answer = self._fault_of_arxiv

    @property
    def arxiv_url(self) -> str:
        return self._site.url

    @property
    def model_url(self) -> str:
        return self._models.base_url

    def move(self, now: datetime) -> None:
        newest = {each.paper: each for each in self.papers if each.announced <= now}
        first = {each.paper: each.updated for each in self.papers if each.number == 1}
        self._site.entries = [_entry(each, first[each.paper]) for each in newest.values()]

    def upset(self, *, arxiv: str = "", model: str = "") -> None:
        self._arxiv, self._model = arxiv, model

    def settle(self) -> None:
        """What is answered is noted at once."""

    def paid_twice(self) -> int:
        return sum(times - 1 for times in self._good.values())

    def at_once(self) -> int:
        return self._site.most_at_once

    def _fault_of_arxiv(self, _: Request) -> Response | None:
        match self._drawn(self._arxiv):
            case "429" | "503" | "406" as status:
                return Response("Not now.", int(status), {"Retry-After": "1"})
            case "html":
                return Response("<html>Maintenance</html>", content_type="text/html")
            case "reset" | "truncate" | "clipped":
                return Response("<feed", content_type="application/atom+xml")
        return None

    def _reply(self, body: dict[str, Any]) -> Response:
        if self.account.on_answer is not None:
            self.account.on_answer()
        question = body["messages"][1]["content"]
        fault = "bad-json" if _is_too_hard(question) else self._drawn(self._model)
        self.told[fault] += 1
        if fault and fault[0].isdigit():
            return error(int(fault))
        good = json.dumps(_lines(question), ensure_ascii=False)
        texts = {"bad-json": "I am sorry.", "empty": "", "fenced-json": f"```json\n{good}\n```"}
        reply = completion(texts.get(fault, good))
        sent = json.dumps(body, sort_keys=True).encode()
        if fault not in ("bad-json", "empty"):
            self._good[sent.decode()] = self._good.get(sent.decode(), 0) + 1
        self.account.note(sent, reply.get_data(), whole=True)
        return reply

    def _drawn(self, spec: str) -> str:
        """The fault that strikes, of those that this world knows; none where nothing does."""
        drawn = self._chance.random()
        for item in spec.split(","):
            name, colon, share = item.partition(":")
            if colon and (drawn := drawn - float(share)) < 0:
                return name
        return ""


def _is_too_hard(question: str) -> bool:
    """Whether the model never has a usable answer, so that a gap is left to the editors."""
    found = TITLE.search(question)
    return found is not None and int(found[2]) % 11 == 0


def _share(number: int) -> int:
    return number % 97 + 3


def _lines(question: str) -> dict[str, str]:
    """What a good model says of the paper whose title stands in the question."""
    found = TITLE.search(question)
    assert found is not None
    thing, number, deed = found[1], int(found[2]), found[3]
    share = _share(number)
    return {
        "en": f"Kind {number} of these {thing} is shown to {deed} within {share} hours.",
        "zh": f"研究表明，第{number}种{THINGS[thing]}会在{share}小时内{DEEDS[deed]}。",
    }


def _entry(version: Version, first: datetime) -> Entry:
    return Entry(
        id=version.paper,
        version=version.number,
        title=version.title,
        abstract=version.abstract,
        comment=version.comment or "",
        published=f"{first:%Y-%m-%dT%H:%M:%SZ}",
        updated=f"{version.updated:%Y-%m-%dT%H:%M:%SZ}",
    )


def ten_nights(server: HTTPServer, code: Path) -> Simulation:
    """Ten nights of two topics with the same papers, with the program in `code`, to their end.

    They end early where something does not hold. The folder is gone then.
    """
    nights = plan.nights(10, SEED)
    last = nights[-1].now + 30 * DAY
    world = InventedWorld(server, papers(plan.FIRST_NIGHT, last, SEED), SEED)
    topics = (Topic("lamps", (CATEGORY,)), Topic("mills", (CATEGORY,)))
    with folder_on_a_disk() as (folder, disk):
        simulation = Simulation(Machine(folder, world, topics, code), disk)
        simulation.run(nights)
    return simulation

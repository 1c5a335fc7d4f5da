"""The world of the long run without the test bed: invented papers, a small arXiv and model."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from benchmarks.nights.corpus import WITHDRAWAL, Version, announcements
from benchmarks.nights.world import Account, letters
from tests.feeds import Entry, SmallArxiv
from tests.model_server import ModelServer, completion, error

DAY = timedelta(days=1)
CATEGORY = "cs.LG"
THINGS = ("lanterns", "kites", "clocks", "bridges", "mills", "sails", "wells", "looms")
DEEDS = ("dim", "turn", "wait", "sing", "bend", "count")


def papers(first: datetime, last: datetime, seed: int) -> list[Version]:
    """Two to four papers for each announcement; some are held, revised or withdrawn."""
    chance = random.Random(seed)
    made: list[Version] = []
    for announced in announcements(first - 4 * DAY, last):
        for _ in range(chance.randint(2, 4)):
            made += _versions(len(made) + 1, announced, chance)
    return made


def _versions(number: int, announced: datetime, chance: random.Random) -> list[Version]:
    thing, deed = chance.choice(THINGS), chance.choice(DEEDS)
    share = number % 97 + 1
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
    _good: dict[str, int] = field(default_factory=dict)
    _under_way: int = 0
    _most: int = 0

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
        fault = self._drawn(self._model)
        if fault and fault[0].isdigit():
            return error(int(fault))
        title = body["messages"][1]["content"].partition("\n")[0].removeprefix("Title: ")
        lines = {
            "en": f"The {letters(title).lower()} is told.",
            "zh": f"一句话讲{letters(title)}。",
        }
        good = json.dumps(lines, ensure_ascii=False)
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

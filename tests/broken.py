"""Three nights of an invented topic, of which two are over, and the ways in which files break."""

import shutil
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from pipeline import ledger
from pipeline.books import Spend
from pipeline.demo import demo
from pipeline.desk import Desk
from pipeline.diagnosis import Finding, of_data
from pipeline.errors import PaperlineError
from pipeline.exchange import Deliver, Job, Outcome, Paid
from pipeline.gate_settings import ReviewSettings
from pipeline.outputs import Outputs
from pipeline.progress import Plain
from pipeline.records import Lines, Policy, Usage, fingerprint
from pipeline.releasing import assembled, release
from pipeline.repair import Mended, repair
from pipeline.report import Report
from pipeline.run import Night, run_topic
from pipeline.settings import (
    ArxivSettings,
    ModelSettings,
    Settings,
    SiteSettings,
    TopicSettings,
)
from pipeline.snapshot import Snapshot
from pipeline.stages.review import Wish
from tests.nights import PROMPTS

FEED = Path(demo.__file__).parent / "night1.atom"
FIRST = datetime(2026, 1, 14, 20, 5, tzinfo=UTC)
NAMES = ("20260115_0405", "20260116_0405", "20260117_0405")
DAY = timedelta(days=1)


class Teller:
    """An executor that answers at once, and remembers its answers as `cache/` does."""

    def __init__(self) -> None:
        self.known: dict[str, Outcome] = {}
        self.paid: list[str] = []

    def run(self, jobs: Iterable[Job], deliver: Deliver, *, paid: Paid, redo: bool = False) -> None:
        del redo
        for job in jobs:
            key = job.request(job.model, {}).fingerprint()
            before = self.known.get(key)
            if before is None:
                before = self.known[key] = self._answer(job)
                self.paid.append(job.paper.id)
                paid([self._spend(job, before)])
                deliver(before)
            else:
                deliver(before.but(from_cache=True))

    def _answer(self, job: Job) -> Outcome:
        number = int(fingerprint(job.paper.id)[:4], 16)
        return Outcome(
            paper=job.paper.id,
            model=job.model,
            lines={"en": f"Tells of {number} things.", "zh": f"讲述了 {number} 件事。"},
            usage=Usage(prompt_tokens=100, completion_tokens=20, usd=0.001),
            created=FIRST,
        )

    def _spend(self, job: Job, outcome: Outcome) -> Spend:
        return Spend(
            id=fingerprint([job.paper.id, len(self.paid)])[:32],
            at=FIRST,
            topic=job.topic,
            snapshot=job.snapshot,
            paper=job.paper.id,
            model=job.model,
            usage=outcome.usage,
        )

    def collect(self, topic: str, snapshot: str, *, paid: Paid) -> None:
        """Nothing is under way."""

    def close(self) -> None:
        """Nothing is open."""


class World:
    """A folder in which nights are run; of nine papers each night shows three."""

    def __init__(self, folder: Path, teller: Teller | None = None) -> None:
        self.folder = folder
        self.teller = teller or Teller()
        self.topic = TopicSettings(name="demo", query="all:fine", limit=3)
        self.settings = Settings(
            outputs=folder / "outputs",
            cache=folder / "cache",
            prompts=PROMPTS,
            arxiv=ArxivSettings(url=FEED.as_uri(), delay=0.0, patience=0.0),
            model=ModelSettings(name="tide-1", base_url="http://127.0.0.1:9/v1"),
            site=SiteSettings(search=False),
            topic=(self.topic,),
        )
        self.outputs = Outputs(self.settings.outputs)

    def copied(self, folder: Path) -> "World":
        """The same in another folder, where its model remembers the same."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        teller = Teller()
        teller.known = dict(self.teller.known)
        made = World(folder, teller)
        with ledger.opened(made.settings.cache, made.outputs, "demo"):
            return made  # its index is of another place

    def snapshot(self, number: int) -> Snapshot:
        return self.outputs.snapshot("demo", NAMES[number - 1])

    def night(self, number: int) -> Report:
        """Run the night of that number, from 1."""
        night = Night(self.settings, FIRST + (number - 1) * DAY, self.teller, Plain())
        return run_topic(night, self.topic)

    def ends(self, number: int) -> Report | PaperlineError:
        """What comes of a night, an error included."""
        try:
            return self.night(number)
        except PaperlineError as error:
            return error

    def settings_with(self, *, policy: Policy) -> Settings:
        """The settings with another policy for digests to come."""
        return msgspec.structs.replace(self.settings, review=ReviewSettings(policy=policy))

    def assemble(self, number: int) -> None:
        """As `paperline assemble` does."""
        with self.snapshot(number).releasing():
            assembled(self.settings, self.snapshot(number))

    def decide(self, number: int, *wishes: Wish) -> None:
        """Decide on papers of a night's snapshot, and release what passes its gate."""
        at = FIRST + (number - 1) * DAY + timedelta(hours=4)
        Desk(self.settings, self.snapshot(number)).decide(wishes, editor="Mei Lan", at=at)
        release(self.settings, self.snapshot(number), at)

    def papers(self, number: int) -> list[str]:
        return [paper.id for paper in self.snapshot(number).each_paper()]

    def doctor(self) -> list[Finding]:
        """What the doctor finds in the data after the last night."""
        return [*of_data(self.settings, FIRST + 3 * DAY + timedelta(hours=1))]

    def fails(self) -> list[Finding]:
        """What the doctor finds broken."""
        return [finding for finding in self.doctor() if not finding.well]

    def repair(self, number: int) -> list[Mended]:
        """Mend the snapshot of a night; what is left is not well."""
        now = FIRST + 3 * DAY
        return [*repair(self.settings, self.snapshot(number), now)]

    def page(self, number: int) -> str:
        """What readers see of a night's digest."""
        return (self.outputs.site / "demo" / f"{NAMES[number - 1]}.html").read_text("utf-8")


def two_nights(folder: Path) -> World:
    """The first night's digest is published, the second one's waits for an editor."""
    world = World(folder)
    world.night(1)
    one, two, three = world.papers(1)
    text: Lines = {"en": "By an editor.", "zh": "编辑写的一句。"}
    world.decide(1, Wish("approve", one), Wish("edit", two, text=text), Wish("exclude", three))
    world.night(2)
    world.decide(2, Wish("approve", world.papers(2)[0]))
    return world


def _cut(data: bytes) -> bytes:
    """The last line, or what there is, without its end."""
    return data[:-20]


def _garbled(data: bytes) -> bytes:
    """A line in the middle that is no JSON any more."""
    lines = data.splitlines(keepends=True)
    place = len(lines) // 2
    lines[place] = lines[place].replace(b'"', b"'", 3)
    return b"".join(lines)


def _other_bytes(data: bytes) -> bytes:
    """A byte in the middle that no UTF-8 has there."""
    place = len(data) // 2
    return data[:place] + b"\xff" + data[place + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes | None]] = {
    "cut": _cut,
    "emptied": lambda _: b"",
    "deleted": lambda _: None,
    "garbled": _garbled,
    "not UTF-8": _other_bytes,
}


def damage(path: Path, how: str) -> bytes | None:
    """Damage a file; its bytes then, None where it is gone."""
    data = DAMAGES[how](path.read_bytes())
    if data is None:
        path.unlink()
    else:
        path.write_bytes(data)
    return data

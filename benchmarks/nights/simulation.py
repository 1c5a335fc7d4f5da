"""One night after the other: what is done to it, the runs, the editors, and the judge."""

import contextlib
import json
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from benchmarks.nights import mischief
from benchmarks.nights.evidence import Damaged, Evidence, SnapshotFiles
from benchmarks.nights.invariants.all import violations
from benchmarks.nights.invariants.case import Case, Memory, remembered, seen_by_readers, tree
from benchmarks.nights.machine import ON_THE_WIRE, Machine, killing_when
from benchmarks.nights.people import Editors, Operator
from benchmarks.nights.plan import Night

LONGEST_LIFE = 6.0
"""Seconds after which a run that is to be killed is killed at the latest."""

WEEK = timedelta(days=7)


@dataclass
class Diary:
    """What was done, and what was found, as it goes.

    `readers_lines` counts the lines by the model that readers see in the end.
    """

    done: Counter[str] = field(default_factory=Counter)
    codes: Counter[int] = field(default_factory=Counter)
    readers_lines: int = 0
    notes: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)

    def note(self, night: Night, what: str, how: str = "") -> None:
        """Something was done to a night."""
        self.done[what] += 1
        self.notes.append(f"night {night.number}: {what}{f': {how}' if how else ''}")


@dataclass
class Simulation:
    """The long run: a machine in its world, its people, and the judge."""

    machine: Machine
    disk: mischief.Disk | None
    memory: Memory = field(default_factory=Memory)
    diary: Diary = field(default_factory=Diary)

    def __post_init__(self) -> None:
        self._backups = Path(tempfile.mkdtemp(prefix="paperline-backup-"))
        self.operator = Operator(self.machine, self.memory, self._backups / "outputs")

    @property
    def evidence(self) -> Evidence:
        """What is on disk now."""
        return Evidence(self.machine.outputs, [topic.name for topic in self.machine.topics])

    def run(self, nights: Sequence[Night]) -> None:
        """All nights, and then quiet ones until everything is settled; stops at what is found."""
        try:
            for night in nights:
                self._night(night)
                if self.diary.found:
                    return
            self._quiet_end(nights[-1])
        finally:
            with contextlib.suppress(Damaged):
                self.diary.readers_lines = readers_lines(self.evidence)
            shutil.rmtree(self._backups, ignore_errors=True)

    def _night(self, night: Night) -> None:
        chance = random.Random(night.seed)
        self.machine.world.move(night.now)
        self._change_settings(night, chance)
        self._set_clock_back(night)
        self._damage(night, chance)
        self._disturbed_runs(night, chance)
        self.machine.world.upset()
        gives_up = _is_out(night) and not night.has("a file is truncated")
        if not (gives_up and chance.random() < 0.5):
            self.operator.see_it_through(night.now + timedelta(hours=4))
        self._people(night, chance)
        self._judge(night)
        self.operator.back_up()

    def _quiet_end(self, last: Night) -> None:
        """A week later nothing is the matter: what waits is shown, decided and published."""
        self.machine.limit, self.machine.search = 1000, True
        self.machine.configure()
        for number, days in enumerate((8, 9, 17), 1):
            night = Night(last.number + number, last.now + timedelta(days=days), seed=number)
            self.machine.world.move(night.now)
            done = self.operator.see_it_through(night.now)
            editors = Editors(self.machine, self.memory, random.Random(number))
            editors.read(night.now, everything=True)
            self._judge(night)
            if done.code not in (0, 3):  # a paper may be too hard for a model
                self.diary.found.append(f"a quiet night ends with {done.code}: {done.err.strip()}")
        evidence = self.evidence
        waiting = [
            f"{topic.name}: {len(topic.waiting)}" for topic in evidence.topics if topic.waiting
        ]
        drafts = [name for name, _ in Editors(self.machine, self.memory, random.Random()).drafts()]
        self.diary.found += [f"in the end: {what}" for what in self.operator.complaints()]
        if waiting or drafts:
            self.diary.found.append(f"in the end something waits: {waiting} {drafts}")

    def _change_settings(self, night: Night, chance: random.Random) -> None:
        if night.has("the prompt is changed"):
            mischief.change_the_prompt(self.machine, chance)
            self.diary.note(night, "the prompt is changed")
        if night.has("the glossary is changed"):
            mischief.change_the_glossary(self.machine, chance)
            self.diary.note(night, "the glossary is changed")
        if night.has("the limit is changed"):
            self.machine.limit = chance.choice((3, 5, 7, 12, 40))
            self.machine.configure()
            self.diary.note(night, "the limit is changed", str(self.machine.limit))

    def _set_clock_back(self, night: Night) -> None:
        """A run of yesterday's time is refused, and changes nothing."""
        if not night.has("the clock is set back"):
            return
        before = tree(self.machine.outputs)
        newest = min(topic.snapshots[-1].instant for topic in self.evidence.topics)
        done = self.operator.run(newest - timedelta(hours=1))
        self.machine.world.move(night.now)
        after = tree(self.machine.outputs)
        changed = {
            name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
        }
        changed = {name for name in changed if "runs.jsonl" not in name and ".lock" not in name}
        if done.code not in (1, 2) or changed:
            self.diary.found.append(
                f"a clock set back: code {done.code}, changed {sorted(changed)}: {done.err.strip()}"
            )
        self.diary.note(night, "the clock is set back")

    def _damage(self, night: Night, chance: random.Random) -> None:
        if night.has("the cache is corrupted") and (
            how := mischief.corrupt_the_cache(self.machine, chance)
        ):
            self.memory.cache_lost = True
            self.diary.note(night, "the cache is corrupted", how)
        if night.has("the index is corrupted") and (
            how := mischief.corrupt_the_index(self.machine, chance)
        ):
            self.diary.note(night, "the index is corrupted", how)
        if night.has("a file is truncated") and (
            how := mischief.truncate_a_file(self.machine, night.now, chance)
        ):
            if self.memory.cache_lost and how.endswith("2-summaries.jsonl"):
                self.memory.asked_again += len(
                    SnapshotFiles((self.machine.outputs / how).parent).papers
                )
            if how.endswith("6-published.jsonl"):
                # It may be made again, shorter: what readers see is judged all the same.
                self.memory.files.pop(how, None)
            self.diary.note(night, "a file is truncated", how)

    def _disturbed_runs(self, night: Night, chance: random.Random) -> None:
        """The runs while something is the matter; none where nothing is."""
        arxiv = model = ""
        if night.has("arXiv has defects"):
            arxiv = mischief.ARXIV_DEFECTS
            self.diary.note(night, "arXiv has defects")
        if night.has("the model has faults"):
            model = mischief.MODEL_FAULTS
            self.diary.note(night, "the model has faults")
        if night.has("arXiv is out for hours"):
            arxiv = mischief.OUT
            self.diary.note(night, "arXiv is out for hours")
        if night.has("the model is out for hours"):
            model = mischief.OUT
            self.diary.note(night, "the model is out for hours")
        self.machine.world.upset(arxiv=arxiv, model=model)
        if night.has("the disk is full"):
            self._run_on_a_full_disk(night, chance)
        if night.has("a run is killed"):
            for _ in range(chance.randint(1, 3)):
                self._run_and_kill(night, chance)
        if night.has("two runs at once"):
            self._run_twice_at_once(night)
        if arxiv or model:
            self.operator.run(night.now)

    def _run_on_a_full_disk(self, night: Night, chance: random.Random) -> None:
        """One run; where no file system may be mounted, with no room for files of some size."""
        left = chance.choice((0, 4096, 20_000, 60_000, 150_000))
        if self.disk is None:
            done = self.operator.run(night.now, room=left)
        else:
            with self.disk.full(left):
                done = self.operator.run(night.now)
        self._count_the_wire()
        self.diary.note(night, "the disk is full", f"{left} bytes left, code {done.code}")

    def _run_and_kill(self, night: Night, chance: random.Random) -> None:
        when, happened = mischief.moments(self.machine, chance)
        process = self.machine.start(*self.machine.night(night.now))
        with killing_when(process, happened, chance.uniform(0.3, LONGEST_LIFE)):
            done = self.machine.finish(process)
        if done.code == -9:
            self._count_the_wire()
            self.diary.note(night, "a run is killed", when)
        else:
            self.memory.runs.append((f"a run of night {night.number}", done))

    def _count_the_wire(self) -> None:
        """Add what was paid for and is not booked: the answers that a broken run may have lost."""
        self.machine.world.settle()
        booked = len(_ids(self.machine.outputs / "spend.jsonl"))
        whole = sum(each.whole for each in self.machine.world.account.answers)
        unbooked = whole - booked - self.memory.lost_on_the_wire
        self.memory.lost_on_the_wire += min(ON_THE_WIRE, max(unbooked, 0))

    def _run_twice_at_once(self, night: Night) -> None:
        processes = [self.machine.start(*self.machine.night(night.now)) for _ in range(2)]
        codes = []
        for process in processes:
            done = self.machine.finish(process)
            self.memory.runs.append((f"one of two runs of night {night.number}", done))
            codes.append(done.code)
        self.diary.note(night, "two runs at once", f"codes {codes}")

    def _people(self, night: Night, chance: random.Random) -> None:
        editors = Editors(self.machine, self.memory, chance)
        if night.has("a decision is killed") and editors.decide_and_be_killed():
            self.diary.note(night, "a decision is killed")
        if night.has("nobody decides"):
            self.diary.note(night, "nobody decides")
        else:
            editors.read(night.now)
        if night.has("a correction"):
            editors.correct()
            self.diary.note(night, "a correction")
        if night.has("a week is skipped"):
            self.diary.note(night, "a week is skipped")

    def _judge(self, night: Night) -> None:
        case = Case(self.machine, self.evidence, self.memory)
        if self.memory.cache_lost:
            with contextlib.suppress(Damaged):  # which the judge tells
                self.memory.asked_again = max(self.memory.asked_again, _in_several(case.evidence))
        with tempfile.TemporaryDirectory(prefix="paperline-rebuilt-") as scratch:
            found = violations(case, Path(scratch))
        if night.has("a file is truncated") or night.has("the cache is corrupted"):
            found += [f"doctor still finds: {what}" for what in self.operator.complaints()]
        self.diary.found += [f"night {night.number}: {what}" for what in found]
        self.diary.codes.update(done.code for _, done in self.memory.runs)
        self.memory.runs.clear()
        self.machine.said.clear()
        self.memory.files = remembered(case)
        self.memory.seen = seen_by_readers(case)


def readers_lines(evidence: Evidence) -> int:
    """The lines by the model that are published."""
    releases = [each.releases[-1]["digest"] for each in evidence.snapshots if each.releases]
    entries = [entry for digest in releases for entry in digest["papers"]]
    return sum(line["origin"] == "model" for e in entries for line in e["lines"].values())


def _ids(books: Path) -> set[str]:
    """The answers that are booked; a line that was cut off is none."""
    text = books.read_text(encoding="utf-8") if books.exists() else ""
    lines = text.splitlines() if text.endswith("\n") else text.splitlines()[:-1]
    return {json.loads(line)["id"] for line in lines}


def _is_out(night: Night) -> bool:
    return night.has("arXiv is out for hours") or night.has("the model is out for hours")


def _in_several(evidence: Evidence) -> int:
    """How many lines stand in more than one snapshot: without the cache they are paid for again.

    A later version may say the same to the model.
    """
    seen = Counter(
        (line["paper"], line["prompt_fingerprint"])
        for snapshot in evidence.snapshots
        for line in snapshot.summaries
        if line["origin"] == "model"
    )
    return seen.total() - len(seen)


@contextlib.contextmanager
def folder_on_a_disk() -> Iterator[tuple[Path, mischief.Disk | None]]:
    """A new folder, on a file system of its own where one can be mounted."""
    with tempfile.TemporaryDirectory(prefix="paperline-nights-") as name:
        folder = Path(name)
        with mischief.disk_of_its_own(folder) as disk:
            yield folder, disk

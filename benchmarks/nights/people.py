"""The operator, who does what the errors and doctor say, and the editors, by script."""

import json
import random
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.nights.evidence import Json
from benchmarks.nights.invariants.case import Memory, Word
from benchmarks.nights.machine import Done, Machine, killing_when

PATIENCE = timedelta(days=3)
"""How long an editor waits for a gap to be healed before he writes the lines himself."""


@dataclass
class Operator:
    """Runs the night, and mends what the program says is to be mended, in its own words."""

    machine: Machine
    memory: Memory
    backup: Path
    repairs: list[str] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)

    def run(self, now: datetime, *, room: int | None = None) -> Done:
        """One run as of `now`, which it then is; what it said is remembered."""
        self.machine.world.move(now)
        done = self.machine.finish(self.machine.start(*self.machine.night(now), room=room))
        self.memory.runs.append((f"the run of {now:%Y-%m-%d %H:%M}", done))
        return done

    def see_it_through(self, now: datetime) -> Done:
        """Run until the night ends well; after a failure do what doctor says, and run again."""
        done = self.run(now)
        for _ in range(4):
            if done.code in (0, 3):
                break
            if done.code == 1:
                self.heed_the_doctor()
            now += timedelta(hours=1)
            done = self.run(now)
        # What a night names as missing may ask for a repair, too.
        if done.code == 3 and re.search("paperline repair|backup", done.err):
            self.heed_the_doctor()
            done = self.run(now + timedelta(minutes=30))
        return done

    def complaints(self) -> list[str]:
        """What doctor finds broken."""
        return [each["what"] for each in self._examined() if each["state"] == "fail"]

    def _examined(self) -> list[Json]:
        told = self.machine.paperline("doctor", "--offline", "--json")
        found: list[Json] = json.loads(told.out) if told.out.startswith("[") else []
        return found

    def heed_the_doctor(self) -> None:
        """Run each command that doctor names; restore what it says only a backup can."""
        for finding in self._examined():
            command = (finding.get("command") or "").split()
            if finding["state"] != "fail":
                continue
            if command[:2] == ["paperline", "repair"]:
                self._repair(command[2])
            elif "backup" in finding["what"]:
                self._restore(finding["what"])

    def _repair(self, snapshot: str) -> None:
        done = self.machine.paperline("repair", snapshot)
        self.memory.runs.append((f"repair {snapshot}", done))
        self.repairs.append(snapshot)
        if done.code == 1:
            self._restore(done.out + done.err)

    def _restore(self, told: str) -> None:
        """Put the named files back as they were after the last night."""
        for name in {*re.findall(r"outputs/([\w./-]+\.jsonl?)\b", told)}:
            kept, present = self.backup / name, self.machine.outputs / name
            if not kept.is_file() or not _blamed(name, told):
                continue
            if name == "spend.jsonl":  # to which was booked since
                lines = kept.read_bytes().splitlines(keepends=True)
                since = present.read_bytes().splitlines(keepends=True)
                present.write_bytes(b"".join(dict.fromkeys((*lines, *since))))
            else:
                shutil.copy2(kept, present)
            self.restored.append(name)

    def back_up(self) -> None:
        """Copy all that matters, as one does every day."""
        shutil.rmtree(self.backup, ignore_errors=True)
        ignored = shutil.ignore_patterns("site", "*.lock", "*.html", "*.md")
        shutil.copytree(self.machine.outputs, self.backup, ignore=ignored)


def _blamed(name: str, told: str) -> bool:
    """Whether a sentence that names the file speaks of a backup."""
    return any(name in line and "backup" in line for line in told.splitlines())


@dataclass
class Editors:
    """Read drafts, and decide: most lines are good, some are mended, left out, or wait."""

    machine: Machine
    memory: Memory
    chance: random.Random

    def drafts(self) -> Iterator[tuple[str, Json]]:
        """Every digest that waits, by its snapshot's name."""
        for path in sorted(self.machine.outputs.glob("*/*/5-digest.json")):
            digest = json.loads(path.read_text(encoding="utf-8"))
            if digest["status"] == "draft":
                yield f"{digest['topic']}/{digest['snapshot']}", digest

    def read(self, now: datetime, *, everything: bool = False) -> None:
        """Look through some of the drafts, or all; decide on what is ripe."""
        words: list[Word] = []
        for snapshot, digest in self.drafts():
            if everything or self.chance.random() < 0.7:
                words += self._decided(snapshot, digest, now, everything=everything)
        self._say(words)

    def correct(self) -> None:
        """Write another line for a paper that is published already."""
        paths = sorted(self.machine.outputs.glob("*/*/5-digest.json"))
        self.chance.shuffle(paths)
        for path in paths:
            digest = json.loads(path.read_text(encoding="utf-8"))
            if digest["status"] == "published" and digest["papers"]:
                entry = self.chance.choice(digest["papers"])
                name = f"{digest['topic']}/{digest['snapshot']}"
                self._say([self._edit(name, entry, "Corrected")])
                return

    def decide_and_be_killed(self) -> bool:
        """Take one decision in a process that is killed at some time; whether there was any."""
        for snapshot, digest in self.drafts():
            entries = [each for each in digest["papers"] if not _settled(each)]
            if entries:
                word = self._edit(snapshot, self.chance.choice(entries), "Hasty")
                process = self.machine.start(*_command(word))
                with killing_when(process, lambda: False, self.chance.uniform(0.1, 1.5)):
                    done = self.machine.finish(process)
                told = Word(word.snapshot, word.paper, word.action, word.lines, done.code == 0)
                self.memory.words.append(told)
                return True
        return False

    def _decided(
        self, snapshot: str, digest: Json, now: datetime, *, everything: bool
    ) -> Iterator[Word]:
        wrong = {f["paper"] for f in digest["findings"] if f["severity"] == "error"}
        ripe = everything or now - datetime.fromisoformat(digest["instant"]) > PATIENCE
        for entry in digest["papers"]:
            if _settled(entry) or (entry["gap"] and not ripe):
                continue
            drawn = self.chance.random()
            shown = {language: line["text"] for language, line in entry["lines"].items()}
            paper = entry["paper"]["id"]
            if drawn < 0.05 and not everything:
                yield Word(snapshot, paper, "hold", None, acknowledged=True)
            elif drawn < 0.12:
                yield Word(snapshot, paper, "exclude", shown, acknowledged=True)
            elif drawn < 0.25 or entry["gap"] or paper in wrong or len(shown) < 2:
                yield self._edit(snapshot, entry, "Edited")
            else:
                yield Word(snapshot, paper, "approve", shown, acknowledged=True)

    def _edit(self, snapshot: str, entry: Json, how: str) -> Word:
        number = self.chance.randrange(10**6)
        lines = {"en": f"{how} line {number} of an editor.", "zh": f"编辑写下的第{number}句话。"}
        return Word(snapshot, entry["paper"]["id"], "edit", lines, acknowledged=True)

    def _say(self, words: Sequence[Word]) -> None:
        """Give the commands; what was acknowledged is kept in mind."""
        if not words:
            return
        codes = self.machine.one_by_one([_command(word) for word in words])
        for word, code in zip(words, codes, strict=True):
            told = Word(word.snapshot, word.paper, word.action, word.lines, code in (0, 3))
            self.memory.words.append(told)


def _settled(entry: Json) -> bool:
    taken = entry["decision"]
    return taken is not None and taken["action"] in ("approve", "edit")


def _command(word: Word) -> list[str]:
    command = ["decide", word.snapshot, word.paper, word.action, "--editor", "Ada"]
    if word.action == "edit":
        lines = word.lines or {}
        command += ["--en", lines["en"], "--zh", lines["zh"]]
    return command

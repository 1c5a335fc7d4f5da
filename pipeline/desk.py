"""A snapshot as its editors see it: kept in memory, and brought up to date from its files.

Deciding on one of a thousand papers then costs one append to a file. The files stay the
truth: before anything is shown or decided, those that changed are read again.
"""

import itertools
import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from pipeline import composition
from pipeline.composition import Material
from pipeline.errors import UsageError
from pipeline.files import stamp
from pipeline.records import Decision, Digest, Entry, Finding, Paper, Summary
from pipeline.settings import Settings
from pipeline.snapshot import Snapshot
from pipeline.stages import review
from pipeline.stages.assemble import earlier_than, gathered
from pipeline.stages.review import Sight, Wish


@dataclass(frozen=True)
class View:
    """A snapshot at one moment, when so many `decisions` had been taken.

    `material.state` alone may have gone on since.
    """

    material: Material
    digest: Digest
    decisions: int

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """What the digest shows, by paper and in its order."""
        return {entry.paper.id: entry for entry in self.digest.papers}

    @cached_property
    def flaws(self) -> dict[str, list[Finding]]:
        """The findings about the lines on show, by paper."""
        by_paper = defaultdict(list)
        for finding in self.digest.findings:
            by_paper[finding.paper].append(finding)
        return by_paper

    @cached_property
    def order(self) -> list[Paper]:
        """The papers in the digest's order, those that were left out behind the others."""
        return [self.material.papers[id_] for id_ in (*self.entries, *self.left_out)]

    @cached_property
    def left_out(self) -> dict[str, Decision]:
        """The decisions that left papers out, by paper."""
        return {decision.paper: decision for decision in self.digest.excluded if decision.paper}

    def sight(self, paper: str) -> Sight:
        """What was on show of a paper at that moment. Raises `UsageError` where there is none."""
        if paper in self.entries:
            return Sight.of(self.entries[paper])
        if paper in self.left_out:
            return Sight.left_out(self.material.papers[paper], self.left_out[paper])
        return review.on_show(self.material, paper)

    def candidates(self, paper: str) -> list[Summary]:
        """The checked candidates of a paper, oldest first."""
        return self.material.of_paper.get(paper, [])


class Desk:
    """One snapshot under review, by any number of threads.

    Whoever holds `turn` keeps the other threads of this process from deciding; they may look
    all the same while nothing has changed.
    """

    def __init__(self, settings: Settings, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._settings = settings
        self.turn = threading.RLock()
        self._known: tuple[dict[str, str], View] | None = None
        self._shown: dict[str, Entry | None] = {}
        self._before: list[Snapshot] = []

    def view(self) -> View:
        """The snapshot as it is on disk. Raises `UsageError` before its digest was assembled."""
        known = self._known
        if known is not None and self._stamped() == known[0]:
            return known[1]
        with self.turn:
            if self._known is None or self._stamped() != self._known[0]:
                before = earlier_than(self._settings, self.snapshot)
                self._before = [*itertools.islice(before, 1)]
                stamps = self._stamped()  # before reading: what changes meanwhile is new
                self._known = stamps, self._read()
            return self._known[1]

    def decide(self, wishes: Sequence[Wish], *, editor: str, at: datetime) -> list[Decision]:
        """Take decisions, all or none of them; they are on disk when this returns.

        Raises as `review.decide` does.
        """
        return self.decided(wishes, editor=editor, at=at)[0]

    def decided(
        self, wishes: Sequence[Wish], *, editor: str, at: datetime
    ) -> tuple[list[Decision], View]:
        """As `decide`; also the snapshot right after, before anybody else could decide.

        That holds for other processes and, where `turn` is held, for the `state` as well.
        """
        with self.turn, self.snapshot.releasing():
            material = self.view().material
            taken = review.decide(self.snapshot, material, wishes, editor=editor, at=at)
            for paper in {decision.paper for decision in taken if decision.paper is not None}:
                self._shown[paper] = composition.entry(material, material.papers[paper])
            after = self._seen(material)
            # Of the other files another process may have written one just now.
            stamps = self._known[0] if self._known else {}
            self._known = stamps | self.snapshot.decisions_stamp(), after
        return taken, after

    def _stamped(self) -> dict[str, str]:
        # Later snapshots show what was withdrawn; the one before has decisions that carry over.
        topic = self.snapshot.folder.parent
        beside = [topic, *(one.digest_json for one in self._before)]
        return self.snapshot.stamps() | {str(path): stamp(path) for path in beside}

    def _read(self) -> View:
        if not self.snapshot.digest_json.exists():
            raise UsageError(
                f"{self.snapshot} has no digest yet to decide on",
                next_step=f"Run paperline run {self.snapshot.topic}",
            )
        material = gathered(self._settings, self.snapshot)
        self._shown = {
            id_: composition.entry(material, paper) for id_, paper in material.papers.items()
        }
        return self._seen(material)

    def _seen(self, material: Material) -> View:
        digest = composition.digest(material, self._shown)
        return View(material, digest, len(material.state.taken))

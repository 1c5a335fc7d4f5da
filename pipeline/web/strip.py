"""All papers of a snapshot as the review page lists them, and what is to be done next."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from pipeline.decisions import SETTLING, waited_for
from pipeline.desk import View
from pipeline.records import Entry, Finding, Paper, fingerprint
from pipeline.stages.review import Wish, introduction_mark

Filter = Literal["all", "undecided", "flagged", "gap"]
FILTERS: tuple[Filter, ...] = ("all", "undecided", "flagged", "gap")
"""Which papers the strip lists."""

Flag = Literal["gap", "error", "warning", ""]


@dataclass(frozen=True)
class Item:
    """One paper in the strip. `number` is its place in the digest, from 1; `slot` never changes.

    `state` is the action in force on it, or `undecided`; `flag` the worst that there is to see.
    """

    slot: int
    number: int
    paper: Paper
    state: str
    flag: Flag
    pinned: bool

    @property
    def settled(self) -> bool:
        """Whether it waits for nobody."""
        return self.state in SETTLING

    def passes(self, chosen: Filter) -> bool:
        """Whether a filter lists it."""
        wanted = {
            "undecided": not self.settled,
            "flagged": self.flag != "",
            "gap": self.flag == "gap",
        }
        return wanted.get(chosen, True)


@dataclass(frozen=True)
class Strip:
    """All papers of a snapshot in the digest's order, those left out behind the others."""

    view: View

    @cached_property
    def items(self) -> list[Item]:
        """Every paper, once."""
        slots = {id_: slot for slot, id_ in enumerate(self.view.material.papers)}
        return [
            self._item(slots[paper.id], number, paper)
            for number, paper in enumerate(self.view.order, 1)
        ]

    def item(self, paper: str) -> Item | None:
        """A paper's item."""
        return next((item for item in self.items if item.paper.id == paper), None)

    def listed(self, chosen: Filter) -> list[Item]:
        """Those that a filter lists."""
        return [item for item in self.items if item.passes(chosen)]

    def next_undecided(self, after: str | None, chosen: Filter) -> str | None:
        """The paper to look at after one: the next that is not settled, from the top again."""
        items = self.items
        place = next((n for n, item in enumerate(items) if item.paper.id == after), -1)
        ahead = [*items[place + 1 :], *items[: place + 1]]
        open_ = [i for i in ahead if not i.settled and i.state != "hold" and i.paper.id != after]
        held = [i for i in ahead if i.state == "hold" and i.paper.id != after]
        passing = [item for item in open_ if item.passes(chosen)]
        return next((item.paper.id for item in (*passing, *open_, *held)), None)

    @cached_property
    def settled(self) -> int:
        """How many papers wait for nobody."""
        return sum(item.settled for item in self.items)

    @cached_property
    def waited_for(self) -> int:
        """How many keep the gate shut."""
        return len(waited_for(self.view.digest, self.view.digest.policy))

    @property
    def is_out(self) -> bool:
        """Whether readers see an earlier state of the digest."""
        released = self.view.material.released
        return released is not None and released.why is None

    @cached_property
    def blameless(self) -> list[Item]:
        """The papers with lines that nobody has decided on, without gap, error or warning."""
        entries = self.view.entries
        return [
            item
            for item in self.items
            if item.state == "undecided" and not item.flag and entries[item.paper.id].lines
        ]

    @cached_property
    def mark(self) -> str:
        """Fingerprint of all that the digest shows, by which a change since is noticed."""
        seen = [
            [item.paper.id, item.pinned, self.view.sight(item.paper.id).mark] for item in self.items
        ]
        return fingerprint([seen, introduction_mark(self.view.digest.introduction)])[:16]

    def blameless_wishes(self) -> list[Wish]:
        """Approvals of all these, on exactly the lines that are shown."""
        return [
            Wish("approve", item.paper.id, seen=self.view.sight(item.paper.id).mark)
            for item in self.blameless
        ]

    @cached_property
    def blameless_mark(self) -> str:
        """Fingerprint of what would be approved, by which a change since is noticed."""
        return fingerprint([[wish.paper, wish.seen] for wish in self.blameless_wishes()])[:16]

    def _item(self, slot: int, number: int, paper: Paper) -> Item:
        entry = self.view.entries.get(paper.id)
        state = "exclude" if entry is None else "undecided"
        if entry is not None and entry.decision is not None:
            state = entry.decision.action
        return Item(
            slot=slot,
            number=number,
            paper=paper,
            state=state,
            flag=_flag(entry, self.view.flaws.get(paper.id, ())),
            pinned=entry is not None and entry.pinned,
        )


def _flag(entry: Entry | None, flaws: Sequence[Finding]) -> Flag:
    if entry is None:
        return ""
    if entry.gap:
        return "gap"
    severities = {finding.severity for finding in flaws}
    return "error" if "error" in severities else "warning" if "warning" in severities else ""

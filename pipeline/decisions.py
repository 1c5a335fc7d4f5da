"""What editors' decisions add up to, and whether they open the gate; pure.

The state is a fold over `4-decisions.jsonl`: the last decision on a paper's lines counts,
and `reopen` takes it back. Pins, moves and the introduction are folded beside it.
"""

from collections import Counter
from collections.abc import Iterable

from pipeline.records import (
    Action,
    Decision,
    Digest,
    Entry,
    Language,
    Lines,
    Policy,
    fingerprint,
)

ON_LINES: frozenset[Action] = frozenset(("approve", "edit", "exclude", "hold", "reopen"))
"""The actions that decide whether and with which lines a paper is shown."""

SETTLING: frozenset[Action] = frozenset(("approve", "edit", "exclude"))
"""Those after which a paper waits for nobody."""


class State:
    """What decisions add up to, one after another.

    `in_force`: the decision on the lines of each paper that has one; `touched`: the papers whose
    lines were ever decided on here; `arranged_times`: how often each was pinned or moved.
    """

    def __init__(self, decisions: Iterable[Decision] = ()) -> None:
        self.taken: list[Decision] = []
        self.in_force: dict[str, Decision] = {}
        self.touched: set[str] = set()
        self.pinned: set[str] = set()
        self.introduction: Decision | None = None
        self.arranged_times: Counter[str] = Counter()
        self._authors: dict[tuple[str, Language, str], str] = {}
        self._moves: list[tuple[str, str | None]] = []
        for decision in decisions:
            self.take(decision)

    def take(self, decision: Decision) -> None:
        """Add the next decision."""
        self.taken.append(decision)
        paper = decision.paper
        if paper is None:
            self.introduction = decision if decision.lines else None
        elif decision.action in ON_LINES:
            self.touched.add(paper)
            if decision.action == "reopen":
                self.in_force.pop(paper, None)
            else:
                self.in_force[paper] = decision
            if decision.action == "edit":
                for language, text in (decision.lines or {}).items():
                    self._authors.setdefault((paper, language, text), decision.reviewer)
        elif decision.action == "move":
            self._moves.append((paper, decision.before))
        elif decision.action == "pin":
            self.pinned.add(paper)
        else:
            self.pinned.discard(paper)
        if paper is not None and decision.action not in ON_LINES:
            self.arranged_times[paper] += 1

    def author(self, paper: str, language: Language, text: str) -> str | None:
        """Who wrote a line first; None where no editor did."""
        return self._authors.get((paper, language, text))

    def arranged(self, papers: Iterable[str]) -> list[str]:
        """The papers in the order that editors gave them: pinned ones first."""
        # The sort is stable, so moves hold among the pinned and among the others.
        return sorted(self.moved(papers), key=lambda paper: paper not in self.pinned)

    def moved(self, papers: Iterable[str]) -> list[str]:
        """The papers in the order that they would have if none were pinned."""
        order = list(papers)
        known = set(order)
        for paper, before in self._moves:
            if paper in known and paper != before:
                order.remove(paper)
                order.insert(order.index(before) if before in known else len(order), paper)
        return order

    def history(self, paper: str | None) -> list[Decision]:
        """All decisions on a paper, or with None on the digest as a whole, oldest first."""
        return [decision for decision in self.taken if decision.paper == paper]


def sight(version: int, summary: str | None, lines: Lines, decision: Decision | None) -> str:
    """Fingerprint of what an editor sees of a paper, by which a change since is noticed."""
    taken = decision.to_json() if decision else None
    return fingerprint([version, summary, lines, taken])[:16]


def waited_for(digest: Digest, policy: Policy) -> tuple[Entry, ...]:
    """The papers that keep the gate shut under `policy`; empty when the digest may be released."""
    if policy == "none":
        return ()
    flagged = digest.flagged
    return tuple(e for e in digest.undecided if policy == "all" or e.gap or e.paper.id in flagged)

"""Which of the papers that were found a snapshot shows, and where each of the others goes.

Nothing gets lost on the way: every paper is shown, waits, is left out as seen or is filtered
by a rule that is named, and the books must say so.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase

from pipeline.errors import UnbalancedBooks
from pipeline.ledger import Shown, is_due, status_of
from pipeline.records import Order, Paper, Status, Waiting
from pipeline.settings import TopicSettings
from pipeline.sources.document import mentions
from pipeline.sources.source import date_of

FILTERS = ("categories", "exclude", "revised", "future", "unreadable")
"""The rules that leave papers out: of the topic's settings; updated after now; no paper at all."""

SHOWN: tuple[Status, ...] = ("new", "revised", "seen", "withdrawn")

Find = Callable[[str], Shown | None]
"""What the topic has shown of the paper with an id."""


@dataclass
class Choice:
    """What becomes of the papers that were found.

    `papers` are the snapshot's, with their statuses, in digest order; `rest` waits for a
    later one; `held` are the snapshot's as they wait until it is there. `filtered` has ids
    by rule, `seen` those that were shown and have not changed. `fetched` counts papers, each
    once, those that waited before and entries that are no papers included.
    """

    papers: list[Paper] = field(default_factory=list)
    held: list[Waiting] = field(default_factory=list)
    rest: list[Waiting] = field(default_factory=list)
    filtered: dict[str, list[str]] = field(default_factory=lambda: {rule: [] for rule in FILTERS})
    seen: list[str] = field(default_factory=list)
    fetched: int = 0

    def counts(self) -> dict[str, int]:
        """The books: `fetched` is the sum of all the others. Raises `UnbalancedBooks`."""
        statuses = Counter(paper.status for paper in self.papers)
        others = {
            **{str(status): statuses[status] for status in SHOWN},
            "left_out_as_seen": len(self.seen),
            **{f"filtered_{rule}": len(ids) for rule, ids in self.filtered.items()},
            "waiting": len(self.rest),
        }
        if self.fetched != sum(others.values()):
            told = " + ".join(f"{count} {name}" for name, count in others.items() if count)
            raise UnbalancedBooks(
                f"the books do not balance: {self.fetched} fetched, but {told or 0}",
                next_step="Nothing was written; report it with the output of paperline --debug",
            )
        return {"fetched": self.fetched, **others}


class Chooser:
    """Decides on papers for one snapshot of a topic as of `now`."""

    def __init__(self, topic: TopicSettings, now: datetime, shown: Find) -> None:
        self._topic = topic
        self._now = now
        self._shown = shown

    def unshown(self, found: Iterable[Paper], waiting: Iterable[Waiting]) -> Choice:
        """What the topic has not shown yet, newest first; what is over the limit waits.

        Papers asked for by hand come before the limit and pass every filter.
        """
        candidates = {each.paper.id: each for each in waiting}
        for paper in found:
            waits = candidates.get(paper.id)
            if waits is None:
                candidates[paper.id] = Waiting(paper=paper, reason="limit", since=self._now)
            elif waits.paper.version < paper.version:
                candidates[paper.id] = waits.but(paper=paper)
        choice = Choice(fetched=len(candidates))
        due = {}
        for id_, candidate in candidates.items():
            rule = self._rule(candidate)
            if rule is not None:
                choice.filtered[rule].append(id_)
            elif not is_due(candidate.paper, self._shown(id_)):
                choice.seen.append(id_)
            else:
                due[id_] = candidate
        self._share_out(due, choice)
        return choice

    def newest(self, found: Iterable[Paper], waiting: Iterable[Waiting], last: set[str]) -> Choice:
        """The newest papers, shown before or not, and those asked for by hand.

        `found` is read until there are enough. Nothing is shown where they are `last`, the
        versioned ids of the snapshot before.
        """
        candidates, rest = {}, []
        for waits in waiting:
            if waits.reason == "by hand":
                candidates[waits.paper.id] = waits
            else:
                rest.append(waits)
        choice = Choice(fetched=len(candidates) + len(rest), rest=rest)
        met = set(candidates)
        for paper in found:
            if len(candidates) >= self._topic.limit:
                break
            if paper.id in met:
                continue
            met.add(paper.id)
            choice.fetched += 1
            candidate = Waiting(paper=paper, reason="limit", since=self._now)
            rule = self._rule(candidate)
            if rule is None:
                candidates[paper.id] = candidate
            else:
                choice.filtered[rule].append(paper.id)
        if {versioned(each.paper) for each in candidates.values()} == last:
            choice.seen += candidates
        else:
            self._show(candidates.values(), choice)
        return choice

    def _rule(self, candidate: Waiting) -> str | None:
        """The rule that leaves a paper out, if any; none does what was asked for by hand."""
        paper, topic = candidate.paper, self._topic
        if paper.latest > self._now:
            return "future"
        if candidate.reason == "by hand":
            return None
        if topic.categories and not _is_in(paper, topic.categories):
            return "categories"
        if any(mentions(paper, keyword) for keyword in topic.exclude):
            return "exclude"
        if topic.revised == "skip" and status_of(paper, self._shown(paper.id)) == "revised":
            return "revised"
        return None

    def _share_out(self, due: dict[str, Waiting], choice: Choice) -> None:
        """Up to the limit for this snapshot, the rest for later ones."""
        newest = _sorted(due.values(), self._topic.order)
        newest.sort(key=lambda each: each.reason != "by hand")
        self._show(newest[: self._topic.limit], choice)
        over = _sorted(newest[self._topic.limit :], self._topic.order)
        choice.rest = [e.but(reason="by hand" if e.reason == "by hand" else "limit") for e in over]

    def _show(self, chosen: Iterable[Waiting], choice: Choice) -> None:
        for each in _sorted(chosen, self._topic.order):
            status = status_of(each.paper, self._shown(each.paper.id))
            reason = each.reason if each.reason == "by hand" else "unfinished"
            choice.papers.append(each.paper.but(status=status))
            choice.held.append(each.but(paper=choice.papers[-1], reason=reason))


def versioned(paper: Paper) -> str:
    """`2604.00001v2`."""
    return f"{paper.id}v{paper.version}"


def _sorted(candidates: Iterable[Waiting], order: Order) -> list[Waiting]:
    """Newest first; the source's order among equals."""
    return sorted(candidates, key=lambda each: date_of(each.paper, order), reverse=True)


def _is_in(paper: Paper, categories: Iterable[str]) -> bool:
    return any(fnmatchcase(has, wanted) for has in paper.categories for wanted in categories)

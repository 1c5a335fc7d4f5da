"""Which of the papers that were found a snapshot shows, and where each of the others goes.

Nothing gets lost on the way: every paper is shown, waits, is left out as seen or is filtered
by a rule that is named, and the books must say so.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Literal

from pipeline.books import Waiting
from pipeline.errors import QueryRefused, UnbalancedBooks
from pipeline.ledger import Shown, is_due, is_withdrawn, status_of
from pipeline.records import Order, Paper, Status
from pipeline.settings import TopicSettings
from pipeline.sources.document import Document, mentions
from pipeline.sources.query import parse
from pipeline.sources.source import date_of

FILTERS = ("query", "categories", "exclude", "revised", "future", "unreadable")
"""The rules that leave papers out.

Four are the topic's settings (`query`: a paper waits that an earlier query found); `future`
is what was updated after now, `unreadable` what is no paper at all.
"""

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
    """Decides on papers for one snapshot of a topic as of `now`.

    What was updated after `until` (`now` where it is left out) does not exist yet.
    """

    def __init__(
        self, topic: TopicSettings, now: datetime, shown: Find, *, until: datetime | None = None
    ) -> None:
        self._topic = topic
        self._now = now
        self._shown = shown
        self._until = until or now

    def unshown(self, found: Iterable[Paper], waiting: Iterable[Waiting]) -> Choice:
        """What the topic has not shown yet, newest first; what is over the limit waits.

        Papers asked for by hand, and withdrawals of papers that were shown, come beside the
        limit and pass every filter.
        """
        candidates = {each.paper.id: each for each in waiting}
        waited = set(candidates)
        for paper in found:
            candidates[paper.id] = self._candidate(paper, candidates.get(paper.id))
        choice = Choice(fetched=len(candidates))
        due = []
        for id_, candidate in candidates.items():
            if not is_due(candidate.paper, self._shown(id_)):
                choice.seen.append(id_)
            elif self._passes(candidate, choice, waited=id_ in waited):
                due.append(candidate)
        self._share_out(due, choice)
        return choice

    def newest(
        self,
        found: Iterable[Paper],
        waiting: Iterable[Waiting],
        last: Collection[Paper],
        recalled: Collection[Paper] = (),
    ) -> Choice:
        """The newest papers, shown before or not, and those asked for by hand.

        `found` is read until there are enough; of those `recalled`, shown before, the
        withdrawn ones are added. Nothing is shown where they are the papers of the `last`
        snapshot, but for withdrawals that were shown once.
        """
        waited = {each.paper.id: each for each in waiting}
        for paper in recalled:
            if paper.id in waited:
                waited[paper.id] = self._candidate(paper, waited[paper.id])
        choice = Choice(fetched=len(waited))
        by_hand = {id_ for id_, each in waited.items() if self._is_by_hand(each)}
        chosen: dict[str, Waiting] = {}
        met: set[str] = set()
        for paper in found:
            if len(chosen.keys() | by_hand) >= self._topic.limit:
                break
            if paper.id in met:
                continue
            met.add(paper.id)
            waits = waited.pop(paper.id, None)
            choice.fetched += waits is None
            candidate = self._candidate(paper, waits)
            if self._passes(candidate, choice, waited=waits is not None):
                chosen[paper.id] = candidate
        chosen |= {id_: waited.pop(id_) for id_ in by_hand if id_ in waited}
        met |= waited.keys() | chosen.keys()
        for paper in recalled:
            if paper.id not in met and paper.latest <= self._until and self._is_recall(paper):
                choice.fetched += 1
                chosen[paper.id] = self._candidate(paper, None)
        choice.rest += waited.values()
        papers = [each.paper for each in chosen.values()]
        if _standing(papers) == _standing(last) and not any(map(self._is_recall, papers)):
            choice.seen += chosen
        else:
            self._show(chosen.values(), choice)
        return choice

    def _is_by_hand(self, waits: Waiting) -> bool:
        return waits.reason == "by hand" and self._rule(waits) is None

    def _candidate(self, paper: Paper, waits: Waiting | None) -> Waiting:
        """What was found in place of an older version that waits."""
        query = self._topic.query
        if waits is None:
            return Waiting(paper=paper, reason="limit", since=self._now, query=query)
        newer = paper if waits.paper.version < paper.version else waits.paper
        return waits.but(paper=newer, query=None if waits.reason == "by hand" else query)

    def _is_recall(self, paper: Paper) -> bool:
        """Whether a paper that was shown has been withdrawn since."""
        shown = self._shown(paper.id)
        return is_withdrawn(paper) and shown is not None and is_due(paper, shown)

    def _passes(self, candidate: Waiting, choice: Choice, *, waited: bool) -> bool:
        """Whether no rule leaves a paper out; one that waited and is yet to come waits on."""
        rule = self._rule(candidate)
        if rule == "future" and waited:
            choice.rest.append(candidate)
        elif rule is not None:
            choice.filtered[rule].append(candidate.paper.id)
        return rule is None

    def _rule(self, candidate: Waiting) -> str | None:
        """The rule that leaves a paper out, if any; for one asked for by hand there is one."""
        paper = candidate.paper
        if paper.latest > self._until:
            return "future"
        if candidate.reason == "by hand" or self._is_recall(paper):
            return None
        return self._setting(candidate)

    def _setting(self, candidate: Waiting) -> str | None:
        """The setting of the topic that leaves a paper out, if any."""
        paper, topic = candidate.paper, self._topic
        if candidate.query not in (None, topic.query) and not self._is_found(paper):
            return "query"
        if (rule := left_out_by(paper, topic.categories, topic.exclude)) is not None:
            return rule
        if topic.revised == "skip" and status_of(paper, self._shown(paper.id)) == "revised":
            return "revised"
        return None

    def _is_found(self, paper: Paper) -> bool:
        """Whether the topic's query finds the paper, as far as we can read the query."""
        try:
            return parse(self._topic.query).matches(Document.of(paper))
        except QueryRefused:
            return True

    def _share_out(self, due: list[Waiting], choice: Choice) -> None:
        """What comes beside the limit and the newest for this snapshot, the rest for later."""
        beside = [e for e in due if e.reason == "by hand" or self._is_recall(e.paper)]
        others = _sorted((each for each in due if each not in beside), self._topic.order)
        room = max(self._topic.limit - len(beside), 0)
        self._show([*beside, *others[:room]], choice)
        choice.rest += [each.but(reason="limit") for each in others[room:]]

    def _show(self, chosen: Iterable[Waiting], choice: Choice) -> None:
        for each in _sorted(chosen, self._topic.order):
            status = status_of(each.paper, self._shown(each.paper.id))
            reason = each.reason if each.reason == "by hand" else "unfinished"
            choice.papers.append(each.paper.but(status=status))
            choice.held.append(each.but(paper=choice.papers[-1], reason=reason))


def versioned(paper: Paper) -> str:
    """`2604.00001v2`."""
    return f"{paper.id}v{paper.version}"


def _standing(papers: Iterable[Paper]) -> set[str]:
    """The versioned ids of those that are not withdrawn."""
    return {versioned(paper) for paper in papers if not is_withdrawn(paper)}


def _sorted(candidates: Iterable[Waiting], order: Order) -> list[Waiting]:
    """Newest first; the source's order among equals."""
    return sorted(candidates, key=lambda each: date_of(each.paper, order), reverse=True)


def left_out_by(
    paper: Paper, categories: Collection[str], exclude: Iterable[str]
) -> Literal["categories", "exclude"] | None:
    """The rule that leaves a paper out: in none of the categories, if any, or an excluded word."""
    if categories and not any(
        fnmatchcase(has, each) for has in paper.categories for each in categories
    ):
        return "categories"
    return "exclude" if any(mentions(paper, keyword) for keyword in exclude) else None

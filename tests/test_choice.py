"""Which papers a snapshot shows, and that each of the others goes to one place that is named."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.books import Waiting
from pipeline.choice import FILTERS, SHOWN, Choice, Chooser, versioned
from pipeline.errors import UnbalancedBooks
from pipeline.ledger import Shown, content_of, is_due, status_of
from pipeline.records import Paper
from pipeline.settings import TopicSettings
from tests.digests import a_paper

NOW = datetime(2026, 4, 30, 20, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
GONE = "This paper has been withdrawn by the authors"


def paper(number: int, hours: float = 1, **changes: Any) -> Paper:
    """A paper that was submitted and updated so many hours before `NOW`."""
    moment = NOW - hours * HOUR
    return a_paper(
        number, **{"first": moment, "latest": moment, "categories": ("cs.LG",)} | changes
    )


def revision(of: Paper, hours: float = 0.5, **changes: Any) -> Paper:
    """Its next version."""
    return of.but(version=of.version + 1, latest=NOW - hours * HOUR, **changes)


def waits(of: Paper, reason: str = "limit", days: int = 3) -> Waiting:
    return Waiting(paper=of, reason=reason, since=NOW - days * 24 * HOUR)  # type: ignore[arg-type]


def a_ledger(*papers: Paper) -> Callable[[str], Shown | None]:
    """What was shown, each paper in its newest version."""
    known: dict[str, Shown] = {}
    for each in sorted(papers, key=lambda p: p.version):
        known[each.id] = Shown(each.version, content_of(each))
    return known.get


def a_chooser(*shown: Paper, **topic: Any) -> Chooser:
    of = TopicSettings(name="tides", query="all:tide", **topic)
    return Chooser(of, NOW, a_ledger(*shown))


def numbers(papers: Iterable[Paper]) -> list[int]:
    return [int(each.id[-4:]) for each in papers]


def unshown(
    *found: Paper, waiting: Iterable[Waiting] = (), shown: Iterable[Paper] = (), **topic: Any
) -> Choice:
    choice = a_chooser(*shown, **topic).unshown(found, waiting)
    choice.counts()
    return choice


def newest(
    *found: Paper,
    waiting: Iterable[Waiting] = (),
    shown: Iterable[Paper] = (),
    last: Collection[Paper] = (),
    recalled: Collection[Paper] = (),
    **topic: Any,
) -> Choice:
    chooser = a_chooser(*shown, *last, select="latest", **topic)
    choice = chooser.newest(found, waiting, last, recalled)
    choice.counts()
    return choice


class TestCategories:
    @pytest.mark.parametrize(
        ("wanted", "has"),
        [
            (("cs.LG",), ("cs.LG",)),
            (("cs.LG",), ("stat.ML", "cs.LG")),  # a cross-list
            (("cs.*",), ("physics.optics", "cs.CV")),
            (("math.*", "stat.ML"), ("stat.ML",)),
            (("hep-th",), ("gr-qc", "hep-th")),
            ((), ("q-bio.NC",)),
        ],
    )
    def test_a_paper_in_one_of_them_is_shown(self, wanted, has) -> None:
        assert numbers(unshown(paper(1, categories=has), categories=wanted).papers) == [1]

    @pytest.mark.parametrize(
        ("wanted", "has"),
        [
            (("cs.LG",), ("cs.CL", "stat.ML")),
            (("cs.*",), ("physics.comp-ph", "math.CO")),
            (("math.*",), ("math-ph",)),
            (("hep-th",), ("hep-ph",)),
        ],
    )
    def test_a_paper_in_none_is_left_out_by_their_name(self, wanted, has) -> None:
        choice = unshown(paper(1, categories=has), categories=wanted)
        assert choice.papers == []
        assert choice.filtered["categories"] == ["2604.90001"]
        assert choice.counts()["filtered_categories"] == 1


class TestExclude:
    @pytest.mark.parametrize(
        ("keyword", "title"),
        [
            ("survey", "A Survey of Tides"),
            ("SURVEY", "a survey of tides"),
            ("surveys", "One survey"),
            ("survey", "Surveys of tides"),
            ("position paper", "A Position Paper"),
            ("position-paper", "A position paper"),
            ("position paper", "Position-papers on tides"),
            ("naïve bayes", "Naive Bayes for tides"),
        ],
    )
    def test_a_paper_with_the_words_is_left_out(self, keyword, title) -> None:
        for found in (paper(1, title=title), paper(1, abstract=f"This is {title.lower()}.")):
            choice = unshown(found, exclude=("unrelated", keyword))
            assert choice.papers == []
            assert choice.filtered["exclude"] == ["2604.90001"]

    @pytest.mark.parametrize(
        ("keyword", "title"),
        [
            ("survey", "Surveyors of tides"),
            ("position paper", "A paper on position"),
            ("tide", "Untidy harbours"),
        ],
    )
    def test_a_paper_with_other_words_is_shown(self, keyword, title) -> None:
        found = paper(1, title=title, abstract="Of harbours.", comments=keyword)
        assert numbers(unshown(found, exclude=(keyword,)).papers) == [1]


class TestOrder:
    def test_newest_come_first_by_update_or_by_submission(self) -> None:
        one = paper(1, first=NOW - 9 * HOUR, latest=NOW - 1 * HOUR)
        two = paper(2, first=NOW - 3 * HOUR, latest=NOW - 3 * HOUR)
        three = paper(3, first=NOW - 5 * HOUR, latest=NOW - 2 * HOUR)
        assert numbers(unshown(one, two, three).papers) == [1, 3, 2]
        assert numbers(unshown(one, two, three, order="submitted").papers) == [2, 3, 1]

    def test_it_decides_who_waits(self) -> None:
        one = paper(1, first=NOW - 9 * HOUR, latest=NOW - 1 * HOUR)
        two = paper(2, first=NOW - 3 * HOUR, latest=NOW - 3 * HOUR)
        by_update, by_submission = (
            unshown(one, two, limit=1),
            unshown(one, two, limit=1, order="submitted"),
        )
        assert (numbers(by_update.papers), numbers(w.paper for w in by_update.rest)) == ([1], [2])
        assert numbers(by_submission.papers) == [2]
        assert numbers(w.paper for w in by_submission.rest) == [1]

    def test_what_waits_is_newest_first_too(self) -> None:
        found = [paper(n, hours=n) for n in (3, 1, 4, 2)]
        choice = unshown(*found, limit=1)
        assert numbers(each.paper for each in choice.rest) == [2, 3, 4]


class TestVersions:
    def test_a_new_version_with_another_text_is_revised(self) -> None:
        choice = unshown(revision(paper(1), title="Tides, again"), shown=[paper(1)])
        assert [p.status for p in choice.papers] == ["revised"]

    def test_a_new_version_without_a_change_is_left_out_as_seen(self) -> None:
        choice = unshown(revision(paper(1)), shown=[paper(1)])
        assert choice.papers == []
        assert choice.seen == ["2604.90001"]

    @pytest.mark.parametrize("version", [1, 2])
    def test_a_version_that_was_shown_or_an_older_one_is_left_out_as_seen(self, version) -> None:
        shown = paper(1, version=2)
        choice = unshown(paper(1, version=version, title="Other tides"), shown=[shown])
        assert choice.seen == ["2604.90001"]

    def test_of_several_versions_the_newest_counts_whatever_their_order(self) -> None:
        one = paper(1)
        two = revision(one, title="Tides, again")
        for found in ([one, two], [two, one]):
            choice = unshown(*found)
            assert [(p.version, p.status) for p in choice.papers] == [(2, "new")]
            assert choice.fetched == 1

    def test_revisions_can_be_skipped_and_are_counted_under_that_rule(self) -> None:
        new = paper(2)
        choice = unshown(
            revision(paper(1), title="Tides, again"), new, shown=[paper(1)], revised="skip"
        )
        assert numbers(choice.papers) == [2]
        assert choice.filtered["revised"] == ["2604.90001"]

    def test_skipping_revisions_leaves_unchanged_versions_seen(self) -> None:
        choice = unshown(revision(paper(1)), shown=[paper(1)], revised="skip")
        assert choice.seen == ["2604.90001"]
        assert choice.filtered["revised"] == []

    @pytest.mark.parametrize("revised", ["show", "skip"])
    def test_a_withdrawn_paper_is_shown_once(self, revised) -> None:
        gone = revision(paper(1), comments=GONE)
        choice = unshown(gone, shown=[paper(1)], revised=revised)
        assert [p.status for p in choice.papers] == ["withdrawn"]
        again = unshown(gone, shown=[paper(1), gone], revised=revised)
        assert (again.papers, again.seen) == ([], ["2604.90001"])

    def test_a_version_after_now_is_left_out_as_to_come(self) -> None:
        choice = unshown(paper(1, hours=-1), paper(2, hours=0))
        assert numbers(choice.papers) == [2]
        assert choice.filtered["future"] == ["2604.90001"]


class TestWaiting:
    def test_a_paper_keeps_the_night_since_which_it_waits(self) -> None:
        old = waits(paper(2, hours=90), days=4)
        choice = unshown(paper(1), paper(3, hours=2), waiting=[old], limit=1)
        assert {versioned(w.paper): w.since for w in choice.rest} == {
            "2604.90002v1": old.since,
            "2604.90003v1": NOW,
        }

    def test_its_newer_version_takes_its_place_in_time(self) -> None:
        old = waits(paper(2, hours=90), days=4)
        newer = revision(old.paper, hours=80, title="Tides, again")
        choice = unshown(paper(1), newer, waiting=[old], limit=1)
        assert [(w.paper.version, w.since) for w in choice.rest] == [(2, old.since)]

    def test_an_older_version_does_not(self) -> None:
        newer = waits(revision(paper(2, hours=90), hours=80))
        choice = unshown(paper(1), paper(2, hours=90), waiting=[newer], limit=1)
        assert [w.paper.version for w in choice.rest] == [2]

    def test_what_was_shown_meanwhile_does_not_go_on_waiting(self) -> None:
        choice = unshown(waiting=[waits(paper(1), "unfinished")], shown=[paper(1)])
        assert (choice.papers, choice.rest, choice.seen) == ([], [], ["2604.90001"])

    def test_a_rule_of_today_holds_for_it(self) -> None:
        choice = unshown(waiting=[waits(paper(1, title="A survey"))], exclude=("survey",))
        assert choice.rest == []
        assert choice.filtered["exclude"] == ["2604.90001"]

    def test_what_the_snapshot_will_show_waits_as_unfinished_until_it_is_there(self) -> None:
        choice = unshown(paper(1), paper(2, hours=2), limit=1)
        assert [(versioned(w.paper), w.reason) for w in choice.held] == [
            ("2604.90001v1", "unfinished")
        ]


class TestByHand:
    FILTERED = (
        {"exclude": ("survey",)},
        {"categories": ("math.*",)},
        {"revised": "skip"},
    )

    @pytest.mark.parametrize("rules", FILTERED)
    def test_it_passes_every_filter(self, rules: dict[str, Any]) -> None:
        asked = revision(paper(1), title="A survey of tides")
        choice = unshown(waiting=[waits(asked, "by hand")], shown=[paper(1)], **rules)
        assert numbers(choice.papers) == [1]

    def test_it_comes_before_newer_ones_and_stands_among_them_by_its_date(self) -> None:
        asked = waits(paper(9, hours=500), "by hand")
        choice = unshown(paper(1, hours=1), paper(2, hours=2), waiting=[asked], limit=2)
        assert numbers(choice.papers) == [1, 9]
        assert numbers(w.paper for w in choice.rest) == [2]

    def test_all_are_shown_however_small_the_limit(self) -> None:
        asked = [waits(paper(n, hours=n), "by hand") for n in range(1, 4)]
        choice = unshown(waiting=asked, limit=2)
        assert numbers(choice.papers) == [1, 2, 3]
        assert choice.rest == []

    def test_it_goes_on_passing_them_where_its_snapshot_is_not_made(self) -> None:
        choice = unshown(waiting=[waits(paper(1), "by hand")])
        assert [w.reason for w in choice.held] == ["by hand"]

    def test_it_is_shown_in_the_newest_version_that_was_found(self) -> None:
        newer = revision(paper(1), title="A survey of tides")
        choice = unshown(newer, waiting=[waits(paper(1), "by hand")], exclude=("survey",))
        assert [versioned(p) for p in choice.papers] == ["2604.90001v2"]

    def test_one_that_is_not_there_yet_goes_on_waiting(self) -> None:
        asked = waits(paper(1, hours=-1), "by hand")
        for found in ([], [asked.paper]):
            for choice in (unshown(*found, waiting=[asked]), newest(*found, waiting=[asked])):
                assert choice.papers == []
                assert choice.rest == [asked]

    def test_what_waits_for_room_does_not_wait_as_by_hand(self) -> None:
        choice = unshown(paper(1), paper(2, hours=2), limit=1)
        assert [w.reason for w in choice.rest] == ["limit"]


class TestNewest:
    def test_are_shown_whether_they_were_before_or_not(self) -> None:
        one, two = paper(1, hours=1), paper(2, hours=2)
        choice = newest(one, two, shown=[one])
        assert [(versioned(p), p.status) for p in choice.papers] == [
            ("2604.90001v1", "seen"),
            ("2604.90002v1", "new"),
        ]

    def test_are_as_many_as_the_limit_and_no_more_is_read(self) -> None:
        read: list[int] = []

        def source() -> Iterable[Paper]:
            for number in range(1, 9):
                read.append(number)
                yield paper(number, hours=number)

        choice = a_chooser(limit=2).newest(source(), [], [])
        assert numbers(choice.papers) == [1, 2]
        assert len(read) <= 3
        assert choice.counts()["fetched"] == 2

    def test_filtered_ones_make_room_for_others(self) -> None:
        found = [paper(1, title="A survey"), paper(2, hours=2), paper(3, hours=3)]
        choice = newest(*found, limit=2, exclude=("survey",))
        assert numbers(choice.papers) == [2, 3]
        assert choice.filtered["exclude"] == ["2604.90001"]

    def test_the_same_as_last_time_are_seen(self) -> None:
        both = [paper(1), paper(2, hours=2)]
        choice = newest(*both, last=both)
        assert (choice.papers, sorted(choice.seen)) == ([], ["2604.90001", "2604.90002"])

    def test_another_version_of_one_shows_them_again(self) -> None:
        one, two = paper(1), paper(2, hours=2)
        choice = newest(revision(one, title="Tides, again"), two, last=[one, two])
        assert [p.status for p in choice.papers] == ["revised", "seen"]

    def test_those_asked_for_by_hand_are_added(self) -> None:
        asked = waits(paper(9, hours=500, title="A survey"), "by hand")
        choice = newest(paper(1), paper(2, hours=2), waiting=[asked], limit=2, exclude=("survey",))
        assert numbers(choice.papers) == [1, 9]
        assert choice.rest == []

    def test_one_asked_for_by_hand_that_is_among_them_is_shown_once(self) -> None:
        choice = newest(paper(1), paper(2, hours=2), waiting=[waits(paper(1), "by hand")])
        assert numbers(choice.papers) == [1, 2]

    def test_one_asked_for_by_hand_is_shown_in_the_version_that_was_found(self) -> None:
        choice = newest(
            revision(paper(1), title="Tides, again"), waiting=[waits(paper(1), "by hand")]
        )
        assert [versioned(p) for p in choice.papers] == ["2604.90001v2"]

    @pytest.mark.parametrize("reason", ["limit", "unfinished"])
    def test_what_waited_and_is_shown_waits_no_longer(self, reason) -> None:
        choice = newest(paper(1), paper(2, hours=2), waiting=[waits(paper(1), reason)])
        assert numbers(choice.papers) == [1, 2]
        assert choice.rest == []
        assert choice.fetched == 2

    def test_what_waits_for_room_and_is_not_among_them_goes_on_waiting(self) -> None:
        old = waits(paper(9, hours=500))
        choice = newest(paper(1), waiting=[old], limit=1)
        assert choice.rest == [old]


class TestWithdrawals:
    """Of papers that were shown; the topic asks for these by id, too."""

    @staticmethod
    def gone(number: int, hours: float = 0.5, **changes: Any) -> Paper:
        return revision(paper(number, hours=500), hours=hours, comments=GONE, **changes)

    SHOWN_BEFORE = tuple(paper(n, hours=500) for n in (1, 2, 3))

    @pytest.mark.parametrize(
        "rules", [{"exclude": ("survey",)}, {"categories": ("math.*",)}, {"revised": "skip"}]
    )
    def test_pass_every_filter(self, rules) -> None:
        gone = self.gone(1, title="A survey of tides")
        for choice in (
            unshown(gone, shown=self.SHOWN_BEFORE, **rules),
            newest(gone, shown=self.SHOWN_BEFORE, **rules),
            newest(recalled=[gone], shown=self.SHOWN_BEFORE, **rules),
        ):
            assert [p.status for p in choice.papers] == ["withdrawn"]

    def test_come_beside_the_limit(self) -> None:
        found = [self.gone(n, hours=n + 5) for n in (1, 2, 3)]
        choice = unshown(paper(4), *found, shown=self.SHOWN_BEFORE, limit=2)
        assert numbers(choice.papers) == [1, 2, 3]
        assert numbers(w.paper for w in choice.rest) == [4]

    def test_are_added_to_the_newest(self) -> None:
        found = [paper(4), paper(5, hours=2), paper(6, hours=3)]
        choice = newest(*found, recalled=[self.gone(1, hours=9)], shown=self.SHOWN_BEFORE, limit=2)
        assert numbers(choice.papers) == [4, 5, 1]

    def test_are_not_added_to_them_twice(self) -> None:
        gone = self.gone(1)
        choice = newest(gone, paper(4), recalled=[gone], shown=self.SHOWN_BEFORE)
        assert numbers(choice.papers) == [1, 4]
        assert choice.fetched == 2

    def test_that_were_shown_are_not_added_again(self) -> None:
        gone = self.gone(1)
        both = [paper(4), paper(5, hours=2)]
        choice = newest(*both, recalled=[gone], shown=[*self.SHOWN_BEFORE, gone], last=both)
        assert choice.papers == []

    def test_that_are_yet_to_come_are_not_shown(self) -> None:
        gone = self.gone(1, hours=-1)
        for found in ([], [gone]):
            choice = newest(*found, paper(4), recalled=[gone], shown=self.SHOWN_BEFORE)
            assert numbers(choice.papers) == [4]

    def test_of_papers_never_shown_have_no_such_right(self) -> None:
        choice = unshown(self.gone(1, title="A survey of tides"), exclude=("survey",))
        assert choice.filtered["exclude"] == ["2604.90001"]


class TestBooks:
    def test_say_where_every_paper_went(self) -> None:
        choice = unshown(
            paper(1),
            revision(paper(2, hours=2), title="Tides, again"),
            paper(3, hours=3, title="A survey"),
            paper(4, hours=4, categories=("math.CO",)),
            paper(5, hours=5),
            paper(6, hours=-6),
            revision(paper(7, hours=7), hours=6.5, comments=GONE),
            shown=[paper(2), paper(5, hours=5), paper(7)],
            waiting=[waits(paper(8, hours=80))],
            limit=3,
            exclude=("survey",),
            categories=("cs.*",),
        )
        assert {what: count for what, count in choice.counts().items() if count} == {
            "fetched": 8,
            "new": 1,
            "revised": 1,
            "withdrawn": 1,
            "left_out_as_seen": 1,
            "filtered_exclude": 1,
            "filtered_categories": 1,
            "filtered_future": 1,
            "waiting": 1,
        }

    def test_have_a_line_for_every_place_also_where_it_is_empty(self) -> None:
        counts = Choice().counts()
        assert set(counts) == {
            "fetched",
            *SHOWN,
            "left_out_as_seen",
            *(f"filtered_{rule}" for rule in FILTERS),
            "waiting",
        }
        assert set(counts.values()) == {0}

    @pytest.mark.parametrize("lost", [1, -1, 7])
    def test_that_do_not_balance_are_an_error_that_says_the_sum(self, lost) -> None:
        choice = unshown(paper(1), paper(2, hours=2), shown=[paper(2)])
        choice.fetched += lost
        with pytest.raises(UnbalancedBooks) as caught:
            choice.counts()
        assert f"{2 + lost} fetched, but 1 new + 1 left_out_as_seen" in str(caught.value)
        assert caught.value.exit_code == 1

    def test_of_which_a_paper_fell_out_are_an_error(self) -> None:
        choice = unshown(paper(1), paper(2, hours=2), limit=1)
        choice.rest.clear()
        with pytest.raises(UnbalancedBooks, match="2 fetched, but 1 new"):
            choice.counts()


NUMBERS = st.integers(1, 6)
PAPERS = st.builds(
    lambda number, hours, version, title, comments, categories: paper(
        number,
        hours + number / 100,
        version=version,
        title=title,
        comments=comments,
        categories=categories,
        first=NOW - (hours + 40) * HOUR,
    ),
    number=NUMBERS,
    hours=st.sampled_from([-2, -1, 1, 2, 3, 5, 30]),
    version=st.integers(1, 3),
    title=st.sampled_from(["Tides", "Tides, again", "A survey of tides"]),
    comments=st.sampled_from([None, "9 pages", GONE]),
    categories=st.sampled_from([("cs.LG",), ("math.CO", "cs.CL"), ("math.CO",)]),
)
WAITING = st.lists(
    st.builds(waits, PAPERS, st.sampled_from(["limit", "by hand", "unfinished"])),
    max_size=5,
    unique_by=lambda each: each.paper.id,
)
TOPICS = st.builds(
    TopicSettings,
    name=st.just("tides"),
    query=st.just("all:tide"),
    select=st.sampled_from(["new", "latest"]),
    limit=st.integers(1, 5),
    order=st.sampled_from(["updated", "submitted"]),
    revised=st.sampled_from(["show", "skip"]),
    categories=st.sampled_from([(), ("cs.*",), ("cs.LG", "math.*")]),
    exclude=st.sampled_from([(), ("surveys",)]),
)
HISTORY = st.lists(PAPERS, max_size=5)
FOUND = st.lists(PAPERS, max_size=12, unique_by=versioned)
"""A source gives each version of a paper once."""


def chosen(
    topic: TopicSettings, found: list[Paper], waiting: list[Waiting], shown: list[Paper]
) -> Choice:
    """What becomes of the papers; the newest are read in their order, one version of each."""
    chooser = Chooser(topic, NOW, a_ledger(*shown))
    if topic.select == "new":
        return chooser.unshown(found, waiting)
    return chooser.newest(found, waiting, shown[:2])


class TestAnyPapers:
    @given(TOPICS, FOUND, WAITING, HISTORY)
    def test_the_books_balance_and_every_paper_ends_in_one_place(
        self, topic, found, waiting, shown
    ) -> None:
        choice = chosen(topic, found, waiting, shown)
        counts = choice.counts()
        assert counts["fetched"] == sum(counts.values()) - counts["fetched"]
        places = Counter(
            [
                *(p.id for p in choice.papers),
                *(w.paper.id for w in choice.rest),
                *choice.seen,
                *(id_ for ids in choice.filtered.values() for id_ in ids),
            ]
        )
        assert set(places.values()) <= {1}
        for each in waiting:
            assert each.paper.id not in choice.filtered["future"]
            if each.reason == "by hand":
                assert each.paper.id not in [i for ids in choice.filtered.values() for i in ids]
        all_ids = {p.id for p in found} | {w.paper.id for w in waiting}
        if topic.select == "new":
            assert places.keys() == all_ids
        else:
            assert {w.paper.id for w in waiting} <= places.keys() <= all_ids

    @settings(max_examples=300)
    @given(TOPICS, st.data(), WAITING, HISTORY)
    def test_so_do_those_that_are_asked_for_by_id(self, topic, data, waiting, shown) -> None:
        world = data.draw(st.lists(PAPERS, max_size=8, unique_by=lambda p: p.id))
        found = data.draw(st.lists(st.sampled_from(world), unique=True)) if world else []
        known = {p.id for p in shown}
        recalled = [p for p in world if p.id in known]
        chooser = Chooser(topic, NOW, a_ledger(*shown))
        if topic.select == "new":
            ids = {p.id for p in found}
            asked = [*found, *(p for p in recalled if p.id not in ids)]
            choice = chooser.unshown(asked, waiting)
        else:
            choice = chooser.newest(found, waiting, shown[:2], recalled)
        choice.counts()
        places = Counter(
            [
                *(p.id for p in choice.papers),
                *(w.paper.id for w in choice.rest),
                *choice.seen,
                *(id_ for ids in choice.filtered.values() for id_ in ids),
            ]
        )
        assert set(places.values()) <= {1}
        assert {w.paper.id for w in waiting} <= places.keys()
        assert all(p.latest <= NOW for p in choice.papers)
        find = a_ledger(*shown)
        for each in recalled:
            if (
                status_of(each, find(each.id)) == "withdrawn"
                and is_due(each, find(each.id))
                and each.latest <= NOW
                and each.id not in {w.paper.id for w in waiting}
            ):
                assert each.id in {p.id for p in choice.papers}

    @given(TOPICS, FOUND, WAITING, HISTORY)
    def test_what_is_shown_is_due_within_the_limit_and_in_order(
        self, topic, found, waiting, shown
    ) -> None:
        find = a_ledger(*shown)
        choice = chosen(topic, found, waiting, shown)
        beside = {w.paper.id for w in waiting if w.reason == "by hand"}
        beside |= {p.id for p in choice.papers if p.status == "withdrawn" and find(p.id)}
        assert len({p.id for p in choice.papers} - beside) <= topic.limit
        dates = [p.latest if topic.order == "updated" else p.first for p in choice.papers]
        assert dates == sorted(dates, reverse=True)
        for each in choice.papers:
            assert each.latest <= NOW
            assert each.status == status_of(each, find(each.id))
            assert topic.select == "latest" or is_due(each, find(each.id))
        assert [w.paper for w in choice.held] == choice.papers

    @given(TOPICS, FOUND, WAITING, HISTORY)
    def test_nothing_waits_for_room_while_there_is_some(self, topic, found, waiting, shown) -> None:
        choice = Chooser(topic, NOW, a_ledger(*shown)).unshown(found, waiting)
        if [each for each in choice.rest if each.paper.latest <= NOW]:
            assert len(choice.papers) >= topic.limit
        for each in choice.rest:
            assert is_due(each.paper, a_ledger(*shown)(each.paper.id))
            assert each.since <= NOW

    @given(TOPICS, FOUND, WAITING, HISTORY)
    def test_one_asked_for_by_hand_is_shown_unless_it_was_or_is_yet_to_come(
        self, topic, found, waiting, shown
    ) -> None:
        find = a_ledger(*shown)
        choice = Chooser(topic, NOW, find).unshown(found, waiting)
        newest_of = {p.id: p for p in sorted(found, key=lambda p: p.version)}
        for each in waiting:
            newer = newest_of.get(each.paper.id, each.paper)
            wanted = max(each.paper, newer, key=lambda p: p.version)
            if (
                each.reason == "by hand"
                and wanted.latest <= NOW
                and is_due(wanted, find(wanted.id))
            ):
                assert wanted.id in {p.id for p in choice.papers}

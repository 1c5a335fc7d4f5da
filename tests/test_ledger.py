"""The ledger: what readers have seen, and what a paper is in the light of it."""

from datetime import UTC, datetime

import pytest

from pipeline.ledger import is_due, shown, status_of
from pipeline.records import Paper

MOMENT = datetime(2026, 3, 11, 12, tzinfo=UTC)


def paper(version: int = 1, comments: str | None = None, id_: str = "2603.90001") -> Paper:
    return Paper(
        id=id_,
        version=version,
        title="Lanterns That Learn to Dim",
        authors=("Ada Lumen",),
        abstract="We teach lanterns to dim.",
        first=MOMENT,
        latest=MOMENT,
        comments=comments,
        primary_category="cs.LG",
        categories=("cs.LG",),
        url="https://arxiv.org/abs/x",
        pdf_url="https://arxiv.org/pdf/x",
    )


def test_the_newest_shown_version_counts_in_whatever_order_papers_come() -> None:
    assert shown([paper(2), paper(3), paper(1)]) == {"2603.90001": 3}


def test_a_paper_never_shown_is_new_even_in_a_later_version() -> None:
    assert status_of(paper(2), {}) == "new"


def test_a_paper_shown_in_an_older_version_is_revised() -> None:
    assert status_of(paper(2), {"2603.90001": 1}) == "revised"


@pytest.mark.parametrize("version", [1, 2])
def test_a_paper_shown_in_this_or_a_later_version_is_seen(version: int) -> None:
    assert status_of(paper(version), {"2603.90001": 2}) == "seen"
    assert not is_due(paper(version), {"2603.90001": 2})


@pytest.mark.parametrize(
    "comments",
    [
        "This paper has been withdrawn by the authors",
        "Withdrawn: the lamp was off",
        "The manuscript is withdrawn; see the lamp's log",
        "This submission was withdrawn from arXiv",
    ],
)
def test_a_later_version_whose_comments_say_so_is_withdrawn(comments: str) -> None:
    assert status_of(paper(2, comments), {}) == "withdrawn"
    assert status_of(paper(2, comments), {"2603.90001": 2}) == "withdrawn"


@pytest.mark.parametrize(
    "comments",
    [None, "12 pages", "This paper was withdrawn from LampConf 2026", "Withdrawn from a journal"],
)
def test_other_comments_are_no_withdrawal(comments: str | None) -> None:
    assert status_of(paper(2, comments), {}) == "new"


def test_a_first_version_is_never_withdrawn() -> None:
    assert status_of(paper(1, "This paper has been withdrawn"), {}) == "new"

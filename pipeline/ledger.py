"""What a topic has shown, and what a paper is in the light of it."""

import re
from collections.abc import Iterable, Mapping

from pipeline.records import Paper, Status

WITHDRAWN = re.compile(
    r"\b(?:paper|article|manuscript|submission|preprint|work|version)\b"
    r"[^.;]{0,40}\bwithdrawn\b(?! from (?!arxiv))|^\W*withdrawn\b(?! from (?!arxiv))",
    re.IGNORECASE,
)
"""How authors say in the comments that a paper is withdrawn; from a journal does not count."""


def shown(papers: Iterable[Paper]) -> dict[str, int]:
    """The newest version of each paper among `papers`, by id: what readers have seen."""
    newest: dict[str, int] = {}
    for paper in papers:
        newest[paper.id] = max(paper.version, newest.get(paper.id, 0))
    return newest


def is_due(paper: Paper, shown: Mapping[str, int]) -> bool:
    """Whether the topic has not shown the paper, or has shown only an older version."""
    return paper.version > shown.get(paper.id, 0)


def status_of(paper: Paper, shown: Mapping[str, int]) -> Status:
    """What readers are told of the paper; a withdrawal comes before all else.

    arXiv marks a withdrawal by a further version whose comments say so, hence none
    before version 2.
    """
    if paper.version > 1 and WITHDRAWN.search(paper.comments or ""):
        return "withdrawn"
    if not is_due(paper, shown):
        return "seen"
    return "revised" if paper.id in shown else "new"

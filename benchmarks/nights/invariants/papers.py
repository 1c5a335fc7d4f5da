"""No paper is lost, and none is shown twice."""

import itertools
from collections.abc import Iterator
from datetime import timedelta

from benchmarks.nights.corpus import WITHDRAWAL, Version
from benchmarks.nights.evidence import Json, TopicFiles, moment
from benchmarks.nights.invariants.case import Case

LOOK_BACK = timedelta(days=13)
WIDE_LOOK_BACK = timedelta(days=59)
"""How far a complete fetch, and a weekly one, surely look back: a day less than they do."""


def nothing_is_lost(case: Case) -> Iterator[str]:
    """What was announced and looked for is in a snapshot, or waits."""
    for topic, files in case.topics:
        complete = [each for each in files.fetches if each["complete"]]
        if not complete:
            continue
        first = moment(files.fetches[0]["at"])
        last = moment(complete[-1]["at"])
        wide = max((moment(each["at"]) for each in complete if each["wide"]), default=first)
        kept = _kept(files)
        for version in case.versions(topic):
            looked_for = (version.announced <= last and version.updated > last - LOOK_BACK) or (
                version.announced <= wide and version.updated > wide - WIDE_LOOK_BACK
            )
            if version.announced > first and looked_for and not _is_kept(version, kept):
                yield f"{topic.name}: {version.paper}v{version.number} is lost"


def _kept(files: TopicFiles) -> dict[str, list[Json]]:
    """All that a topic shows, or has waiting, by paper. No rule of its settings leaves any out."""
    kept: dict[str, list[Json]] = {}
    shown = (paper for snapshot in files.snapshots for paper in snapshot.papers)
    for paper in itertools.chain(shown, (each["paper"] for each in files.waiting)):
        kept.setdefault(paper["id"], []).append(paper)
    return kept


def _is_kept(version: Version, kept: dict[str, list[Json]]) -> bool:
    there = kept.get(version.paper, [])
    return any(
        each["version"] >= version.number or content(each) == version.content for each in there
    )


def content(paper: Json) -> tuple[str, str, str]:
    """What makes a paper's text another one: title, abstract and comment."""
    told = paper["title"], paper["abstract"], paper["comments"] or ""
    return tuple(" ".join(text.split()) for text in told)  # type: ignore[return-value]


def nothing_is_shown_twice(case: Case) -> Iterator[str]:
    """A paper comes a second time only as a later version that says something else."""
    for files in case.evidence.topics:
        last: dict[str, tuple[str, Json]] = {}
        for snapshot in files.snapshots:
            ids = [paper["id"] for paper in snapshot.papers]
            if len(ids) != len({*ids}):
                yield f"{snapshot} has a paper twice"
            for paper in snapshot.papers:
                where, before = last.get(paper["id"], ("", None))
                if before is not None and (
                    paper["version"] <= before["version"] or content(paper) == content(before)
                ):
                    yield f"{paper['id']} is shown in {where} and again in {snapshot}"
                last[paper["id"]] = str(snapshot), paper
        for snapshot in files.snapshots:
            if sum(release["reason"] == "first" for release in snapshot.releases) > 1:
                yield f"{snapshot} is published for the first time twice"


def withdrawals_are_told(case: Case) -> Iterator[str]:
    """Where a topic knows that a paper is withdrawn, each page that has it says so."""
    for files in case.evidence.topics:
        known = {
            paper["id"]
            for snapshot in files.snapshots
            for paper in snapshot.papers
            if paper["status"] == "withdrawn" and WITHDRAWAL in (paper["comments"] or "")
        }
        for snapshot in files.snapshots:
            for entry in snapshot.releases[-1]["digest"]["papers"] if snapshot.releases else ():
                paper = entry["paper"]
                told = entry["withdrawn"] or paper["status"] == "withdrawn"
                if paper["id"] in known and not told:
                    yield f"{snapshot}: nobody is told that {paper['id']} is withdrawn"

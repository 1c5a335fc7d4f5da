"""What has to hold after every night; each function tells what does not, in sentences."""

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from lxml import html as lxml_html

from benchmarks.nights.corpus import Version
from benchmarks.nights.evidence import Damaged, Evidence, Json, SnapshotFiles, TopicFiles, moment
from benchmarks.nights.machine import KEY, Done, Machine, Topic

LOOK_BACK = timedelta(days=13)
WIDE_LOOK_BACK = timedelta(days=59)
"""How far a complete fetch, and a weekly one, surely look back: a day less than they do."""

APPEND_ONLY = ("4-decisions.jsonl", "6-published.jsonl", "4-preferences.jsonl")


@dataclass(frozen=True)
class Word:
    """A decision that an editor took, and the lines that he had before him, or wrote."""

    snapshot: str
    paper: str
    action: str
    lines: Json | None
    acknowledged: bool


@dataclass
class Memory:
    """What the judge knows from elsewhere: from before, from the editors, from the model.

    `lost_on_the_wire` is how many answers may have been paid for and not kept: those under way
    when runs were killed. `cache_lost`: the answers of before may be asked for again.
    """

    words: list[Word] = field(default_factory=list)
    runs: list[tuple[str, Done]] = field(default_factory=list)
    lost_on_the_wire: int = 0
    cache_lost: bool = False
    asked_again: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    seen: dict[str, set[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """All that is judged: the files, what is true, and what is remembered."""

    machine: Machine
    evidence: Evidence
    memory: Memory

    @property
    def topics(self) -> Iterator[tuple[Topic, TopicFiles]]:
        """Each topic with its files."""
        by_name = {topic.name: topic for topic in self.machine.topics}
        for files in self.evidence.topics:
            yield by_name[files.name], files

    def versions(self, topic: Topic) -> Iterator[Version]:
        """What arXiv has of a topic, today and later."""
        return (each for each in self.machine.world.papers if topic.has(each.categories))


def nothing_is_lost(case: Case) -> Iterator[str]:
    """What was announced and looked for is in a snapshot, waits, or was left out by a rule."""
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
    """All that a topic shows, or has waiting, by paper; what a rule left out has no version."""
    kept: dict[str, list[Json]] = {}
    shown = (paper for snapshot in files.snapshots for paper in snapshot.papers)
    for paper in itertools.chain(shown, (each["paper"] for each in files.waiting)):
        kept.setdefault(paper["id"], []).append(paper)
    for fetched in files.fetches:
        for paper in itertools.chain.from_iterable(fetched.get("filtered", {}).values()):
            kept.setdefault(paper, []).append({})
    return kept


def _is_kept(version: Version, kept: dict[str, list[Json]]) -> bool:
    there = kept.get(version.paper, [])
    return any(
        not each or each["version"] >= version.number or content(each) == version.content
        for each in there
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


def nothing_is_published_unread(case: Case) -> Iterator[str]:
    """Every line of every release is what an editor had before him, or wrote, and settled."""
    known = {(w.snapshot, w.paper, w.action, _key(w.lines)) for w in case.memory.words}
    for snapshot in case.evidence.snapshots:
        for release in snapshot.releases:
            for entry in release["digest"]["papers"]:
                paper = entry["paper"]["id"]
                taken = entry["decision"]
                if taken is None or taken["action"] not in ("approve", "edit"):
                    yield f"{snapshot}: {paper} is published, and nobody settled it"
                    continue
                shown = {lang: line["text"] for lang, line in entry["lines"].items()}
                if shown != taken["lines"]:
                    yield f"{snapshot}: {paper} is published with other lines than were decided on"
                if (str(snapshot), paper, taken["action"], _key(shown)) not in known:
                    yield f"{snapshot}: {paper} is published on a word that no editor gave"
            if release["digest"]["status"] != "published":
                yield f"{snapshot}: a draft is among the releases"


def _key(lines: Json | None) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((lines or {}).items()))


def no_decision_is_lost(case: Case) -> Iterator[str]:
    """What editors were told is decided is on file, in their order, and files only grow."""
    for snapshot in case.evidence.snapshots:
        on_file = iter([(d["paper"], d["action"]) for d in snapshot.decisions])
        for word in case.memory.words:
            if word.snapshot != str(snapshot) or not word.acknowledged:
                continue
            if (word.paper, word.action) not in on_file:  # the iterator goes on from there
                yield f"{snapshot}: {word.action} of {word.paper} is not on file"
                break
    for name, before in case.memory.files.items():
        path = case.machine.outputs / name
        if not path.exists() or not path.read_bytes().startswith(before):
            yield f"{name} has not only grown"


def no_failure_is_shown_as_a_summary(case: Case) -> Iterator[str]:
    """What is called a model's line was said by the model; everything else says what it is."""
    account = case.machine.world.account
    for snapshot in case.evidence.snapshots:
        for digest in snapshot.digests:
            for entry in digest["papers"]:
                paper = entry["paper"]["id"]
                for line in entry["lines"].values():
                    if line["origin"] == "model" and not account.came_from_the_model(line["text"]):
                        yield f"{snapshot}: {paper}: the model never said {line['text']!r}"
                    settled = entry["decision"] and entry["decision"]["action"] != "hold"
                    if line["origin"] == "embedded" and not entry["gap"] and not settled:
                        yield f"{snapshot}: {paper}: a stand-in is no gap"
    for page in sorted(case.machine.outputs.glob("*/*/5-digest.html")):
        yield from _labels(page, SnapshotFiles(page.parent))


def _labels(page: Path, snapshot: SnapshotFiles) -> Iterator[str]:
    """A page's lines carry the origins that its digest says."""
    digest = snapshot.digest
    told = {
        (entry["paper"]["id"], {"en": "en", "zh": "zh-Hans"}[language]): line["origin"]
        for entry in (digest or {"papers": []})["papers"]
        for language, line in entry["lines"].items()
    }
    root = lxml_html.document_fromstring(page.read_bytes())
    shown = {
        (article.get("id"), line.get("lang")): line.get("data-origin")
        for article in root.xpath("//article[contains(@class, 'paper')]")
        for line in article.xpath(".//*[contains(@class, 'summary')]//*[@lang and @data-origin]")
    }
    for key in told.keys() | shown.keys():
        if told.get(key) != shown.get(key):
            yield f"{snapshot}: {key} is {told.get(key)} and the page says {shown.get(key)}"


def nothing_is_paid_twice(case: Case) -> Iterator[str]:
    """The model answers nothing well twice, but for what was on the wire or lost with the cache."""
    allowed = case.memory.lost_on_the_wire + case.memory.asked_again
    twice = case.machine.world.paid_twice()
    if twice > allowed:
        yield f"{twice} answers were paid for twice, of which {allowed} can be explained"


def the_books_balance(case: Case) -> Iterator[str]:
    """Fetches account for every paper; the books have every answer, and run.json says the same."""
    for files in case.evidence.topics:
        for number, fetched in enumerate(files.fetches, 1):
            counts = dict(fetched["counts"])
            if counts and counts.pop("fetched") != sum(counts.values()):
                yield f"{files.name}: fetch {number} does not balance: {fetched['counts']}"
    booked: dict[str, int] = {}
    for spend in case.evidence.spent.values():
        name = f"{spend['topic']}/{spend['snapshot']}"
        booked[name] = booked.get(name, 0) + _tokens(spend["usage"])
    for snapshot in case.evidence.snapshots:
        stage = snapshot.run["stages"].get("summarize")
        if stage and _tokens(stage["usage"]) != booked.get(str(snapshot), 0):
            yield f"{snapshot}: run.json and spend.jsonl have different costs"
    answers = case.machine.world.account.answers
    whole = sum(each.whole for each in answers)
    least, most = whole - case.memory.lost_on_the_wire, len(answers)
    if not least <= len(case.evidence.spent) <= most:
        yield f"{len(case.evidence.spent)} answers are booked, and {least} to {most} were paid for"


def _tokens(usage: Json) -> int:
    return int(usage["prompt_tokens"]) + int(usage["completion_tokens"])


def the_site_is_what_was_published(case: Case, scratch: Path) -> Iterator[str]:
    """It equals one made from scratch, and has a page for each release and no other."""
    site = case.machine.outputs / "site"
    there, made = tree(site), tree(case.machine.rebuilt(scratch))
    for name in sorted(there.keys() | made.keys()):
        if there.get(name) != made.get(name):
            yield f"site/{name} is not what a rebuild makes"
    published = {f"{each}.html" for each in case.evidence.snapshots if each.releases}
    pages = {name for name in there if re.fullmatch(r"[^/]+/[0-9]{8}_[0-9]{4}\.html", name)}
    for name in sorted(published ^ pages):
        yield f"site/{name} is {'missing' if name in published else 'of nothing published'}"


def tree(root: Path) -> dict[str, bytes]:
    """Every file below a folder; the search index apart, whose names are of chance."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and "search" not in path.relative_to(root).parts[0]
    }


def every_gap_is_explained(case: Case) -> Iterator[str]:
    """A gap has its reason, a run that is not well said why, and no command broke."""
    for snapshot in case.evidence.snapshots:
        gaps = snapshot.run["gaps"]
        for entry in (snapshot.digest or {"papers": []})["papers"]:
            if entry["gap"] and not (entry["gap"]["reason"] and entry["paper"]["id"] in gaps):
                yield f"{snapshot}: the gap of {entry['paper']['id']} has no reason"
    for what, done in case.memory.runs:
        if done.code in (1, 2, 3, 75) and not re.search(
            r"^(error|warning): ", done.err, re.MULTILINE
        ):
            yield f"{what} ended with {done.code}, and said nothing"
        if done.code not in (0, 1, 2, 3, 75, -9):
            yield f"{what} ended with {done.code}"
    for said in case.machine.said:
        if "a defect" in said or "Traceback" in said:
            yield f"a command broke: {said.strip().splitlines()[-1][:300]}"


def arxiv_and_the_key_are_respected(case: Case) -> Iterator[str]:
    """One request at a time goes to arXiv; the key is in no file and no message."""
    if case.machine.world.at_once() > 1:
        yield f"arXiv had {case.machine.world.at_once()} requests at once"
    if any(KEY in said for said in case.machine.said):
        yield "a message shows the key"
    for folder in (case.machine.outputs, case.machine.cache):
        for path in folder.rglob("*"):
            if path.is_file() and KEY.encode() in path.read_bytes():
                yield f"{path.relative_to(case.machine.folder)} holds the key"


def what_readers_saw_stays(case: Case) -> Iterator[str]:
    """A paper that was published is still on its page, unless an editor left it out since."""
    excluded = {(w.snapshot, w.paper) for w in case.memory.words if w.action == "exclude"}
    now = seen_by_readers(case)
    for snapshot, papers in case.memory.seen.items():
        for paper in sorted(papers - now.get(snapshot, set())):
            if (snapshot, paper) not in excluded:
                yield f"{snapshot}: {paper} was published, and is gone"


def seen_by_readers(case: Case) -> dict[str, set[str]]:
    """The papers of each snapshot that is published, as its last release shows them."""
    return {
        str(snapshot): {entry["paper"]["id"] for entry in snapshot.releases[-1]["digest"]["papers"]}
        for snapshot in case.evidence.snapshots
        if snapshot.releases
    }


def remembered(case: Case) -> dict[str, bytes]:
    """The files that may only grow, as they are now."""
    outputs = case.machine.outputs
    paths: Iterable[Path] = (path for name in APPEND_ONLY for path in outputs.glob(f"*/*/{name}"))
    return {str(path.relative_to(outputs)): path.read_bytes() for path in paths}


INVARIANTS = (
    nothing_is_lost,
    nothing_is_shown_twice,
    nothing_is_published_unread,
    what_readers_saw_stays,
    no_decision_is_lost,
    no_failure_is_shown_as_a_summary,
    nothing_is_paid_twice,
    the_books_balance,
    every_gap_is_explained,
    arxiv_and_the_key_are_respected,
)


def violations(case: Case, scratch: Path) -> list[str]:
    """All that does not hold, each with the invariant's name."""
    found: list[str] = []
    judges = {each.__name__: each(case) for each in INVARIANTS}
    judges["the_site_is_what_was_published"] = the_site_is_what_was_published(case, scratch)
    for name, told in judges.items():
        try:
            found += [f"{name.replace('_', ' ')}: {what}" for what in told]
        except Damaged as damage:
            found.append(f"{name.replace('_', ' ')}: that cannot be told, {damage}")
    return found

"""Readers see what editors decided, and nothing that they did not."""

from collections.abc import Iterator

from benchmarks.nights.evidence import Json
from benchmarks.nights.invariants.case import Case, Word, seen_by_readers


def nothing_is_published_unread(case: Case) -> Iterator[str]:
    """What the gate asks for is settled, on exactly the text that an editor saw or wrote."""
    known = {(w.snapshot, w.paper, w.action, _key(w.lines)) for w in case.memory.words}
    for snapshot in case.evidence.snapshots:
        for release in snapshot.releases:
            digest = release["digest"]
            flagged = {f["paper"] for f in digest["findings"] if f["severity"] != "note"}
            if digest["status"] != "published":
                yield f"{snapshot}: a draft is among the releases"
            for entry in digest["papers"]:
                paper, taken = entry["paper"]["id"], entry["decision"]
                if taken is None or taken["action"] not in ("approve", "edit"):
                    asked_for = entry["gap"] or paper in flagged
                    if digest["policy"] == "all" or (digest["policy"] == "flagged" and asked_for):
                        yield f"{snapshot}: {paper} is published, and nobody settled it"
                    continue
                shown = {lang: line["text"] for lang, line in entry["lines"].items()}
                if shown != taken["lines"]:
                    yield f"{snapshot}: {paper} is published with other lines than were decided on"
                if (str(snapshot), paper, taken["action"], _key(shown)) not in known:
                    yield f"{snapshot}: {paper} is published on a word that no editor gave"


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


def what_readers_saw_stays(case: Case) -> Iterator[str]:
    """A paper that was published is still on its page, unless an editor left it out since."""
    excluded = {(w.snapshot, w.paper) for w in case.memory.words if w.action == "exclude"}
    now = seen_by_readers(case)
    for snapshot, papers in case.memory.seen.items():
        for paper in sorted(papers - now.get(snapshot, set())):
            if (snapshot, paper) not in excluded:
                yield f"{snapshot}: {paper} was published, and is gone"


def what_was_decided_is_shown(case: Case) -> Iterator[str]:
    """A digest has every paper that nobody left out, with the last lines that were decided on."""
    last: dict[tuple[str, str], Word | None] = {}
    for word in case.memory.words:
        # Of one that was killed nobody knows whether it was taken, until the next.
        last[word.snapshot, word.paper] = word if word.acknowledged else None
    for snapshot in case.evidence.snapshots:
        draft = snapshot.digest is not None and snapshot.digest["status"] == "draft"
        standing = [] if draft else [release["digest"] for release in snapshot.releases[-1:]]
        for digest in (snapshot.digest, *standing):
            shown = {entry["paper"]["id"]: entry for entry in (digest or {"papers": ()})["papers"]}
            for paper in snapshot.papers if digest else ():
                key = str(snapshot), paper["id"]
                if key not in last or last[key] is not None:
                    yield from _as_decided(key, last.get(key), shown.get(paper["id"]))


def _as_decided(key: tuple[str, str], word: Word | None, entry: Json | None) -> Iterator[str]:
    """Whether a paper stands in a digest, and with the lines, as the last word on it says."""
    out = word is not None and word.action == "exclude"
    if (entry is not None) == out:
        yield f"{key[0]}: {key[1]} is {'shown' if out else 'not shown'}"
    elif entry is not None and word is not None and word.action in ("approve", "edit"):
        lines = {language: line["text"] for language, line in entry["lines"].items()}
        if lines != word.lines:
            yield f"{key[0]}: {key[1]} is shown with {lines}, and decided was {word.lines}"

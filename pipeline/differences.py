"""What is different for readers between two states of a digest; pure.

They are not shown when a decision was taken, its note, or why exactly a line is missing: where
nothing else changed, nothing is published again.
"""

from pipeline.records import Decision, Digest, DigestLine, Entry, Lines


def same(one: Digest, other: Digest) -> bool:
    """Whether readers are shown the same papers, lines and introduction in the same order."""
    return (
        not differing(one, other)
        and not in_another_order(one, other)
        and introduced_alike(one, other)
    )


def alike(one: Entry, other: Entry) -> bool:
    """Whether readers are shown the same of a paper."""
    return _shown(one, other) == _shown(other, one)


def differing(before: Digest, after: Digest) -> list[str]:
    """The ids of the papers that were added, left out or changed, in the order of `after`."""
    then = {entry.paper.id: entry for entry in before.papers}
    now = {entry.paper.id: entry for entry in after.papers}
    same = {id_ for id_ in now.keys() & then.keys() if alike(then[id_], now[id_])}
    return [id_ for id_ in now | then if id_ not in same]


def introduced_alike(one: Digest, other: Digest) -> bool:
    """Whether both have the same introduction by the same editor."""
    return _words(one.introduction) == _words(other.introduction)


def in_another_order(before: Digest, after: Digest) -> bool:
    """Whether the papers that both show stand in another order."""
    then, now = ([entry.paper.id for entry in digest.papers] for digest in (before, after))
    both = {*then} & {*now}
    return [id_ for id_ in then if id_ in both] != [id_ for id_ in now if id_ in both]


def _shown(entry: Entry, beside: Entry) -> tuple[Entry, bool, str | None]:
    by = entry.decision.reviewer if entry.decision and entry.settled else None
    lines = {tag: _as_known(line, beside.lines.get(tag)) for tag, line in entry.lines.items()}
    return entry.but(summary=None, gap=None, decision=None, lines=lines), entry.gap is not None, by


def _as_known(line: DigestLine, beside: DigestLine | None) -> DigestLine:
    """A line without its editor's name where the other one was published before those were kept."""
    unnamed = beside is not None and beside.origin == "editor" and beside.editor is None
    return line.but(editor=None) if unnamed else line


def _words(introduction: Decision | None) -> tuple[Lines | None, str] | None:
    return (introduction.lines, introduction.reviewer) if introduction else None

"""What is new in a paper's new version, word by word, against the version readers saw last."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from pipeline.records import Digest, Entry, Paper, Revised
from pipeline.site.latex.rendering import to_text
from pipeline.site.words import Said
from pipeline.word_differences import Part, parts

FIELDS: Final[dict[Revised, Said]] = {
    "title": Said("Title", "标题"),
    "abstract": Said("Abstract", "摘要"),
    "comments": Said("Comments", "备注"),
}

AROUND: Final = 24
"""Characters that are shown beside a change; what is further away is left out."""

CHANGED: Final = 100
"""Characters that are shown of either end of a change; the middle of a longer one is left out."""

MOST: Final = 450
"""Characters that a paper's comparison takes, its markup included, until it ends."""

MOST_OF_ALL: Final = 4_500
"""The same of all comparisons of a page, which stays small; earlier versions are a link away."""

MARKUP: Final = len("<del></del><ins></ins>")

LEFT_OUT: Final = " … "


class Change(NamedTuple):
    """One field that says something else now, in pieces; see `word_differences.parts`."""

    name: Said
    parts: Sequence[Part]


def room_for_each(digest: Digest) -> int:
    """How many characters the comparison of each revised paper may take."""
    revised = sum(entry.revision is not None for entry in digest.papers)
    return min(MOST, MOST_OF_ALL // max(revised, 1))


def changes(entry: Entry, room: int = MOST) -> Iterator[Change]:
    """The fields that changed, with what is far from any change, or beyond `room`, left out."""
    before = entry.revision.before if entry.revision else {}
    for field, name in FIELDS.items():
        if field in before:
            found = parts(to_text(before[field]), _now(entry.paper, field))
            shown = list(_shortened(found, room))
            room -= sum(map(_size, shown))
            yield Change(name, shown)


def revision_note(entry: Entry) -> Said | None:
    """Since which version the paper was revised, and where."""
    if entry.revision is None:
        return None
    names = [name for field, name in FIELDS.items() if field in entry.revision.before]
    what = ", ".join(name.en.lower() for name in names)
    what_zh = "、".join(name.zh for name in names)
    since = entry.revision.version
    if not names:
        return Said(
            f"Revised since v{since}; title, abstract and comments are the same",
            f"较第 {since} 版有修订，标题、摘要与备注未变",
        )
    return Said(f"Revised since v{since}: {what}", f"较第 {since} 版有修订：{what_zh}")


def _now(paper: Paper, field: Revised) -> str:
    text = {"title": paper.title, "abstract": paper.abstract, "comments": paper.comments or ""}
    return to_text(text[field])


def _shortened(found: Sequence[Part], room: int) -> Iterator[Part]:
    last = len(found) - 1
    for place, part in enumerate(found):
        if room <= 0:
            yield Part(LEFT_OUT, LEFT_OUT)
            return
        if part.changed:
            shown = Part(_ends(part.old, CHANGED, CHANGED), _ends(part.new, CHANGED, CHANGED))
        else:
            before, behind = (0 if place == 0 else AROUND), (0 if place == last else AROUND)
            stayed = part.new if last == 0 else _ends(part.new, before, behind)
            shown = Part(stayed, stayed)
        room -= _size(shown)
        yield shown


def _size(part: Part) -> int:
    return len(part.old) + len(part.new) + MARKUP if part.changed else len(part.new)


def _ends(text: str, first: int, last: int) -> str:
    """The first and the last characters, by whole words, where there are more between them."""
    if first + last + len(LEFT_OUT) >= len(text):
        return text
    head, tail = text[:first], text[len(text) - last :]
    head = head.rpartition(" ")[0] or head
    tail = tail.partition(" ")[2] or tail
    return f"{head}{LEFT_OUT}{tail}"

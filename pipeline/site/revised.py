"""What is new in a paper's new version, word by word, against the version readers saw last."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from pipeline.records import Entry, Paper, Revised
from pipeline.site.latex.rendering import to_text
from pipeline.site.words import Said
from pipeline.word_differences import Part, parts

FIELDS: Final[dict[Revised, Said]] = {
    "title": Said("Title", "标题"),
    "abstract": Said("Abstract", "摘要"),
    "comments": Said("Comments", "备注"),
}

AROUND: Final = 60
"""Characters that are shown beside a change; what is further away is left out."""

LEFT_OUT: Final = " … "


class Change(NamedTuple):
    """One field that says something else now, in pieces; see `word_differences.parts`."""

    name: Said
    parts: Sequence[Part]


def changes(entry: Entry) -> list[Change]:
    """The fields that changed, with what is far from any change left out."""
    before = entry.revision.before if entry.revision else {}
    return [
        Change(name, _shortened(parts(to_text(before[field]), _now(entry.paper, field))))
        for field, name in FIELDS.items()
        if field in before
    ]


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


def _shortened(found: Sequence[Part]) -> list[Part]:
    last = len(found) - 1
    return [
        part if part.changed else _around(part.new, first=place == 0, last=place == last)
        for place, part in enumerate(found)
    ]


def _around(text: str, *, first: bool, last: bool) -> Part:
    """What is left of a piece that stayed: its ends, where a change is beside them."""
    head, tail = "" if first else text[:AROUND], "" if last else text[-AROUND:]
    if len(head) + len(tail) + len(LEFT_OUT) >= len(text) or (first and last):
        return Part(text, text)
    head = head.rpartition(" ")[0] or head
    tail = tail.partition(" ")[2] or tail
    short = f"{head}{LEFT_OUT}{tail}"
    return Part(short, short)

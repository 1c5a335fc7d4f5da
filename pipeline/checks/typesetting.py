"""Chinese punctuation and blanks, where they are not as `typography` would set them."""

from collections.abc import Iterator

from pipeline import typography
from pipeline.checks.rules import Found, Rules
from pipeline.records import Lines, Paper

Edits = list[typography.Edit]

LONGEST = 1000
"""Characters of a line that are looked at; a longer one has another fault."""

AROUND = 6
"""Characters on each side of a place that a message shows."""


def check(paper: Paper, lines: Lines, rules: Rules) -> Iterator[Found]:
    """`punctuation` and `spacing` of the Chinese line, each once, at the first place."""
    del paper, rules
    line = lines.get("zh", "")[:LONGEST]
    marks = typography.punctuation(line)
    text = typography.applied(line, marks)
    blanks = typography.spacing(text)
    if marks:
        yield _found("punctuation", "half-width punctuation", marks, line, [*marks, *blanks])
    if blanks:
        yield _found("spacing", "blanks beside Latin text", blanks, text, blanks)


def _found(code: str, what: str, edits: Edits, text: str, all_edits: Edits) -> Found:
    """The finding; a mark is as wide as its full-width one, so places in `text` are the line's."""
    start, end, _ = edits[0]
    left, right = max(0, start - AROUND), min(len(text), end + AROUND)
    shown = text[left:right]
    within = sorted(
        (s - left, e - left, new) for s, e, new in all_edits if left <= s and e <= right
    )
    better = typography.applied(shown, [one for one in within if one[0] < len(shown)])
    places = f"{len(edits)} places, first in" if len(edits) > 1 else "one place,"
    message = f'{what} at {places} "{shown}", which should be "{better}"'
    span = (start, end) if end > start else (max(0, start - 1), min(len(text), end + 1))
    return Found(code, message, "zh", span)

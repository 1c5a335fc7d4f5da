"""What differs between two lines, word by word; pure.

A word of Chinese is taken for a character: what stands between two changes and is no longer
than that belongs to the change, since half a word that stayed helps no reader.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

WORDS = re.compile(r"[^\W\u3400-\u9fff]+(?:[-.,'’][^\W\u3400-\u9fff]+)*|\s+|.", re.DOTALL)
"""A Latin word or number with what is inside it, white space, or one character."""

LONG = 400
"""Words of a line, spaces included, above which the work is bounded; a summary has fewer."""

MOST_PAIRS = 100_000
"""Pairs of equal words, one of each long line, that are looked at: a tenth of a second at worst.

A model that goes round in circles writes thousands of times the same, which would take minutes.
"""


class Part(NamedTuple):
    """A piece of two lines, in their order: what the first has there, and what the second has."""

    old: str
    new: str

    @property
    def changed(self) -> bool:
        """Whether the two have something else there."""
        return self.old != self.new


def parts(old: str, new: str) -> list[Part]:
    """The pieces of two lines: joined, the `old` ones are the first line, the `new` the second.

    The other way round they are the same pieces. Of long lines that repeat themselves what is
    between their common beginning and end is one piece.
    """
    if old > new:  # what the matcher finds depends on which line comes first
        return [Part(other, one) for one, other in parts(new, old)]
    one, other = WORDS.findall(old), WORDS.findall(new)
    found = _pieces(one, other) if max(len(one), len(other)) <= LONG else _bounded(one, other)
    return list(_joined(found))


def marked(old: str, new: str) -> str:
    """Both lines in one text: `[-what the first has-]{+what the second has+}`, as git shows it."""
    return "".join(_marked(part) for part in parts(old, new))


def difference(old: str, new: str) -> float:
    """How much two lines differ: 0.0 where they are equal, 1.0 where they share no word."""
    return share_of(parts(old, new))


def share_of(found: Iterable[Part]) -> float:
    """The share of the characters of both lines that stand in changed pieces, from 0.0 to 1.0."""
    changed = same = 0
    for part in found:
        size = len(part.old) + len(part.new)
        changed, same = (changed + size, same) if part.changed else (changed, same + size)
    return changed / (changed + same) if changed else 0.0


def _pieces(one: Sequence[str], other: Sequence[str]) -> list[Part]:
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return [
        Part("".join(one[start:end]), "".join(other[begin:stop]))
        for _, start, end, begin, stop in matcher.get_opcodes()
    ]


def _bounded(one: Sequence[str], other: Sequence[str]) -> list[Part]:
    """The pieces of long lines: the matcher sees what is between their common ends, or nothing."""
    room = min(len(one), len(other))
    begin = _common(one, other, room)
    end = _common(one[::-1], other[::-1], room - begin)
    first, last = "".join(one[:begin]), "".join(one[len(one) - end :])
    one, other = one[begin : len(one) - end], other[begin : len(other) - end]
    often = Counter(other)
    pairs = sum(count * often[word] for word, count in Counter(one).items())
    inner = _pieces(one, other) if pairs <= MOST_PAIRS else [Part("".join(one), "".join(other))]
    return [part for part in (Part(first, first), *inner, Part(last, last)) if part.old or part.new]


def _common(one: Sequence[str], other: Sequence[str], most: int) -> int:
    """How many words both begin with, at most so many."""
    found = 0
    while found < most and one[found] == other[found]:
        found += 1
    return found


def _joined(found: list[Part]) -> Iterator[Part]:
    """Neighbouring changes as one, with an island between them that is no word."""
    held: Part | None = None
    for place, part in enumerate(found):
        island = len(part.new.strip()) <= 1 and 0 < place < len(found) - 1
        if part.changed or (held is not None and island):
            held = Part(held.old + part.old, held.new + part.new) if held else part
            continue
        if held is not None:
            yield held
            held = None
        yield part
    if held is not None:
        yield held


def _marked(part: Part) -> str:
    if not part.changed:
        return part.new
    removed = f"[-{part.old}-]" if part.old else ""
    return removed + (f"{{+{part.new}+}}" if part.new else "")

"""Text with LaTeX in it -> tokens, formulas among them; in time linear in its length."""

import re
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

Kind = Literal[
    "text", "formula", "display", "address", "character", "word", "symbol",
    "dollar", "open", "close", "quote", "dash", "tie", "script",
]  # fmt: skip
"""`formula` and `display` hold mathematics without its delimiters, everything else its source."""

LONGEST = 1_000
"""Characters of a formula; what is longer between two dollar signs is no formula."""

SPECIAL = re.compile(r"[\\$~{}`]|--|''|[\^_](?=\{)")
"""Text without any of these is not LaTeX."""

_TOKEN = re.compile(
    r"""
      (?P<address>https?://(?:[^\s\\{}$<>"'`^|\u3000-\uffef]|\\[_%#&~])+)
    | (?P<character>\\char\ ?"[0-9A-Fa-f]{2,6}\ ?)
    | (?P<word>\\[A-Za-z]+)
    | (?P<symbol>\\.)
    | (?P<dollar>\$)
    | (?P<open>\{)
    | (?P<close>\})
    | (?P<quote>``|''|`|'(?!\w)|")
    | (?P<dash>-{2,})
    | (?P<tie>~)
    | (?P<script>[\^_](?=\{))
    """,
    re.VERBOSE | re.DOTALL,
)
_CLOSERS = {"$": "$", r"\(": r"\)", r"\[": r"\]"}
_PROSE_ONLY = re.compile(r"\s*\\(?:text[a-z]*|emph|mbox|url|href)\{[^{}]*\}(?:\{[^{}]*\})?\s*")
_AMOUNT = re.compile(r"\s*[\d.,]")
_COMMANDS = re.compile(r"\\[A-Za-z]+|\{[^{}]*\}")
_PROSE = re.compile(r"(?<=\s)[a-z]{2,}|[a-z]{2,}(?=\s)|[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]")
_WORDS = re.compile(r"[A-Za-z]{2,}|[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]")


class Token(NamedTuple):
    """A piece of the text: `text[start:end]` is its source, delimiters included."""

    kind: Kind
    text: str
    start: int
    end: int


def tokens(text: str) -> list[Token]:
    """All of `text` in its order."""
    return _with_formulas(text, list(_split(text)))


def pairs(found: Sequence[Token]) -> dict[int, int]:
    """The place of each opening brace that is closed, and that of its closing brace."""
    matched: dict[int, int] = {}
    opened: list[int] = []
    for place, token in enumerate(found):
        if token.kind == "open":
            opened.append(place)
        elif token.kind == "close" and opened:
            matched[opened.pop()] = place
    return matched


def _split(text: str) -> Iterable[Token]:
    done = 0
    for match in _TOKEN.finditer(text):
        if match.start() > done:
            yield Token("text", text[done : match.start()], done, match.start())
        kind: Kind = match.lastgroup  # type: ignore[assignment]  # named as the kinds are
        yield Token(kind, match.group(), match.start(), match.end())
        done = match.end()
    if done < len(text):
        yield Token("text", text[done:], done, len(text))


def _with_formulas(text: str, found: list[Token]) -> list[Token]:
    """`found` with each formula made one token."""
    nearest = {mark: _nearest(found, mark) for mark in {*_CLOSERS, *_CLOSERS.values()}}
    folded: list[Token] = []
    place = 0
    while place < len(found):
        token = found[place]
        span = _span(found, place, nearest)
        if span is None:
            folded.append(token)
            place += 1
            continue
        kind, first, end, last = span
        inside = found[first:end]
        source = text[found[first].start : found[end].start]
        if kind == "formula" and token.text == "$" and _PROSE_ONLY.fullmatch(source):
            folded += inside
        elif _is_balanced(inside) and (
            token.text != "$" or kind == "display" or _is_no_money(source, text, found[last].end)
        ):
            folded.append(Token(kind, source, token.start, found[last].end))
        else:
            folded.append(token)
            last = place
        place = last + 1
    return folded


def _nearest(found: list[Token], mark: str) -> list[int | None]:
    """For each token the place of the next one behind it that is `mark`."""
    nearest: list[int | None] = [None] * len(found)
    for place in range(len(found) - 2, -1, -1):
        nearest[place] = place + 1 if found[place + 1].text == mark else nearest[place + 1]
    return nearest


def _span(
    found: list[Token], place: int, nearest: dict[str, list[int | None]]
) -> tuple[Kind, int, int, int] | None:
    """Kind of the formula that begins here, first place in it, its closer's, and its last."""
    opener = found[place].text
    if opener not in _CLOSERS:
        return None
    kind: Kind = "display" if opener == r"\[" else "formula"
    first, end = place + 1, nearest[_CLOSERS[opener]][place]
    last = end
    if opener == "$" and end == first:  # $$...$$
        kind, first, end = "display", first + 1, nearest["$"][first]
        last = end and end + 1
        if last is None or last >= len(found) or found[last].text != "$":
            return None
    if end is None or last is None or end == first:
        return None
    if found[end].start - found[first].start > LONGEST:
        return None
    again = nearest[opener][place]
    if opener != "$" and again is not None and again < end:
        return None
    return kind, first, end, last


def _is_balanced(inside: list[Token]) -> bool:
    depth = 0
    for token in inside:
        depth += (token.kind == "open") - (token.kind == "close")
        if depth < 0:
            return False
    return depth == 0 and any(token.text.strip() for token in inside)


def _is_no_money(source: str, text: str, end: int) -> bool:
    r"""Whether `$source$`, which ends at `text[end]`, is mathematics and not two amounts.

    Pandoc's rule is the ground: no white space inside at either end, and no digit behind. But
    `$\sim$5` and `$ x_i $` are what authors write, so a digit may follow what begins with none,
    and blanks may stand at the ends where there are no words in between.
    """
    bare = _COMMANDS.sub(" ", source)
    tight = source == source.strip()
    if not _AMOUNT.match(source):
        return tight or not _WORDS.search(bare)
    is_prose = _PROSE.search(bare) or source.count("(") != source.count(")")
    if is_prose or not (tight or re.fullmatch(r"\s.*\\[a-z].*\s", source)):
        return False
    return not text[end : end + 1].isdigit() or any(mark in source for mark in "\\^_")

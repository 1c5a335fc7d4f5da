"""Chinese typography: blanks between Chinese and Latin text, and full-width punctuation.

Only what is certain is changed, and never a letter, a digit or a Chinese character. Blanks
stand as is common in technical text: one between Chinese and Latin letters or digits
(`在 85.1% 上达到 3 倍`, `2026 年`), none beside full-width punctuation. Formulas, code,
addresses, numbers and Latin text keep their punctuation, and a formula its round brackets:
`f(x)`, `(0, 1)`. What is mended once stays as it is when it is mended again, so every mark is
judged by what stands to its left after mending and by what never changes to its right.

(autocorrect-py does the like and is not used: it makes full-width letters half-width, sets
blanks around the hyphen of `非凸-凸` and none after `C++` or beside Greek letters, keeps
round brackets half-width, and does not always stop at what it made itself.)
"""

import itertools
import re

from pipeline.wording import HAN

Edit = tuple[int, int, str]
"""Characters [start, end) of a line, and what is to stand there."""

BLANKS = " \u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u3000"
WIDE = frozenset("，。；：？！、（）《》【】「」『』〈〉")
CLOSED = frozenset("”’）》】」』〉")
HYPHENS = ("-", "‐", "‑")
FULL = {",": "，", ";": "；", ":": "：", "?": "？", "!": "！", ".": "。"}

VERBATIM = re.compile(
    r"`[^`]*`|\$[^$]+\$(?!\d)|https?://[^\s\u2018-\u201d\u3000-\uffef]*[A-Za-z0-9/]"
)
"""Code, formulas and addresses; a dollar sign before a digit is a price's."""

COMPOUND = re.compile(
    r"[A-Z](?<![A-Za-z0-9_.-].)(?:光|恤|台步|股|超(?!过|越|出|参|图|平|球|声)|线(?!性)|歌|盘|射线|细胞|淋巴|语言|[型形字](?![状式]))"
    r"|AA制|卡拉OK(?![A-Za-z])"
)
"""Words that dictionaries spell with a letter: X光, T恤, A股, K线. They have no blank by right and
one by habit, so they stay as they are; other letters are names of things (`N 个`), and are set
off.
"""

MARK = re.compile(r"[,;:?!.()（\"]")
HALF = re.compile(r"[,;:?!()\"]|[.\s]$|\.\s")

RUN = re.compile(r"[\u0020-\u2017\u201e\u201f\u2020-\u2025\u2027-\u2fff\u3000]+")
"""Neither Chinese characters nor full-width punctuation: Latin text with its blanks."""

LATIN_OR_GREEK = (
    r"A-Za-z0-9\u00b2\u00b3\u00b9\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0370-\u03ff\u1e00-\u1eff"
    r"\u2070-\u209c"
)
STARTS = re.compile(rf"[{LATIN_OR_GREEK}`]|[(\[][^)\]]|[<≤≥≈±]\d|\$\S")
ENDS = re.compile(
    rf"(?:[{LATIN_OR_GREEK}%‰°℃`]|[^(\[][)\]]|[A-Za-z0-9%]\+{{1,2}}|[A-Za-z][#*]|\S\$)$"
)

FUNCTION = re.compile(r"(?<![A-Za-z])[A-Za-z\u0370-\u03ff]$")
ENTITY = re.compile(r"&#?[A-Za-z0-9]{1,8}$")


def mended(line: str) -> tuple[str, tuple[str, ...]]:
    """The line with its Chinese typography put right, and the codes of what was.

    The codes are `punctuation` and `spacing`. A line without Chinese stays as it is.
    """
    marks = punctuation(line)
    text = applied(line, marks)
    blanks = spacing(text)
    codes = ("punctuation",) * bool(marks) + ("spacing",) * bool(blanks)
    return applied(text, blanks), codes


def applied(line: str, edits: list[Edit]) -> str:
    """The line after the edits, which do not overlap and stand in order."""
    if not edits:
        return line
    parts, position = [], 0
    for start, end, text in edits:
        parts += [line[position:start], text]
        position = end
    return "".join([*parts, line[position:]])


def punctuation(line: str) -> list[Edit]:
    """The half-width marks that belong to Chinese text, each with its full-width one."""
    if not HALF.search(line) or not HAN.search(line):
        return []
    marks = _Marks(line)
    return [
        (place, place + 1, new)
        for place, (old, new) in enumerate(zip(line, marks.judged(), strict=True))
        if old != new
    ]


def spacing(line: str) -> list[Edit]:
    """The blanks to be set or taken away; punctuation is expected to be right already."""
    if not HAN.search(line):
        return []
    kept = _kept(line)
    edits: list[Edit] = []
    for run in RUN.finditer(line):
        start, end = run.span()
        core = run[0].strip(BLANKS)
        before = line[start - 1] if start else ""
        after = line[end : end + 1]
        if not core:
            if _joined(before, after) and start not in kept:
                edits.append((start, end, ""))
            continue
        left = start + len(run[0]) - len(run[0].lstrip(BLANKS))
        right = start + len(run[0].rstrip(BLANKS))
        _edit(edits, line, (start, left), _wanted(before, STARTS.match(core)), kept)
        _edit(edits, line, (right, end), _wanted(after, ENDS.search(core[-3:])), kept)
    for word in COMPOUND.finditer(line) if edits else ():
        edits = [edit for edit in edits if not word.start() < edit[0] < word.end()]
    return edits


def _wanted(neighbour: str, latin: object) -> str | None:
    """The blanks between Latin text and its neighbour; None: as they are."""
    if neighbour in WIDE:
        return ""
    return " " if latin and neighbour and HAN.match(neighbour) else None


def _edit(
    edits: list[Edit], line: str, place: tuple[int, int], wanted: str | None, kept: frozenset[int]
) -> None:
    start, end = place
    if wanted is not None and line[start:end] != wanted and start not in kept:
        edits.append((start, end, wanted))


def _joined(before: str, after: str) -> bool:
    """Whether no blank may stand between the two; quotation marks may be Latin text's."""
    if before in WIDE or after in WIDE:
        return bool(before and after)
    opened = after == "“" and before and HAN.match(before)
    return bool(opened or (before == "”" and after and HAN.match(after)))


def _kept(line: str) -> frozenset[int]:
    """The places inside code, formulas and addresses."""
    if not ("$" in line or "`" in line or "://" in line):
        return frozenset()
    found = (range(kept.start() + 1, kept.end()) for kept in VERBATIM.finditer(line))
    return frozenset(itertools.chain.from_iterable(found))


class _Marks:
    """The marks of one line; `text` is the line with those made full-width so far."""

    def __init__(self, line: str) -> None:
        self.line = line
        self.text = list(line)
        self.kept = _kept(line)

    def judged(self) -> list[str]:
        """The line's characters, those of its marks full-width where that is certain."""
        places = [m.start() for m in MARK.finditer(self.line)]
        if self.kept:
            places = [place for place in places if place not in self.kept]
        quotes = [place for place in places if self.line[place] == '"']
        partners = dict(zip(quotes[::2], quotes[1::2], strict=False))
        if len(quotes) % 2:
            partners = {}
        partners |= self._brackets()
        for place in places:
            character = self.line[place]
            if character in '"(（':
                self._pair(place, partners.get(place))
            elif character in FULL and self._is_chinese(character, place):
                self.text[place] = FULL[character]
        return self.text

    def _brackets(self) -> dict[int, int]:
        open_ones: list[int] = []
        partners = {}
        for found in re.finditer("[()（）]", self.line):
            if found.start() in self.kept:
                continue
            if found[0] in "(（":
                open_ones.append(found.start())
            elif open_ones:
                partners[open_ones.pop()] = found.start()
        return partners

    def _pair(self, start: int, end: int | None) -> None:
        if end is None:
            return
        inside = self.line[start + 1 : end]
        if self.line[start] == '"':
            if inside.strip() and self._quotes_chinese(inside, start, end):
                self.text[start], self.text[end] = "“”"
        elif self._brackets_chinese(inside, start, end):
            self.text[start], self.text[end] = "（）"

    def _quotes_chinese(self, inside: str, start: int, end: int) -> bool:
        before, after = self._before(start), self._after(end)
        if before in "{[=\\":
            return before == ""
        return bool(HAN.search(inside) or _chinese(before) or HAN.match(after))

    def _brackets_chinese(self, inside: str, start: int, end: int) -> bool:
        if self.line[start] == "（" or self.line[end] == "）":
            return True
        if HAN.search(inside) or not WIDE.isdisjoint(inside):
            return not FUNCTION.search(self.line[max(0, start - 2) : start])
        if self.line[end + 1 : end + 2] in HYPHENS:  # of a chemical name: (S)-布洛芬
            return False
        return "," not in inside and _chinese(self._before(start))

    def _is_chinese(self, character: str, place: int) -> bool:
        before, after = self._before(place), self._after(place)
        chinese = bool(HAN.match(before)) or before in CLOSED
        if character == ".":
            blank = self.line[place + 1 : place + 2].isspace() and HAN.match(after)
            return bool(HAN.match(before) and (not after or blank))
        if character in "?!":
            return chinese and (not after or after in "”’）)」』\"'" or bool(HAN.match(after)))
        if chinese:
            return bool(after) and (after.isalnum() or after in "\"'“‘《「『（([【`$<+-−±≤≥~#")
        if not HAN.match(after) or not (before.isalnum() or before in "%‰)]℃°$`+"):
            return False
        if character == ";":
            return not ENTITY.search(self.line[max(0, place - 10) : place])
        return character != "," or not self._lists_latin(place)

    def _lists_latin(self, place: int) -> bool:
        """Whether the Latin text before a place has a comma with a blank: `BERT, GPT`."""
        place -= 1
        while place >= 0 and self.text[place] < "\u3000":
            if self.text[place] == "," and self.line[place + 1] in BLANKS:
                return True
            place -= 1
        return False

    def _before(self, place: int) -> str:
        """The last character before a place that is no blank, full-width if it was made so."""
        place -= 1
        while place >= 0 and self.line[place] in BLANKS:
            place -= 1
        return self.text[place] if place >= 0 else ""

    def _after(self, place: int) -> str:
        place += 1
        while place < len(self.line) and self.line[place] in BLANKS:
            place += 1
        return self.line[place : place + 1]


def _chinese(character: str) -> bool:
    return bool(HAN.match(character)) or character in WIDE or character == "”"

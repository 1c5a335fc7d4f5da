"""Text with LaTeX in it -> its parts: words, formulas, and the elements that hold them."""

import re
from typing import Literal, NamedTuple
from urllib.parse import quote, urlsplit

from pipeline.site.latex import commands
from pipeline.site.latex.alphabets import ACCENTS, accented
from pipeline.site.latex.mathematics import mathml, plain
from pipeline.site.latex.tokens import LONGEST, Token, pairs, tokens
from pipeline.site.text import PATH, clean

DEEPEST = 12
"""Elements in elements; what lies deeper is shown without its own."""

_NEAR = 120
"""Characters between two single quotation marks that belong together."""

_SCRIPT = 60
"""Characters that stand raised or lowered outside of mathematics."""

_LETTERS = 20
"""Letters behind an accent, which the first of them takes."""

_BARE = 200
"""Characters of mathematics that stands outside of dollar signs."""

_BLANKS = re.compile(r"\s+")
_OPTIONS = re.compile(r"\s*(?:\[[^\[\]]*\]\s*){0,2}")
_ENVIRONMENTS = frozenset({
    "itemize", "enumerate", "description", "abstract", "center", "quote", "quotation",
})  # fmt: skip
_LISTED = re.compile("[,;:\"'=|<>/$]")
_POSSESSIVE = re.compile(r"(?:s|t|d|m|re|ve|ll)(?![A-Za-z])")
_ENDS_QUOTE = re.compile(r'\\"(?![A-Za-z{\\])')
_BEFORE_TIE = re.compile(r"[\w)\]}.,;:%'\"”’$]")


class Part(NamedTuple):
    """`text` is words, a formula without its delimiters, or the name of an element.

    `source` is a formula as it was written, or where a link leads.
    """

    kind: Literal["words", "formula", "display", "start", "end"]
    text: str
    source: str = ""


def parts(text: str) -> list[Part]:
    """All of `text`, cleaned before, in its order; each element that starts also ends."""
    return _Reader(text).read()


def link(source: str) -> str | None:
    """The address to link to, percent-encoded; None where it is none of the web's."""
    address = re.sub(r"\\([_%#&~$])(?:\{\})?", r"\1", source.strip())
    try:
        split = urlsplit(address)
        host = split.hostname or ""
    except ValueError:  # such as an unclosed bracket in the host
        return None
    if split.scheme not in {"http", "https"} or not re.fullmatch(r"[\w-]+(\.[\w-]+)+", host):
        return None
    if re.search(r"\s", address) or "@" in split.netloc:
        return None
    return quote(address, safe=f"{PATH}?#[]")


class _Reader:
    """One text. A method for a kind of token takes its place and returns the next to read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.found = tokens(text)
        self.matched = pairs(self.found)
        self.parts: list[Part] = []
        self.groups: list[int] = []
        self.closing: dict[int, list[Part]] = {}
        self.literal: set[int] = set()
        self.depth = 0
        self.link_ends = -1
        self.double = False
        self.single: tuple[int, int] | None = None
        self.marks_are_escaped = bool(_ENDS_QUOTE.search(text))

    def read(self) -> list[Part]:
        place = 0
        while place < len(self.found):
            token = self.found[place]
            if token.kind == "text":
                place = self._say(token.text, place + 1)
            else:
                place = getattr(self, f"_{token.kind}")(place, token)
        return self.parts

    # what a method does with its place

    def _say(self, words: str, following: int) -> int:
        if words:
            self.parts.append(Part("words", words))
        return following

    def _space(self, following: int) -> int:
        last = self.parts[-1].text if self.parts else " "
        return self._say("" if last[-1:].isspace() else " ", self._without_blank(following))

    def _enter(self, opening: int, *ending: Part) -> int:
        """Read on inside the group; `ending` comes where it closes."""
        end = self.matched[opening]
        self.groups.append(end)
        self.closing[end] = list(ending)
        return opening + 1

    def _element(self, name: str, opening: int, address: str = "") -> int:
        self._enter(opening)
        self._begin(name, address)
        return opening + 1

    def _begin(self, name: str, address: str = "") -> None:
        if name and self.depth < DEEPEST:
            self.depth += 1
            self.parts.append(Part("start", name, address))
            self.closing[self.groups[-1]].append(Part("end", name))

    def _verbatim(self, opening: int) -> int:
        self._say("{", opening)
        return self._enter(opening, Part("words", "}"))

    def _raw(self, opening: int, most: int | None = None) -> str:
        """The source in the group, at most so many characters of it."""
        start, end = self.found[opening].end, self.found[self.matched[opening]].start
        return self.text[start : end if most is None else min(end, start + most)]

    def _group_at(self, place: int, between: re.Pattern[str] | None = None) -> int | None:
        """The place of the opening brace of a group that begins here, if one does."""
        if between and place < len(self.found) and between.fullmatch(self.found[place].text):
            place += 1
        return place if place in self.matched else None

    def _before(self, token: Token) -> str:
        return self.text[token.start - 1] if token.start else " "

    def _behind(self, token: Token) -> str:
        return self.text[token.end : token.end + 1] or " "

    # one method for each kind of token

    def _formula(self, place: int, token: Token) -> int:
        kind: Literal["formula", "display"] = "display" if token.kind == "display" else "formula"
        self.parts.append(Part(kind, token.text, self.text[token.start : token.end]))
        return place + 1

    _display = _formula

    def _address(self, place: int, token: Token) -> int:
        return self._say(re.sub(r"\\(.)", r"\1", token.text), place + 1)

    def _character(self, place: int, token: Token) -> int:
        number = int(token.text.partition('"')[2], 16)
        return self._say(clean(chr(number)) if number < 0x110000 else "", place + 1)

    def _dollar(self, place: int, token: Token) -> int:
        return self._say(token.text, place + 1)

    def _open(self, place: int, token: Token) -> int:
        if place not in self.matched:
            return self._say(token.text, place + 1)
        if place in self.literal:
            return self._verbatim(place)
        inside = self._raw(place, LONGEST)
        if len(inside) < 2 or inside[0] == "\\" or not _LISTED.search(inside):
            return self._enter(place)
        return self._verbatim(place)

    def _close(self, place: int, token: Token) -> int:
        if not self.groups or self.groups[-1] != place:
            return self._say(token.text, place + 1)
        self.groups.pop()
        for part in reversed(self.closing.pop(place)):
            self.depth -= part.kind == "end"
            self.parts.append(part)
        return place + 1

    def _dash(self, place: int, token: Token) -> int:
        before, behind = self._before(token), self._behind(token)
        is_option = before in " (\"'`" and behind.isalpha() and len(token.text) == 2
        if len(token.text) > 3 or is_option or before in "<!" or behind == ">":
            return self._say(token.text, place + 1)
        return self._say("—" if len(token.text) == 3 else "–", place + 1)

    def _tie(self, place: int, token: Token) -> int:
        """A tie binds words; `~5`, `10~20` and `x~N(0,1)` mean something else."""
        before, behind = self._before(token), self._behind(token)
        is_range = before.isdecimal() and behind.isdecimal()
        is_law = re.match(r"[A-Za-z]+\(", self.text[token.end : token.end + 20])
        if not _BEFORE_TIE.match(before) or behind.isspace() or is_range or is_law:
            return self._say("~", place + 1)
        return self._say("\xa0", place + 1)

    def _script(self, place: int, token: Token) -> int:
        opening, before = place + 1, self._before(token)
        if opening not in self.matched:
            return self._say(token.text, opening)
        size = self.found[self.matched[opening]].start - self.found[opening].end
        if size > _SCRIPT or not (before.isalnum() or before in ")]}|'$"):
            self._say(token.text, opening)
            return self._verbatim(opening)
        return self._element("sup" if token.text == "^" else "sub", opening)

    def _quote(self, place: int, token: Token) -> int:
        mark = token.text
        starts = self._before(token).isspace() and not self._behind(token).isspace()
        if mark == "``" or (mark == "''" and starts and not self.double):
            self.double, mark = True, "“"
        elif mark in {"''", '"'}:
            self.double, mark = False, "”" if self.double else '"'
        elif mark == "`":
            self.single = (len(self.parts), token.start)
        elif self.single is not None:  # a closing apostrophe
            opened, start = self.single
            self.single = None
            if token.start - start <= _NEAR:
                self.parts[opened], mark = Part("words", "‘"), "’"
        return self._say(mark, place + 1)

    def _symbol(self, place: int, token: Token) -> int:
        sign = token.text[1]
        known = commands.SIGNS.get(sign)
        if known == " ":
            return self._space(place + 1)
        if known is not None:
            return self._say(known, place + 1)
        if sign in ACCENTS:
            after = self._accent(place, sign)
            return self._say(sign, place + 1) if after is None else after
        return self._say(token.text, place + 1)

    def _word(self, place: int, token: Token) -> int:
        name = token.text[1:]
        if name in ACCENTS and (after := self._accent(place, name)) is not None:
            return after
        takes_options = name in commands.BRACKETED or name in commands.ASIDES
        opening = self._group_at(place + 1, _OPTIONS if takes_options else _BLANKS)
        after = None if opening is None else self._with_argument(name, opening)
        if after is None:
            after = self._alone(name, place + 1)
        return self._unknown(place, token) if after is None else after

    # commands

    def _with_argument(self, name: str, opening: int) -> int | None:
        end = self.matched[opening] + 1
        after: int | None = None
        if name in commands.STYLES:
            after = self._element(commands.STYLES[name], opening)
        elif name in commands.BARE:
            after = self._enter(opening)
        elif name in commands.SECOND:
            second = self._group_at(end)
            after = self._enter(opening if second is None else second)
        elif name in {"href", "hyperlink", "url"}:
            after = self._link(name, opening)
        elif name in commands.BRACKETED:
            after = self._say(f"[{self._raw(opening)}]", end)
        elif name in commands.ASIDES:
            self._space(opening)
            self._say("(", opening)
            after = self._enter(opening, Part("words", ")"))
        elif name in commands.DROPPED:
            after = end
        elif name in {"begin", "end"} and self._raw(opening, 20) in _ENVIRONMENTS:
            after = self._space(end)
        return after

    def _alone(self, name: str, after: int) -> int | None:
        known = commands.SYMBOLS.get(name) or commands.BETWEEN.get(name)
        if name in commands.DECLARATIONS:
            if self.groups:
                self._begin(commands.DECLARATIONS[name])
            return self._without_blank(after)
        if name in commands.LETTERS:
            self._say(commands.LETTERS[name], after)
            return self._without_blank(after)
        if name in commands.SPACES:
            return self._space(after)
        if name in commands.NOTHING:
            return after
        return None if known is None else self._say(known, after)

    def _unknown(self, place: int, token: Token) -> int:
        """Mathematics without its dollar signs, or what stays as it was written."""
        after, end = place + 1, token.end
        while (opening := self._group_at(after)) is not None:
            after = self.matched[opening] + 1
            end = self.found[after - 1].end
        source = self.text[token.start : end] if end - token.start <= _BARE else ""
        if mathml(source) is not None:
            self.parts.append(Part("formula", source, source))
            return after
        self._say(token.text, place)
        opening = self._group_at(place + 1)
        if opening is not None and self.matched[opening] == opening + 1:  # \name{}
            return opening + 2
        while opening is not None:
            self.literal.add(opening)
            opening = self._group_at(self.matched[opening] + 1)
        return place + 1

    def _link(self, name: str, opening: int) -> int:
        raw, end = self._raw(opening), self.matched[opening] + 1
        address = link(raw) if opening > self.link_ends else None
        shown = self._group_at(end) if name != "url" else None
        if shown is not None:
            if address is None:
                return self._enter(shown)
            self.link_ends = self.matched[shown]
            return self._element("a", shown, address)
        words = Part("words", re.sub(r"\\([_%#&~$])", r"\1", raw))
        if address is None:
            self.parts.append(words)
        else:
            self.parts += [Part("start", "a", address), words, Part("end", "a")]
        return end

    def _without_blank(self, place: int) -> int:
        if place < len(self.found) and self.found[place].kind == "text":
            token = self.found[place]
            words = token.text.lstrip()
            self.found[place] = token._replace(text=words, start=token.end - len(words))
        return place

    def _accent(self, place: int, accent: str) -> int | None:
        """An accent with its letter; None where no letter is there to take it."""
        after = place + 1
        opening = self._group_at(after)
        following = self.found[after] if after < len(self.found) else None
        if opening is not None:
            return self._accented_group(opening, accent)
        if following and following.text in {r"\i", r"\j"}:
            self._say(accented(following.text[1], ACCENTS[accent]), after)
            return self._without_blank(after + 1)
        blank = r"\s+" if accent.isalpha() else ""
        letter = following and re.match(f"{blank}([A-Za-z])", following.text)
        if not following or not letter or self._is_a_mark(place, accent, following):
            return None
        word = accented(letter[1], ACCENTS[accent])
        if len(word) > 1:  # no language has it
            return None
        rest = following.text[letter.end() :]
        self.found[after] = following._replace(text=rest, start=following.end - len(rest))
        return self._say(word, after)

    def _accented_group(self, opening: int, accent: str) -> int | None:
        inside, after = self._raw(opening, _LETTERS + 1), self.matched[opening] + 1
        if len(inside) > _LETTERS:
            return None
        if accent.isalpha() and len(inside) > 1 and inside.isalpha():
            # arXiv took the head of \kappa for the accent \k: \k{appa}
            known = commands.SYMBOLS.get(accent + inside) or plain(f"\\{accent}{inside}")
            return None if known is None else self._say(known, after)
        letters = {"\\i": "i", "\\j": "j"}.get(inside, inside)
        if not letters:
            return self._say("" if accent.isalpha() else accent, after)
        return self._say(accented(letters, ACCENTS[accent]), after) if letters.isalpha() else None

    def _is_a_mark(self, place: int, accent: str, following: Token) -> bool:
        """Whether the sign is a quotation mark or an apostrophe with a backslash before it."""
        if accent == '"':
            return self.marks_are_escaped
        before = self._before(self.found[place])
        return accent == "'" and before.isalpha() and bool(_POSSESSIVE.match(following.text))

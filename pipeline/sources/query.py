"""arXiv's query language: the text of a query as a tree that can say which papers it selects.

The language: https://info.arxiv.org/help/api/user-manual.html#_details_of_query_construction
Where that is silent: AND and ANDNOT bind tighter than OR, operators of one level apply
from left to right, and terms side by side mean OR.
"""

import fnmatch
import re
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import NoReturn

from pipeline.errors import QueryRefused
from pipeline.sources.document import (
    DATE_FIELDS,
    TEXT_FIELDS,
    VALUE_FIELDS,
    Document,
    fold,
    forms,
    phrase,
    stem,
    words,
)
from pipeline.text import CONTROL

FIELDS = (*TEXT_FIELDS, *VALUE_FIELDS, *DATE_FIELDS, "all")
OPERATORS = ("AND", "OR", "ANDNOT")

DEEPEST = 200
"""Levels of parentheses; Python's own limit on nested calls is not much further."""

NEIGHBOURHOOD = 12
"""Characters that an error shows on either side of the one it names."""

RANGE = "[202604010000 TO 202604302359]"
BOUND = re.compile(r"([0-9]{4,14})\*?|\*")
BOUND_TEXT = re.compile(r"[^\s\[\]]*")
PREFIX = re.compile(r'([^\s()"\[\]:]*):\s*')
WORD = re.compile(r'[^\s()"\[\]]+')
WORD_WILDCARD = re.compile(r"[^\W_]+[*?](?:[^\W_]|[*?])*")
VALUE_WILDCARD = re.compile(r"[^*?]+[*?].*", re.DOTALL)


@dataclass(frozen=True)
class Term:
    """A word, or a `quoted` phrase, looked for in one field or in all.

    In a word, `*` stands for any characters and `?` for one, after its first letter;
    elsewhere they are punctuation. A term without letters and digits finds nothing.
    """

    field: str
    text: str
    quoted: bool = False

    def matches(self, document: Document) -> bool:
        """Whether the document has it."""
        if self.field == "all":
            return any(self._found(document, name) for name in (*TEXT_FIELDS, *VALUE_FIELDS))
        return self._found(document, self.field)

    def may_match(self, text: str) -> bool:
        """False only where no document can match whose fields, or field, `text` is.

        `text` is what `document.spaced` makes of them, a blank before it.
        """
        return all(map(text.__contains__, self._beginnings))

    def __str__(self) -> str:
        return f'{self.field}:"{self.text}"' if self.quoted else f"{self.field}:{self.text}"

    def _found(self, document: Document, name: str) -> bool:
        if name in VALUE_FIELDS:
            values = document.values(name)
            if self._pattern is not None:
                return any(map(self._pattern.match, values))
            return self._folded in values
        if not self.may_match(document.spaced(name)):
            return False
        if self._pattern is not None and self._is_one_word:
            written = document.words(name)
            # A word is found by all forms of it, so by those that fit as well.
            sought_in = written if name == "au" else chain.from_iterable(map(forms, written))
            return any(map(self._pattern.match, sought_in))
        sought = self._name if name == "au" else self._phrase
        return not sought.isspace() and sought in document.text(name)

    @cached_property
    def _folded(self) -> str:
        return fold(self.text).strip()

    @cached_property
    def _name(self) -> str:
        return phrase(words(self.text), "au")

    @cached_property
    def _phrase(self) -> str:
        return phrase(words(self.text), "all")

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        if self.quoted or not VALUE_WILDCARD.fullmatch(self._folded):
            return None
        # What fnmatch makes does not backtrack over all stars, as `.*` for each would.
        return re.compile(fnmatch.translate(self._folded.replace("[", "[[]")))

    @cached_property
    def _is_one_word(self) -> bool:
        return WORD_WILDCARD.fullmatch(self._folded) is not None

    @cached_property
    def _beginnings(self) -> tuple[str, ...]:
        """A blank and the beginning of a word, for each word that any match contains."""
        text = self.text if self.quoted else re.split("[*?]", self._folded, maxsplit=1)[0]
        certain = words(text)
        if self.field not in ("au", *VALUE_FIELDS):
            certain = [stem(word).removesuffix("y") for word in certain]
        return tuple(sorted({f" {word}" for word in certain}, key=len, reverse=True))


@dataclass(frozen=True)
class DateRange:
    """A span of times, both ends included, as digits of YYYYMMDDHHMMSS; an empty end is open.

    The upper end includes all that begins with it: 20260402 is the whole of that day.
    """

    field: str
    low: str
    high: str

    def matches(self, document: Document) -> bool:
        """Whether the document's date lies in it."""
        stamp = document.stamp(self.field)
        return self.low <= stamp and stamp[: len(self.high)] <= self.high

    def may_match(self, text: str) -> bool:
        """True: the text says nothing of dates."""
        del text
        return True

    def __str__(self) -> str:
        return f"{self.field}:[{self.low or '*'} TO {self.high or '*'}]"


@dataclass(frozen=True)
class And:
    """All of `operands`, of which there is at least one, and none of `without`."""

    operands: tuple["Query", ...]
    without: tuple["Query", ...] = ()

    def matches(self, document: Document) -> bool:
        """Whether the document is selected by each of the operands and by none of `without`."""
        return all(operand.matches(document) for operand in self.operands) and not any(
            operand.matches(document) for operand in self.without
        )

    def may_match(self, text: str) -> bool:
        """As `Term.may_match`; what must not match decides nothing."""
        return all(operand.may_match(text) for operand in self.operands)

    def __str__(self) -> str:
        operands = [("AND", operand) for operand in self.operands]
        operands += [("ANDNOT", operand) for operand in self.without]
        joined = " ".join(
            f"{joint} ({operand})" if isinstance(operand, And | Or) else f"{joint} {operand}"
            for joint, operand in operands
        )
        return joined.removeprefix("AND ")


@dataclass(frozen=True)
class Or:
    """At least one of `operands`, of which there are two or more."""

    operands: tuple["Query", ...]

    def matches(self, document: Document) -> bool:
        """Whether the document is selected by one of the operands."""
        return any(operand.matches(document) for operand in self.operands)

    def may_match(self, text: str) -> bool:
        """As `Term.may_match`."""
        return any(operand.may_match(text) for operand in self.operands)

    def __str__(self) -> str:
        return " OR ".join(
            f"({operand})" if isinstance(operand, Or) else str(operand) for operand in self.operands
        )


Query = Term | DateRange | And | Or
"""A query's tree. `str` gives a text that `parse` reads as an equal tree."""


def parse(text: str) -> Query:
    """The tree of a query.

    Raises `QueryRefused`, which names the character, counted from 1, at which the text
    ceases to be a query; where something is missing at the end, the one after the last.
    """
    return _Parser(text).query()


class _Parser:
    """Recursive descent over the characters; `_at` is the next one."""

    def __init__(self, text: str) -> None:
        self._text = text.rstrip()
        self._at = 0
        self._depth = 0

    def query(self) -> Query:
        found = self._alternatives("all", "")
        if self._next():
            self._refuse('no parenthesis is open that this ")" could close')
        return found

    def _alternatives(self, scope: str, after: str) -> Query:
        """Operands and operators up to a closing parenthesis or the end.

        `scope` is the field of terms that name none. One function for both levels of
        operators, since each level of parentheses costs as many nested calls as this has.
        """
        alternatives: list[tuple[list[Query], list[Query]]] = []
        joint = "OR"
        while True:
            operand = self._operand(scope, after)
            if joint == "OR":
                alternatives.append(([], []))
            required, excluded = alternatives[-1]
            (excluded if joint == "ANDNOT" else required).append(operand)
            if self._next() in ("", ")"):
                break
            after = self._operator()
            joint = after or "OR"
        found = [
            And(tuple(required), tuple(excluded)) if excluded or len(required) > 1 else required[0]
            for required, excluded in alternatives
        ]
        return Or(tuple(found)) if len(found) > 1 else found[0]

    def _operator(self) -> str:
        """The operator that stands here, passed over; empty where there is none."""
        word = WORD.match(self._text, self._at)
        if word is None or word[0] not in OPERATORS:
            return ""
        self._at = word.end()
        return word[0]

    def _operand(self, scope: str, after: str) -> Query:
        character = self._next()
        prefix = PREFIX.match(self._text, self._at)
        if prefix is not None:
            scope, after = self._field(prefix), f"{prefix[1]}:"
            character = self._next()
        if character == "(":
            return self._group(scope)
        if scope in DATE_FIELDS:
            return self._range(scope)
        if character == '"':
            return self._phrase(scope)
        word = WORD.match(self._text, self._at)
        if word is None or (prefix is None and word[0] in (*OPERATORS, "NOT")):
            hint = "; NOT is written ANDNOT" if word is not None and word[0] == "NOT" else ""
            self._expected(f"a term was expected{after and f' after {after}'}", hint)
        self._at = word.end()
        return Term(scope, word[0])

    def _field(self, prefix: re.Match[str]) -> str:
        if prefix[1] not in FIELDS:
            self._refuse(
                f'"{_shown(prefix[1])}:" is no field (a term with a colon needs quotation marks); '
                f"fields are {', '.join(FIELDS)}"
            )
        self._at = prefix.end()
        return prefix[1]

    def _group(self, scope: str) -> Query:
        opened = self._at
        self._depth += 1
        if self._depth > DEEPEST:
            self._refuse(f"parentheses nest deeper than {DEEPEST} levels")
        self._at += 1
        found = self._alternatives(scope, '"("')
        if not self._next():
            self._refuse("the parenthesis that opens here is not closed", opened)
        self._depth -= 1
        self._at += 1
        return found

    def _phrase(self, scope: str) -> Term:
        closing = self._text.find('"', self._at + 1)
        if closing < 0:
            self._refuse("the quotation mark that opens here is not closed")
        found = Term(scope, self._text[self._at + 1 : closing], quoted=True)
        self._at = closing + 1
        return found

    def _range(self, name: str) -> DateRange:
        if self._next() != "[":
            self._expected(f"a range was expected after {name}:, such as {RANGE}")
        self._at += 1
        low = self._bound()
        between = WORD.match(self._text, self._at)
        if between is None or between[0] != "TO":
            self._expected("TO was expected between two dates")
        self._at = between.end()
        high = self._bound()
        if self._next() != "]":
            self._expected('"]" was expected after two dates')
        self._at += 1
        return DateRange(name, low, high)

    def _bound(self) -> str:
        """The digits of a date, passed over; empty for an open end."""
        self._next()
        text = BOUND_TEXT.match(self._text, self._at)
        bound = BOUND.fullmatch(text[0]) if text is not None else None
        if bound is None:
            self._expected("a date was expected, 4 to 14 digits of YYYYMMDDHHMMSS, or *")
        self._at += len(bound[0])
        self._next()
        return bound[1] or ""

    def _next(self) -> str:
        """The next character that is no blank; empty at the end."""
        while self._text[self._at : self._at + 1].isspace():
            self._at += 1
        return self._text[self._at : self._at + 1]

    def _expected(self, what: str, hint: str = "") -> NoReturn:
        word = WORD.match(self._text, self._at)
        here = word[0] if word is not None else self._next()
        found = "a quotation mark" if here == '"' else f'"{_shown(here)}"' if here else "the end"
        self._refuse(f"{what}, found {found}{hint}")

    def _refuse(self, why: str, at: int | None = None) -> NoReturn:
        at = self._at if at is None else at
        start, end = max(0, at - NEIGHBOURHOOD), at + NEIGHBOURHOOD
        before = ("…" if start else "") + CONTROL.sub(" ", self._text[start:at])
        behind = CONTROL.sub(" ", self._text[at:end]) + ("…" if end < len(self._text) else "")
        raise QueryRefused(
            f"the query cannot be read at character {at + 1}: {why}: {before}▸{behind}",
            next_step="Correct the topic's query in paperline.toml",
        )


def _shown(word: str) -> str:
    return CONTROL.sub(" ", word if len(word) <= 20 else f"{word[:20]}…")

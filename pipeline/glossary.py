"""The glossary in `prompts/glossary.tsv`: English terms and their established Chinese ones.

A third column, `also`, may name other translations that are met, separated by `|`: a line
should not use them.
"""

import functools
import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from pipeline.encoding import fingerprint
from pipeline.errors import PromptError
from pipeline.files import read_authored

FILE = "glossary.tsv"
HEADER = "en\tzh"
HEADER_ALSO = "en\tzh\talso"
HYPHEN = r"[-\u2010\u2011\u2013\s]+"
HYPHENS = re.compile(HYPHEN)
SEAM = re.compile(r"(?<=[A-Za-z0-9])(?=[\u4e00-\u9fff])|(?<=[\u4e00-\u9fff])(?=[A-Za-z0-9])")
"""Where Chinese and Latin text meet, with or without a space."""

IRREGULAR_PLURALS = {
    "nova": "novae",
    "nucleus": "nuclei",
    "equilibrium": "equilibria",
    "medium": "media",
    "matrix": "matrices",
    "sis": "ses",
}
"""Endings of English terms that do not take -s, -es or -ies, and what they become."""


class Other(NamedTuple):
    """Characters [start, end) of a Chinese line that are `found` instead of `preferred`."""

    start: int
    end: int
    found: str
    preferred: str


class Glossary:
    """English terms with their established Chinese ones, and other translations of some.

    `fingerprint` is that of the terms alone: a line made from the glossary uses no other.
    """

    def __init__(
        self,
        terms: dict[str, str],
        alternatives: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    ) -> None:
        self.terms = terms
        self.alternatives = dict(alternatives)
        self.fingerprint = fingerprint(terms)
        self._english: dict[str, tuple[tuple[str, ...], re.Pattern[str]]] = {}

    def found_in(self, text: str, *, title: str = "") -> list[tuple[str, str]]:
        """The terms that occur in title or text, (English, Chinese), each Chinese one once.

        Those of the title first, then the more frequent, then the earlier. Case, hyphens
        and plurals do not matter; of two terms at one place the longer counts.
        """
        in_title = self._matches(title)
        everywhere = in_title + self._matches(text)
        named = {chinese for _, chinese in in_title}
        often = Counter(chinese for _, chinese in everywhere)
        english: dict[str, str] = {}
        for term, chinese in everywhere:
            english.setdefault(chinese, term)
        ranked = sorted(english, key=lambda chinese: (chinese not in named, -often[chinese]))
        return [(english[chinese], chinese) for chinese in ranked]

    def others_in(self, line: str) -> Iterator[Other]:
        """The other translations in a Chinese line, in order, the longest at each place.

        Not those that are a part of an established term: 语言模型 inside 大语言模型. Whether
        the line translates the English term at all is not looked at.
        """
        if not self._may_have_others(line):
            return
        expression, meant, inside = self._other_forms
        for found in expression.finditer(line):
            form, start = found[0], found.start()
            around = inside[form]
            if not any(line.startswith(term, start - at) for term, at in around if at <= start):
                for preferred in meant[form]:
                    yield Other(start, found.end(), form, preferred)

    def uses(self, line: str, preferred: str) -> bool:
        """Whether a line has this Chinese term, other than inside another translation."""
        if not any(form in line for form in _spellings(preferred)):
            return False
        expression, _, inside = self._other_forms

        def blank(found: re.Match[str]) -> str:
            return found[0] if inside[found[0]] else "\0" * len(found[0])

        rest = expression.sub(blank, line)
        return any(form in rest for form in _spellings(preferred))

    def english_of(self, preferred: str, text: str) -> tuple[int, int] | None:
        """Where `text` first has an English term with this Chinese one, spelled as in `found_in`.

        Unlike there, inside a longer term too: `language model` of a large language model.
        """
        if preferred not in self._english:
            plain = [_plain(term) for term, chinese in self.terms.items() if chinese == preferred]
            forms = sorted({*plain, *map(_plural, plain)}, key=len, reverse=True)
            choices = "|".join(map(_written, forms))
            beginnings = tuple({re.split(r"\W", form)[0] for form in forms})
            expression = re.compile(rf"(?<!\w)(?:{choices})(?!\w)", re.IGNORECASE)
            self._english[preferred] = beginnings, expression
        beginnings, expression = self._english[preferred]
        lower = text.lower()  # a plain search is many times faster, and mostly says no
        if not any(beginning in lower for beginning in beginnings):
            return None
        found = expression.search(text)
        return found.span() if found else None

    def _may_have_others(self, line: str) -> bool:
        """Whether a line has any of the other translations: mostly none, which is told faster."""
        first, starts = self._other_starts
        places = (found.start() for found in first.finditer(line))
        return any(form in line for form in starts.get("", ())) or any(
            line.startswith(starts.get(line[place : place + 2], ()), place) for place in places
        )

    @functools.cached_property
    def _other_starts(self) -> tuple[re.Pattern[str], dict[str, tuple[str, ...]]]:
        """The other translations by their first two characters, and what finds such a pair.

        Those of one character are under `""`.
        """
        starts: defaultdict[str, list[str]] = defaultdict(list)
        for form in self._other_forms[1]:
            starts[form[:2] if len(form) > 1 else ""].append(form)
        firsts, seconds = ("".join({pair[i : i + 1] for pair in starts}) for i in (0, 1))
        pattern = f"[{re.escape(firsts)}](?=[{re.escape(seconds)}])" if seconds else "(?!)"
        return re.compile(pattern), {start: tuple(forms) for start, forms in starts.items()}

    @functools.cached_property
    def _other_forms(
        self,
    ) -> tuple[re.Pattern[str], dict[str, list[str]], dict[str, list[tuple[str, int]]]]:
        """What finds the other translations, what each is for, and established terms around it."""
        meant: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for english, others in self.alternatives.items():
            for form in itertools.chain.from_iterable(map(_spellings, others)):
                meant[form][self.terms[english]] = None
        established = {form for term in self.terms.values() for form in _spellings(term)}
        inside = {
            form: [
                (term, at)
                for term in established
                if form in term
                for at in range(len(term))
                if term.startswith(form, at)
            ]
            for form in meant
        }
        choices = _alternatives(list(meant)) if meant else "(?!)"
        return re.compile(choices), {form: list(meant[form]) for form in meant}, inside

    def _matches(self, text: str) -> list[tuple[str, str]]:
        expression, spelled = self._compiled
        found = (spelled[form] for form in expression.findall(_plain(text)))
        return [(term, self.terms[term]) for term in found]

    @functools.cached_property
    def _compiled(self) -> tuple[re.Pattern[str], dict[str, str]]:
        spelled: dict[str, str] = {}
        for term in self.terms:
            spelled.setdefault(_plain(term), term)
        for term in self.terms:
            spelled.setdefault(_plural(_plain(term)), term)
        choices = _alternatives(list(spelled)) if spelled else "(?!)"
        return re.compile(rf"(?<!\w)(?:{choices})(?!\w)"), spelled


def load(folder: Path) -> Glossary:
    """The glossary of that folder. Raises `PromptError` naming the line that is wrong."""
    path = folder / FILE
    if not path.is_file():
        raise PromptError(
            "there is no such file",
            where=str(path),
            next_step="Restore it, or check the setting prompts",
        )
    return _parsed(path, read_authored(path, PromptError))


@functools.lru_cache(maxsize=4)
def _parsed(path: Path, text: str) -> Glossary:
    """The glossary that a file holds; the same for the same text, with what it has compiled."""
    header, *lines = text.removesuffix("\n").split("\n")
    if header not in (HEADER, HEADER_ALSO):
        raise _bad_line(path, 1, header, "the header en, a tab, zh, and perhaps a tab, also")
    terms: dict[str, str] = {}
    alternatives: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(lines, 2):
        columns = [column.strip() for column in line.rstrip().split("\t")]
        if not 2 <= len(columns) <= len(header.split("\t")) or not all(columns):
            raise _bad_line(path, number, line, "an English term, a tab and a Chinese term")
        english, chinese, *also = columns
        if english in terms:
            raise _bad_line(path, number, line, "a term that is not there already")
        terms[english] = chinese
        if also:
            others = tuple(other.strip() for other in also[0].split("|"))
            if "" in others or chinese in others or len(set(others)) < len(others):
                expected = "other translations, each once, with | between them"
                raise _bad_line(path, number, line, expected)
            alternatives[english] = others
    return Glossary(terms, alternatives)


def _bad_line(path: Path, number: int, found: str, expected: str) -> PromptError:
    return PromptError(
        f"found {found!r}, expected {expected}",
        where=f"{path}:{number}",
        next_step="Correct that line",
    )


def _plain(text: str) -> str:
    return HYPHENS.sub(" ", text.replace("’", "'")).casefold()


def _written(form: str) -> str:
    """An expression for what `_plain` makes this form of."""
    words = (re.escape(word).replace("'", "['’]") for word in form.split(" "))
    return HYPHEN.join(words)


@functools.lru_cache(maxsize=4096)
def _spellings(chinese: str) -> frozenset[str]:
    """A term with Latin letters, with and without the spaces around them."""
    return frozenset({chinese, SEAM.sub(" ", chinese)})


def _plural(term: str) -> str:
    for ending, plural in IRREGULAR_PLURALS.items():
        if term.endswith(ending):
            return term.removesuffix(ending) + plural
    if term.endswith("y") and term[-2:-1] not in "aeiou":
        return term.removesuffix("y") + "ies"
    return term + ("es" if term.endswith(("s", "x", "ch", "sh")) else "s")


def _alternatives(forms: list[str]) -> str:
    """An expression for all forms, the longest first.

    A tree of common beginnings, since the expression engine tries a plain list one by one.
    """
    pairs = zip(min(forms), max(forms), strict=False)
    common = "".join(a for a, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    rest = sorted({form.removeprefix(common) for form in forms})
    longer = itertools.groupby(filter(None, rest), key=lambda form: form[0])
    branches = [_alternatives(list(group)) for _, group in longer]
    if not branches:
        return re.escape(common)
    optional = "?" if "" in rest else ""
    return f"{re.escape(common)}(?:{'|'.join(branches)}){optional}"

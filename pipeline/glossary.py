"""The glossary in `prompts/glossary.tsv`: English terms and their established Chinese ones."""

import functools
import itertools
import re
from collections import Counter
from pathlib import Path

from pipeline.encoding import fingerprint
from pipeline.errors import PromptError
from pipeline.files import read_authored

FILE = "glossary.tsv"
HEADER = "en\tzh"
HYPHENS = re.compile(r"[-\u2010\u2011\u2013\s]+")

IRREGULAR_PLURALS = {
    "nova": "novae",
    "nucleus": "nuclei",
    "equilibrium": "equilibria",
    "medium": "media",
    "matrix": "matrices",
    "sis": "ses",
}
"""Endings of English terms that do not take -s, -es or -ies, and what they become."""


class Glossary:
    """English terms with their established Chinese ones."""

    def __init__(self, terms: dict[str, str]) -> None:
        self.terms = terms
        self.fingerprint = fingerprint(terms)

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
    header, *lines = read_authored(path, PromptError).removesuffix("\n").split("\n")
    if header != HEADER:
        raise _bad_line(path, 1, header, "the header en, a tab, zh")
    terms: dict[str, str] = {}
    for number, line in enumerate(lines, 2):
        english, _, chinese = (part.strip() for part in line.partition("\t"))
        if not english or not chinese or "\t" in chinese:
            raise _bad_line(path, number, line, "an English term, a tab and a Chinese term")
        if english in terms:
            raise _bad_line(path, number, line, "a term that is not there already")
        terms[english] = chinese
    return Glossary(terms)


def _bad_line(path: Path, number: int, found: str, expected: str) -> PromptError:
    return PromptError(
        f"found {found!r}, expected {expected}",
        where=f"{path}:{number}",
        next_step="Correct that line",
    )


def _plain(text: str) -> str:
    return HYPHENS.sub(" ", text.replace("’", "'")).casefold()


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

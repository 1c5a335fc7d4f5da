"""What shows only where the lines of a digest stand side by side."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from pipeline.checks.rules import Found, Rules, Span
from pipeline.glossary import Glossary
from pipeline.records import LANGUAGES, Paper, Summary

NAMED = 3
"""Papers that a message names; of the others it says how many there are."""

OTHERS_READ = 8
"""Other translations of one line that are looked at."""

UNSAID = re.compile(r"[\W_]+")


class Use(NamedTuple):
    """One line that has another translation than the glossary's, and how the paper has it."""

    number: int
    translation: str
    span: Span
    english: str


def check(shown: Sequence[tuple[Paper, Summary]], rules: Rules) -> Iterator[tuple[str, Found]]:
    """`term-inconsistent` and `repeated-line`, each with the id of its paper."""
    yield from _inconsistent(shown, rules.glossary)
    yield from _repeated(shown)


def _inconsistent(
    shown: Sequence[tuple[Paper, Summary]], glossary: Glossary
) -> Iterator[tuple[str, Found]]:
    """Each line whose translation of a term is not the one that prevails in the digest."""
    uses: defaultdict[str, list[Use]] = defaultdict(list)
    for number, (paper, summary) in enumerate(shown):
        for preferred, use in _uses(number, paper, summary.lines.get("zh", ""), glossary):
            uses[preferred].append(use)
    for preferred, others in uses.items():
        with_preferred = [
            number
            for number, (_, summary) in enumerate(shown)
            if glossary.uses(summary.lines.get("zh", ""), preferred)
        ]
        counted = Counter(use.translation for use in others)
        if not with_preferred and len(counted) == 1:
            continue
        prevailing = preferred if with_preferred else max(counted, key=lambda form: counted[form])
        followers = with_preferred or [u.number for u in others if u.translation == prevailing]
        names = dict.fromkeys(shown[number][0].id for number in followers)
        for use in others:
            if use.translation != prevailing:
                own = shown[use.number][0].id
                message = (
                    f'{use.translation} stands for "{use.english}", '
                    f"which is {prevailing} {_place(names, own)}"
                )
                yield own, Found("term-inconsistent", message, "zh", use.span)


def _uses(number: int, paper: Paper, line: str, glossary: Glossary) -> Iterator[tuple[str, Use]]:
    """Other translations in a line, once each, of terms that its paper has in English."""
    seen: set[tuple[str, str]] = set()
    for start, end, found, preferred in glossary.others_in(line):
        if (found, preferred) in seen:
            continue
        if len(seen) == OTHERS_READ:
            return
        seen.add((found, preferred))
        for text in (paper.abstract, paper.title):
            if place := glossary.english_of(preferred, text):
                yield preferred, Use(number, found, (start, end), text[slice(*place)])
                break


def _repeated(shown: Sequence[tuple[Paper, Summary]]) -> Iterator[tuple[str, Found]]:
    """Lines of several papers, whatever their case and punctuation.

    The embedded model's are left out: keywords, which papers share.
    """
    for language in LANGUAGES:
        papers: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for paper, summary in shown:
            line = summary.lines.get(language, "")
            plain = UNSAID.sub("", unicodedata.normalize("NFKC", line).casefold())
            if plain and summary.origin != "embedded":
                papers[plain].setdefault(paper.id, len(line))
        for lengths in papers.values():
            if len(lengths) > 1:
                for own, length in lengths.items():
                    message = f"the same line stands {_place(lengths, own)}"
                    yield own, Found("repeated-line", message, language, (0, length))


def _place(names: Mapping[str, object], own: str) -> str:
    """In which papers but the own one; there may be as many as the digest has."""
    others = [name for name in islice(names, NAMED + 1) if name != own][:NAMED]
    if not others:
        return "in the same line"
    more = len(names) - (own in names) - len(others)
    return f"in {', '.join(others)}" + (f" and {more} more" if more else "")

"""Whether the Chinese line has the glossary's translations of the paper's terms."""

from collections.abc import Iterator

from pipeline.checks.language import english_runs
from pipeline.checks.rules import Found, Rules, Span
from pipeline.glossary import Glossary
from pipeline.records import Lines, Paper

TERMS_SOUGHT = 8
"""Terms of one line that are looked for in the paper: no honest line has as many."""


def check(paper: Paper, lines: Lines, rules: Rules) -> Iterator[Found]:
    """`term`: another translation than the glossary's, or a term of it left in English."""
    line = lines.get("zh")
    if line is not None:
        yield from _translated_otherwise(paper, line, rules.glossary)
        yield from _left_in_english(line, rules.glossary)


def _translated_otherwise(paper: Paper, line: str, glossary: Glossary) -> Iterator[Found]:
    """Once for each term, where the line lacks the glossary's and the paper has the English."""
    seen: set[str] = set()
    for other in glossary.others_in(line):
        if other.preferred in seen:
            continue
        if len(seen) == TERMS_SOUGHT:
            return
        seen.add(other.preferred)
        if glossary.uses(line, other.preferred):
            continue
        source = glossary.english_of(other.preferred, paper.abstract)
        named = source or glossary.english_of(other.preferred, paper.title)
        if named is None:
            continue
        english = (paper.abstract if source else paper.title)[slice(*named)]
        yield Found(
            "term",
            f'{other.found} stands for "{english}", which is {other.preferred} in the glossary',
            "zh",
            (other.start, other.end),
            source,
        )


def _left_in_english(line: str, glossary: Glossary) -> Iterator[Found]:
    seen: set[str] = set()
    for phrase, (start, _) in english_runs(line):
        for _, preferred in glossary.found_in(phrase):
            place = glossary.english_of(preferred, phrase)
            if place is None or preferred in seen or "-" in _beside(phrase, place):
                continue
            if len(seen) == TERMS_SOUGHT:
                return
            seen.add(preferred)
            english = phrase[slice(*place)]
            yield Found(
                "term",
                f"{english} is left in English, and is {preferred} in the glossary",
                "zh",
                (start + place[0], start + place[1]),
            )


def _beside(text: str, span: Span) -> str:
    """The characters before and behind: a hyphen there makes the term a part of a name."""
    start, end = span
    return text[max(0, start - 1) : start] + text[end : end + 1]

"""A failure in place of a summary: a refusal, an apology, an error message."""

import re
from collections.abc import Iterator

from pipeline import excuses
from pipeline.checks.rules import Found, Rules, Span
from pipeline.records import Lines, Paper
from pipeline.wording import in_quotes

CONTEXT = 12
"""Characters behind the beginning of a line that the paper must have too."""

MOST_PLACES = 20
"""Places of such phrases in a line that are looked at; a line has two at most."""

REFUSED = re.compile(r"拒绝|无法回答|\b(?:refuse|decline)", re.IGNORECASE)
REFUSALS = re.compile(r"refus|declin|abst(?:ain|ention)|unanswer|reject|deny|denied", re.IGNORECASE)
"""What a line has of a refusal, and what a paper has that is about refusals."""


def check(paper: Paper, lines: Lines, rules: Rules) -> Iterator[Found]:
    """`failure-text`, once for a line.

    A paper about refusals or missing summaries, which says so, may be summarized in such words.
    """
    del rules
    for language, line in lines.items():
        if span := _failure(line, paper):
            said = line[slice(*span)].strip()
            yield Found("failure-text", f'a failure instead of a summary: "{said}"', language, span)


def _failure(line: str, paper: Paper) -> Span | None:
    excuse = excuses.barren(line)
    if excuse and not _is_topic(line, excuse, paper):
        return excuse.start, excuse.end
    plain = line.replace("’", "'")
    found = excuses.begins(plain)
    if found and not _in_paper(line, found.span(), paper):
        return found.span()
    for span in excuses.phrases(plain)[:MOST_PLACES]:
        if not in_quotes(line, *span) and not _in_paper(line, span, paper):
            return span
    return None


def _is_topic(line: str, excuse: excuses.Excuse, paper: Paper) -> bool:
    """Whether the paper is about what the line has of a failure."""
    said = line[excuse.start : excuse.end]
    about = f"{paper.title} {paper.abstract}".lower()
    subjects = excuses.subjects(said)
    if excuse.whole:
        told = set(subjects) <= {"request"}
        return told and bool(REFUSED.search(said) and REFUSALS.search(about))
    return all(subject in about for subject in subjects)


def _in_paper(line: str, span: Span, paper: Paper) -> bool:
    """Whether the paper itself has the phrase, and at the beginning of a line what follows too."""
    more = CONTEXT if len(line[: span[0]].strip()) < 2 else 0
    phrase = line[span[0] : span[1] + more].strip(":.!。！： ").lower()
    return phrase in paper.abstract.lower() or phrase in paper.title.lower()

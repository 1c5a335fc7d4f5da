"""Withdrawn papers whose abstract alone says so, as those from before arXiv had comments for it."""

import re

from pipeline.ledger import WITHDRAWN

LONGEST = 400
"""Characters of an abstract that is nothing but the notice of a withdrawal."""

NEXT_SENTENCE = re.compile(r"(?<![A-Z])[.!?]\s+(?=[A-Z])")

REASON = re.compile(
    r"\s*(?: $ | [.,;:!()\[] | (?:by|due|because|since|as|at|for|and|owing|pending|until|from|to"
    r"|while|after|temporarily|on)\b )",
    re.IGNORECASE | re.VERBOSE,
)
"""What follows the word in a notice: nothing, or who did it and why."""


def says_withdrawn(abstract: str) -> bool:
    """Whether an abstract is the notice of a withdrawal, in one sentence or two, in any version.

    One that merely begins with such words goes on about something else.
    """
    if len(abstract) > LONGEST or len(NEXT_SENTENCE.findall(abstract)) > 1:
        return False
    said = WITHDRAWN.match(abstract)
    return said is not None and REASON.match(abstract, said.end()) is not None

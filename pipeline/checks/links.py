"""A link, a mail address or a handle that the paper does not have."""

import re
from collections.abc import Iterator

from pipeline.checks.rules import Found, Rules
from pipeline.records import Language, Lines, Paper

TOP_LEVEL = (
    r"com|org|net|io|ai|edu|gov|cn|dev|co|info|xyz|app|ru|top|site|shop|link|ly|me|uk|de|fr|jp"
    r"|example|invalid|biz|online|store|cloud|blog|tech|wiki"
)
FILES = r"js|ts|py|md|rs|jl|cpp|html|pdf|txt|csv|json|NET"
"""Endings of names with a point that are no top-level domains: `Node.js/Vue.js`."""

DOT = re.compile(
    rf"\.(?:(?:{TOP_LEVEL})(?![A-Za-z0-9])|(?<=www\.)|[a-z]{{2,24}}/)|@|://", re.IGNORECASE
)
"""No link is in a line without one of these; looking for them is faster."""

_PATH = r"/[^\s\u2018-\u201d\u3000-\uffef(){}<>\"']*"
_HOST = r"(?<![A-Za-z0-9_.@-])(?:[A-Za-z0-9-]{1,63}\.){1,5}"
LINK = re.compile(
    r"(?:https?|ftp)://[^\s{}\u2018-\u201d\u3000-\uffef]+"
    rf"|\bwww\.[A-Za-z0-9][\w.-]*(?:{_PATH})?"
    r"|[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}@[A-Za-z][A-Za-z0-9-]{0,63}\.[A-Za-z][A-Za-z.]{1,60}"
    r"|(?<![A-Za-z0-9_@.])@[A-Za-z]\w{2,}"
    rf"|{_HOST}(?:{TOP_LEVEL})(?![A-Za-z0-9-])(?:{_PATH})?"
    rf"|{_HOST}(?<=[A-Za-z0-9-]{{2}}\.)(?!(?:{FILES})/)[A-Za-z]{{2,24}}{_PATH}",
    re.IGNORECASE | re.ASCII,
)
TRAILING = ".,;:!?)]}'\"/"

SCHEME = re.compile(r"^(?:https?://|ftp://)?(?:www\.)?", re.IGNORECASE)


def check(paper: Paper, lines: Lines, rules: Rules) -> Iterator[Found]:
    """`injection`, once for a line, at the first link that is not the paper's."""
    del rules
    for language, line in lines.items():
        if DOT.search(line):
            yield from _links(language, line, paper)


def _links(language: Language, line: str, paper: Paper) -> Iterator[Found]:
    text = f"{paper.abstract} {paper.title} {paper.comments or ''}".lower().replace("\\", "")
    for found in LINK.finditer(line):
        link = found[0].rstrip(TRAILING)
        if not _is_in(SCHEME.sub("", link.lower().replace("\\", "")), text):
            span = (found.start(), found.start() + len(link))
            yield Found("injection", f"{link} is not in the paper", language, span)
            return


def _is_in(link: str, text: str) -> bool:
    """Whether a text has a link as a whole, host and path; a line break may stand in it there."""
    found = re.search(rf"(?<![a-z0-9-]){re.escape(link)}(?P<more>[a-z0-9_-])?", text)
    if not found:
        return link in "".join(text.split())
    return not found["more"] or re.search(rf"{re.escape(link)}(?![a-z0-9_-])", text) is not None

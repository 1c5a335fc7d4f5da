"""Patterns of wording and script, for whoever judges a line: answers to a model and checks."""

import bisect
import functools
import re

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
"""A Chinese character; the pattern is one class, which other patterns take in."""

LATIN = re.compile(r"[A-Za-z]")

LABEL = re.compile(r"(title|abstract|标题|题目|摘要)\s*[:：]", re.IGNORECASE)
"""How a line begins that repeats the question."""

ECHO = 40
"""Characters of a prompt's instructions that a line repeats only where it is an echo."""

_ENUMERATED = (
    rf"[①-⓿❶-➓•●■◆▶►✅✔☑➤]|[\U0001f300-\U0001faff]|[-*·]{HAN.pattern}|[-*+>·–—]\s"
    rf"|\d{{1,2}}[.)．]\s|\d{{1,2}}[.)．）、]{HAN.pattern}"
    rf"|[（(]\d{{1,2}}[）)](?:\s|(?={HAN.pattern}|[A-Z][a-z]))"
    rf"|[（(][一二三四五六七八九十][）)]|[一二三四五六七八九十]、(?![一二三四五六七八九十])"
)
_CERTAIN = rf"```|~~~|\*\*|^#{{1,6}}\s|^(?:{_ENUMERATED})"
MARKDOWN = re.compile(
    rf"{_CERTAIN}|`[^`]+`|!\["
    r"|\[(?![\d,.\s]*\])[^\[\]]*\]\([^\s()]+\)|\]\((?:https?:|[#/.])[^\s()]*\)"
    r"|(?<!\w)__(?=\w)[^_]{1,200}__(?!\w)|(?<![\w_])_(?=[^\W_])[^_]{1,500}(?<=[\w.,;:!?。，；：！？])_(?![\w_])"
    r"|(?<![A-Za-z0-9*)\]])\*(?=\w)[^*]+(?<=[\w.,;:!?。，；：！？])\*(?![A-Za-z0-9*])"
    rf"|^##|^#{HAN.pattern}"
    r"|^\*(?=\S).*\S\*$|^_(?=\S).*\S_$|^\|\s|\s\|$|\|\s*:?-{3,}"
    rf"|\s\|\s(?=[^|()\[\]{{}}]*(?:[A-Za-z]{{2}}|{HAN.pattern}))[^|()\[\]{{}}]+\|(?=\s|$)"
)
"""Fences, bold type, headings, bullets, numbers of a list and emoji before a line; code, images,
links, italics, tables, in this order.

`C*`, `A* search`, `a < b and c > d`, `|x|`, `P(a | b)` and `L[0, 1](R)` are none.
"""

_TAGS = (
    "a|b|br|code|div|em|i|li|ol|p|script|span|strong|sub|sup|think|u|ul"
    "|h[1-6]|table|tr|td|th|img|font|pre|html|head|body|iframe|svg|style|hr|small"
)
_HTML = rf"<!--|<!doctype|</[a-z][\w-]*\s*>|<(?:{_TAGS})\s*/?>|<(?:{_TAGS})\s[^<>]*=|<script\b"
HTML = re.compile(_HTML, re.IGNORECASE)
"""Tags; `a < b and c > d` is none."""

MARKUP = re.compile(rf"{_CERTAIN}|{_HTML}", re.IGNORECASE)
"""Markdown and HTML that is none of a paper's own names, as `__init__` and `kettle` may be."""

INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
"""Unicode's control, format, surrogate, private, line and paragraph characters."""

REMOVABLE = re.compile("[\u200b\u200e\u200f\u2060\ufeff\u202a-\u202e\u2066-\u2069]")
"""Those of them without which a text stays the same: of no width, or turns of direction.

A soft hyphen or a joiner may stand for a hyphen or hold an emoji together, and stays.
"""

QUOTATION = re.compile(r"“[^“”]*”|\"[^\"]*\"|「[^「」]*」|‘[^‘’]*’|``[^`']*''|(?<!\w)'[^']*'(?!\w)")

WORD = re.compile(r"[a-z]+(?:'[a-z]+)*")


@functools.lru_cache(maxsize=4)
def words_of(line: str) -> tuple[str, ...]:
    """The English words of a line in small letters, remembered for who asks about it next."""
    return tuple(WORD.findall(line.lower()))


def in_quotes(text: str, start: int, end: int) -> bool:
    """Whether words stand in quotation marks that are not around the whole text."""
    spans = _quotations(text)
    place = bisect.bisect_right(spans, start, key=lambda span: span[1])
    if place == len(spans) or spans[place][0] >= end:
        return False
    return spans[place][1] - spans[place][0] < len(text.strip()) - 1


@functools.lru_cache(maxsize=4)
def _quotations(text: str) -> tuple[tuple[int, int], ...]:
    return tuple(found.span() for found in QUOTATION.finditer(text))

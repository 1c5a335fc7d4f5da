"""Where the sentences of a text end, in English and in Chinese."""

import re

from pipeline.wording import HAN

ABBREVIATIONS = (
    r"e\.g|i\.e|et al|figs?|eqs?|sec|refs?|vs|cf|resp|approx|dr|prof|st|no|thm"  # any case
)
ABBREVIATED = re.compile(rf"(?<![\w.-])(?:(?i:{ABBREVIATIONS})|(?:[A-Z]\.)*[A-Z])\.$")
LONGEST_ABBREVIATION = 12
"""Characters, with room for `U.S.A.`; so far back an end is looked at."""

MATHEMATICS = re.compile(r"\$(?!\s)[^$]{1,200}(?<!\s)\$(?!\d)")
"""Pandoc's rule, which tells `$x$` from prices: no blank inside the signs, no digit after."""

CLOSING = r"[\"')\]]*"
SENTENCE_END = re.compile(rf"[.!?]{CLOSING}(?=\s)")

ENDS = re.compile(
    r"[。！？]+[”’」』）》】\"')\]]*"
    rf"|(?<={HAN.pattern})[.!?](?={HAN.pattern})"
    rf"|[.!?]{CLOSING}(?=\s)"
)
"""Ends of sentences in a text that has Chinese in it."""

ENCLOSED = re.compile(r"“[^“”]*”|‘[^‘’]*’|「[^「」]*」|『[^『』]*』|（[^（）]*）|《[^《》]*》")
QUOTED_WHOLE = re.compile(r"。[”’」』]$")
"""A quoted text that ends in a full stop ends the sentence around it too; a quoted `？` is
mostly part of a name, and a bracket belongs to what stands around it.
"""


def sentences(text: str) -> list[str]:
    """The sentences of a text on one line; mathematics and abbreviations do not end one."""
    return [text[start:end] for start, end in spans(text)]


def spans(text: str) -> list[tuple[int, int]]:
    """Where the sentences stand, without the white space around them."""
    # Of the same length, so that positions stay those of the text.
    visible = MATHEMATICS.sub(lambda formula: "$" * len(formula[0]), text) if "$" in text else text
    pattern = SENTENCE_END
    if not text.isascii() and (HAN.search(text) or "。" in text):
        visible, pattern = ENCLOSED.sub(_hidden, visible), ENDS
    found, start = [], 0
    for end in pattern.finditer(visible):
        back = max(start, end.start() - LONGEST_ABBREVIATION)
        if ABBREVIATED.search(text, back, end.start() + 1):
            continue
        after = text[end.end() : end.end() + 2]
        if end[0][0] in ".!?" and after[:1].isspace() and after[1:].islower():
            continue
        found.append((start, end.end()))
        start = end.end()
    found.append((start, len(text)))
    return [inner for inner in (_trimmed(text, *each) for each in found) if inner[0] < inner[1]]


def _hidden(enclosed: re.Match[str]) -> str:
    text = enclosed[0]
    if QUOTED_WHOLE.search(text):
        return "x" * (len(text) - 2) + text[-2:]
    return "x" * len(text)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    inner = text[start:end]
    left = len(inner) - len(inner.lstrip())
    return start + left, start + max(left, len(inner.rstrip()))

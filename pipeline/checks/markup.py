"""Signs of another format in a line: Markdown, HTML, LaTeX, escapes, control characters."""

import html
import itertools
import re
import unicodedata
from collections.abc import Iterator

from pipeline.checks.rules import Found, Rules, Span
from pipeline.records import Language, Lines, Paper
from pipeline.wording import HAN, TAGS

SUSPECT = re.compile(r"[*`#<|\[~$\\&_{%u](?:(?<![%u])|(?<=%)[2-9A-Fa-f]|(?<=u)[0-9a-fA-F]{4}u)")
BEGINNING = re.compile(r"[-+•·>–—\d]")
"""No line without one of these has anything of what follows, but for control characters."""

HAN_CLASS = HAN.pattern
MARKDOWN = re.compile(
    r"```|~~~|`[^`]+`|!\[|\*\*"
    r"|\[(?![\d,.\s]*\])[^\[\]]*\]\([^\s()]+\)|\]\((?:https?:|[#/.])[^\s()]*\)"
    r"|(?<!\w)__(?=\w)[^_]{1,200}__(?!\w)|(?<![\w_])_(?=[^\W_])[^_]{1,500}(?<=[\w.,;:!?。，；：！？])_(?![\w_])"
    r"|(?<![A-Za-z0-9*)\]])\*(?=\w)[^*]+(?<=[\w.,;:!?。，；：！？])\*(?![A-Za-z0-9*])"
    rf"|^#{{1,6}}\s|^##|^#{HAN_CLASS}"
    rf"|^(?:[-*+>·–—]\s|•|[-*·]{HAN_CLASS}|\d{{1,2}}[.)]\s|\d{{1,2}}、{HAN_CLASS})"
    r"|^\*(?=\S).*\S\*$|^_(?=\S).*\S_$|^\|\s|\s\|$|\|\s*:?-{3,}"
)
"""Fences, code, images, bold type, links, italics, headings, bullets, tables, in this order.

`C*`, `A* search`, `a < b and c > d`, `|x|` and `L[0, 1](R)` are none.
"""

MORE_TAGS = rf"{TAGS}|h[1-6]|table|tr|td|th|img|font|pre|html|head|body|iframe|svg|style|hr|small"
HTML = re.compile(
    rf"<!--|<!doctype|</[a-z][\w-]*\s*>|<(?:{MORE_TAGS})\s*/?>|<(?:{MORE_TAGS})\s[^<>]*=|<script\b",
    re.IGNORECASE,
)
THINKING = re.compile(r"</?think>", re.IGNORECASE)
"""A tag that papers on reasoning write as the name of what it encloses."""

LATEX = re.compile(r"\\[A-Za-z]{2,}|\\[A-Za-z](?=[{_^])|\\[%$&#_{}()\[\],;!]|[\^_]\{|(?<!`)``(?!`)")
MATHEMATICAL = re.compile(r"[\\^_=<>{}]")
PROSE = re.compile(rf"\s|{HAN_CLASS}")
LONGEST_FORMULA = 200

ESCAPE = re.compile(
    r"\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\[nrt](?![a-z])|\\[\"'\\/]"
    r"|(?:u[0-9a-fA-F]{4}){2,}"
    r"|&(?:[A-Za-z]{2,8}[1-4]?|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});"
    r"|(?<=[A-Za-z])%[2-7][0-9A-Fa-f](?=[A-Za-z%])|(?:%[89A-Fa-f][0-9A-Fa-f]){2,}"
)
INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
"""Unicode's control, format, surrogate, private, line and paragraph characters."""

SHOWN = 40
"""Characters of the evidence that a message quotes."""


def check(paper: Paper, lines: Lines, rules: Rules) -> Iterator[Found]:
    """`markup`, `latex`, `escape` and `control-character`, each once for a line.

    Lines that are sentences of the abstract by design have its LaTeX.
    """
    for language, line in lines.items():
        if not line.isprintable() or "\ufffd" in line:
            yield from _invisible(language, line)
        if not (SUSPECT.search(line) or BEGINNING.match(line)):
            continue
        if span := _markup(line, paper):
            yield _found("markup", "Markdown or HTML", language, line, span)
        escape = _escape(line)
        if escape:
            yield _found("escape", "an escape", language, line, escape)
        latex = None if rules.extractive else _latex(line)
        if latex and not (escape and escape[0] == latex[0]):
            yield _found("latex", "LaTeX", language, line, latex)


def _found(code: str, what: str, language: Language, line: str, span: Span) -> Found:
    shown = line[span[0] : min(span[1], span[0] + SHOWN)]
    return Found(code, f"{what}: {shown}", language, span)


def _invisible(language: Language, line: str) -> Iterator[Found]:
    for place, character in enumerate(line):
        if character == "\ufffd" or unicodedata.category(character) in INVISIBLE:
            message = f"the character U+{ord(character):04X}, which no reader sees"
            yield Found("control-character", message, language, (place, place + 1))
            return


def _markup(line: str, paper: Paper) -> Span | None:
    found = MARKDOWN.search(line)
    if found:
        return found.span()
    for tag in HTML.finditer(line):
        if not (THINKING.fullmatch(tag[0]) and THINKING.search(paper.abstract)):
            return tag.span()
    return None


def _escape(line: str) -> Span | None:
    for found in ESCAPE.finditer(line):
        if not found[0].startswith("&") or html.unescape(found[0]) != found[0]:
            return found.span()
    return None


def _latex(line: str) -> Span | None:
    found = LATEX.search(line)
    if found:
        return found.span()
    signs = [place for place, character in enumerate(line) if character == "$"]
    for start, end in itertools.pairwise(signs):
        if _is_formula(line[start + 1 : end], line[end + 1 : end + 2]):
            return start, end + 1
    return None


def _is_formula(inside: str, after: str) -> bool:
    """Whether dollar signs enclose a formula: they do not in `$5 and $10` and `US$5`."""
    if not inside.strip() or inside[0].isspace() or inside[-1].isspace():
        return False
    if len(inside) > LONGEST_FORMULA or after.isdigit():
        return False
    if MATHEMATICAL.search(inside):
        return True
    return not (PROSE if inside[0].isdigit() else HAN).search(inside)

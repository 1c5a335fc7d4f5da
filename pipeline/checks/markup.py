"""Signs of another format in a line: Markdown, HTML, LaTeX, escapes, control characters."""

import html
import itertools
import re
import unicodedata
from collections.abc import Iterator

from pipeline.checks.rules import Found, Rules, Span
from pipeline.records import Language, Lines, Paper
from pipeline.wording import HAN, HTML, INVISIBLE, MARKDOWN

SUSPECT = re.compile(r"[*`#<|\[\]~$\\&_^{%u](?:(?<![%u])|(?<=%)[2-9A-Fa-f]|(?<=u)[0-9a-fA-F]{4}u)")
BEGINNING = re.compile(r"[-+•·>–—\d（(①-⓿❶-➓●■◆▶►✅✔☑➤\U0001f300-\U0001faff一二三四五六七八九十]")
"""No line without one of these has anything of what follows, but for control characters."""

THINKING = re.compile(r"</?think>", re.IGNORECASE)
"""A tag that papers on reasoning write as the name of what it encloses."""

LATEX = re.compile(r"\\[A-Za-z]{2,}|\\[A-Za-z](?=[{_^])|\\[%$&#_{}()\[\],;!]|[\^_]\{|(?<!`)``(?!`)")
MATHEMATICAL = re.compile(r"[\\^_=<>{}]")
PROSE = re.compile(rf"\s|{HAN.pattern}")
LONGEST_FORMULA = 200

ESCAPE = re.compile(
    r"\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\[nrt](?![a-z])|\\[\"'\\/]"
    r"|(?:u[0-9a-fA-F]{4}){2,}"
    r"|&(?:[A-Za-z]{2,8}[1-4]?|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});"
    r"|(?<=[A-Za-z])%[2-7][0-9A-Fa-f](?=[A-Za-z%])|(?:%[89A-Fa-f][0-9A-Fa-f]){2,}"
)
_MISREAD = r"\u0080-\u00ba\u00bc-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc"
MOJIBAKE = re.compile(
    rf"锟斤|斤拷|烫烫烫|屯屯屯|[銆锛鈥]|â€|[ÂÃÎÏ][{_MISREAD}\u2013-\u203a\u20ac\u2122]|[å-ï][{_MISREAD}]{{2}}"
)
"""UTF-8 that was read as Latin-1, Windows-1252 or GBK, and what stands for lost characters."""

POWER = re.compile(r"(?<![A-Za-z0-9_^])[A-Za-z0-9)]+\^[-+]?[A-Za-z0-9]+")
"""A power in the letters of a formula; a paper may write its own so."""
UNFORMATTED = str.maketrans("", "", "${} \n")

SHOWN = 40
"""Characters of the evidence that a message quotes."""


def check(paper: Paper, lines: Lines, rules: Rules) -> Iterator[Found]:
    """`markup`, `latex`, `escape` and `control-character`, each once for a line.

    Lines that are sentences of the abstract by design have its LaTeX.
    """
    for language, line in lines.items():
        if not line.isprintable() or "\ufffd" in line:
            yield from _invisible(language, line)
        elif not line.isascii() and (garbled := MOJIBAKE.search(line)):
            message = f'text that was decoded wrongly: "{garbled[0]}"'
            yield Found("control-character", message, language, garbled.span())
        if not (SUSPECT.search(line) or BEGINNING.match(line)):
            continue
        if span := _markup(line, paper):
            yield _found("markup", "Markdown or HTML", language, line, span)
        escape = _escape(line)
        if escape:
            yield _found("escape", "an escape", language, line, escape)
        latex = None if rules.extractive else _latex(line, paper)
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


def _latex(line: str, paper: Paper) -> Span | None:
    found = LATEX.search(line)
    if found:
        return found.span()
    signs = [place for place, character in enumerate(line) if character == "$"]
    for start, end in itertools.pairwise(signs):
        if _is_formula(line[start + 1 : end], line[end + 1 : end + 2]):
            return start, end + 1
    if "^" in line:
        abstract = paper.abstract.translate(UNFORMATTED)
        powers = POWER.finditer(line)
        return next((one.span() for one in powers if one[0] not in abstract), None)
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

"""arXiv's LaTeX -> LaTeX that a reader's own document can be trusted with.

A title may hold anything, and whoever cites a paper has TeX run it. So what is known to be
harmless is kept (formatting, accents, symbols, mathematics), everything else becomes text; and
whatever comes in, braces are balanced, as BibTeX counts them and as its parsers do.
"""

import re
from typing import Final

from pipeline.exports.tex_commands import (
    IN_FORMULAS,
    LETTERS,
    SWITCHES,
    SYMBOLS,
    TRANSPARENT,
    WITH_GROUP,
)
from pipeline.text import one_line

TOKEN = re.compile(
    r"\$\$?(?P<math>(?!\d[^$]*\$\d)(?:\\.|[^\\$])+)\$\$?"  # two prices are no formula
    r"|\\(?P<letter>[cvuHkrbdt]) +(?P<under>[A-Za-z])"
    r"|\\(?P<accent>[cvuHkrbdt](?=\{)|['`^\"~=.](?=[A-Za-z{]|\\[ij](?![A-Za-z])))"
    r"|\\(?P<name>[A-Za-z]+)(?P<gap> *)"
    r"|\\(?P<sign>.)"
    r"|(?P<brace>[{}])"
    r"|(?P<tie>(?<=[^ ])~(?=[^ ]))"
    r"|(?P<special>[\\$#%&_^~])"
    r"|(?P<plain>[^\\$#%&_^~{}]+)"
)
DELIMITER = re.compile(r"(?<!\\)\\[()\[\]]")
"""LaTeX's other signs around a formula."""

LINK = re.compile(r"\$?\\href *\{([^{}]*)\} *\{([^{}]*)\}\$?")
"""A link, which some put into a formula so that arXiv's page shows it."""

COMMAND = re.compile(r"\\([A-Za-z]+|.)")

SPECIAL: Final = {
    **{sign: f"\\{sign}" for sign in "$#%&_"},
    "\\": "\\textbackslash{}",
    "^": "\\textasciicircum{}",
    "~": "\\textasciitilde{}",
    "{": "\\textbraceleft{}",
    "}": "\\textbraceright{}",
}
"""Signs that TeX obeys, and how they are written so that it shows them."""

SIGNS: Final = {
    **{sign: f"\\{sign}" for sign in "$#%&_,"},
    "{": SPECIAL["{"],
    "}": SPECIAL["}"],
    "\\": " ",
    " ": " ",
    "-": "",
    "/": "",
}
"""What a backslash and a sign become outside mathematics."""

MATH_SIGNS = frozenset(",;:!>|%#&_$ {}")
MOST_NESTED = 20
"""Groups within groups; TeX itself gives up at 255."""


def latex(text: str) -> str:
    """`text` as LaTeX on one line, with balanced braces and no command but harmless ones."""
    return _text(DELIMITER.sub("$", LINK.sub(_linked, one_line(text)))).strip()


def protected(source: str) -> str:
    """What `latex` made, with each word that has a capital in braces: styles keep it as it is."""
    words, start, depth, formula = [], 0, 0, False
    for place, sign in enumerate(source):
        depth += (sign == "{") - (sign == "}")
        if sign == "$" and source[place - 1 : place] != "\\":
            formula = not formula
        elif sign == " " and depth == 0 and not formula:
            words.append(source[start:place])
            start = place + 1
    return " ".join(_protected(word) for word in [*words, source[start:]])


def _protected(word: str) -> str:
    bare = word.rstrip(",.;:?!")
    # After a backslash or a command's name the sign would be read with it.
    kept = any(sign.isupper() for sign in bare) and not bare.endswith("\\")
    return f"{{{bare}}}{word[len(bare) :]}" if kept else word


def _linked(link: re.Match[str]) -> str:
    address, text = link.groups()
    return address if text in ("", address) else f"{text} ({address})"


def _text(line: str) -> str:
    tokens = list(TOKEN.finditer(line))
    paired = _paired(tokens)
    return "".join(_piece(token, opens=token.end() in paired, paired=paired) for token in tokens)


def _piece(token: re.Match[str], *, opens: bool, paired: set[int]) -> str:
    """`opens`: whether a group begins right behind the token."""
    made = token[0]
    match token.lastgroup:
        case "math":
            made = _math(token["math"])
        case "under":
            made = f"\\{token['letter']}{{{token['under']}}}"
        case "accent" if not opens and token.string.startswith("{", token.end()):
            made = _shown(made)
        case "gap":
            made = _command(token["name"], token["gap"], opens=opens)
        case "sign":
            made = SIGNS.get(token["sign"], _shown(made))
        case "brace" if token.start() not in paired:
            made = _shown(made)
        case "special":
            made = _shown(made)
    return made


def _command(name: str, gap: str, *, opens: bool) -> str:
    if name in SWITCHES or (opens and name in TRANSPARENT):
        return ""
    if name in LETTERS or name in SYMBOLS:
        return f"\\{name}{{}}"
    if name in WITH_GROUP and opens:
        return f"\\{name}"
    return _shown(f"\\{name}{gap}")


def _math(body: str) -> str:
    """The formula, or where it has anything that is not known its source as text."""
    braces = [token for token in TOKEN.finditer(body) if token["brace"]]
    known = all(name in IN_FORMULAS or name in MATH_SIGNS for name in COMMAND.findall(body))
    # TeX reads ^^5c as a backslash.
    if not known or "^^" in body or len(_paired(braces)) < len(braces) or not body.strip():
        return f"\\${_text(body)}\\$"
    safe = re.sub(r"(?<!\\)([%#&])", r"\\\1", body)
    # BibTeX counts these braces too, whatever stands before them.
    safe = safe.replace("\\{", "\\lbrace ").replace("\\}", "\\rbrace ")
    return f"${safe}$"


def _paired(tokens: list[re.Match[str]]) -> set[int]:
    """Where the braces are that have a partner; none where groups are nested too deep."""
    paired: set[int] = set()
    opened: list[int] = []
    for token in tokens:
        if token[0] == "{":
            opened.append(token.start())
            if len(opened) > MOST_NESTED:
                return set()
        elif token[0] == "}" and opened:
            paired |= {opened.pop(), token.start()}
    return paired


def _shown(source: str) -> str:
    """`source` so that TeX shows its signs."""
    return "".join(SPECIAL.get(sign, sign) for sign in source)

"""One formula of LaTeX -> MathML, or plain Unicode text; None where it cannot be converted.

latex2mathml does the conversion. What it gives is untrusted: `mathml.py` takes from it what
its list allows. It is never shown what could make it loop, expand or recurse without end.
"""

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from pipeline.site.latex.layout import is_wide, with_limits_below
from pipeline.site.latex.mathml import serialised, tidied
from pipeline.site.latex.plain_mathematics import as_text
from pipeline.site.latex.tokens import LONGEST

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

DEEPEST = 30
"""Levels of a formula: braces, scripts, commands in commands. The library recurses for each."""

COMMANDS = 100
"""Commands in a formula, since some (`\\over`, `\\displaystyle`) hold all that comes after them."""

_FORBIDDEN = re.compile(
    r"\\(?:def|[egx]def|let|(?:re)?newcommand|providecommand|(?:re)?newenvironment"
    r"|DeclareMathOperator|href|url|style|class|unicode|mathchoice|verb)(?![a-z])"
)
"""Definitions, which can double at each step, and what leads out of mathematics."""

_OPERATOR = r"\\operatorname{\1}"
_REWRITTEN = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"(?<!\\)%", r"\\%"),  # no comment in an abstract; the library would drop the rest
        (r"\\(?:mathbbm?|mathds|Bbb)(?![a-z])", r"\\mathbb"),
        (r"\\([RNZQC])(?![A-Za-z])", r"\\mathbb{\1}"),
        (r"\\[bB]igO(?![a-z])", r"\\mathcal{O}"),
        (r"\\\\\s*\[[\d.]+(?:ex|em|pt)\]", r"\\\\"),  # a line's distance to the next
        (r"\\(begin|end)\{(?:aligned|align|alignedat|alignat|flalign)\*?\}", r"\\\1{split}"),
        (r"(\\begin\{split\})(?:\s*\[[tcb]\]|\s*\{\d\})", r"\1"),
        (r"\\(begin|end)\{(?:gathered|gather|multlined|multline)\*?\}", r"\\\1{matrix}"),
        (r"\\begin\{eqnarray\*?\}", r"\\begin{array}{rcl}"),
        (r"\\end\{eqnarray\*?\}", r"\\end{array}"),
        (r"\\not\s*=", r"\\neq "),
        (r"\\mathrm\{([A-Za-z])\}", r"\\mathrm{ \1}"),  # the library would set it in italics
        (r"\\textsc(?![a-z])", r"\\text"),
        (r"\\textsl(?![a-z])", r"\\textit"),
        (r"\\mathop\s*\{\s*\\(?:mathrm|text|operatorname)\{([\w\\,]+)\}\s*\}", _OPERATOR),
        (r"\\mathop(?![a-z])", ""),
        (r"\\arg\s*(?:\\[,;:!]\s*)?\\(max|min)(?![a-z])", r"\\arg\1 "),
        (r"\\operatorname\*?\s*\{\s*arg(?:\\[,;:!]|[\s~])\s*(max|min)\s*\}", r"\\arg\1 "),
        (r"\\arg(?![a-z])", r"\\operatorname{arg}"),
        (r"\\operatorname\*?\s*\{(?![A-Za-z\s]+\})", r"\\mathrm{"),
        (r"\\(?:nice|s)frac(?![a-z])", r"\\frac"),
        (r"\\(?:ensuremath|num)(?![a-z])", ""),
        (r"\\(?:xspace|nonumber|notag)(?![a-z])|\\label\{[^{}]*\}", ""),
        (r"\\norm\{([^{}]*)\}", r"\\|\1\\|"),
        (r"\\abs\{([^{}]*)\}", r"|\1|"),
    )
]
_OPENING = {"{", r"\left", r"\begin"}
_CLOSING = {"}", r"\right", r"\end"}
_STEP = re.compile(r"\\[A-Za-z]+|\\.|[{}^_]|[^\\{}^_\s]+", re.DOTALL)


@lru_cache(maxsize=4096)
def mathml(source: str, *, display: bool = False) -> str | None:
    """A `<math>` element; in a line of its own where `display`.

    Its `alttext` is the source, if its own text does not say the same. `class="wide"` if it
    stands in the text and may be wider than a narrow page.
    """
    tree = _tree(source, display=display)
    if tree is None:
        return None
    if display:
        with_limits_below(tree)
    elif is_wide(tree):
        tree.set("class", "wide")
    return serialised(tree, " ".join(source.split()))


@lru_cache(maxsize=4096)
def plain(source: str) -> str | None:
    """The formula in one line of Unicode text without markup: `10⁻³`, `k<50`, `√x/2`."""
    tree = _tree(source, display=False)
    return None if tree is None else as_text(tree)


def _tree(source: str, *, display: bool) -> "Element | None":
    """What the library made of the formula, as far as it is allowed."""
    from latex2mathml import exceptions
    from latex2mathml.converter import convert_to_element  # costs 70 ms

    if len(source) > LONGEST or _FORBIDDEN.search(source) or not _is_shallow(source):
        return None
    for pattern, replacement in _REWRITTEN:
        source = pattern.sub(replacement, source)
    own = tuple(
        error
        for error in vars(exceptions).values()
        if isinstance(error, type) and issubclass(error, Exception)
    )
    try:
        made = convert_to_element(source, display="block" if display else "inline")
    except own:
        return None
    except (StopIteration, LookupError, ValueError, TypeError, AttributeError, RuntimeError):
        return None  # an incomplete command, in the library's own words
    return tidied(made)


def _is_shallow(source: str) -> bool:
    """Whether the library can follow the formula down to its ground."""
    deepest = depth = waiting = commands = 0
    opened: list[int] = []
    for step in _STEP.findall(source):
        if step in _OPENING:
            opened.append(depth)
            depth, waiting = depth + waiting + 1, 0
        elif step in _CLOSING:
            depth, waiting = (opened.pop() if opened else 0), 0
        elif step[0] in "\\^_":
            waiting += 1
        else:
            waiting = 0
        commands += step[0] == "\\"
        deepest = max(deepest, depth + waiting)
    return deepest <= DEEPEST and commands <= COMMANDS

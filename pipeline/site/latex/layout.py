"""What MathML asks of its author: where limits stand, and whether a formula may be too wide."""

import re
import unicodedata
from xml.etree.ElementTree import Element

WIDEST = 10.0
"""Em that fit into a line wherever a formula may stand, on the narrowest screen."""

_LETTER, _CAPITAL, _IDEOGRAPH = 0.6, 0.8, 1.0
_AROUND_OPERATOR = 0.5
_BETWEEN_COLUMNS = 0.8
_SCRIPT = 0.75
"""Widths in em, rather too large than too small."""

_LENGTH = re.compile(r"\+?([\d.]+)(em|ex|px|pt)?")
_EM = {"em": 1.0, "ex": 0.5, "px": 1 / 12, "pt": 1 / 9, None: 1.0}

_LIMITS = frozenset("⋃⋂⨁⨂⨀⨆⋁⋀∐∏∑⨄")
_NAMES = frozenset({
    "max", "min", "sup", "inf", "lim", "limsup", "liminf", "argmax", "argmin", "argsup", "arginf",
    "esssup", "essinf", "projlim", "injlim", "plim",
})  # fmt: skip
"""What takes its limits below and above in a line of its own."""

_STACKED = {"msub": "munder", "msup": "mover", "msubsup": "munderover"}
_ROWS = {"math", "mrow", "mstyle", "mpadded", "msqrt", "mphantom"}


def with_limits_below(element: Element) -> None:
    """Move limits below or above, as far as the formula is set in its full size."""
    for child in element:
        if child.tag in _STACKED and _takes_limits(child[0]):
            child.tag = _STACKED[child.tag]
        is_table = child.tag == "mtable" and child.get("displaystyle") == "true"
        if is_table or (child.tag in _ROWS and child.get("displaystyle") != "false"):
            for row in [each for line in child for each in line] if is_table else [child]:
                with_limits_below(row)


def is_wide(math: Element) -> bool:
    """Whether the formula may be wider than a line, by the number of its characters."""
    return _width(math) > WIDEST


def _takes_limits(base: Element) -> bool:
    text = base.text or ""
    return text in _LIMITS or "".join(filter(str.isalpha, text)) in _NAMES


def _width(element: Element) -> float:
    """An estimate in em."""
    widths = [_width(child) for child in element]
    own = sum(map(_breadth, element.text or ""))
    own += sum(_length(element.get(name, "")) for name in ("width", "lspace", "rspace"))
    if element.tag == "mo":
        own += _AROUND_OPERATOR
    elif element.tag == "mtd":
        own += _BETWEEN_COLUMNS
    elif element.tag in {"msqrt", "mroot"}:
        own += 1
    if element.tag in {"mfrac", "munder", "mover", "munderover", "mtable"}:
        return own + max(widths, default=0)
    if element.tag in _STACKED:
        return own + widths[0] + _SCRIPT * sum(widths[1:])
    return own + sum(widths)


def _breadth(character: str) -> float:
    if character in "mwMW" or unicodedata.east_asian_width(character) in "WF":
        return _IDEOGRAPH
    return _CAPITAL if character.isupper() else _LETTER


def _length(value: str) -> float:
    found = _LENGTH.fullmatch(value)
    return float(found[1]) * _EM[found[2]] if found else 0.0

"""MathML as a library made it -> what the site lets through, as HTML and as plain text.

Nothing is copied as it came: only the elements and attributes listed here go on, with values
of the listed forms, and all text is cleaned and escaped. What browsers no longer heed (MathML
Core knows no `mathvariant` but `normal`) is said in Unicode's letters or HTML's own elements.
"""

import re
from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element

from markupsafe import escape

from pipeline.site.latex.alphabets import COMBINING, styled
from pipeline.site.text import clean

_ROWS = {"math", "mrow", "mstyle", "mpadded", "mphantom", "msqrt", "mtd"}
_PARTS = {
    "msub": 2, "msup": 2, "msubsup": 3, "mfrac": 2, "mroot": 2,
    "mover": 2, "munder": 2, "munderover": 3,
}  # fmt: skip
"""Elements that hold elements, and how many."""

_STACKS = {"mover", "munder", "munderover"}
_TOKENS = {"mi", "mn", "mo", "mtext"}
ELEMENTS = _ROWS | _PARTS.keys() | _TOKENS | {"mspace", "mtable", "mtr"}

_LENGTH = re.compile(r"[+-]?\d{0,3}(?:\.\d{1,3})?(?:em|ex|px|pt)?")
_YES_NO = re.compile("true|false")
ATTRIBUTES = {
    "stretchy": _YES_NO,
    "movablelimits": _YES_NO,
    "largeop": _YES_NO,
    "accent": _YES_NO,
    "displaystyle": _YES_NO,
    "form": re.compile("prefix|infix|postfix"),
    "display": re.compile("block"),
    "columnalign": re.compile("left|right"),
    "scriptlevel": re.compile("[0-3]"),
    "mathvariant": re.compile("[a-z-]+"),
    "linethickness": _LENGTH,
    "lspace": _LENGTH,
    "rspace": _LENGTH,
    "minsize": _LENGTH,
    "maxsize": _LENGTH,
    "width": _LENGTH,
    "height": _LENGTH,
    "depth": _LENGTH,
    "voffset": _LENGTH,
}
"""What goes on, where its value has this form; else it is left out."""

_LEFT_OUT = {
    "xmlns", "fence", "separator", "columnlines", "columnspacing", "rowlines", "rowspacing",
    "mathbackground", "mathcolor", "mathsize",
}  # fmt: skip
"""Layout that a formula can do without. Any other attribute refuses the formula."""

_WIDTHS = {
    "thinmathspace": ".167em",
    "mediummathspace": ".222em",
    "thickmathspace": ".278em",
    "negativethinmathspace": "-.167em",
    "negativemediummathspace": "-.222em",
    "negativethickmathspace": "-.278em",
}
_REFERENCE = re.compile("&#x([0-9A-Fa-f]{1,6});")
_ESCAPED = re.compile(r"\\([_%&#$ {}])")
_SIGNS = {"~": "∼", "±": "±", "∓": "∓", "¬": "¬", "∥": "∥"}
"""Operators that the library takes for letters."""

_LETTERLIKE = frozenset("∞∅∀∃⊤")
"""Letters that the library takes for operators."""

_CHARACTERS = {"-": "−", "―": "¯", "`": "ˋ"}
_RELATIONS = frozenset("<>=≠≤≥≈∼≃≅≡≪≫≲≳→←↔⇒⇔∈∉⊂⊆∝×")
_PLUS_MINUS = frozenset("+−±∓")
_CLOSERS = frozenset(")]}|⟩⌋⌉!‖′")
_OPENERS = frozenset("([{,;|")
_FUNCTION = "function"
"""An attribute within this module: a function's name, which stands apart from its neighbours."""

_INLINE = {"bold": "b", "bold-italic": "b", "italic": "i", "monospace": "code"}


def tidied(element: Element) -> Element | None:
    """A copy of what is allowed, without what it can do without; None where it is not allowed."""
    children = [child for child in map(tidied, _with_operator(element)) if child is not None]
    attributes = _allowed(element.attrib)
    # of a table that is none; the sign itself comes as a reference
    separates = element.text == "&" and element.tag != "mtext"
    strange = element.tag not in ELEMENTS or separates or len(children) < len(element)
    if strange or attributes is None or (element.tail or "").strip():
        return None
    made = Element(element.tag, attributes)
    if element.tag in _TOKENS:
        return None if children else _token(made, element.text or "")
    if (element.text or "").strip() or len(children) != _PARTS.get(element.tag, len(children)):
        return None
    if element.tag in _ROWS:
        children = _row(children)
    if element.tag == "math":
        children = _formula(children)
    if element.tag == "mover" and children[1].text in COMBINING:
        made.set("accent", "true")
    made.extend(children)
    if element.tag not in {"mrow", "mstyle"} or attributes:
        return made
    made.tag = "mrow"
    return _ordinary(children[0]) if len(children) == 1 else made


def serialised(math: Element, source: str) -> str:
    """The tree as HTML, with the source for those who read or copy it if it says more."""
    attributes = {
        name: value for name, value in math.attrib.items() if name in {"display", "class"}
    }
    if "".join(math.itertext()) != "".join(source.split()):
        attributes["alttext"] = source
    return f"<math{_named(attributes)}>{_inside(math)}</math>"


def _with_operator(element: Element) -> Iterable[Element]:
    """What the element holds; an operator that others stand above or below remains one."""
    children = list(element)
    if element.tag in _STACKS and children:
        base = children[0]
        while base.tag == "mrow" and len(base) == 1:
            base = base[0]
        if base.tag == "mo":
            children[0] = base
    return children


def _allowed(attributes: dict[str, str]) -> dict[str, str] | None:
    """Those that go on; None where one is neither on the list nor among what may be left out."""
    if not attributes.keys() <= ATTRIBUTES.keys() | _LEFT_OUT:
        return None
    known = {name: _WIDTHS.get(value, value) for name, value in attributes.items()}
    return {
        name: value
        for name, value in known.items()
        if name in ATTRIBUTES and ATTRIBUTES[name].fullmatch(value)
    }


def _formula(children: list[Element]) -> list[Element]:
    """What `<math>` itself holds: no row of its own, and no gap before the first operator."""
    if len(children) == 1 and children[0].tag == "mrow":
        children = list(children[0])
    if len(children) == 1:
        return [_ordinary(children[0])]
    if children and children[0].tag == "mo" and children[0].text in _RELATIONS:
        children[0].set("lspace", "0")
    return children


def _ordinary(element: Element) -> Element:
    """An operator without neighbours has nothing to stand apart from."""
    if element.tag == "mo":
        element.tag = "mi"
        element.attrib.clear()
    return element


def _token(made: Element, text: str) -> Element | None:
    """`made` with its text; None where a command is left in it."""
    from latex2mathml.symbols_parser import convert_symbol

    text = _REFERENCE.sub(lambda found: _character(found[1]), text)
    if made.tag == "mtext":
        text = _ESCAPED.sub(r"\1", text)
        inner = text.strip("\xa0").replace("\xa0", " ")
        text = text.replace(text.strip("\xa0"), inner) if inner else text
    elif text.startswith("\\") and (known := convert_symbol(text)):
        text = _character(known)
    text = clean(text)
    if "\\" in text:
        return None
    if made.tag == "mo":
        text = _CHARACTERS.get(text, text)
        made.attrib.pop("mathvariant", None)
    if made.tag in {"mi", "mo"} and len(text) > 1 and text.replace("\u2009", "").isalpha():
        if "mathvariant" not in made.attrib:
            made.attrib.clear()
            made.set(_FUNCTION, "")
        made.tag = "mi"
    elif made.tag == "mi" and text.lstrip(".").isdecimal():
        made.tag = "mn"
    elif made.tag == "mi" and text in _SIGNS:
        made.tag, text = "mo", _SIGNS[text]
    elif text in _LETTERLIKE:
        made.tag = "mi"
    made.text = text
    return made


def _character(code: str) -> str:
    number = int(code, 16)
    return chr(number) if number < 0x110000 else ""


def _row(children: Sequence[Element]) -> list[Element]:
    """Neighbours made one where they are one word or number, and functions set apart."""
    flat: list[Element] = []
    for place, child in enumerate(children):
        if child.tag == "mstyle" and not len(child):  # a declaration in a table's cell
            child.extend(_row(children[place + 1 :]))
            flat += [child] if len(child) else []
            break
        grouped = child.tag == "mrow" and not child.attrib
        flat += child if grouped and not any(each.tag == "mo" for each in child) else [child]
    row: list[Element] = []
    for child in flat:
        if row and _is_same_word(row[-1], child):
            row[-1].text = f"{row[-1].text}{child.text}"
        elif _is_thousands(row, child):
            comma = row.pop()
            row[-1].text = f"{row[-1].text}{comma.text}{child.text}"
        else:
            if (
                row
                and (_is_function(row[-1]) or _is_function(child))
                and _may_touch(row[-1], child)
            ):
                row.append(Element("mspace", width=".167em"))
            if row and _is_sign(row[-1], child):
                child.set("form", "prefix")
            row.append(child)
    return row


def _is_same_word(one: Element, other: Element) -> bool:
    variant = one.get("mathvariant")
    return (
        one.tag == other.tag == "mi" and variant is not None and variant == other.get("mathvariant")
    )


def _is_thousands(row: Sequence[Element], last: Element) -> bool:
    """Whether a number goes on: 10,000, also written 10{,}000."""
    if len(row) < 2 or last.tag != "mn" or row[-1].text != "," or row[-2].tag != "mn":
        return False
    before = row[-3] if len(row) > 2 else None
    return bool(
        re.fullmatch(r"\d{3}(\.\d+)?", last.text or "")
        and re.fullmatch(r"\d{1,3}(,\d{3})*", row[-2].text or "")
        and (before is None or before.text not in _OPENERS)
    )


def _is_sign(before: Element, element: Element) -> bool:
    """Whether a plus or minus belongs to what follows it alone: x = −1."""
    both = before.tag == element.tag == "mo"
    return both and element.text in _PLUS_MINUS and before.text not in _CLOSERS


def _is_function(element: Element) -> bool:
    scripted = element.tag in {"msub", "msup", "msubsup", "munder"}
    return _FUNCTION in (element[0] if scripted else element).attrib


def _may_touch(one: Element, other: Element) -> bool:
    return not {one.tag, other.tag} & {"mo", "mspace", "mtext"}


def _inside(element: Element) -> str:
    return "".join(map(_markup, element))


def _markup(element: Element) -> str:
    tag, variant, text = element.tag, element.get("mathvariant"), element.text or ""
    inside = str(escape(text)) + _inside(element)
    attributes = {
        name: value
        for name, value in element.attrib.items()
        if name not in {_FUNCTION, "mathvariant"}
    }
    if tag in _TOKENS and variant:
        if variant == "normal" and len(text) == 1 and tag == "mi":
            attributes["mathvariant"] = variant
        elif variant in _INLINE and (len(text) > 1 or tag == "mtext") and tag != "mn":
            tag, inside = "mtext", f"<{_INLINE[variant]}>{inside}</{_INLINE[variant]}>"
        elif not (variant == "italic" and tag == "mi"):
            inside = str(escape(_in_alphabet(text, variant)))
    named = _named(attributes)
    return f"<{tag}{named}>{inside}</{tag}>" if tag != "mspace" else f"<{tag}{named}/>"


def _named(attributes: dict[str, str]) -> str:
    return "".join(f' {name}="{escape(value)}"' for name, value in attributes.items())


def _in_alphabet(text: str, variant: str) -> str:
    return "".join(styled(character, variant) for character in text)

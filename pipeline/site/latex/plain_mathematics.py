"""Tidied MathML -> one line of Unicode text."""

from xml.etree.ElementTree import Element

from pipeline.site.latex.alphabets import COMBINING, accented, lowered, raised, styled

_ONE_LETTER = {"double-struck", "script", "fraktur", "bold", "bold-italic"}
_SCRIPTS = {"msub": "_", "msup": "^", "msubsup": "_^"}


def as_text(element: Element) -> str | None:
    """The formula as text: scripts and accents in Unicode's characters; None where it has none.

    Scripts that Unicode has no characters for stand behind `^` and `_`, fractions with a slash.
    Tables, roots of a higher degree and what stands above or below a symbol have no such form.
    """
    within = [as_text(child) for child in element]
    parts = [part for part in within if part is not None]
    if len(parts) < len(within):
        return None
    tag = element.tag
    text: str | None = None
    if tag in {"mi", "mn", "mo", "mtext"}:
        text = _letters(element)
    elif tag == "mspace":
        text = "" if (element.get("width") or "").startswith("-") else " "
    elif tag in {"math", "mrow", "mstyle", "mpadded"}:
        text = "".join(parts)
    elif tag in _SCRIPTS:
        base = _single(element[0], parts[0])
        scripts = zip(parts[1:], _SCRIPTS[tag], strict=True)
        text = base + "".join(_script(part, mark) for part, mark in scripts)
    elif tag == "mfrac" and "linethickness" not in element.attrib:
        text = "/".join(map(_single, element, parts))
    elif tag == "msqrt":
        inside = "".join(parts)
        text = f"√{inside}" if len(inside) == 1 else f"√({inside})"
    elif tag == "mover" and len(parts[0]) == 1 and parts[1] in COMBINING:
        text = accented(parts[0], COMBINING[parts[1]])
    return text


def _letters(element: Element) -> str:
    text, variant = element.text or "", element.get("mathvariant", "")
    if len(text) == 1 and variant in _ONE_LETTER:
        return styled(text, variant)
    return text.replace("\xa0", " ")


def _script(text: str, mark: str) -> str:
    characters = raised(text) if mark == "^" else lowered(text)
    return characters or mark + (text if len(text) == 1 or text.isalnum() else f"({text})")


def _single(element: Element, text: str) -> str:
    """`text` in parentheses where it is more than one thing."""
    return text if element.tag != "mrow" else f"({text})"

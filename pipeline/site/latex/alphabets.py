"""Unicode's letters for mathematics: alphabets, raised and lowered characters, accents."""

import unicodedata
from functools import cache

_ALPHABETS = {
    "bold": "BOLD",
    "italic": "ITALIC",
    "bold-italic": "BOLD ITALIC",
    "script": "SCRIPT",
    "fraktur": "FRAKTUR",
    "double-struck": "DOUBLE-STRUCK",
    "sans-serif": "SANS-SERIF",
    "sans-serif-italic": "SANS-SERIF ITALIC",
    "monospace": "MONOSPACE",
}
_OLDER = {"FRAKTUR CAPITAL": "BLACK-LETTER CAPITAL"}
"""Letters that Unicode had before it had their alphabet."""

_RAISED = dict(
    zip(
        "0123456789+-−=()aαbβcdeθfghijklmnoprstuvwxyz",
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ᵃᵅᵇᵝᶜᵈᵉᶿᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ",
        strict=True,
    )
) | {"T": "ᵀ", "′": "′", "″": "″", "‴": "‴", "∘": "°", "*": "*", "∗": "*"}
_LOWERED = dict(
    zip("0123456789+-−=()aeijkmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑᵢⱼₖₘₙₒₚᵣₛₜᵤᵥₓ", strict=True)
) | {"h": "ₕ", "l": "ₗ"}

ACCENTS = {
    "'": "\u0301",
    "`": "\u0300",
    "^": "\u0302",
    '"': "\u0308",
    "~": "\u0303",
    "=": "\u0304",
    ".": "\u0307",
    "c": "\u0327",
    "v": "\u030c",
    "H": "\u030b",
    "u": "\u0306",
    "r": "\u030a",
    "k": "\u0328",
    "b": "\u0331",
    "d": "\u0323",
    "t": "\u0361",
}
"""LaTeX's name of each accent, without its backslash, and Unicode's combining character."""

COMBINING = {
    "^": "\u0302",
    "~": "\u0303",
    "¯": "\u0304",
    "´": "\u0301",
    "ˋ": "\u0300",
    "˘": "\u0306",
    "ˇ": "\u030c",
    "˙": "\u0307",
    "¨": "\u0308",
    "˚": "\u030a",
    "→": "\u20d7",
}
"""What stands over a letter in a formula, and the combining character that says the same."""


def accented(letters: str, accent: str) -> str:
    """`letters` with a combining character on the first, as one character where there is one."""
    base = {"ı": "i", "ȷ": "j"}.get(letters[0], letters[0])
    return unicodedata.normalize("NFC", base + accent) + letters[1:]


@cache
def styled(character: str, alphabet: str) -> str:
    """`character` in one of MathML's alphabets (`bold`, `double-struck`), if Unicode has it."""
    style = _ALPHABETS.get(alphabet)
    name = unicodedata.name(character, "")
    for script in ("LATIN ", "GREEK "):
        name = name.removeprefix(script)
    name = name.replace(" LETTER", "")
    if style is None:
        return character
    candidate = f"{style} {name}"
    older = next((candidate.replace(a, b) for a, b in _OLDER.items() if a in candidate), candidate)
    for full in (f"MATHEMATICAL {candidate}", candidate, older):
        try:
            return unicodedata.lookup(full)
        except KeyError:
            continue
    return character


def raised(text: str) -> str | None:
    """`text` in superscript characters; None where one of them is missing."""
    return _each(text, _RAISED)


def lowered(text: str) -> str | None:
    """`text` in subscript characters; None where one of them is missing."""
    return _each(text, _LOWERED)


def _each(text: str, table: dict[str, str]) -> str | None:
    found = [table.get(character) for character in text]
    return None if None in found else "".join(filter(None, found))

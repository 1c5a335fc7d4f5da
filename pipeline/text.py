"""Text from outside, held to one line: no control characters, no line breaks."""

import re
import unicodedata

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""C0 and C1 control characters, and Unicode's line and paragraph separators."""

BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""What reverses the direction of the text behind it."""


def one_line(text: str) -> str:
    """`text` on one line, white space made single blanks, and nothing in it that is obeyed.

    Control characters, lone surrogates and those that reverse the direction are left out.
    """
    line = " ".join(text.split())
    if line.isprintable():  # none of them is, and most text is
        return line
    return " ".join("".join(filter(_harmless, line)).split())


def shortened(text: str, most: int) -> str:
    """`text` in at most so many characters; what is cut off shows as `…`."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def amount(number: int, what: str) -> str:
    """How many of a thing, in words: 1 error, 2 errors."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _harmless(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cs") and character not in BIDI_CONTROLS

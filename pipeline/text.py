"""Text from outside, held to one line: no control characters, no line breaks."""

import re

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""C0 and C1 control characters, and Unicode's line and paragraph separators."""


def one_line(text: str) -> str:
    """`text` without control characters and line breaks, each white space one blank."""
    return " ".join(CONTROL.sub(" ", text).split())

"""Untrusted text made fit for a chat, where some markup is obeyed even in plain text.

What a service might obey is written with a sign that looks alike and is obeyed by none:
mentions (`@everyone`, `<!channel>`, `<at user_id="all">`), links that hide their address,
addresses, and Markdown. It stays readable, in a mail too.
"""

import re

from pipeline.site.latex.rendering import to_text
from pipeline.text import one_line, shortened

SIGNS = str.maketrans({"@": "＠", "*": "∗", "~": "∼", "`": "'"})

MARKUP = (
    (re.compile(r"<(?=[^\s\d=])"), "＜"),
    (re.compile(r"\]\("), "] ("),
    (re.compile("://"), ": //"),
    (re.compile(r"\|\|"), "‖"),
    (re.compile(r"(?<![^\W_])_|_(?![^\W_])"), "＿"),
)
"""Tags but no inequality, links and addresses, spoilers, emphasis but no `a_name`."""

FIRST = str.maketrans({"#": "＃", ">": "＞", "-": "–", "+": "＋", "=": "＝"})
"""What makes a heading, a quotation or a list of a line that begins with it."""


def plain(text: str, most: int) -> str:
    """`text` on one line of at most so many characters, of which nothing is obeyed by a chat."""
    line = shortened(one_line(to_text(text)), most).translate(SIGNS)
    for sign, instead in MARKUP:
        line = sign.sub(instead, line)
    return line[:1].translate(FIRST) + line[1:]

"""What can be mended in an answer with certainty; everything else is asked for again.

Of the whole content: thinking and fences around the JSON, prose around its one object,
LaTeX whose backslashes JSON would take for control characters. Of a line: stray white
space, Markdown, and the typography of Chinese. What cannot be mended stays as it is, for
`answers.py` to reject.
"""

import json
import re
from collections.abc import Iterator

from pipeline import typography
from pipeline.records import Language
from pipeline.wording import REMOVABLE

MENDED = {
    "thinking": "a `<think>` block before the JSON",
    "fence": "a Markdown fence around the JSON",
    "prose": "prose around the one JSON object",
    "latex": "LaTeX whose backslashes were not doubled (`\\frac` would become a form feed)",
    "extra-keys": "keys that were not asked for",
    "swapped": "the English line under `zh` and the Chinese one under `en`",
    "whitespace": "white space around a line, runs of blanks in it",
    "invisible": "characters that no reader sees: zero-width ones, turns of direction",
    "markdown": "a bullet, a heading mark or bold type",
    "punctuation": "half-width punctuation in Chinese text, made full-width",
    "spacing": "blanks between Chinese and Latin text, set where one belongs, else taken away",
}
"""Code in `mended` of a summary -> what was taken away or put right."""

THINKING = re.compile(r"\A\s*<(think|thinking|reasoning)>.*?</\1>\s*", re.DOTALL | re.IGNORECASE)
FENCED = re.compile(r"\A\s*```[\w-]*[ \t]*\r?\n(.*?)\r?\n?[ \t]*```\s*\Z", re.DOTALL)

# Commands that begin with n, r or t, as abstracts use them. JSON's \n, \r and \t may be
# meant; \b and \f before a letter never are.
COMMANDS = (
    r"n(?:abla|atural|e|earrow|eg|eq|geq|i|icefrac|leq|oindent|olimits|ot|otin|u"
    r"|subseteq|warrow)"
    r"|r(?:angle|brace|brack|ceil|e|ef|floor|ho|ight[a-z]*|m|times|vert)"
    r"|t(?:ag|an|anh|au|ext[a-z]*|frac|heta|hickapprox|hicksim|ilde|imes|o|op|riangle[a-z]*|t)"
)
UNDOUBLED = re.compile(
    r"\\(?:"
    r'[\\"/]'  # already right: passed over, so that the second half of a pair is not taken
    rf"|(?P<command>(?:[bf](?=[A-Za-z])|(?:{COMMANDS})(?![A-Za-z])))"
    r"|(?P<unicode>u(?![0-9A-Fa-f]{4}))"
    r"|(?P<other>[^\"'\\/bfnrtu])"
    r")"
)

MOST_BRACES = 20
"""Opening braces at which an object is looked for; prose has a few at most."""

BULLET = re.compile(r"\A(?:[-*+•]|#{1,6}|>|\d{1,2}[.)])[ \t]+(?=\S)")
BOLD = re.compile(r"(?<![A-Za-z0-9*])\*\*(?=\S)([^*]+?)(?<=\S)\*\*(?![A-Za-z0-9*])")
BLANKS = re.compile(r"[ \u00a0\u3000]{2,}|\u00a0")


def unwrapped(content: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The texts in which the JSON may be, the plainest first, with what was taken away."""
    text = content
    mended: tuple[str, ...] = ()
    if thinking := THINKING.match(text):
        text, mended = text[thinking.end() :], (*mended, "thinking")
    if fence := FENCED.match(text):
        text, mended = fence[1], (*mended, "fence")
    yield text, mended
    found = list(_objects(text))
    if len(found) == 1 and found[0] != text.strip():
        code = "fence" if "```" in text else "prose"
        yield found[0], tuple(dict.fromkeys((*mended, code)))


def _objects(text: str) -> Iterator[str]:
    """The outermost JSON objects in a text, from each opening brace that begins one."""
    decoder = json.JSONDecoder(strict=False)
    position = text.find("{")
    for _ in range(MOST_BRACES):
        if position < 0:
            return
        try:
            value, end = decoder.raw_decode(doubled(text[position:])[0])
        except (ValueError, RecursionError):
            position = text.find("{", position + 1)
            continue
        plain = _plain_end(text[position:], end)
        if isinstance(value, dict):
            yield text[position : position + plain]
        position = text.find("{", position + plain)


def _plain_end(text: str, end: int) -> int:
    """The position in `text` that became `end` when its backslashes were doubled."""
    low, high = 0, min(end, len(text))
    while low < high:
        middle = (low + high) // 2
        if len(doubled(text[:middle])[0]) < end:
            low = middle + 1
        else:
            high = middle
    return low


def doubled(text: str) -> tuple[str, bool]:
    """JSON text with the backslashes of LaTeX doubled, and whether there were any.

    A command counts only as a whole word, so a real line break before a word stays one.
    """
    changed = False

    def mend(match: re.Match[str]) -> str:
        nonlocal changed
        if match.lastgroup is None:
            return match[0]
        changed = True
        return "\\" + match[0]

    return UNDOUBLED.sub(mend, text), changed


def line_mended(line: str, language: Language) -> tuple[str, tuple[str, ...]]:
    """A line without stray white space and Markdown, and the codes of what was mended.

    A Chinese one has the typography of Chinese then.
    """
    text = REMOVABLE.sub("", line)
    mended: list[str] = ["invisible"] if text != line else []
    plain = BLANKS.sub(" ", text).strip()
    if plain != text:
        mended.append("whitespace")
    text = BOLD.sub(r"\1", BULLET.sub("", plain))
    if text != plain:
        mended.append("markdown")
    text = text.strip()
    if language == "zh":
        text, taken = typography.mended(text)
        mended += taken
    return text, tuple(mended)

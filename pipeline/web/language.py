"""The language of the app's own words: the reader's choice, else the browser's.

Messages are written in English in the templates, and `chinese.py` has each in Chinese.
"""

from collections.abc import Callable

from starlette.requests import Request

from pipeline.records import LANGUAGES, Language
from pipeline.records import TAGS as TAGS
from pipeline.web.chinese import CHINESE, FINDINGS

WORDS = CHINESE | FINDINGS

COOKIE = "paperline-language"
"""The cookie that keeps the reader's choice."""

"""The languages as HTML names them."""

Say = Callable[..., str]
"""Says an English message in one language: `say("{count} papers", count=3)`."""


def of(request: Request) -> Language:
    """The language that was chosen, else the first of the browser's that there is."""
    chosen = request.cookies.get(COOKIE)
    accepted = request.headers.get("accept-language", "")
    wanted = [chosen or "", *_by_preference(accepted)]
    return next((known for tag in wanted for known in LANGUAGES if _is(tag, known)), "en")


def speaker(language: Language) -> Say:
    """What says messages in `language`. Raises `KeyError` for one that has no Chinese."""

    def say(message: str, **values: object) -> str:
        text = WORDS[message] if language == "zh" else message
        return text.format(**values) if values else text

    return say


def _by_preference(header: str) -> list[str]:
    """The tags of an Accept-Language header (RFC 9110, 12.5.4), the preferred first."""
    weighted: list[tuple[float, int, str]] = []
    for part in header.split(",")[:20]:
        tag, _, weight = part.partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            quality = 0.0
        weighted.append((-quality, len(weighted), tag.strip().lower()))
    return [tag for quality, _, tag in sorted(weighted) if quality < 0]


def _is(tag: str, language: Language) -> bool:
    return tag == language or tag.startswith(f"{language}-")

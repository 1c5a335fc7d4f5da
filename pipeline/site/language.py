"""The little script that chooses a reader's language before anything is painted."""

import base64
import hashlib
from functools import cache
from pathlib import Path

from markupsafe import Markup

PATH = Path(__file__).parent / "templates" / "language.js"


@cache
def script() -> Markup:
    """It stands right behind the choice; a page without it shows all languages at first."""
    return Markup(PATH.read_text(encoding="utf-8"))  # noqa: S704  our own text


@cache
def source() -> str:
    """What a Content-Security-Policy names it by: `'sha256-...'`."""
    digest = base64.b64encode(hashlib.sha256(script().encode()).digest()).decode()
    return f"'sha256-{digest}'"

"""The site's own style sheet and scripts, each under an address that changes with its text."""

import hashlib
from functools import cache
from pathlib import Path

from pipeline.site.templating import OWN, environment

STATIC = Path(__file__).parent / "static"


@cache
def assets() -> dict[str, str]:
    """`{path: text}`, paths from the site's root: `assets/site-0f3a9c21.css`."""
    style = environment(OWN).get_template("site.css").render()
    texts = {"site.css": style} | {
        path.name: path.read_text(encoding="utf-8") for path in sorted(STATIC.glob("*.js"))
    }
    return {_path(name, text): text for name, text in texts.items()}


@cache
def asset(name: str) -> str:
    """The path of `site.css` or of a script, from the site's root."""
    stem, _, suffix = name.partition(".")
    return next(
        path
        for path in assets()
        if path.startswith(f"assets/{stem}-") and path.endswith(f".{suffix}")
    )


def _path(name: str, text: str) -> str:
    stem, _, suffix = name.partition(".")
    return f"assets/{stem}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.{suffix}"

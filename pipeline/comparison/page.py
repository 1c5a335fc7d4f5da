"""A comparison -> one self-contained HTML file: no script, and no request to any server."""

import base64
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from pipeline.comparison import words
from pipeline.comparison.answer import Comparison
from pipeline.records import LANGUAGES, TAGS, Paper, fingerprint
from pipeline.site.templating import environment

TEMPLATES = Path(__file__).parent / "templates"
"""The value of `lang` for each language."""

LONGEST_NAME = 150
"""Characters of a file name's stem; file systems take 255 bytes."""


def page(compared: Comparison, papers: Sequence[Paper]) -> str:
    """The page of a comparison of these papers."""
    complete = [row for row in compared.rows if row.complete]
    differing = [row for row in complete if not row.same]
    same = [row for row in complete if row.same]
    groups = [
        ("differing", "Lines that differ", "the most different first", differing),
        ("same", "The same lines", "character for character, in the order of the digest", same),
        (
            "missing",
            "Something is missing",
            "in the order of the digest",
            [row for row in compared.rows if not row.complete],
        ),
    ]
    made = environment(TEMPLATES).get_template("compare.html.j2")
    return made.render(
        compared=compared,
        papers={paper.id: paper for paper in papers},
        groups=[group for group in groups if group[3]],
        measures=words.measures(compared),
        policy=_policy(),
        languages=LANGUAGES,
        tags=TAGS,
        words=words,
    )


def file_name(topic: str, snapshot: str, contenders: Sequence[str]) -> str:
    """Of the page, where none is chosen: safe on every file system.

    Where it cannot say the contenders as they are, their fingerprint tells them apart.
    """
    told = "-".join(["compare", topic, snapshot, *contenders])
    stem = re.sub(r"[^A-Za-z0-9._@~-]", "_", told)
    if stem != told or len(stem) > LONGEST_NAME:
        stem = f"{stem[:LONGEST_NAME]}-{fingerprint([*contenders])[:8]}"
    return f"{stem}.html"


def _policy() -> str:
    """The page's Content-Security-Policy: its own style sheet, and nothing else."""
    style = environment(TEMPLATES).get_template("style.css").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    allowed = f"style-src 'sha256-{digest}'; img-src data:"
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"

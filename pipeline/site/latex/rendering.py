r"""The LaTeX of arXiv's titles and abstracts -> HTML, and plain text.

Mathematics between dollar signs, `\(...\)` or `\[...\]` becomes MathML; commands, accents,
quotation marks and dashes become HTML's elements and Unicode. What cannot be converted stays
as it was written. Time is linear in the text's length, whatever the text.
"""

from markupsafe import Markup, escape

from pipeline.site.latex.alphabets import lowered, raised
from pipeline.site.latex.commands import SMALL_CAPITALS
from pipeline.site.latex.mathematics import mathml, plain
from pipeline.site.latex.parts import Part, parts
from pipeline.site.latex.tokens import SPECIAL
from pipeline.site.text import clean


def to_html(text: str, *, links: bool = True) -> Markup:
    r"""Untrusted text as HTML that holds nothing but text and what LaTeX asked for.

    Phrasing content, fit for a paragraph or a heading; inside a link of the page's own, with
    `links=False`, since `\url` and `\href` become links.
    """
    cleaned = clean(text)
    if not SPECIAL.search(cleaned):
        return escape(cleaned)
    shown = parts(cleaned) if links else [part for part in parts(cleaned) if not _is_link(part)]
    return Markup("").join(map(_markup, shown))


def to_text(text: str) -> str:
    """The same as plain Unicode text, for places that hold no markup."""
    cleaned = clean(text)
    if not SPECIAL.search(cleaned):
        return cleaned
    lines = [""]
    """What is said so far, and in each script that is open."""
    for part in parts(cleaned):
        scripted = part.text in {"sup", "sub"}
        if part.kind == "start" and scripted:
            lines.append("")
        elif part.kind == "end" and scripted:
            inside = lines.pop()
            mark, characters = ("^", raised) if part.text == "sup" else ("_", lowered)
            lines[-1] += characters(inside) or f"{mark}{{{inside}}}"
        elif part.kind == "words":
            lines[-1] += part.text
        elif part.kind in {"formula", "display"}:
            lines[-1] += plain(part.text) or part.text.strip()
    return lines[0]


def _is_link(part: Part) -> bool:
    return part.text == "a" and part.kind in {"start", "end"}


def _markup(part: Part) -> Markup:
    match part.kind:
        case "words":
            return escape(part.text)
        case "formula" | "display":
            made = mathml(part.text, display=part.kind == "display")
            return escape(part.source) if made is None else Markup(made)  # noqa: S704  our own
        case "start" if part.text == "a":
            return Markup('<a href="{}" rel="nofollow noopener">').format(part.source)
        case "start" if part.text == "span":
            return Markup(SMALL_CAPITALS)  # noqa: S704  our own
        case "start":
            return Markup("<{}>").format(part.text)
        case "end":
            return Markup("</{}>").format(part.text)

"""The LaTeX of arXiv's titles and abstracts -> HTML, and plain text."""

from markupsafe import Markup, escape

from pipeline.site.text import clean


def to_html(text: str) -> Markup:
    """Untrusted text as HTML that holds nothing but text and what LaTeX asked for."""
    return escape(clean(text))


def to_text(text: str) -> str:
    """The same as plain Unicode text, for places that hold no markup."""
    return clean(text)

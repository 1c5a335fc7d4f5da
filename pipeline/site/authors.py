"""A paper's authors as a page names them: the first ones, and the rest where it is asked for."""

from collections.abc import Iterable, Sequence
from typing import Final
from unicodedata import bidirectional

from markupsafe import Markup

from pipeline.site.latex.rendering import to_html

FEW: Final = 8
"""Authors that are named at once; the median of arXiv's papers has five, nine of ten have nine."""

FEWEST_FOLDED: Final = 3
"""The rest is folded only where it is longer than the words that stand for it."""

RIGHT_TO_LEFT: Final = {"R", "AL", "AN"}


def at_once(names: Sequence[str]) -> int:
    """How many of the names are shown before a reader asks for the others."""
    return FEW if len(names) >= FEW + FEWEST_FOLDED else len(names)


def named(names: Iterable[str]) -> Markup:
    """The names with commas between them, those written from right to left each by itself."""
    return Markup(", ").join(map(_isolated, names))


def _isolated(name: str) -> Markup:
    shown = to_html(name, links=False)
    if RIGHT_TO_LEFT.isdisjoint(map(bidirectional, name)):
        return shown
    return Markup("<bdi>{}</bdi>").format(shown)

"""A page of the site, in the frame that all of them share: their style, and the ways around."""

from typing import Any

from pipeline.site import described, words
from pipeline.site.assets import asset
from pipeline.site.place import Place
from pipeline.site.templating import rendered
from pipeline.site.words import Said


def framed(template: str, place: Place, *, title: str, about: Said, **values: Any) -> str:
    """The page that a template which extends `site.html.j2` makes of `values`.

    `title`: its name, where others list it; `about`: what a reader finds there.
    """
    return rendered(
        template,
        place=place,
        asset=asset,
        described=described.head(place, title, about),
        title=title,
        words=words,
        **values,
    )


def named(place: Place, *parts: Said) -> str:
    """A page's title of several parts, in the languages that the page has."""
    return " · ".join(
        " ".join(dict.fromkeys(getattr(part, language) for language in place.languages))
        for part in parts
    )

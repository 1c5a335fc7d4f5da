"""A page of the site, in the frame that all of them share: their style, and the ways around."""

from typing import Any

from pipeline.site import words
from pipeline.site.assets import asset
from pipeline.site.place import Place
from pipeline.site.templating import rendered


def framed(template: str, place: Place, **values: Any) -> str:
    """The page that a template which extends `site.html.j2` makes of `values`."""
    return rendered(template, place=place, asset=asset, words=words, **values)

"""What the site's other pages say of themselves where they are found or shared: Open Graph.

A digest's page says more, see `structured.py`.
"""

from typing import Final

from markupsafe import Markup

from pipeline.records import Language
from pipeline.site.place import Place
from pipeline.site.text import clean
from pipeline.site.words import Said
from pipeline.text import shortened

LONGEST: Final = 300
"""Characters of a description, beyond which search engines cut it."""

LOCALES: Final[dict[Language, str]] = {"en": "en_US", "zh": "zh_CN"}


def head(place: Place, title: str, about: Said) -> Markup:
    """The elements for the `<head>` of the page at `place`, in the languages that it has."""
    text = " ".join(filter(None, (getattr(about, language) for language in place.languages)))
    description = shortened(clean(text), LONGEST)
    first, *others = (LOCALES[language] for language in place.languages)
    tags = [
        ("name", "description", description),
        ("property", "og:type", "website"),
        ("property", "og:site_name", clean(place.site.title)),
        ("property", "og:title", clean(title)),
        ("property", "og:description", description),
        ("property", "og:url", place.address),
        ("property", "og:locale", first),
        *(("property", "og:locale:alternate", other) for other in others),
    ]
    return Markup("\n").join(Markup('<meta {}="{}" content="{}">').format(*tag) for tag in tags)

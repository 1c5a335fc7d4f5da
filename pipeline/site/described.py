"""What pages say of themselves where they are found or shared; of digests see `structured.py`."""

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
    return open_graph(place, "website", title, text)


def open_graph(place: Place, kind: str, title: str, text: str, **more: str) -> Markup:
    """The description of a page of that kind, and the same as https://ogp.me has it.

    `more` are further properties, with `__` for the colon in their names.
    """
    description = shortened(clean(text), LONGEST)
    first, *others = (LOCALES[language] for language in place.languages)
    properties = [
        ("og:type", kind),
        ("og:site_name", clean(place.site.title)),
        ("og:title", clean(title)),
        ("og:description", description),
        ("og:url", place.address),
        ("og:locale", first),
        *(("og:locale:alternate", other) for other in others),
        *((name.replace("__", ":"), value) for name, value in more.items()),
    ]
    lines = [Markup('<meta name="description" content="{}">').format(description)]
    lines += [Markup('<meta property="{}" content="{}">').format(*each) for each in properties]
    return Markup("\n").join(lines)

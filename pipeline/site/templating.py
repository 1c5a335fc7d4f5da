"""The package's own templates, with everything untrusted escaped on its way out."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.records import TAGS, utc_text
from pipeline.site import language
from pipeline.site.latex.rendering import to_html, to_text
from pipeline.site.text import abstract_link, clean, pdf_link

if TYPE_CHECKING:
    from jinja2 import Environment


OWN = Path(__file__).parent / "templates"


def rendered(template: str, **values: Any) -> str:
    """The page that `template` makes of `values`, one trailing newline included."""
    made = environment(OWN).get_template(template)
    return made.render(values).rstrip() + "\n"


@cache
def environment(folder: Path) -> "Environment":
    """What renders the templates in `folder`: every value is cleaned and escaped.

    `ground.css`, on which all pages stand, is found from each.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # costs 60 ms

    environment = Environment(
        loader=FileSystemLoader([folder, OWN]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_cleaned,
    )
    environment.filters.update(
        utc=utc_text,
        abstract_link=abstract_link,
        pdf_link=pdf_link,
        latex=to_html,
        plain=to_text,
    )
    environment.globals.update(
        language_script=language.script(), language_source=language.source(), tags=TAGS
    )
    return environment


def _cleaned(value: Any) -> Any:
    # Markup (a macro's result) is a str too, but already cleaned and escaped.
    return clean(value) if type(value) is str else value

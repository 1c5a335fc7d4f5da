"""What a page says of itself to search engines and where it is shared, in its `<head>`.

Open Graph (https://ogp.me) and schema.org as JSON-LD. The data block is no script: no content
security policy has to allow it.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from markupsafe import Markup

from pipeline.records import TAGS, Digest, Paper, Publication, utc_text
from pipeline.site import words
from pipeline.site.described import LONGEST, open_graph
from pipeline.site.latex.rendering import to_text
from pipeline.site.links import doi_link
from pipeline.site.place import Place
from pipeline.site.text import abstract_link, clean, local_time
from pipeline.text import amount, shortened

MOST_AUTHORS = 3
"""Authors named of a paper, the first ones; arXiv's own page names all."""

LONGEST_TITLE = 110
"""Characters of a headline, beyond which search engines cut it."""

LONGEST_NAME = 80

ESCAPED: Final = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}
"""What JSON may hold in another form, so that no text can end the element it stands in."""


def head(digest: Digest, releases: Sequence[Publication], place: Place) -> Markup:
    """The elements for the `<head>` of a digest's page at `place`.

    `releases`: its publications, oldest first; a draft has none and gets no dates. A digest that
    was taken back says so and names no papers. Names and titles that are far too long are cut,
    so thirty papers take at most some 10 KB. Raises `DamagedFile` where its time zone is unknown.
    """
    title = clean(f"{digest.title} · {local_time(digest)(digest.instant)}")
    description = _description(digest, releases, place)
    dates = {}
    if releases:
        dates["article__published_time"] = utc_text(releases[0].at)
        dates["article__modified_time"] = utc_text(max(release.at for release in releases))
    described = open_graph(place, "article", title, description, **dates)
    data = _page(digest, releases, place) | {
        "name": title,
        "description": shortened(description, LONGEST),
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).translate(ESCAPED)
    # JSON in which nothing is left that HTML gives a meaning to.
    block = Markup('<script type="application/ld+json">{}</script>').format(Markup(text))  # noqa: S704
    return Markup("\n").join([described, block])


def _description(digest: Digest, releases: Sequence[Publication], place: Place) -> str:
    """What the topic is about, and of the digest a few words in each of its languages."""
    about = place.topic.description if place.topic else ""
    if releases and releases[-1].why is not None:
        said = words.release_notes(digest, releases)[-1]
    else:
        count, reviewed = len(digest.papers), words.reviewed(digest)
        said = words.Said(
            f"{amount(count, 'paper')} from arXiv. {reviewed.en}",
            f"arXiv 论文 {count} 篇。{reviewed.zh}",
        )
    parts = [about, " ".join(getattr(said, language) for language in place.languages)]
    return clean(" · ".join(filter(None, parts)))


def _modified(releases: Sequence[Publication]) -> str:
    """The latest release, which need not be the last one where the clock was set back."""
    return utc_text(max(release.at for release in releases))


def _page(digest: Digest, releases: Sequence[Publication], place: Place) -> dict[str, Any]:
    taken_back = bool(releases) and releases[-1].why is not None
    site = {"@type": "WebSite", "name": clean(place.site.title), "url": place.site.url}
    page: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "CollectionPage",
        "url": place.address,
        "inLanguage": [TAGS[language] for language in place.languages],
        "isPartOf": site,
    }
    if releases:
        page["datePublished"] = utc_text(releases[0].at)
        page["dateModified"] = _modified(releases)
    if digest.editors:
        page["editor"] = [_person(name) for name in digest.editors]
    if not taken_back:
        page["hasPart"] = [_article(entry.paper) for entry in digest.papers]
    return page


def _article(paper: Paper) -> dict[str, Any]:
    """The dates are those of the first version and of the one shown, in UTC."""
    article: dict[str, Any] = {
        "@type": "ScholarlyArticle",
        "headline": shortened(clean(to_text(paper.title)), LONGEST_TITLE),
        "author": [_person(name) for name in paper.authors[:MOST_AUTHORS]],
        "datePublished": f"{paper.first:%Y-%m-%d}",
        "url": abstract_link(paper),
    }
    if paper.latest != paper.first:
        article["dateModified"] = f"{paper.latest:%Y-%m-%d}"
    if published := doi_link(paper):
        article["sameAs"] = published
    return article


def _person(name: str) -> dict[str, str]:
    return {"@type": "Person", "name": shortened(clean(name), LONGEST_NAME)}

"""A digest page -> what the search index holds of it.

Chinese is not split into words, on which dictionaries and readers disagree, but into pairs
of characters that overlap: 神经网络 becomes `神经 经网 网络 络`. A part of it of any length is
found by its pairs, and the text is told again by the first character of each. What is
not Chinese stays as it is, so that the index can go by the stems of English words.
"""

import re
from unicodedata import normalize

from lxml.etree import XPath
from lxml.html import HtmlElement, document_fromstring
from markupsafe import escape

from pipeline.site.latex.mathematics import plain

HAN = (
    "\u2e80-\u2fdf\u3005\u3007\u3021-\u3029\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
"""What is split into pairs: Chinese characters, and kana. The same as in `indexes.js`."""

WIDE = "\u3000-\u3004\u3006\u3008-\u3020\u302a-\u303f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff65"
"""Punctuation of Chinese text, each a token of its own."""

TOKEN = re.compile(f"([{HAN}](?=([{HAN}]?))|[{WIDE}]|[^{HAN}{WIDE}\\s]+)")
FORMATS = re.compile("[\u00ad\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""Characters without a width, some of which the index takes for a break between words."""

LONGEST = 80
"""Characters of a token; what is longer is no word."""

MOST = 20_000
"""Characters of a field; what is longer is no abstract."""

ARTICLES = XPath("//article[contains(concat(' ', @class, ' '), ' paper ')][@id]")
FIELDS = {
    "title": XPath("./h2/a"),
    "authors": XPath(".//*[contains(concat(' ', @class, ' '), ' authors ')]"),
    "en": XPath(".//*[@class='summary']/*[@lang='en']"),
    "zh": XPath(".//*[@class='summary']/*[@lang='zh-Hans']"),
    "abstract": XPath(".//*[@class='abstract']"),
    "facts": XPath(
        ".//*[@class='comments' or @class='venue' or @class='doi' or @class='categories']"
    ),
}
"""By the name that `indexes.js` knows it by, where `docs/page.md` says that it stands."""

TEXT = XPath(".//text()")

LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "ß": "ss", "æ": "ae", "œ": "oe", "þ": "th"}
)
"""Letters that are no accented ones to Unicode, as readers without them write them."""


def searchable(page: str, topic: str) -> str:
    """A small HTML page to be indexed instead of `page`; empty where that shows no paper.

    It begins with a word for the topic. An empty element before each paper has its id, one
    before each of its fields the field's name; `unaccented` holds words in plain letters,
    `formulas` the source of those that the other fields hold in plain text.
    """
    articles = ARTICLES(document_fromstring(page))
    if not articles:
        return ""
    body = "\n".join(_paper(article) for article in articles)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"></head>'
        f"<body data-pagefind-body>\n{topic_word(topic)}\n{body}\n</body></html>\n"
    )


def topic_word(topic: str) -> str:
    """A word of letters that stands for a topic, and that nobody writes.

    A filter of Pagefind's own would make another index of the same pages each time.
    """
    return "qz" + "".join(chr(97 + half) for byte in topic.encode() for half in divmod(byte, 16))


def _paper(article: HtmlElement) -> str:
    identifier = article.get("id")
    parts = [f'<i id="{escape(identifier)}"></i> {escape(identifier)}']
    unaccented: list[str] = []
    sources: dict[str, None] = {}
    for name, found in FIELDS.items():
        elements = found(article)
        for element in elements:
            sources |= dict.fromkeys(_with_plain_formulas(element))
        words = tokens(" ".join("".join(TEXT(element))[:MOST] for element in elements))
        parts.append(f'<i id="{name}"></i> {escape(" ".join(words))}')
        unaccented += filter(None, map(_unaccented, words))
    parts.append(f'<i id="unaccented"></i> {escape(" ".join(unaccented))}')
    parts.append(f'<i id="formulas"></i> {escape(" ".join(tokens(" ".join(sources)[:MOST])))}')
    return "\n".join(parts)


def _with_plain_formulas(element: HtmlElement) -> list[str]:
    """Put `O(n²)` in place of a formula, whose text is O(n2); returns the sources."""
    sources = []
    for formula in list(element.iter("math")):
        source, behind = formula.get("alttext"), formula.tail
        if source:
            formula.clear()
            formula.text, formula.tail = plain(source) or source, behind
            sources += [source] if formula.text != source else []
    return sources


def tokens(text: str) -> list[str]:
    """The text as the index has it, one token a word or a Chinese character."""
    found = TOKEN.findall(FORMATS.sub("", normalize("NFC", text)))
    return [token[:LONGEST] + following for token, following in found]


def _unaccented(token: str) -> str:
    if token.isascii():
        return ""
    plain = token.lower().translate(LETTERS)
    return re.sub(r"\W", "", plain) if plain != token.lower() else ""

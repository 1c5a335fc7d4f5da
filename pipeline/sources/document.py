"""A paper as a query sees it: its fields as words without case, accents and endings.

arXiv does not say how its search normalises text. Here hyphens, underscores and
punctuation separate words, and English endings are cut so that tune, tunes, tuned and
tuning are one word; names keep theirs.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from pipeline.records import Paper

TEXT_FIELDS = ("ti", "abs", "au", "co", "jr", "rn")
"""Fields of running text: title, abstract, authors, comments, journal, report number."""

VALUE_FIELDS = ("cat", "id")
"""Fields whose values are compared whole: categories, and the id without and with version."""

DATE_FIELDS = ("submittedDate", "lastUpdatedDate")
"""The times of a paper's first and of its newest version."""

_HIDDEN = bytes([*range(0x09), *range(0x0E, 0x1C), 0x7F])
_LOWER = bytes(range(256)).lower()
_SPACED = bytes(byte if chr(byte).isalnum() else 0x20 for byte in _LOWER[:0x80]) + bytes(0x80)
_UNUSUAL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f]|[^\x00-\x7f]")
_NO_WORD = re.compile(r"[\W_]+")
_INFLECTION = re.compile(r"(?:ing|ed)\Z")
_VOWEL = re.compile(r"[aeiouy]")


def fold(text: str) -> str:
    """`text` without case, accents and characters that no reader sees; all else stays.

    Compatibility forms become plain ones: `ﬁ` is fi. What `one_line` removes is removed
    here too, so a text and its cleaned form have the same words.
    """
    if text.isascii():
        return text.encode().translate(_LOWER, _HIDDEN).decode()
    return _UNUSUAL.sub(_seen, unicodedata.normalize("NFKD", text)).casefold()


def _seen(match: re.Match[str]) -> str:
    character = match[0]
    hidden = unicodedata.category(character) in ("Cc", "Cf", "Cs") and not character.isspace()
    return "" if hidden or unicodedata.combining(character) else character


def spaced(text: str) -> str:
    """The folded words of `text` with one or more blanks wherever something separates them."""
    if text.isascii():  # the same in a tenth of the time
        return text.encode().translate(_SPACED, _HIDDEN).decode()
    return _NO_WORD.sub(" ", fold(text))


def words(text: str) -> list[str]:
    """The folded words of `text`, in order, with their endings."""
    return spaced(text).split()


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """A folded English word without its ending; less a last y, it is how the word begins."""
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith("s") and len(word) > 3 and word[-2] not in "sui":
        word = word[:-1]
    root = _INFLECTION.sub("", word)
    if len(root) > 2 and root[-1] != "e" and _VOWEL.search(root):
        word = root
    if len(word) > 3 and word[-1] == "e":
        word = word[:-1]
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    return word


@lru_cache(maxsize=65_536)
def forms(word: str) -> tuple[str, ...]:
    """The folded word, and others that have its stem: what a wildcard may fit in its place."""
    root = stem(word)
    doubled = root + root[-1:]
    made = [word, root, root[:-1] + "ies"]
    made += [f"{root}{ending}" for ending in ("e", "s", "es", "ed", "ing")]
    made += [f"{doubled}{ending}" for ending in ("", "s", "ed", "ing")]
    return tuple(form for form in dict.fromkeys(made) if form == word or stem(form) == root)


def phrase(sought: Iterable[str], name: str) -> str:
    """Folded words as they stand, one after another, in `Document.text(name)`; a blank around."""
    return f" {' '.join(sought if name == 'au' else map(stem, sought))} "


class Author(NamedTuple):
    """A name in its parts. `family` may be of several words: van der Berg."""

    given: str
    family: str
    suffix: str = ""

    @classmethod
    def of(cls, name: str) -> "Author":
        """The parts of a name as arXiv's API gives it: the family name stands last."""
        given, _, family = name.rpartition(" ")
        return cls(given, family)

    @property
    def name(self) -> str:
        """The parts in reading order."""
        return " ".join(filter(None, self))


def _forms(author: Author) -> list[list[str]]:
    """How a name is looked for: A B, B A, and B with an initial.

    B is the family name, and where that is not one word, the last word of all too.
    """
    given, family = words(author.given), words(author.family)
    name = [*given, *family, *words(author.suffix)]
    splits = [(given, family)]
    if name[-1:] != family:
        splits.append((name[:-1], name[-1:]))
    forms = [name]
    for first, last in splits:
        if first and last:
            forms += [[*last, *first], [*last, first[0][0]]]
    return forms


@dataclass(kw_only=True, eq=False)
class Document:
    """One paper's fields; each is normalised when it is first asked for.

    `texts` are those of `TEXT_FIELDS` but au, by the field's name; an absent one is empty.
    All may be raw, as arXiv sent them; the times are aware.
    """

    id: str
    version: int
    texts: Mapping[str, str]
    authors: Sequence[Author]
    categories: Sequence[str]
    first: datetime
    latest: datetime
    _spaced: dict[str, str] = field(default_factory=dict, init=False, repr=False)
    _texts: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, paper: Paper) -> "Document":
        """What queries see of `paper`, which knows no report number."""
        return cls(
            id=paper.id,
            version=paper.version,
            texts={
                "ti": paper.title,
                "abs": paper.abstract,
                "co": paper.comments or "",
                "jr": paper.venue or "",
            },
            authors=[Author.of(name) for name in paper.authors],
            categories=paper.categories,
            first=paper.first,
            latest=paper.latest,
        )

    def spaced(self, name: str) -> str:
        """What `spaced` makes of one of `TEXT_FIELDS`, a blank before it."""
        if name not in self._spaced:
            au = name == "au"
            raw = "\n".join(a.name for a in self.authors) if au else self.texts.get(name, "")
            self._spaced[name] = f" {spaced(raw)}"
        return self._spaced[name]

    def text(self, name: str) -> str:
        """The field's words, cut to stems but in au, between single blanks, for `phrase`.

        Authors stand there in all their forms, with two blanks between, which no phrase spans.
        """
        if name not in self._texts:
            if name == "au":
                passages = [form for author in self.authors for form in _forms(author)]
            else:
                passages = [self.words(name)]
            self._texts[name] = "".join(phrase(passage, name) for passage in passages)
        return self._texts[name]

    def words(self, name: str) -> list[str]:
        """The field's words as written, folded but not cut."""
        return self.spaced(name).split()

    def values(self, name: str) -> list[str]:
        """The folded values of one of `VALUE_FIELDS`."""
        if name == "cat":
            return [value for value in map(fold, self.categories) if value]
        return [fold(self.id), f"{fold(self.id)}v{self.version}"]

    def stamp(self, name: str) -> str:
        """The date of one of `DATE_FIELDS` as 14 digits: YYYYMMDDHHMMSS in UTC."""
        moment = self.first if name == "submittedDate" else self.latest
        return moment.astimezone(UTC).strftime("%Y%m%d%H%M%S")


def mentions(paper: Paper, keyword: str) -> bool:
    """Whether title or abstract contains the words of `keyword` in a row; endings do not matter.

    Nothing contains a keyword without letters and digits.
    """
    sought, document = words(keyword), _document_of(paper)
    return bool(sought) and any(
        phrase(sought, name) in document.text(name) for name in ("ti", "abs")
    )


@lru_cache(maxsize=1)
def _document_of(paper: Paper) -> Document:
    """Kept for the next keyword: mostly there are several for each paper."""
    return Document.of(paper)

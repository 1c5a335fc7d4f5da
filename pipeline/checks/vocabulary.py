r"""What a paper says, folded for comparison; read once for all checks that look words up.

Folded text is lower case, without accents or LaTeX, `β` and `\beta` both `beta`, `R²` and
`R$^2$` both `r2`; what is no letter, digit or decimal point is a blank, as are both ends, so
that `" gpt 4 " in text` looks a whole name up and `" imag" in text` the beginning of a word.
"""

import functools
import re
import unicodedata

from pipeline.records import Paper

TEXT_READ = 10_000
"""Characters that are read of an abstract; arXiv allows some 2,000."""

NAME_LETTERS = (
    "A-Za-z0-9\u00b2\u00b3\u00b9\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0370-\u03ff\u2070-\u209c"
)
NAME = re.compile(rf"[{NAME_LETTERS}]+(?:[-\u2010-\u2013_.&'’][{NAME_LETTERS}]+)*")
"""A word, a name or a number: letters and digits, hyphens and such between them."""

DIGITS = re.compile(r"[0-9.]+")
SKIPPED = frozenset(["a", "an", "and", "for", "from", "on", "the", "with"])
SMALL = frozenset(["as", "in", "of", "to"])
"""Words of which an acronym takes no letter, and of which it may: RLHF has none, MoE one."""

PAUSE = re.compile(
    r"[.,;:!?()\[\]\"“”]+|\b(?:we|our|this|that|these|it|its|is|are|be|by|which|while|can|has|have|"
    r"than|not|or|but|via|using|such|show|propose|introduce|present)\b"
)

GREEK = {
    ord(letter): unicodedata.name(letter).rpartition(" ")[2].lower().replace("lamda", "lambda")
    for letter in "αβγδεζηθικλμνξοπρστυφχψωΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ"
} | {ord("ς"): "sigma"}
FOLDED = bytes(
    ord(c.lower()) if c.isascii() and (c.isalnum() or c == ".") else ord(" ")
    for c in map(chr, range(256))
)
"""What each ASCII character becomes; `bytes` are translated many times faster than `str`."""

LEFT_OUT: dict[int, str | None] = dict.fromkeys(map(ord, "$^{}\\"))
COMMAND = re.compile(r"\\(?:([A-Za-z]+)\*?[ ]?|['`\"^~=.])")
POINT = re.compile(r"\.(?:(?![0-9])|(?<![0-9]\.))")
CHINESE = re.compile(r"[\u3001-\u3011\u4e00-\u9fff，：；（）！？“”]+")
"""What no word that is looked up is made of; left out first, since that is faster."""

FOREIGN = re.compile(r"[^\x00-\x7f]+")
OTHERS = re.compile(r"[^a-zA-Z0-9.]")
NAMED = frozenset(GREEK.values()) | {"varepsilon", "varphi", "vartheta", "varrho"}
FUNCTIONS = frozenset(["log", "exp", "max", "min", "inf", "sup", "sin", "cos", "det", "lim", "gcd"])


def fold(text: str) -> str:
    """The text as the module describes it."""
    if "\\" in text or "$" in text:
        text = COMMAND.sub(_command, text.replace("}{", "} {")).translate(LEFT_OUT)
    if not text.isascii():
        text = FOREIGN.sub(_spelled, CHINESE.sub(" ", text))
    plain = POINT.sub(" ", text.encode("ascii").translate(FOLDED).decode("ascii"))
    return f" {' '.join(plain.split()) if '      ' in plain else plain} "


def _command(found: re.Match[str]) -> str:
    name = found[1] or ""
    if name.lower() in NAMED:
        return name.lower().removeprefix("var")
    if name in FUNCTIONS:
        return f" {name} "
    return "" if name.islower() else name  # what authors define themselves is often a name


def _spelled(found: re.Match[str]) -> str:
    spelled = unicodedata.normalize("NFKD", found[0]).translate(GREEK)
    return OTHERS.sub(" ", "".join(c for c in spelled if not unicodedata.combining(c)))


class Vocabulary:
    """One paper's `text`, folded: title, abstract, comments, venue, authors and categories.

    `raw` is the same as it was written, `told` the part of it that is title and abstract.
    """

    def __init__(self, told: str, others: str = "") -> None:
        self.told = told
        self.raw = raw = f"{told}; {others}"
        self.text = fold(raw)

    @functools.cached_property
    def joined(self) -> frozenset[str]:
        """Every word, and two to four side by side written as one: `gpt4` for `GPT-4`."""
        words = self.text.split()
        shifted = [words[start:] for start in range(4)]
        runs = (zip(*shifted[:length], strict=False) for length in range(1, 5))
        return frozenset("".join(run) for each in runs for run in each)

    @functools.cached_property
    def initials(self) -> str:
        """The first letters of words side by side, a blank wherever a thought may end.

        Once with those of `SMALL` and once without.
        """
        pieces = [fold(piece).split() for piece in PAUSE.split(self.told)]
        runs = [[word for word in piece if word not in SKIPPED] for piece in pieces]
        short = [[word for word in run if word not in SMALL] for run in runs]
        return " ".join("".join(word[0] for word in run) for run in runs + short)

    @functools.cached_property
    def names(self) -> dict[str, str]:
        """What may be a name, folded and without blanks, and how the paper writes it first."""
        found: dict[str, str] = {}
        for name in NAME.findall(self.raw):
            if not name.islower() and not name.isdigit():
                found.setdefault(fold(name).replace(" ", ""), name)
        found.pop("", None)
        return found

    @functools.cached_property
    def keys(self) -> list[str]:
        """The folded forms of `names`."""
        return list(self.names)

    @functools.cached_property
    def letters(self) -> dict[str, str]:
        """The names with their digits left out, and how the paper writes the first of each."""
        found: dict[str, str] = {}
        for name, written in self.names.items():
            if not name.isalpha():
                found.setdefault(DIGITS.sub("", name), written)
        found.pop("", None)
        return found


def vocabulary(paper: Paper) -> Vocabulary:
    """The paper's vocabulary; those of the last two papers are remembered."""
    return _read(
        paper.title, paper.abstract, paper.comments, paper.venue, paper.authors, paper.categories
    )


@functools.lru_cache(maxsize=2)
def _read(title: str, abstract: str, *others: str | tuple[str, ...] | None) -> Vocabulary:
    written = (each if isinstance(each, str) else "; ".join(each) for each in others if each)
    return Vocabulary(f"{title}; {abstract}"[:TEXT_READ], "; ".join(written)[:TEXT_READ])

"""The one table of findings: code, severity unless a setting changes it, and meaning."""

from typing import Literal, NamedTuple

from pipeline.records import Severity

Kind = Literal["numbers", "names", "language", "form", "injection", "digest", "judge"]


class Code(NamedTuple):
    """One thing that a check finds, the `kind` of check that finds it, and what it means."""

    kind: Kind
    severity: Severity
    meaning: str


CODES: dict[str, Code] = {
    "number-unknown": Code(
        "numbers", "error", "a quantity that neither title, abstract nor comments hold"
    ),
    "number-scale": Code(
        "numbers",
        "error",
        "a quantity of the paper at another power of ten: a billion as 亿",
    ),
    "number-unit": Code("numbers", "error", "a number of the paper with another unit"),
    "number-points": Code(
        "numbers", "note", "percent where the paper has percentage points, or the reverse"
    ),
    "number-rounding": Code("numbers", "warning", "a quantity of the paper, rounded wrongly"),
    "number-counted": Code(
        "numbers", "warning", "a small count that the paper does not state: count again"
    ),
    "number-derived": Code(
        "numbers", "note", "a complement, a difference or a sum of the paper's quantities"
    ),
    "number-differs": Code(
        "numbers", "warning", "a quantity that the line in the other language does not quote"
    ),
    "name-unknown": Code("names", "warning", "a name that does not occur in the paper"),
    "name-misspelled": Code("names", "error", "a name that the paper spells differently"),
    "other-paper": Code(
        "names", "error", "the line shares nothing with its paper, so it may be another one's"
    ),
    "language-wrong": Code("language", "error", "the line is not in its language"),
    "language-mixed": Code("language", "warning", "a part of the line is in another language"),
    "traditional": Code("language", "error", "traditional Chinese characters"),
    "term": Code("language", "note", "a term translated in another way than in the glossary"),
    "sentences": Code("form", "warning", "more sentences than the prompt asks for"),
    "too-long": Code("form", "warning", "the line is longer than it may be"),
    "too-short": Code("form", "warning", "the line is shorter than it may be"),
    "truncated": Code("form", "error", "the line breaks off"),
    "no-full-stop": Code("form", "warning", "no full stop at the end: the line may break off"),
    "markup": Code("form", "error", "Markdown, HTML or a fence"),
    "latex": Code("form", "error", "LaTeX commands or mathematics in dollar signs"),
    "control-character": Code("form", "error", "control or invisible characters"),
    "escape": Code("form", "error", "an escape such as \\u4e00 or \\n in letters"),
    "quoted": Code("form", "warning", "quotation marks around the whole line"),
    "failure-text": Code("form", "error", "a refusal, an apology or an error message"),
    "prompt-text": Code("form", "error", "text of the prompt instead of a summary"),
    "copied-first": Code("form", "error", "the first sentence of the abstract, word for word"),
    "copied": Code("form", "note", "another sentence of the abstract, word for word"),
    "boilerplate": Code("form", "note", "an opening that says nothing: This paper, 本文提出"),
    "punctuation": Code("form", "note", "half-width punctuation in Chinese text"),
    "spacing": Code("form", "note", "no space between Chinese and Latin text"),
    "injection": Code(
        "injection", "error", "the line obeys text in the abstract, or carries a link of its own"
    ),
    "term-inconsistent": Code(
        "digest", "warning", "a term that other lines of the digest translate differently"
    ),
    "repeated-line": Code("digest", "error", "the line of two papers"),
    "judge-unsupported": Code(
        "judge", "warning", "a model asked for a second opinion finds no support in the abstract"
    ),
    "judge-missing": Code(
        "judge", "warning", "a second opinion was asked for and could not be had"
    ),
}


def is_opinion(code: str) -> bool:
    """Whether it is a second opinion's, which no run without a model can find again."""
    return code in CODES and CODES[code].kind == "judge"

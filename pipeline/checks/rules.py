"""What a line is held to, and the form in which a check says what it found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.glossary import Glossary
from pipeline.records import Language

Span = tuple[int, int]
"""Characters [start, end) of a line or an abstract."""


class Found(NamedTuple):
    """One thing that a check found; `codes.py` has the codes.

    `span` is in the line of `language`, `source_span` in the abstract; both are None where
    the finding has no place there.
    """

    code: str
    message: str
    language: Language | None = None
    span: Span | None = None
    source_span: Span | None = None


@dataclass(frozen=True)
class Form:
    """The form that a prompt asks for.

    `length`: shortest and longest line, in words of English and characters of Chinese.
    `instructions` are what the prompt tells the model, of which no line repeats a part.
    """

    sentences: int = 1
    length: Mapping[Language, tuple[int, int]] = field(
        default_factory=lambda: {"en": (4, 60), "zh": (8, 120)}
    )
    instructions: str = ""


@dataclass(frozen=True)
class Rules:
    """What the lines of one prompt are held to.

    `openings` are the beginnings, of either language, that say nothing. `extractive`: the
    lines are sentences of the abstract by design, so a copy is none.
    """

    glossary: Glossary
    form: Form = Form()
    openings: tuple[str, ...] = ()
    extractive: bool = False

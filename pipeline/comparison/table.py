"""A comparison as text for a terminal: the totals, then the papers that differ most."""

import unicodedata
from collections.abc import Iterator

from pipeline.comparison import words
from pipeline.comparison.answer import Cell, Comparison, Row
from pipeline.records import LANGUAGES, Language
from pipeline.text import one_line
from pipeline.word_differences import marked

MOST = 10
"""Papers that are shown."""


def table(compared: Comparison) -> Iterator[str]:
    """The lines of the table, none of which holds anything that a terminal obeys."""
    measures = words.measures(compared)
    names = [one_line(total.name) for total in compared.contenders]
    labels = [f"  {each.name}" if each.inner else each.name for each in measures]
    label = max(map(_width, [f"{compared.topic}/{compared.snapshot}", *labels]))
    widths = [
        max(map(_width, [name, *(each.values[place] for each in measures)]))
        for place, name in enumerate(names)
    ]
    yield _line(f"{compared.topic}/{compared.snapshot}", label, names, widths)
    for each, said in zip(measures, labels, strict=True):
        yield _line(said, label, each.values, widths)
    for total in compared.contenders:
        if total.note:
            yield one_line(words.unread(total))
    shown = [row for row in compared.rows if row.difference][:MOST]
    for row in shown:
        yield ""
        yield from _row(row, names)


def _row(row: Row, names: list[str]) -> Iterator[str]:
    yield f"{row.paper}  {words.differs(row)}  {one_line(row.title)}"
    first, *others = row.cells
    for name, cell in zip(names[1:], others, strict=True):
        texts = [(each, _marked(first, cell, each)) for each in LANGUAGES if _changed(cell, each)]
        if texts and len(others) > 1:
            yield f"  {name}"
        for language, text in texts:
            yield f"  {language}  {text}"


def _changed(cell: Cell, language: Language) -> bool:
    return any(part.changed for part in cell.parts.get(language, ()))


def _marked(first: Cell, cell: Cell, language: Language) -> str:
    """Both lines in one, as git marks what was there and what is there instead."""
    return marked(one_line(first.lines[language]), one_line(cell.lines[language]))


def _line(label: str, width: int, values: "tuple[str, ...] | list[str]", widths: list[int]) -> str:
    cells = (
        " " * (room - _width(value)) + value for value, room in zip(values, widths, strict=True)
    )
    return "  ".join([label + " " * (width - _width(label)), *cells])


def _width(text: str) -> int:
    """Columns that a text takes; a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)

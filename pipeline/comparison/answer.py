"""What a comparison comes to: the answer of `paperline compare --json`."""

from pipeline.preferences import Score
from pipeline.records import (
    ArxivId,
    Count,
    Finding,
    Language,
    Lines,
    Record,
    Severity,
    SnapshotName,
    Usage,
)
from pipeline.word_differences import Part


class Cell(Record, frozen=True, kw_only=True):
    """A paper's candidate that stands for a contender, or why there is none (`missing`).

    `earlier_text`: the prompt's file says something else by now. `parts`, by language: the
    line of the first contender and this one in pieces, in their order; none for the first
    contender itself, and for a line that only one of the two has. `lacking` are the
    languages that another contender has a line of, and this one not. `usage` is what the answer
    cost when it was paid for.
    """

    summary: str | None = None
    model: str | None = None
    lines: Lines = {}
    earlier_text: bool = False
    parts: dict[Language, tuple[Part, ...]] = {}
    findings: tuple[Finding, ...] = ()
    usage: Usage = Usage()
    missing: str | None = None
    lacking: tuple[Language, ...] = ()


class Row(Record, frozen=True, kw_only=True):
    """One paper; `cells` are in the order of the contenders.

    `difference`, from 0.0 to 1.0: the share of the characters of two lines that is not the
    same in both, as the mean of the languages; of several contenders that of the one furthest
    from the first. None where no two lines can be compared. `near_identical`: no line differs
    from the first contender's in more than a tenth of its characters, or in a number; whether
    they say the same only reading tells. False where a line is missing.
    """

    paper: ArxivId
    version: int
    title: str
    withdrawn: bool = False
    difference: float | None = None
    near_identical: bool = False
    cells: tuple[Cell, ...]

    @property
    def complete(self) -> bool:
        """Whether every contender has a candidate, with a line in every language."""
        return not any(cell.missing or cell.lacking for cell in self.cells)

    @property
    def same(self) -> bool:
        """Whether every contender has the same lines, character for character."""
        return self.complete and self.difference == 0


class Likeness(Record, frozen=True, kw_only=True):
    """Of `lines` that both have, how many differ from the first contender's.

    `near_identical` ones differ in at most a tenth of their characters and in no number, or not
    at all; whether they say the same only reading tells.
    """

    lines: Count = 0
    differing: Count = 0
    near_identical: Count = 0

    @property
    def share(self) -> float:
        """The near-identical ones' share, from 0.0 to 1.0."""
        return self.near_identical / self.lines if self.lines else 0.0


class Total(Record, frozen=True, kw_only=True):
    """All lines of one contender together.

    `lines` papers have a candidate, of which `earlier_text` by what the prompt's file said
    before; `missing` ones have none and may be asked about, `withdrawn` ones may not. `lacking`,
    by language: those whose candidate has no line in it, where another contender's has.
    `findings` are counted by code; `severities` leave out the second opinions (`judge-...`),
    which only active lines can have. `length` is the mean, in words of English and characters of
    Chinese as the checks count them. `usage` is what the lines shown cost when they were paid
    for; `paid` what this snapshot's passes with the prompt and the model paid in all, unusable
    answers and other texts of the prompt included, answers from the cache not; None where no
    pass is on record, and for lines of the past. `likeness` is to the first contender, which
    has none. `choices` are the blind ones between its lines and those of the others that are
    compared, each once. `note`: why the prompt itself cannot be read any more, where its lines
    still can.
    """

    name: str
    prompt: str
    model: str | None
    back: Count = 0
    lines: Count
    missing: Count = 0
    withdrawn: Count = 0
    earlier_text: Count = 0
    lacking: dict[Language, Count] = {}
    findings: dict[str, Count] = {}
    severities: dict[Severity, Count] = {}
    length: dict[Language, float] = {}
    usage: Usage = Usage()
    paid: Usage | None = None
    likeness: dict[Language, Likeness] = {}
    choices: dict[Language, Score] = {}
    note: str | None = None


class Comparison(Record, frozen=True, kw_only=True):
    """Contenders over one snapshot: the answer of `paperline compare --json`.

    `rows` begin with the paper whose lines differ most, and then have those with the same lines;
    those where something is missing come last, in digest order. `page` is the HTML file that
    shows them.
    """

    topic: str
    snapshot: SnapshotName
    contenders: tuple[Total, ...]
    rows: tuple[Row, ...]
    page: str | None = None

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
    contender itself, and for a line that only one of the two has. `usage` is what the answer
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


class Row(Record, frozen=True, kw_only=True):
    """One paper; `cells` are in the order of the contenders.

    `difference`, from 0.0 to 1.0: the share of the characters of two lines that is not the
    same in both, as the mean of the languages; of several contenders that of the one furthest
    from the first. None where no two lines can be compared. `near_identical`: they differ in
    so little, and in no number, that they read the same.
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
        """Whether every contender has a candidate."""
        return not any(cell.missing for cell in self.cells)


class Likeness(Record, frozen=True, kw_only=True):
    """Of `lines` that both have, how many differ from the first contender's.

    `near_identical` ones differ in so little, and in no number, that they read the same, or not
    at all.
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
    before; `missing` ones have none and may be asked about, `withdrawn` ones may not.
    `findings` are counted by code, `length` is the mean, in words of English and characters of
    Chinese as the checks count them. `likeness` is to the first contender, which has none.
    `choices` are the blind ones between its lines and those of the others that are compared.
    `note`: why the prompt itself cannot be read any more, where its lines still can.
    """

    name: str
    prompt: str
    model: str | None
    back: Count = 0
    lines: Count
    missing: Count = 0
    withdrawn: Count = 0
    earlier_text: Count = 0
    findings: dict[str, Count] = {}
    severities: dict[Severity, Count] = {}
    length: dict[Language, float] = {}
    usage: Usage = Usage()
    likeness: dict[Language, Likeness] = {}
    choices: dict[Language, Score] = {}
    note: str | None = None


class Comparison(Record, frozen=True, kw_only=True):
    """Contenders over one snapshot: the answer of `paperline compare --json`.

    `rows` begin with the paper whose lines differ most; those where something is missing come
    last, in digest order. `page` is the HTML file that shows them.
    """

    topic: str
    snapshot: SnapshotName
    contenders: tuple[Total, ...]
    rows: tuple[Row, ...]
    page: str | None = None

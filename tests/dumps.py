"""Invented dumps of arXiv's bulk metadata, and bulk runs over them in this process."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq

from pipeline.bulk.folder import BulkFolder, Selection
from pipeline.bulk.report import BulkReport
from pipeline.bulk.rows import Row, rows
from pipeline.bulk.run import bulk
from pipeline.progress import Plain
from pipeline.records import Paper
from pipeline.settings import BudgetSettings, ModelSettings, Settings
from pipeline.sources.dump_entry import DumpEntry

ROOT = Path(__file__).parent.parent
ALL = Selection()
UNTOUCHED = ("_lock", "_bulk.json")
"""Files of OUT that each run writes: its lock, and when it began and ended."""


def entry(month: str = "2024-05", number: int = 1, **changes: Any) -> dict[str, Any]:
    """One paper's record; in keywords, underscores stand for the hyphens of its keys.

    `version` versions came one day after the other.
    """
    first = datetime.fromisoformat(f"{month}-03T12:00:00").replace(tzinfo=UTC)
    days = [first + timedelta(days=day) for day in range(changes.pop("version", 1))]
    made: dict[str, Any] = {
        "id": f"{month[2:4]}{month[5:]}.{number:05}",
        "title": f"Lantern {number} of {month}",
        "comments": None,
        "journal-ref": None,
        "doi": None,
        "categories": "cs.LG physics.optics",
        "abstract": f"We teach lantern {number} to dim. In {number + 12} trials it saves oil.",
        "versions": [
            {"version": f"v{n}", "created": f"{day:%a, %d %b %Y %H:%M:%S} GMT"}
            for n, day in enumerate(days, 1)
        ],
        "authors_parsed": [["Lumen", "Ada", ""], ["Motte", "Moritz", ""]],
    }
    return {
        **made,
        **{name.replace("journal_ref", "journal-ref"): v for name, v in changes.items()},
    }


def entries(count: int, *months: str, **changes: Any) -> list[dict[str, Any]]:
    """So many papers, in turn of these months."""
    return [entry(months[n % len(months)], n, **changes) for n in range(count)]


def line(record: Any) -> bytes:
    """A line of a dump; bytes stand for themselves."""
    return record if isinstance(record, bytes) else json.dumps(record).encode() + b"\n"


def paper(record: dict[str, Any]) -> Paper:
    """What the record says."""
    return DumpEntry(line(record)).paper()


TABLE = {
    "name": "test-model",
    "requests_per_minute": 10**6,
    "tokens_per_minute": 10**9,
    "price": {"input": 1.0, "output": 1.0},
}
"""The model's table, but for its address: limits that nothing reaches."""


class Bulk:
    """A folder with a dump and an OUT; `model` holds keys of the table [model]."""

    def __init__(self, folder: Path, **model: Any) -> None:
        self.folder = folder
        self.dump = folder / "dump.json"
        self.out = folder / "out"
        self.settings = Settings(
            outputs=folder / "outputs",
            cache=folder / "cache",
            prompts=ROOT / "prompts",
            model=ModelSettings(**(model or {"name": "embedded"})),
            budget=BudgetSettings(usd_per_run=9, tokens_per_run=10**9, usd_per_day=9),
        )

    def having(self, **tables: Any) -> "Bulk":
        """The same folder with other settings."""
        other = Bulk(self.folder)
        other.settings = msgspec.structs.replace(self.settings, **tables)
        return other

    def write(self, *records: Any, name: str = "") -> Path:
        """The dump is these lines, or a file of a folder of that name is."""
        if name and self.dump.is_file():
            self.dump.unlink()
        path = self.dump / name if name else self.dump
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(map(line, records)))
        return path

    def run(
        self, *records: Any, selection: Selection = ALL, prompt: str = "one_line", out: str = ""
    ) -> BulkReport:
        """A whole run; with `records`, over a dump of these."""
        if records:
            self.write(*records)
        chosen = str(self.dump), out or str(self.out), selection, prompt
        return bulk(self.settings, *chosen, Plain())

    def rows(self) -> dict[str, Row]:
        """What is in OUT, by the ids of the papers; each has one row."""
        return content(self.out)

    def files(self) -> dict[str, tuple[bytes, int]]:
        """The files of OUT with their times, but those that each run writes."""
        return {
            path.relative_to(self.out).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
            for path in sorted(self.out.rglob("*"))
            if path.is_file() and path.name not in UNTOUCHED
        }

    def spent(self) -> list[dict[str, Any]]:
        """The lines of the books."""
        books = self.folder / "outputs" / "spend.jsonl"
        return (
            [json.loads(each) for each in books.read_text().splitlines()] if books.exists() else []
        )

    def reasons(self) -> list[str]:
        """Why lines were no papers."""
        found = sorted((self.out / "_books").glob("*"))
        return [json.loads(each)["rejected"] for p in found for each in p.read_text().splitlines()]


def content(out: Path) -> dict[str, Row]:
    """The rows in all files that a reader takes for data; each paper has one, in its month."""
    found: dict[str, Row] = {}
    for path in sorted(out.glob("month=*/[!_]*")):
        with pq.ParquetFile(path) as parquet:
            ids = [row.paper.id for batch in parquet.iter_batches() for row in _kept(batch, found)]
        assert ids == sorted(set(ids))
        months = {f"month={found[id_].paper.first:%Y-%m}" for id_ in ids}
        assert months == {path.parent.name}
        assert (path.parent / "_SUCCESS").exists()
    return found


def _kept(batch: Any, found: dict[str, Row]) -> Iterable[Row]:
    for row in rows(batch):
        assert row.paper.id not in found
        found[row.paper.id] = row
        yield row


def undated(out: Path) -> dict[str, Row]:
    """The rows without when their lines were made, which differs from run to run."""
    moment = datetime(2000, 1, 1, tzinfo=UTC)
    return {
        id_: row if row.summary is None else row.but(summary=row.summary.but(created=moment))
        for id_, row in content(out).items()
    }


def marker(out: Path, month: str = "2024-05") -> Any:
    """The marker of a month."""
    found = BulkFolder(str(out)).partition(month)
    assert found is not None
    return found

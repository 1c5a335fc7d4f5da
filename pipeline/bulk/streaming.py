"""A pass in this process: the dump is sorted by month on disk, then month after month is made."""

import contextlib
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from pipeline.books import Spend
from pipeline.bulk.months import Maker, Plan
from pipeline.bulk.report import Account
from pipeline.bulk.sorting import BOOKS, Sorted, Sorter, keep_books
from pipeline.exchange import Executor, Paid
from pipeline.files import ensure_folder, translated
from pipeline.progress import Progress
from pipeline.records import Usage

BUFFERED = 32 * 2**20
"""Bytes of lines in memory before they go to their months' files."""


class Spool:
    """The lines of the dump by month, in files of a folder of its own."""

    def __init__(self, folder: Path) -> None:
        """Empties the folder: what is in it is a killed run's. Raises `OutputError`."""
        self._folder = folder
        with translated(folder):
            if folder.exists():
                shutil.rmtree(folder)
        ensure_folder(folder)
        self.papers: dict[str, int] = defaultdict(int)
        self._waiting: dict[str, bytearray] = defaultdict(bytearray)
        self._bytes = 0

    def put(self, each: Sorted) -> None:
        """Keep a line for its month. Raises `OutputError`."""
        head = f"{each.number} {each.place} {len(each.line)}\n".encode()
        self._waiting[each.month] += head + each.line
        self.papers[each.month] += 1
        self._bytes += len(head) + len(each.line)
        if self._bytes >= BUFFERED:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        with translated(self._folder):
            for month, waiting in self._waiting.items():
                with (self._folder / month).open("ab") as file:
                    file.write(waiting)
        self._waiting.clear()
        self._bytes = 0

    def lines(self, month: str) -> Iterator[Sorted]:
        """What was kept for a month, in the order in which it came."""
        with translated(self._folder), (self._folder / month).open("rb") as file:
            while head := file.readline():
                number, place, length = map(int, head.split())
                yield Sorted(month, number, place, file.read(length))

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)


def stream(  # noqa: PLR0913  one collaborator each
    plan: Plan, prompts: Path, executor: Executor, paid: Paid, scratch: Path, progress: Progress
) -> tuple[Account, Usage]:
    """Bring OUT up to date with the dump; also what was paid.

    `prompts` holds the plan's, `scratch` the lines. Hold OUT's lock. Raises `OutputError`,
    `DamagedFile`, `PromptError`, `UsageError`.
    """
    account, spent = Account(), Usage()

    def advance() -> None:
        progress.advance(spent)

    def book(spends: list[Spend]) -> None:
        nonlocal spent
        paid(spends)
        for each in spends:
            spent = spent.plus(each.usage)

    maker = Maker(plan, prompts, executor, book, advance)
    with spooled(plan, scratch) as (spool, books):
        account.counts += keep_books(maker.out, books)
        months = sorted(spool.papers)
        progress.begin(f"bulk {plan.out}", sum(spool.papers.values()))
        try:
            for number, month in enumerate(months, 1):
                account.add(maker.make(month, spool.lines(month)))
                if account.stopped is not None:
                    account.leave(months[number:])
                    break
        finally:
            progress.end()
    return account, spent


@contextlib.contextmanager
def spooled(plan: Plan, scratch: Path) -> Iterator[tuple[Spool, list[Sorted]]]:
    """The dump's lines by month, and the books of its parts, while the block lasts."""
    sorter, spool, books = Sorter(plan.dump, plan.selection), Spool(scratch), list[Sorted]()
    try:
        for part in plan.parts:
            for each in sorter.sorted_out(part):
                if each.month == BOOKS:
                    books.append(each)
                else:
                    spool.put(each)
        spool.flush()
        yield spool, books
    finally:
        spool.remove()

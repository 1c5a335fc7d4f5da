"""Progress on a terminal, by rich."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from pipeline.progress import cost
from pipeline.records import Usage


class Bar:
    """One bar for each stage: done of total, rate, tokens, cost, time left."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TextColumn("{task.fields[spent]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )

    def begin(self, what: str, total: int) -> None:
        """As in `Progress`."""
        if total:
            self._bar.start()
        self._task = self._bar.add_task(
            what, total=total, visible=total > 0, rate="", spent=cost(Usage())
        )

    def advance(self, spent: Usage) -> None:
        """As in `Progress`."""
        task = self._bar.tasks[self._task]
        rate = f"{task.speed:.1f}/s" if task.speed else ""
        self._bar.update(self._task, advance=1, rate=rate, spent=cost(spent))

    def end(self) -> None:
        """As in `Progress`."""
        self._bar.stop()

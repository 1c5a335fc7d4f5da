"""Reads every snapshot for one purpose; a damaged one is told and left out."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from pipeline.errors import DamagedFile, OutputError
from pipeline.outputs import Outputs
from pipeline.snapshot import Snapshot

Found = TypeVar("Found")


def each_read(
    outputs: Outputs, read: Callable[[Snapshot], Found], left_out: list[str]
) -> Iterator[Found]:
    """What `read` makes of each snapshot, by topic and name; `left_out` gets those it cannot."""
    for topic in outputs.topics():
        for name in sorted(outputs.stamps(topic)):
            snapshot = outputs.snapshot(topic, name)
            try:
                found = read(snapshot)
            except (DamagedFile, OutputError) as error:
                left_out.append(f"{snapshot} is left out: {error}")
            else:
                yield found

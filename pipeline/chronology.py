"""The order of snapshots in time, by their names and as few of their instants as will do; pure.

Snapshots are ordered by their UTC instants, which stand in their `run.json`. But the name of one
is its instant in some zone, and no zone is a day from UTC: only where names are close to each
other are instants needed. So the newest are found among thousands by opening a few.
"""

import bisect
import itertools
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

DAY = timedelta(days=1)
"""More than any zone is from UTC. A name may be some minutes late: the next ones that were free."""

NEVER = datetime(9999, 1, 1, tzinfo=UTC)

Instant = Callable[[str], datetime]
"""Gives a snapshot's instant by its name."""


def newest_first(names: Sequence[str], instant: Instant) -> Iterator[str]:
    """The names, which are sorted, by their instants; each of these is asked for when needed.

    Of the same instant the name that sorts last comes first.
    """
    met: list[tuple[datetime, str]] = []
    for name in reversed(names):
        while met and met[-1][0] > _latest(name):
            yield met.pop()[1]
        bisect.insort(met, (instant(name), name))
    yield from (name for _, name in reversed(met))


def before(names: Sequence[str], name: str, instant: Instant) -> Iterator[str]:
    """Those of the sorted names that come before `name`, the newest first."""
    found = newest_first(names[: _beyond(names, name)], instant)
    return itertools.islice(itertools.dropwhile(lambda each: each != name, found), 1, None)


def after(names: Sequence[str], name: str, instant: Instant) -> str | None:
    """The one of the sorted names that comes next after `name`, which is one of them, if any."""
    if name not in names:
        return None
    beyond = _beyond(names, name)
    # The first one that surely comes later; what may come before it is all that matters.
    end = _beyond(names, names[beyond]) if beyond < len(names) else len(names)
    found = newest_first(names[:end], instant)
    later = list(itertools.takewhile(lambda each: each != name, found))
    return later[-1] if later else None


def _latest(name: str) -> datetime:
    """No instant of this name, or of one that sorts before it, is later."""
    return _told(name) + DAY


def _beyond(names: Sequence[str], name: str) -> int:
    """From which place on the names are surely those of later instants."""
    return bisect.bisect_right(names, f"{_told(name) + 2 * DAY:%Y%m%d_%H%M}")


def _told(name: str) -> datetime:
    """The time that a name tells, as if it were of UTC; a late one where it tells none."""
    parts = name[:4], name[4:6], name[6:8], name[9:11], name[11:]
    try:
        year, month, day, hour, minute = map(int, parts)
        return min(datetime(year, month, day, hour, minute, tzinfo=UTC), NEVER)
    except ValueError:  # a folder that somebody gave such a name
        return NEVER

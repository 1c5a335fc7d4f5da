"""Where each snapshot stands, remembered until one of its files changes."""

import threading
from collections import OrderedDict

from pipeline.snapshot import Snapshot
from pipeline.status import SnapshotStatus, snapshot_status

MOST = 2_000
"""Snapshots that are remembered."""


class Statuses:
    """The statuses of snapshots, for a list that is opened again and again."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._kept: OrderedDict[str, tuple[dict[str, str], SnapshotStatus]] = OrderedDict()

    def of(self, snapshot: Snapshot) -> SnapshotStatus:
        """The status of a snapshot. Raises `DamagedFile`."""
        stamps = snapshot.stamps()
        known = self._kept.get(str(snapshot))
        if known is not None and known[0] == stamps:
            return known[1]
        status = snapshot_status(snapshot)
        with self._turn:
            self._kept[str(snapshot)] = stamps, status
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        return status

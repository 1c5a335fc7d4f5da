"""The desks that a server keeps: one for each snapshot that is under review."""

import threading
from collections import OrderedDict

from starlette.exceptions import HTTPException
from starlette.requests import Request

from pipeline.desk import Desk
from pipeline.outputs import SNAPSHOT, Outputs
from pipeline.settings import Settings

MOST = 16
"""Desks that are kept; a thousand papers with their lines take some ten megabytes."""


class Desks:
    """Desks by snapshot, made when they are asked for; used by any number of threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._outputs = Outputs(settings.outputs)
        self._turn = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], Desk] = OrderedDict()

    def asked_for(self, request: Request) -> Desk:
        """The desk of the snapshot that a request's path names. Raises `HTTPException` (404)."""
        return self.of(request.path_params["topic"], request.path_params["name"])

    def of(self, topic: str, name: str) -> Desk:
        """The desk of a snapshot. Raises `HTTPException` (404) where there is none.

        The names come from outside: they are held to their forms before they name a path.
        """
        if topic not in self._outputs.topics() or not SNAPSHOT.fullmatch(name):
            raise HTTPException(404)
        snapshot = self._outputs.snapshot(topic, name)
        if not snapshot.folder.is_dir():
            raise HTTPException(404)
        with self._turn:
            desk = self._kept.setdefault((topic, name), Desk(self._settings, snapshot))
            self._kept.move_to_end((topic, name))
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
            return desk

"""A limit on one answer as a whole: a timeout alone lets a server trickle for ever."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import requests
from urllib3.exceptions import HTTPError


class Deadline:
    """Cuts the connections of watched pools when an answer takes longer than `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._sockets: list[socket.socket] = []
        self._is_over = threading.Event()

    def watch(self, pool: Any) -> None:
        """Have the connections that urllib3's `pool` will make cut, too."""
        make = pool._new_conn  # noqa: SLF001  urllib3 offers no other way to a connection

        def watched() -> Any:
            connection = make()
            connect = connection.connect

            def noted() -> None:
                connect()
                # Kept here, since the connection forgets it when the answer will end it.
                self._sockets.append(connection.sock)

            connection.connect = noted
            return connection

        pool._new_conn = watched  # noqa: SLF001  as above

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Let the time run until the block ends. Raises `requests.Timeout` when it is over."""
        self._sockets.clear()
        self._is_over.clear()
        timer = threading.Timer(self._seconds, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        except (requests.RequestException, HTTPError, OSError) as error:
            if self._is_over.is_set():
                raise requests.Timeout from error
            raise
        finally:
            timer.cancel()
        if self._is_over.is_set():  # a body without a length ends like that, and seems whole
            raise requests.Timeout

    def _cut(self) -> None:
        self._is_over.set()
        for each in tuple(self._sockets):
            with contextlib.suppress(OSError):  # closed meanwhile
                each.shutdown(socket.SHUT_RDWR)

"""One connection of the server: clients that keep it waiting are let go."""

import asyncio
from dataclasses import dataclass
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


@dataclass(frozen=True)
class Limits:
    """How many `connections` there may be, and the seconds that a client may keep one waiting.

    For the whole head of a request, for its whole body, and for taking what is to be sent.
    Browsers send heads and forms at once; a client that keeps to no limit is slow on purpose.
    """

    connections: int = 256
    head: float = 10.0
    body: float = 20.0
    answer: float = 60.0


class Connection(H11Protocol):
    """uvicorn's connection, which by itself bounds only the pause between two requests.

    Where there are as many as there may be, the one that was kept waiting longest makes room:
    whoever opens any number of them and sends nothing shuts nobody out.
    """

    limits: ClassVar = Limits()

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._wanted: Any = None
        self._reading: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None
        self._since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; the time for the first head runs from here."""
        if len(self.connections) >= self.limits.connections:
            self._make_room()
        super().connection_made(transport)
        # `pause_writing` then tells of everything that the client does not take.
        transport.set_write_buffer_limits(high=0)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """End; nothing is waited for any more."""
        super().connection_lost(exc)
        for timer in (self._reading, self._writing):
            if timer is not None:
                timer.cancel()

    def handle_events(self) -> None:
        """Handle what has come, or what was held back until an answer was sent."""
        super().handle_events()
        self._watch()

    def pause_writing(self) -> None:
        """The client takes less than there is to send."""
        super().pause_writing()
        self._since = self.loop.time()
        self._writing = self.loop.call_later(self.limits.answer, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has taken everything, or is gone."""
        super().resume_writing()
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None

    def _watch(self) -> None:
        """Have the time run for what the client has to send now; single bytes prolong none."""
        if self.conn.their_state is self._wanted:
            return
        self._wanted = self.conn.their_state
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        seconds = {h11.IDLE: self.limits.head, h11.SEND_BODY: self.limits.body}.get(self._wanted)
        if seconds is not None:
            self._since = self.loop.time()
            self._reading = self.loop.call_later(seconds, self._give_up)

    def _give_up(self) -> None:
        """End the connection; 408 where part of a request has come and none was answered."""
        if self.transport.is_closing():
            return
        begun = self._wanted is h11.SEND_BODY or self.conn.trailing_data[0]
        if begun and self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            if self._wanted is h11.SEND_BODY:
                self.cycle.disconnected = True  # its answer would come after this one
            headers = [("Content-Length", "0"), ("Connection", "close")]
            answer = h11.Response(status_code=408, headers=headers, reason=b"Request Timeout")
            self.transport.write(self.conn.send(answer))
        self.transport.close()

    def _make_room(self) -> None:
        waiting = [
            other
            for other in self.connections
            if isinstance(other, Connection) and (other._reading or other._writing)  # noqa: SLF001
        ]
        if waiting:
            slowest = min(waiting, key=lambda other: other._since)  # noqa: SLF001
            self.connections.discard(slowest)
            slowest.transport.abort()

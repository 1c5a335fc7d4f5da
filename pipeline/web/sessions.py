"""Who is signed in: sessions kept on the server, known to the browser by a random id."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

Clock = Callable[[], float]
"""Seconds from a fixed moment, never going back."""

LONGEST = 12 * 3600.0
"""Seconds after which a session ends however busy it is."""

IDLE = 4 * 3600.0
"""Seconds without a request after which it ends."""

MOST = 1000
"""Sessions that are kept; past that the one that was not used for the longest time ends."""


@dataclass(eq=False)
class Session:
    """One browser of one editor. `csrf` is the token that each of its forms carries.

    `undo` belongs to the review pages.
    """

    editor: str
    begun: float
    used: float
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    undo: dict[str, list[Any]] = field(default_factory=dict)


class Sessions:
    """The sessions of one server by their ids. Used from the event loop's thread alone."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[str, Session] = {}

    def begin(self, editor: str) -> str:
        """A new session's id of 256 random bits; never one that a browser has brought."""
        if len(self._kept) >= MOST:
            del self._kept[min(self._kept, key=lambda known: self._kept[known].used)]
        name, now = secrets.token_urlsafe(32), self._clock()
        self._kept[name] = Session(editor, begun=now, used=now)
        return name

    def find(self, name: str) -> Session | None:
        """The session of that id, which counts as used now; None where it has ended."""
        session, now = self._kept.get(name), self._clock()
        if session is None:
            return None
        if now - session.begun >= LONGEST or now - session.used >= IDLE:
            del self._kept[name]
            return None
        session.used = now
        return session

    def end(self, name: str) -> None:
        """End a session for good, whoever still has its id."""
        self._kept.pop(name, None)


class Cookie:
    """A cookie out of reach of scripts and other sites, for a server that listens on `port`.

    Browsers send cookies to every port of a host, so its name holds the port. With TLS it is
    Secure and `__Host-`: no neighbouring host and no unencrypted page can set it. It lasts
    for so many seconds, or until the browser is closed.
    """

    def __init__(self, port: int, suffix: str = "", lasts: int | None = None) -> None:
        self.port = port
        self._name = f"paperline-{port}{suffix}"
        self._lasts = lasts

    def name(self, origin: str) -> str:
        """Its name for pages of that origin."""
        return f"__Host-{self._name}" if is_secure(origin) else self._name

    def set(self, response: Response, origin: str, value: str) -> None:
        """Have the browser keep a value."""
        response.set_cookie(
            self.name(origin),
            value,
            max_age=self._lasts,
            secure=is_secure(origin),
            httponly=True,
            samesite="lax",
        )

    def delete(self, response: Response, origin: str) -> None:
        """Have the browser forget it."""
        response.delete_cookie(
            self.name(origin), secure=is_secure(origin), httponly=True, samesite="lax"
        )


class SessionCookie(Cookie):
    """The cookie of a session's id."""

    def __init__(self, port: int) -> None:
        super().__init__(port)


def is_secure(origin: str) -> bool:
    """Whether pages of an origin travel encrypted."""
    return origin.startswith("https://")

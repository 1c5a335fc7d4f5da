"""Browsers in which an editor has signed in before: no stranger's guesses slow them down."""

import hashlib
import hmac
import secrets

from starlette.requests import Request
from starlette.responses import Response

from pipeline.web.passwords import Passwords
from pipeline.web.sessions import Cookie

LASTS = 365 * 24 * 3600
"""Seconds for which a browser is known after signing in."""


class Devices:
    """Marks browsers by a random id of 256 bits, signed with the editor's password hash.

    The browser keeps the mark, the server nothing: marks outlast its restart, no number of
    them fills its memory, and a new password makes those of the old one worthless. A mark
    signs nobody in. It can be had by signing in alone.
    """

    def __init__(self, passwords: Passwords, port: int) -> None:
        self._passwords = passwords
        self._port = port

    def known(self, request: Request, editor: str) -> str:
        """The id of a browser in which that editor has signed in before, else nothing."""
        kept = request.cookies.get(self._cookie(editor).name(_origin(request)), "")
        device, _, signature = kept.partition(".")
        expected = self._passwords.signed(editor, device)
        genuine = hmac.compare_digest(signature.encode(), expected.encode())
        return device if expected and genuine else ""

    def remember(self, request: Request, answer: Response, editor: str) -> None:
        """Have a browser in which an editor has just signed in be known, a year from now."""
        device = self.known(request, editor) or secrets.token_urlsafe(32)
        value = f"{device}.{self._passwords.signed(editor, device)}"
        self._cookie(editor).set(answer, _origin(request), value)

    def _cookie(self, editor: str) -> Cookie:
        """One for each editor: several may share a browser."""
        name = hashlib.sha256(editor.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return Cookie(self._port, f"-device-{name}", LASTS)


def _origin(request: Request) -> str:
    origin: str = request.scope["state"]["origin"]
    return origin

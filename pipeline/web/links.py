"""The link that signs in where no editors are configured: whoever sees the terminal has it."""

import hmac
import secrets
from collections.abc import Callable

from pipeline.errors import UsageError
from pipeline.text import one_line


class Links:
    """One link at a time with a token of 256 random bits, which works once.

    `editor` is who reviews; `origin` is where the server is. Each time a link was used,
    `announce` is given the next one, for a further browser. Raises `UsageError` without a name.
    """

    def __init__(self, editor: str, origin: str, announce: Callable[[str], None]) -> None:
        self.editor = one_line(editor)
        if not self.editor:
            raise UsageError(
                "there is no login name to sign decisions with",
                where="paperline review",
                next_step="Give --editor NAME",
            )
        self._origin = origin
        self._announce = announce
        self._token = secrets.token_urlsafe(32)

    @property
    def current(self) -> str:
        """The link that works now."""
        return f"{self._origin}/enter?token={self._token}"

    def opens(self, token: str) -> bool:
        """Whether it is the token of the current link; compared in constant time."""
        return hmac.compare_digest(token.encode("utf-8", "surrogatepass"), self._token.encode())

    def spend(self, token: str) -> bool:
        """Use the link up; False where `token` is not its."""
        if not self.opens(token):
            return False
        self._token = secrets.token_urlsafe(32)
        self._announce(self.current)
        return True

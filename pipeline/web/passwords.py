"""Passwords: the hashes of `[review.editors]`, and how one is made."""

import hmac
import secrets
import unicodedata
from collections.abc import Mapping

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import Argon2Error, InvalidHash, VerifyMismatchError

from pipeline.errors import SettingsError, UsageError

SHORTEST = 10
"""Characters that a password has at least."""


class Passwords:
    """Who may sign in, by name, with the hash of the password.

    Raises `SettingsError` for a hash that no password can be held to, and for that of an
    empty password.
    """

    def __init__(self, editors: Mapping[str, str]) -> None:
        self._hasher = PasswordHasher()
        for name, made in editors.items():
            _refuse_unusable(self._hasher, name, made)
        self._hashes = dict(editors)
        self._nobody = _like(next(iter(editors.values())))

    def __contains__(self, name: str) -> bool:
        return name in self._hashes

    def fits(self, name: str, password: str) -> bool:
        """Whether it is that editor's password; takes as long for a name that is unknown.

        Costs argon2's time and memory (50 ms and 64 MiB): not for the event loop's thread.
        """
        known = self._hashes.get(name)
        try:
            self._hasher.verify(known or self._nobody, _prepared(password))
        except VerifyMismatchError:
            return False
        return known is not None

    def signed(self, name: str, text: str) -> str:
        """The signature of `text` for an editor; empty for a name that is unknown.

        Only this server can make it, also after a restart, and it makes another one once the
        editor's password has changed: the key is the hash, whose salt nobody else knows.
        """
        known = self._hashes.get(name)
        if known is None:
            return ""
        return hmac.digest(known.encode(), f"{name}\0{text}".encode(), "sha256").hex()


def hashed(password: str) -> str:
    """The argon2id hash of a password. Raises `UsageError` where it is too short."""
    if len(password) < SHORTEST:
        raise UsageError(
            f"a password of {len(password)} characters is too short",
            where="--hash-password",
            next_step=f"Take at least {SHORTEST}; four random words are easy to remember",
        )
    return PasswordHasher().hash(_prepared(password))


def _prepared(password: str) -> bytes:
    """Keyboards compose accents in different ways: RFC 8265, 4.2, takes NFC for all."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def _refuse_unusable(hasher: PasswordHasher, name: str, made: str) -> None:
    what = "is the hash of an empty password"
    try:
        hasher.verify(made, b"")
    except VerifyMismatchError:
        return
    except (Argon2Error, InvalidHash) as error:
        what = f"has a hash that argon2 cannot use: {error}"
    raise SettingsError(
        f"review.editors: {name!r} {what}",
        where="paperline.toml",
        next_step="Make another with paperline review --hash-password",
    )


def _like(made: str) -> str:
    """A hash of a password that nobody knows, as costly to verify as `made`."""
    cost = extract_parameters(made)
    hasher = PasswordHasher(cost.time_cost, cost.memory_cost, cost.parallelism)
    return hasher.hash(secrets.token_bytes(32))

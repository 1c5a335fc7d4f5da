"""The names under which this server answers, and what belongs to it.

A browser sends the name in the address as Host. A page of another site can make it reach
127.0.0.1 under that site's own name (DNS rebinding), so no other name is answered to.
"""

import re
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from pipeline.errors import UsageError
from pipeline.gate_settings import ReviewSettings

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

_OWN_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]{0,2000}")


class Origins:
    """The hosts that are answered to and the origin of each, as browsers name it.

    On loopback those are `http://127.0.0.1:PORT` and its other names. The `hosts` are served
    by a proxy that speaks TLS, so theirs are `https://HOST`; both kinds work at once where
    the proxy is on the same machine. Off loopback only the `hosts` are answered to: what
    reaches the port past the proxy would be unencrypted.
    """

    def __init__(self, address: str, port: int, hosts: Sequence[str] = ()) -> None:
        self.port = port
        self._by_host: dict[str, str] = {}
        if is_loopback(address):
            suffix = "" if port == 80 else f":{port}"
            names = dict.fromkeys((bracketed(address), *LOOPBACK))
            self._by_host = {f"{name}{suffix}": f"http://{name}{suffix}" for name in names}
        for host in hosts:
            usual = host.removesuffix(":443")
            self._by_host[usual] = f"https://{usual}"
        self.first = next(iter(self._by_host.values()))

    def of(self, host: str) -> str | None:
        """The origin of a Host header's value, None where this server has no such name."""
        return self._by_host.get(host.lower())


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches `address`. Raises `UsageError` where it is none."""
    if address == "localhost":
        return True
    try:
        return ip_address(address).is_loopback
    except ValueError:
        raise UsageError(
            f"found {address!r}, expected an IP address such as 127.0.0.1",
            where="--host",
            next_step="Leave it out, or give the address of one of this machine's interfaces",
        ) from None


def refuse_exposure(review: ReviewSettings, address: str) -> None:
    """Raise `UsageError` where others could reach the app without signing in over TLS."""
    if is_loopback(address) and not review.hosts:
        return
    where, reached = "--host", f"{address} is reached from other machines"
    if is_loopback(address):
        where, reached = "[review] hosts", "a proxy lets other machines in"
    if not review.editors:
        raise UsageError(
            f"{reached}, and nobody is named who may sign in",
            where=where,
            next_step="Name the editors in [review.editors]; "
            "paperline review --hash-password makes a line of it",
        )
    if not review.hosts:
        raise UsageError(
            f"{reached}, and no host is named under which a TLS proxy serves it",
            where=where,
            next_step='Set [review] hosts, as in hosts = ["review.example.org"]',
        )


def bracketed(address: str) -> str:
    """An address as it stands in a URL: IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address


def own_path(address: str) -> str:
    """`address` where it is a path on this server, in ASCII without backslashes; `/` otherwise.

    Browsers take a second slash or a backslash for the beginning of another server's name,
    and leave out tabs and line breaks.
    """
    return address if _OWN_PATH.fullmatch(address) else "/"


def path_of(url: str) -> str:
    """The path and query of an address, by the rules of `own_path`."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "/"
    return own_path(f"{parts.path}?{parts.query}" if parts.query else parts.path)

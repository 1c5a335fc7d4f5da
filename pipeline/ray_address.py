"""Where a running Ray cluster is, and whether it wants a token.

A process of its own finds out: Ray's client waits for minutes, with words of its own, where
nothing or something else answers, and nobody can end it before.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

MODE = "RAY_AUTH_MODE"

SILENT = {"RAY_BACKEND_LOG_LEVEL": "fatal"}

PATIENCE = 10.0
"""Seconds to wait for a cluster to answer."""

SECONDS_TO_CONNECT = 5.0
"""Of these, for its port."""


class Found(NamedTuple):
    """A cluster that answers: HOST:PORT, and Ray's MODE to join it in, `token` or `disabled`."""

    address: str
    mode: str


def found(address: str) -> Found:
    """The cluster at `auto` or HOST:PORT; for `auto` Ray knows where, from RAY_ADDRESS first.

    Without `RAY_AUTH_MODE` the token that Ray has for this user is shown to a cluster that wants
    one, and to no other. Raises `OSError` where no cluster answers, `PermissionError` where it
    wants another token.
    """
    modes = [os.environ[MODE]] if MODE in os.environ else ["disabled", "token"]
    for mode in modes:
        told = _asked(address, mode)
        if told.get("address"):
            return Found(told["address"], mode)
        if not told.get("refused"):
            raise ConnectionError(told["error"])
    raise PermissionError("it wants a token, and Ray has none here that it takes")


def _asked(address: str, mode: str) -> dict[str, str]:
    """What a process that asks in one mode has found."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "pipeline.ray_address", address],
            env={**os.environ, "PYTHONPATH": import_path(), MODE: mode, **SILENT},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"no Ray answers there within {PATIENCE:g} seconds"}
    try:
        told: dict[str, str] = json.loads(done.stdout)
    except ValueError:
        return {"error": "Ray's client fails"}
    return told


def import_path() -> str:
    """PYTHONPATH with which a process imports this very code."""
    paths = [str(Path(__file__).resolve().parent.parent), os.environ.get("PYTHONPATH", "")]
    return os.pathsep.join(filter(None, paths))


def _ask(address: str) -> dict[str, str]:
    import ray
    from ray._private.services import canonicalize_bootstrap_address
    from ray.exceptions import AuthenticationError, RpcError

    raylet = ray._raylet  # noqa: SLF001  what `ray health-check` uses, and nothing public does
    loader = raylet.AuthenticationTokenLoader.instance()
    if os.environ[MODE] == "token" and not loader.has_token(ignore_auth_mode=True):
        return {"refused": "there is no token"}  # Ray aborts the process
    named = os.environ.get("RAY_ADDRESS", "")
    if address == "auto" and (named == "local" or "://" in named):
        return {"error": f"RAY_ADDRESS = {named} is no HOST:PORT"}
    there = ""
    try:
        there = canonicalize_bootstrap_address(address)
        host, _, port = there.rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), timeout=SECONDS_TO_CONNECT).close()
        raylet.GcsClient(address=there)
    except AuthenticationError as error:
        return {"refused": str(error)}
    except (OSError, ValueError, RpcError) as error:
        return {"error": f"{there}: {error}" if there and address == "auto" else str(error)}
    return {"address": there}


if __name__ == "__main__":
    print(json.dumps(_ask(sys.argv[1])))  # noqa: T201  to the process that started this one

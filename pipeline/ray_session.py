"""Ray for as long as a command needs it: one of its own on this machine, or a running cluster."""

import contextlib
import functools
import importlib.util
import logging
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Collection, Iterator
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from pipeline.errors import ClusterUnavailable, PaperlineError, SettingsError
from pipeline.settings import ClusterSettings
from pipeline.text import one_line

NO_REPORTS = {"RAY_USAGE_STATS_ENABLED": "0"}
"""A local Ray tells nobody that it was used; a cluster's own setting is its administrator's."""

LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""A local Ray listens on 127.0.0.1 alone, as on the systems so named. Beyond that it wants the
token that it keeps in the home folder, which is its own default."""

MOST_TOLD = 300
"""Characters of Ray's own words that are repeated."""

PATIENCE = 10.0
"""Seconds to wait for a cluster's address to answer; Ray itself waits for minutes."""


@contextlib.contextmanager
def joined(settings: ClusterSettings, *, hidden: Collection[str] = ()) -> Iterator[None]:
    """Ray is there inside the block; a Ray that is there already is used and left running.

    `hidden`: environment variables that processes of a local Ray do not inherit, such as keys.
    SIGTERM ends the block as Ctrl-C does, with the exit code that a shell gives it. Raises
    `SettingsError` where Ray is not installed, `ClusterUnavailable` where it does not start or
    its cluster does not answer.
    """
    if importlib.util.find_spec("ray") is None:
        raise SettingsError(
            'executor = "cluster" needs Ray, which is not installed',
            next_step="Install it with: pip install 'paperline[ray]'",
        )
    local = settings.address == "local"
    os.environ.update(NO_REPORTS)
    if local and "ray" not in sys.modules:  # which reads it when it is first imported
        os.environ.update(LOOPBACK)
    import ray  # a second, and processes of its own

    if ray.is_initialized():
        yield
        return
    # What it tells of itself is no news to an operator.
    logging.getLogger("ray").setLevel(logging.WARNING)
    logging.getLogger("ray._private.authentication").setLevel(logging.ERROR)
    with _sigterm_as_before():
        try:
            _look_for(settings.address)
            with _inherited(hidden) if local else contextlib.nullcontext():
                ray.init(
                    address=settings.address,
                    include_dashboard=False if local else None,
                    configure_logging=False,
                    log_to_driver=False,
                    namespace="paperline",
                )
        # ConnectionError is an OSError
        except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            raise _unavailable(settings.address, error) from error
        try:
            if _in_main_thread():
                signal.signal(signal.SIGTERM, _end)
            yield
        finally:
            ray.shutdown()


class Capacity(NamedTuple):
    """What a cluster has: Ray's version, nodes that are up, and the whole of each resource."""

    version: str
    nodes: int
    resources: dict[str, float]

    def places(self, settings: ClusterSettings) -> int:
        """Of the processes that are to ask, so many have room where nothing else is at work."""
        fit = [int(self.resources.get(name, 0.0) // wanted) for name, wanted in _reserved(settings)]
        return min([settings.actors, *fit])


def _reserved(settings: ClusterSettings) -> list[tuple[str, float]]:
    return [(name, wanted) for name, wanted in settings.resources.items() if wanted > 0]


def capacity() -> Capacity:
    """What the cluster has that was joined."""
    import ray

    up = [node for node in ray.nodes() if node["Alive"]]
    return Capacity(ray.__version__, len(up), ray.cluster_resources())


@contextlib.contextmanager
def as_raised() -> Iterator[None]:
    """An error of ours that another process raised comes as itself, not in Ray's wrapping."""
    from ray.exceptions import RayTaskError

    try:
        yield
    except RayTaskError as error:
        if (own := ours(error)) is not None:
            raise own from None
        raise


def ours(error: BaseException | None) -> PaperlineError | None:
    """The error of ours for which Ray gave up, as it was raised in whichever process; or None."""
    while error is not None:
        cause = getattr(error, "cause", None)
        if isinstance(error, PaperlineError) and cause is None:
            return error
        error = cause or error.__cause__
    return None


@functools.cache
def gone() -> tuple[type[Exception], ...]:
    """How Ray says that a process or its node is lost; errors of ours come otherwise."""
    from ray import exceptions

    return (
        exceptions.RayActorError,
        exceptions.ActorUnschedulableError,
        exceptions.RuntimeEnvSetupError,
        exceptions.WorkerCrashedError,
        exceptions.NodeDiedError,
        exceptions.LocalRayletDiedError,
        exceptions.OutOfMemoryError,
        exceptions.ObjectLostError,
        exceptions.RaySystemError,
    )


def broken(error: Exception) -> bool:
    """Whether a process cannot begin at all: the next one would end the same way."""
    return isinstance(error, PaperlineError) or getattr(error, "actor_init_failed", False)


def told(error: Exception) -> str:
    """What Ray says of a loss, in one line: neither its table of ids nor a traceback."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines()
    if broken(error):
        lines = lines[-1:]
    return one_line(" ".join(line for line in lines if not line.startswith("\t")))[:MOST_TOLD]


def _look_for(address: str) -> None:
    """Raise `OSError` at once where nothing listens at HOST:PORT."""
    if ":" in address:
        host, _, port = address.rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE).close()


def _unavailable(address: str, error: Exception) -> ClusterUnavailable:
    local = address == "local"
    what = "Ray does not start" if local else "Ray cannot be joined"
    return ClusterUnavailable(
        f"{what}: {told(error)}",
        where=f"[cluster] address = {address}",
        next_step="Look at this machine's memory and at /tmp/ray/session_latest/logs"
        if local
        else "Run the command on a node of the cluster, and look at: ray status",
    )


@contextlib.contextmanager
def _inherited(hidden: Collection[str]) -> Iterator[None]:
    """What processes started inside the block inherit: this very code, and nothing `hidden`."""
    before = dict(os.environ)
    paths = [str(Path(__file__).resolve().parent.parent), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    for name in hidden:
        os.environ.pop(name, None)
    try:
        yield
    finally:
        for name in ("PYTHONPATH", *hidden):
            os.environ.pop(name, None)
            if name in before:
                os.environ[name] = before[name]


def _end(number: int, frame: FrameType | None) -> None:
    del frame
    sys.exit(128 + number)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextlib.contextmanager
def _sigterm_as_before() -> Iterator[None]:
    """What SIGTERM does after the block is what it did before: Ray sets a handler of its own."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if _in_main_thread():
            signal.signal(signal.SIGTERM, before)

"""Ray for as long as a command needs it: one of its own on this machine, or a running cluster."""

import contextlib
import functools
import importlib.util
import logging
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from pipeline.errors import ClusterUnavailable, PaperlineError, SettingsError
from pipeline.ray_address import MODE, found, import_path
from pipeline.settings import ClusterSettings
from pipeline.text import one_line

NO_REPORTS = {"RAY_USAGE_STATS_ENABLED": "0"}
"""A local Ray tells nobody that it was used; a cluster's own setting is its administrator's."""

LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""A local Ray listens on 127.0.0.1 alone, as on the systems so named. Beyond that it wants the
token that it keeps in the home folder, which is its own default."""

JOINING = {
    "RAY_gcs_server_request_timeout_seconds": "10",  # for which it looks for this machine's node
    "RAY_gcs_rpc_server_reconnect_timeout_s": "86400",  # after which it ends this very process
}
"""For a driver that joins a cluster, unless the operator has set them. Without its head nobody
can begin any more; that is found out, and told, by those who wait for them."""

MOST_TOLD = 300
"""Characters of Ray's own words that are repeated."""


@contextlib.contextmanager
def joined(settings: ClusterSettings, *, hidden: Collection[str] = ()) -> Iterator[None]:
    """Ray is there inside the block; a Ray that is there already is used and left running.

    `hidden`: environment variables that processes of a local Ray do not inherit, such as keys.
    SIGTERM ends the block as Ctrl-C does, with the exit code that a shell gives it; see
    `as_signalled`. Raises `SettingsError` where Ray is not installed, `ClusterUnavailable` where
    it does not start or its cluster does not answer.
    """
    if importlib.util.find_spec("ray") is None:
        raise SettingsError(
            'executor = "cluster" needs Ray, which is not installed',
            next_step="Install it with: pip install 'paperline[ray]'",
        )
    if "ray" in sys.modules and sys.modules["ray"].is_initialized():
        yield
        return
    ending = _Ending()
    with _on_sigterm(ending), ThreadPoolExecutor(1, thread_name_prefix="ray") as thread:
        local = settings.address == "local"
        with _local(thread, hidden) if local else _running(thread, settings.address):
            try:
                ending.in_order = True
                yield
            finally:
                sys.modules["ray"].shutdown()


@contextlib.contextmanager
def _local(thread: ThreadPoolExecutor, hidden: Collection[str]) -> Iterator[None]:
    """A Ray of its own, whose files are kept only where it does not start."""
    os.environ.update(NO_REPORTS)
    if "ray" not in sys.modules:  # which reads it when it is first imported
        os.environ.update(LOOPBACK)
    folder, keep = None, False
    try:
        # A socket's name has no room for a longer path.
        above = Path(os.environ.get("RAY_TMPDIR") or "/tmp")  # noqa: S108
        try:
            above.mkdir(parents=True, exist_ok=True)
            folder = tempfile.mkdtemp(prefix="paperline-", dir=above)
            with _environment({"PYTHONPATH": import_path(), **dict.fromkeys(hidden)}):
                _init(thread, address="local", include_dashboard=False, _temp_dir=folder)
        except _failures() as error:
            keep = True
            logs = f"{folder}/session_latest/logs" if folder else above
            raise ClusterUnavailable(
                f"Ray does not start: {told(error)}",
                where="[cluster] address = local",
                next_step=f"Look at this machine's memory and at {logs}",
            ) from error
        yield
    finally:
        if folder and not keep:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _running(thread: ThreadPoolExecutor, address: str) -> Iterator[None]:
    """A cluster that this machine is a node of."""
    try:
        there = found(address)
        with _environment({**NO_REPORTS, **JOINING, **os.environ, MODE: there.mode}):
            _init(thread, address=there.address)
    except _failures() as error:
        refused = isinstance(error, PermissionError)
        raise ClusterUnavailable(
            f"Ray cannot be joined: {told(error)}",
            where=f"[cluster] address = {address}",
            next_step="Copy the token of the cluster's head to ~/.ray/auth_token, or name it in "
            "RAY_AUTH_TOKEN_PATH"
            if refused
            else "Run the command on a node of the cluster, and look at: ray status",
        ) from error
    yield


def _init(thread: ThreadPoolExecutor, **options: Any) -> None:
    """Begin Ray in another thread, where it sets no handler of signals.

    One that comes meanwhile takes effect when Ray has begun: before, Ray aborts the process.
    Keep the thread: the processes that it starts end with it.
    """
    import ray  # a second, and processes of its own

    def begin() -> None:
        ray.init(configure_logging=False, log_to_driver=False, namespace="paperline", **options)

    # What it tells of itself is no news to an operator.
    logging.getLogger("ray").setLevel(logging.ERROR)
    beginning = thread.submit(begin)
    with contextlib.ExitStack() as undo:
        undo.callback(ray.shutdown)
        undo.callback(wait, [beginning])  # first
        beginning.result()
        undo.pop_all()  # all is well: it stays
    logging.getLogger("ray").setLevel(logging.WARNING)


def _failures() -> tuple[type[Exception], ...]:
    """How Ray says that it cannot begin; looked at only once something was raised."""
    from ray.exceptions import RayError

    return OSError, RuntimeError, ValueError, RayError  # ConnectionError is an OSError


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


@contextlib.contextmanager
def _environment(changed: Mapping[str, str | None]) -> Iterator[None]:
    """What Ray, and processes that it starts, find inside the block; None is left out."""
    before = dict(os.environ)
    for name, value in changed.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    try:
        yield
    finally:
        for name in changed:
            os.environ.pop(name, None)
            if name in before:
                os.environ[name] = before[name]


@contextlib.contextmanager
def as_signalled() -> Iterator[None]:
    """Inside `joined`: an interruption that SIGTERM has caused has SIGTERM's exit code."""
    try:
        yield
    except KeyboardInterrupt:
        ending = signal.getsignal(signal.SIGTERM)
        if isinstance(ending, _Ending) and ending.came:
            sys.exit(ending.came)
        raise


class _Ending:
    """What SIGTERM does. An event loop ends `in_order`, as asyncio has it end by Ctrl-C."""

    def __init__(self) -> None:
        self.in_order = False
        self.came = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.came = 128 + number
        interrupt = signal.getsignal(signal.SIGINT)
        if not self.in_order or not callable(interrupt) or interrupt is signal.default_int_handler:
            sys.exit(self.came)
        interrupt(signal.SIGINT, frame)


@contextlib.contextmanager
def _on_sigterm(ending: _Ending) -> Iterator[None]:
    """SIGTERM does this inside the block, and after it what it did before."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, ending)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

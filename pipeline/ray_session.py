"""Ray for as long as a command needs it: one of its own on this machine, or a running cluster."""

import contextlib
import importlib.util
import os
from collections.abc import Iterator

from pipeline.errors import ClusterUnavailable, SettingsError
from pipeline.settings import ClusterSettings
from pipeline.text import one_line

NO_REPORTS = {"RAY_USAGE_STATS_ENABLED": "0"}
"""A local Ray tells nobody that it was used; a cluster's own setting is its administrator's."""


@contextlib.contextmanager
def joined(settings: ClusterSettings) -> Iterator[None]:
    """Ray is there inside the block; a Ray that is there already is used and left running.

    Raises `SettingsError` where Ray is not installed, `ClusterUnavailable` where it does not
    start or its cluster does not answer.
    """
    if importlib.util.find_spec("ray") is None:
        raise SettingsError(
            'executor = "cluster" needs Ray, which is not installed',
            next_step="Install it with: pip install 'paperline[ray]'",
        )
    os.environ.update(NO_REPORTS)
    import ray  # a second, and processes of its own

    if ray.is_initialized():
        yield
        return
    local = settings.address == "local"
    try:
        ray.init(
            address=settings.address,
            include_dashboard=False if local else None,
            configure_logging=False,
            log_to_driver=False,
            namespace="paperline",
        )
    except (OSError, RuntimeError, ValueError) as error:  # ConnectionError is an OSError
        what = "Ray does not start" if local else "Ray cannot be joined"
        raise ClusterUnavailable(
            f"{what}: {one_line(str(error))[:300]}",
            where=f"[cluster] address = {settings.address}",
            next_step="Look at this machine's memory and at /tmp/ray/session_latest/logs"
            if local
            else "Run the command on a node of the cluster, and look at: ray status",
        ) from error
    try:
        yield
    finally:
        ray.shutdown()

"""A Ray cluster of two nodes on this machine, for all tests of a process that need one.

Nothing of it leaves 127.0.0.1, and its files are in a folder of its own.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.ray_session import LOOPBACK, joined
from pipeline.settings import ClusterSettings

REPOSITORY = Path(__file__).resolve().parent.parent
FIXTURE = "ray_nodes"
MEMORY = 80 * 1024 * 1024
"""Bytes of a node's object store, the least that Ray takes; nothing here uses it."""
SOON = {
    "health_check_initial_delay_ms": 200,
    "health_check_period_ms": 200,
    "health_check_timeout_ms": 5_000,
    "health_check_failure_threshold": 2,
}
"""How soon a lost node is known to be lost; as Ray comes, it takes a quarter of a minute."""

# Ray reads it when it is first imported, by whichever test.
os.environ.update(LOOPBACK)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with a cluster come first: then one process of xdist has them all."""
    items.sort(key=lambda item: not needs_ray(item))


def needs_ray(item: pytest.Item) -> bool:
    """Whether a test uses the cluster, perhaps for one of its parameters only."""
    called = getattr(item, "callspec", None)
    values = called.params.values() if called else ()
    return FIXTURE in getattr(item, "fixturenames", ()) or "cluster" in values


class Nodes:
    """The cluster; a node has places for `asking` processes, or for those of another name."""

    def __init__(self, folder: Path) -> None:
        from ray.cluster_utils import Cluster

        self.folder = folder
        self._shared: dict[str, Any] = {
            "node_ip_address": "127.0.0.1",
            "num_cpus": 1,
            "object_store_memory": MEMORY,
            "temp_dir": str(folder / "ray"),
        }
        self._cluster = Cluster(
            initialize_head=True,
            head_node_args={
                **self._shared,
                "include_dashboard": False,
                "resources": {"asking": 8},
                "_system_config": SOON,
            },
        )
        # While there is one node only: a driver belongs to any that has its address.
        self._session = joined(self.settings())
        self._session.__enter__()
        self.add(asking=8)

    @property
    def address(self) -> str:
        """HOST:PORT of the head."""
        return str(self._cluster.address)

    def add(self, **resources: float) -> Any:
        """One node more, with these places."""
        return self._cluster.add_node(**self._shared, resources=resources)

    def kill(self, node: Any) -> None:
        """All processes of the node end at once, with nothing said."""
        self._cluster.remove_node(node, allow_graceful=False)

    def remove(self, node: Any) -> None:
        """The node leaves, and says so: nothing is sent there any more."""
        self._cluster.remove_node(node, allow_graceful=True)

    def settings(self, actors: int = 2, **resources: float) -> ClusterSettings:
        """For so many processes that ask, which take those places."""
        return ClusterSettings(address=self.address, actors=actors, resources=resources)

    def close(self) -> None:
        """Leave the cluster, and end all nodes."""
        self._session.__exit__(None, None, None)
        self._cluster.shutdown()


@pytest.fixture(scope="session")
def ray_nodes() -> Iterator[Nodes]:
    # A path of pytest's would be too long for a socket's name.
    folder = Path(tempfile.mkdtemp(prefix="paperline-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        patch.setenv("PYTHONPATH", str(REPOSITORY))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        nodes = Nodes(folder)
        try:
            yield nodes
        finally:
            nodes.close()
            shutil.rmtree(folder, ignore_errors=True)

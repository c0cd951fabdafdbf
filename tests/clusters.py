"""Ray for tests: one small cluster of this machine, started by the first test that asks and kept for all."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import warnings
from typing import Any

import pytest

from tests.conditions import is_gone, until

OBJECT_STORE_BYTES = 200 * 1024 * 1024
_started = False


def start() -> None:
    """Have this process connected to the cluster, and all programs that it starts find it."""
    global _started
    if _started:
        return
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'heliograph[ray]'")
    # Paths of sockets are short: pytest's own folders are too deep.
    folder = tempfile.mkdtemp(prefix="hg-ray-", dir="/tmp")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = ray.init(
            num_cpus=2,
            num_gpus=1,  # as Ray counts them; nothing looks for one
            resources={"special": 1},
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            log_to_driver=False,
            logging_level="ERROR",
            _temp_dir=folder,
        )
    # It looks ten times a second at what all workers print, to tell drivers: here nobody asks for that.
    node = ray._private.worker._global_node
    (monitor,) = node.all_processes["log_monitor"]
    node.kill_log_monitor()
    monitor.process.wait()  # Ray 2.48 does not: then Python warns of a process that nobody waited for
    os.environ["RAY_ADDRESS"] = found.address_info["address"]
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _started = True


def kill_coordinators() -> None:
    """End all coordinators: what they ran reads RESUMABLE."""
    import ray

    from heliograph.engines.ray.order import NAMESPACE

    if not ray.is_initialized():
        return
    for actor in ray.util.list_named_actors(all_namespaces=True):
        if actor["namespace"] == NAMESPACE:
            kill(ray.get_actor(actor["name"], NAMESPACE))


def kill(actor: Any) -> None:
    """End an actor; returns once its process is gone, which `ray.kill` does not wait for."""
    import ray
    from ray._private.state import actors

    pid: int = actors(actor._actor_id.hex())["Pid"]
    ray.kill(actor, no_restart=True)
    if pid:  # else it was never started
        until(lambda: is_gone(pid), what=f"the actor's process {pid} to end")

"""All that heliograph knows of Ray and Ray does not promise, in one place.

A test asks each of these of the Ray that is installed, so that a new Ray that changes one says which.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
import sys
import uuid
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import ray
from ray._private.ray_constants import LOG_PREFIX_TASK_NAME
from ray.remote_function import RemoteFunction
from ray.runtime_env import RuntimeEnv

from heliograph.errors import WorkflowCancellationError
from heliograph.graph.options import CARRIED, CARRIER
from heliograph.records.type_names import dotted

_CANCELLATION: Final = dotted(WorkflowCancellationError)
_CONNECT_SECONDS: Final = 5.0
_INTERNAL: Final = "_ray_internal_"  # so begin the namespaces of Ray's own drivers
ENVIRONMENT: Final = frozenset(RuntimeEnv.known_fields)
"""The keys of a `runtime_env` that Ray itself knows; others are for plugins."""
HEAD: Final = "node:__internal_head__"
"""The resource that only the head node has; a little of it is for everybody."""
CLASS_NODES: Final = ("ClassNode", "ClassMethodNode")
"""Nodes of actors, by the names of their types in `ray.dag`."""


def function_of(remote: Any) -> Callable[..., Any]:
    """The function that ``@ray.remote`` was put on."""
    function: Callable[..., Any] = remote._function
    return function


def body_of(node: Any) -> Callable[..., Any]:
    """The function that a `FunctionNode` calls."""
    body: Callable[..., Any] = node._body
    return body


def args_of(node: Any) -> tuple[Any, ...]:
    """The positional arguments that a node was bound to."""
    return tuple(node._bound_args)


def kwargs_of(node: Any) -> dict[str, Any]:
    """The keyword arguments that a node was bound to."""
    return dict(node._bound_kwargs)


def options_of(node: Any) -> dict[str, Any]:
    """The options of a node's function, those of its decorator and of ``.options(...)`` merged."""
    return dict(node._bound_options)


def input_key(node: Any) -> tuple[int | str, bool]:
    """Which part of the input an `InputAttributeNode` is, and whether it was written as an attribute."""
    return node._key, node._accessor_method == "__getattr__"


def is_remote_function(value: object) -> bool:
    """Whether it is what ``@ray.remote`` makes of a function."""
    return isinstance(value, RemoteFunction)


def with_labels(remote: Any, given: Mapping[str, Any]) -> Any:
    """A remote function with workflow options, which later ``.options(...)`` are merged into key by key.

    Ray lets the option `CARRIER` through and keeps it, but replaces it as a whole.

    Args:
        remote: what ``@ray.remote`` made.
        given: what `workflow.options` unpacks to.
    """
    options = dict(remote._default_options)
    options[CARRIER] = _merged(options.get(CARRIER), given[CARRIER])
    made = ray.remote(**options)(remote._function)
    replace_options = made.options

    def options_merged(**more: Any) -> Any:
        if CARRIER in more:
            more[CARRIER] = _merged(options[CARRIER], more[CARRIER])
        return replace_options(**more)

    made.options = options_merged
    return made


def leave_errors_unsaid() -> None:
    """Have Ray not log of errors in this process that nobody asks `ray.get` for: they are heard otherwise."""
    os.environ["RAY_IGNORE_UNHANDLED_ERRORS"] = "1"


class _Named:
    """A stream that tells Ray whose it is before something is printed; a line of each task would be many.

    Args:
        stream: Ray's own, which goes to a file of the worker's.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.untold = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> Any:
        if self.untold:
            task, self.untold = self.untold, ""
            self._stream.write(f"{LOG_PREFIX_TASK_NAME}{task}\n")
        return self._stream.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)


def print_as(task: str) -> None:
    """Have what this worker prints from now on shown as a task's: Ray names a flight by its first."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is getattr(sys, f"__{name}__") or stream is None:  # not Ray's
            continue
        if not isinstance(stream, _Named):
            stream = _Named(stream)
            setattr(sys, name, stream)
        stream.untold = task


def leave_cancellations_unsaid() -> None:
    """Have Ray not log of a cancelled workflow that nobody asked for its output; may be called again."""
    logging.getLogger("ray._private.worker").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    return not (message.startswith("Unhandled error") and f"{_CANCELLATION}: " in message)


def client_types() -> tuple[type, type] | None:
    """What references and handles of actors are in a driver at ``ray://``; None: this process was none."""
    common = sys.modules.get("ray.util.client.common")
    return None if common is None else (common.ClientObjectRef, common.ClientActorHandle)


def named_namespace() -> str | None:
    """The namespace that this process's job was given; None: none, and Ray made one up for it alone."""
    namespace: str = ray.get_runtime_context().namespace
    try:
        uuid.UUID(namespace)
    except ValueError:
        return namespace
    return None


def was_restarted() -> bool:
    """Whether the actor that runs this was started before; Ray warns of its own way to tell."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bool(ray.get_runtime_context().was_current_actor_reconstructed)


def is_in_worker() -> bool:
    """Whether this process runs tasks or an actor; else it is a driver, which ends with its job."""
    mode: int | None = ray._private.worker.global_worker.mode  # None: a driver at `ray://`
    return bool(mode == ray.WORKER_MODE)


def living_jobs() -> set[str]:
    """The jobs whose drivers have not ended, but for Ray's own; asked by a process of the cluster."""
    jobs = ray._private.worker.global_worker.gcs_client.get_all_job_info(
        skip_submission_job_info_field=True, skip_is_running_tasks_field=True, timeout=_CONNECT_SECONDS
    )
    return {
        key.hex()
        for key, job in jobs.items()
        if not job.is_dead and not job.config.ray_namespace.startswith(_INTERNAL)
    }


def answers(address: str) -> bool:
    """Whether a cluster's control service takes connections, and the raylet of this node is there.

    A client at ``ray://`` can't tell, and need not.

    Args:
        address: ``host:port``, as the runtime context has it.
    """
    if ray.util.client.ray.is_connected():
        return True
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECONDS):
            return not _is_raylet_gone()
    except OSError:
        return False


def _is_raylet_gone() -> bool:
    """Whether nobody listens to its socket; one that was tidied away says nothing."""
    node = ray._private.worker._global_node
    if node is None:  # another thread has just left the cluster, which those who wait hear of
        return False
    with socket.socket(socket.AF_UNIX) as tried:
        tried.setblocking(False)
        return tried.connect_ex(node.raylet_socket_name) == errno.ECONNREFUSED


def _merged(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> dict[str, Any]:
    old = old or {}
    merged: dict[str, Any] = {}
    for labels in (old, new):
        given = json.loads(labels.get(CARRIED, "{}"))
        if "task_id" in given:  # the same by another word
            given["name"] = given.pop("task_id")
        merged |= given
    return {**old, **new, CARRIED: json.dumps(merged)}

"""The output of a workflow as an object of Ray's: the reader loads it, nobody else."""

from __future__ import annotations

import contextlib
from typing import Any

import ray
from ray.exceptions import ObjectLostError

from heliograph.engines.outcome import load_value
from heliograph.records.attempt import StoredValue
from heliograph.storage.values.value_store import ValueStore


class Output:
    """What the ObjectRef of `run_async` holds; unpickled, it is the output itself.

    A large output does not pass through the coordinator: the reader takes it from Ray's memory, if it still
    is there, and else loads it from the value store.

    Args:
        value: the output, as it is stored.
        values: URL of the value store.
    """

    def __init__(self, value: StoredValue, values: str) -> None:
        self._value = value
        self._values = values

    def __reduce__(self) -> tuple[Any, ...]:
        return _load, (self._value, self._values)


def _load(value: StoredValue, values: str) -> Any:
    if value.handle is not None:
        with contextlib.suppress(ObjectLostError):  # its node is gone
            return ray.get(value.handle)
    return load_value(value, ValueStore(values))

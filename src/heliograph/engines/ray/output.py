"""The output of a workflow as an object of Ray's: the reader loads it, nobody else."""

from __future__ import annotations

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
        value = self._value
        return _load, (value.size, value.sha256, value.data, value.location, value.handle, self._values)


def _load(size: int, sha256: str, data: bytes | None, location: str | None, handle: Any, values: str) -> Any:
    if handle is not None:
        try:
            return ray.get(handle)
        except ObjectLostError:  # its node is gone
            pass
    return load_value(StoredValue(size, sha256, None, data, location), ValueStore(values))

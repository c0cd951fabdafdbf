"""Ray's options of a task: as the plan stores them, and back."""

from __future__ import annotations

import base64
import functools
import json
import pickle
import sys
import warnings
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from types import FrameType
from typing import Any, Final

import cloudpickle

from heliograph.engines.ray import internals
from heliograph.graph.options import CARRIED, CARRIER, TaskOptions

NONE: Final = "{}"
"""Of a task on Ray that was given no option of Ray's own."""

_OURS: Final = ("max_retries", "retry_exceptions", "num_returns")
"""Options that heliograph carries out itself, so that each retry is an attempt with a record."""
_STRATEGIES: Final = ("DEFAULT", "SPREAD")


def split(given: Mapping[str, Any]) -> TaskOptions:
    """The options of a node of Ray's as a task's; of equal ones, one object.

    Raises:
        ValueError, TypeError: one that a workflow's task can't have.
    """
    try:
        known = pickle.dumps(given)  # by value, with the types: most nodes of a DAG have the same few
    except (pickle.PicklingError, TypeError, AttributeError):  # there is a lambda among them
        return _split(given)
    return _split_pickled(known)


@functools.lru_cache(maxsize=1024)
def _split_pickled(given: bytes) -> TaskOptions:
    return _split(pickle.loads(given))


def _split(given: Mapping[str, Any]) -> TaskOptions:
    ours = {name: given[name] for name in _OURS if given.get(name) is not None}
    rest = {name: value for name, value in given.items() if name not in _OURS}
    labels = dict(rest.pop(CARRIER, None) or {})
    ours[CARRIER] = {CARRIED: labels.pop(CARRIED, "{}")}
    _check_late(rest | {CARRIER: labels})
    if labels:
        rest[CARRIER] = labels
    return replace(_DEFAULTS.merged(ours), ray=json.dumps(dict(map(_stored, rest.items()))))


@functools.lru_cache(maxsize=1024)
def restored(stored: str) -> Mapping[str, Any]:
    """Ray's options as `ray.remote` takes them."""
    return {
        name: pickle.loads(base64.b64decode(value["pickled"])) if _is_pickled(value) else value
        for name, value in json.loads(stored).items()
    }


@functools.lru_cache(maxsize=1024)
def is_sociable(stored: str) -> bool:
    """Whether tasks with these options may share a task of Ray: not where Ray counts or scatters each."""
    given = json.loads(stored)
    return "max_calls" not in given and given.get("scheduling_strategy") != "SPREAD"


_DEFAULTS: Final = TaskOptions()


def _check_late(given: Mapping[str, Any]) -> None:
    """Refuse what Ray itself refuses only when the task goes to it, which is after others have run."""
    strategy = given.get("scheduling_strategy")
    if isinstance(strategy, str) and strategy not in _STRATEGIES:
        raise ValueError(
            f"scheduling_strategy must be {' or '.join(map(repr, _STRATEGIES))}, or one of "
            f"ray.util.scheduling_strategies, not {strategy!r}"
        )
    _check_entries("resources", given.get("resources"), int | float, "a number, such as 1 or 0.5")
    _check_entries(CARRIER, given.get(CARRIER), str, "a string, such as 'blue'")
    selectors = [given, *(given.get("fallback_strategy") or ())]
    for selector in [one.get("label_selector") for one in selectors]:
        _check_entries("label_selector", selector, str, "a string, such as 'gpu', '!gpu' or 'in(gpu, tpu)'")
    for key in (given.get("runtime_env") or {}).keys() - internals.ENVIRONMENT:
        meant = get_close_matches(key, internals.ENVIRONMENT, n=1)
        hint = f". Did you mean {meant[0]!r}?" if meant else ""
        warnings.warn(  # not refused: it may be a plugin's, and of those only the cluster knows
            f"runtime_env has {key!r}, which Ray itself does not know: unless the cluster has a plugin of "
            f"that name, nothing comes of it{hint}",
            stacklevel=_level_of_program(),
        )


def _level_of_program() -> int:
    """How many frames above the caller heliograph was called from: more, the deeper a node is in its DAG."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and _is_ours(frame):
        frame, level = frame.f_back, level + 1
    return level


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).startswith("heliograph.")


def _check_entries(option: str, given: Mapping[Any, Any] | None, kind: Any, wanted: str) -> None:
    for key, value in (given or {}).items():
        if not isinstance(key, str):
            raise TypeError(f"{option} has a key {key!r}, and keys are strings: write {str(key)!r}")
        if not isinstance(value, kind):
            raise TypeError(f"{option} has {value!r} for {key!r}: give {wanted}, or leave it out")


def _stored(option: tuple[str, Any]) -> tuple[str, Any]:
    name, value = option
    if isinstance(value, dict):
        value = dict(value)  # a RuntimeEnv is one
    try:
        same = json.loads(json.dumps(value)) == value
    except (TypeError, ValueError):
        same = False
    if same:
        return name, value
    return name, {"repr": repr(value), "pickled": base64.b64encode(cloudpickle.dumps(value)).decode()}


def _is_pickled(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"repr", "pickled"}

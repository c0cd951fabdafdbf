"""Arguments of a wrong type or size: told at once, before anything is opened, let alone removed."""

from __future__ import annotations

import base64
import json
import math
import threading
from collections.abc import Callable
from typing import Any

import pytest

from heliograph import workflow

SWITCHES = {
    "remove": lambda value: workflow.collect_garbage(remove=value),
    "forget": lambda value: workflow.check_values(forget=value),
    "include_failed": lambda value: workflow.resume_all(include_failed=value),
    "detach": lambda value: workflow.run_async(workflow.sleep(0), detach=value),
    "tasks of search": lambda value: workflow.search(tasks=value),
    "tasks of summarize": lambda value: workflow.summarize(tasks=value),
    "tasks of condition": lambda value: workflow.condition("runs > 1", tasks=value),
    "tasks of search_fields": lambda value: workflow.search_fields(tasks=value),
}


@pytest.fixture(autouse=True)
def no_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    """What opens a storage all the same meets another error."""
    monkeypatch.setenv("HELIOGRAPH_STORAGE", "/proc/heliograph/storage")


@pytest.mark.parametrize("value", ["no", 1, 0, None])
@pytest.mark.parametrize("name", SWITCHES)
def test_what_is_true_to_python_is_no_yes(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"{name.split()[0]} must be True or False, not {value!r}"):
        SWITCHES[name](value)


@pytest.mark.parametrize("seconds", [float("nan"), -1, 10**400, "20", True, None])
def test_a_length_of_time_that_can_not_be(seconds: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="grace "):
        workflow.work(threading.Event(), grace=seconds)
    with pytest.raises((TypeError, ValueError), match="older_than "):
        workflow.collect_garbage(older_than=seconds)


@pytest.mark.parametrize("stop", [None, True, "now"])
def test_a_worker_needs_something_that_stops_it(stop: Any) -> None:
    with pytest.raises(TypeError, match=f"stop must be a threading.Event, not {stop!r}"):
        workflow.work(stop)


@pytest.mark.parametrize("at_once", [-1, 0, True, 1.5])
def test_a_worker_has_a_limit(at_once: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="at_once must be "):
        workflow.work(threading.Event(), at_once=at_once)


def test_a_collector_is_named_by_text() -> None:
    endpoint: Any = -1
    with pytest.raises(TypeError, match="endpoint must be the URL of a collector"):
        workflow.send_spans("mine", endpoint)
    headers: Any = 5
    with pytest.raises(TypeError, match="headers must be a dict or None, not 5"):
        workflow.send_spans("mine", "http://localhost:4318", headers)


def cursor(*key: object, value: object = None) -> str:
    return base64.urlsafe_b64encode(json.dumps([key, value]).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "ask",
    [
        lambda: workflow.search(after=cursor(2**70)),
        lambda: workflow.search(after=cursor(math.inf)),
        lambda: workflow.search(after=cursor(1, value=2**70)),
        lambda: workflow.search(tasks=True, after=cursor(1, -(2**70))),
        lambda: workflow.history("mine", after=f"{2**70}.1"),
        lambda: workflow.history("mine", after=f"1.{2**70}"),
        lambda: list(workflow.watch("mine", after=f"{2**70}", wait=False)),
        lambda: list(workflow.watch("mine", after=f"1.{2**70}", wait=False)),
    ],
)
def test_a_place_that_no_answer_gave(ask: Callable[[], object]) -> None:
    """Nor is the storage said to be damaged, which takes no such numbers."""
    with pytest.raises(ValueError, match=r"what an earlier answer gave|is no cursor"):
        ask()


@pytest.mark.parametrize("ask", [workflow.get_logs, workflow.get_metrics])
def test_a_line_is_named_by_its_number(ask: Any) -> None:
    for after in ("1", True, 1.5):
        with pytest.raises(TypeError, match="after must be the number of one that was given"):
            ask("mine", after=after)

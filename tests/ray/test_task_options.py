"""Options of a node of Ray's as a task's: no cluster is needed for that."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("ray", reason="Ray is not installed: pip install 'heliograph[ray]'")

from heliograph import workflow
from heliograph.engines.ray import task_options


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"num_cpus": 0.5, "resources": {"special": 1}, **workflow.options(name="mine")},
        {"max_retries": 1, "retry_exceptions": [KeyError]},
    ],
)
def test_equal_options_are_one_object(given: dict[str, Any]) -> None:
    options = task_options.split(given)
    assert task_options.split(dict(given)) is options
    assert task_options.split({**given, "num_gpus": 1}) != options


def test_equal_numbers_of_other_types_are_other_options() -> None:
    assert task_options.split({"num_cpus": 1}).ray == '{"num_cpus": 1}'
    assert task_options.split({"num_cpus": 1.0}).ray == '{"num_cpus": 1.0}'


def test_what_is_changed_later_changes_nothing() -> None:
    resources = {"special": 1}
    before = task_options.split({"resources": resources})
    resources["special"] = 2
    assert before.ray == '{"resources": {"special": 1}}'
    assert task_options.split({"resources": resources}).ray == '{"resources": {"special": 2}}'


def test_options_that_only_cloudpickle_can_pickle() -> None:
    class OfAFunctionError(Exception):
        """Not to be found by its name."""

    options = task_options.split(
        {"retry_exceptions": [OfAFunctionError], "runtime_env": {"worker_process_setup_hook": lambda: None}}
    )
    assert options.retry_exceptions == (f"{__name__}.OfAFunctionError",)
    assert options.ray is not None
    assert callable(task_options.restored(options.ray)["runtime_env"]["worker_process_setup_hook"])

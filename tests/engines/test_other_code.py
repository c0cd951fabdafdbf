"""A program whose functions are others by now than those that are stored with its workflow."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heliograph import workflow

MODULE = "steps_that_are_mended"


@pytest.fixture(autouse=True)
def storage(tmp_path: Path) -> Iterator[None]:
    workflow.init(storage=tmp_path / "storage", workers="threads")
    yield
    workflow.shutdown()


def broken() -> int:
    raise ValueError("not yet")


def mended() -> int:
    return 7


def of_a_script(function: Callable[[], int], name: str = "total") -> workflow.Node:
    """A node whose function can't be imported by its name, as none of a main script can."""
    function.__qualname__ = name
    return workflow.task(function).bind()


def fails(dag: workflow.Node) -> None:
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(dag, workflow_id="mine")


def test_that_the_stored_one_runs_is_said() -> None:
    fails(of_a_script(broken))
    said = rf"'mine' goes on with the functions that are stored .* of these names: {__name__}\.total\. To run"
    with pytest.warns(RuntimeWarning, match=said):
        fails(of_a_script(mended))


def test_nothing_is_said_where_it_is_the_same_or_of_another_name() -> None:
    fails(of_a_script(broken))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        fails(of_a_script(broken))
        fails(of_a_script(mended, "other"))
    assert said == []


def test_nothing_is_said_of_a_module_whose_new_function_is_what_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a file that is as large and as old is another one
    text = "from heliograph import workflow\n\n\n@workflow.task\ndef total():\n    return 7 / {}\n"
    (tmp_path / f"{MODULE}.py").write_text(text.format(0))
    module = importlib.import_module(MODULE)
    try:
        fails(module.total.bind())
        (tmp_path / f"{MODULE}.py").write_text(text.format(1))
        importlib.reload(module)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            assert workflow.run(module.total.bind(), workflow_id="mine") == 7
        assert said == []
    finally:
        del sys.modules[MODULE]

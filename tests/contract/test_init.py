"""`workflow.init`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from heliograph import workflow
from heliograph.storage.location import locate
from tests import scripts

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest


@workflow.task
def one() -> int:
    return 1


def test_init_again_with_the_same_values_is_fine(engine: EngineUnderTest) -> None:
    engine.init()
    workflow.init()
    assert workflow.run(one.bind()) == 1


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("storage", "/elsewhere"),
        ("max_running_workflows", 7),
        ("max_pending_workflows", 7),
    ],
)
def test_init_again_with_another_value_names_both(engine: EngineUnderTest, name: str, other: object) -> None:
    in_force = {"storage": locate(engine.storage).shown, **engine.settings}.get(name)
    with pytest.raises(ValueError, match="already") as raised:
        workflow.init(**{name: other})  # type: ignore[arg-type]
    assert name in str(raised.value)
    assert str(other) in str(raised.value)
    assert repr(in_force) in str(raised.value)


def test_init_again_with_other_workers_names_both(embedded_engine: EngineUnderTest) -> None:
    mine = embedded_engine.settings
    other = {"processes": "threads", "threads": "processes"}[mine["workers"]]
    with pytest.raises(ValueError, match=f"workers is '{mine['workers']}' already.*'{other}'"):
        workflow.init(workers=other)
    with pytest.raises(ValueError, match=f"num_workers is {mine['num_workers']} already.*7"):
        workflow.init(num_workers=7)


def test_init_with_other_values_after_shutdown(engine: EngineUnderTest, tmp_path: Path) -> None:
    workflow.run(one.bind(), workflow_id="here")
    workflow.shutdown()
    workflow.init(storage=tmp_path / "other")
    assert workflow.list_all() == []
    engine.restart()
    assert workflow.list_all() == [("here", "SUCCESSFUL")]


NUMBERS = ["num_workers", "max_running_workflows", "max_pending_workflows"]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["4", 4.0, True, [4]])
def test_a_number_that_is_no_int_is_a_type_error(name: str, value: object) -> None:
    with pytest.raises(TypeError, match=re.escape(f"{name} must be an int or None, not {value!r}")):
        workflow.init(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [*[(name, -2) for name in NUMBERS], ("num_workers", 0), ("max_running_workflows", 0)],
)
def test_a_number_that_can_not_be_is_a_value_error(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least [01], or -1 .*, not {value}"):
        workflow.init(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [None, -1])
def test_none_and_minus_one_mean_no_limit(engine: EngineUnderTest, value: int | None) -> None:
    engine.restart(max_running_workflows=value, max_pending_workflows=value)
    waiting = [workflow.run_async(one.bind()) for _ in range(20)]
    assert [engine.value(output) for output in waiting] == [1] * 20


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"engine": "spark"}, "engine must be 'embedded'.*'spark'"),
        ({"workers": "fibres"}, "workers must be 'processes' or 'threads', not 'fibres'"),
        ({"storage": "mongodb://host/flows"}, "unknown kind 'mongodb'"),
    ],
)
def test_a_word_that_init_does_not_know_is_a_value_error(given: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        workflow.init(**given)  # type: ignore[arg-type]


def test_nothing_is_left_of_a_refused_init(engine: EngineUnderTest) -> None:
    workflow.shutdown()
    with pytest.raises(ValueError, match="num_workers"):
        engine.init(num_workers=0)
    engine.init()
    assert workflow.run(one.bind()) == 1


def test_init_is_optional(tmp_path: Path) -> None:
    printed = scripts.run(
        "from heliograph import workflow\n"
        "@workflow.task\n"
        "def one(): return 1\n"
        "print(workflow.run(one.bind(), workflow_id='mine'))\n"
        "print(workflow.get_status('mine'))",
        tmp_path / "storage",
    )
    assert printed == "1\nSUCCESSFUL\n"


@pytest.mark.parametrize("form", ["{}", "{}/flows.db", "file://{}", "sqlite:///{}/flows.sqlite"])
def test_forms_of_storage(tmp_path: Path, form: str) -> None:
    folder = tmp_path / "made" / "when needed"
    workflow.init(storage=form.format(folder), workers="threads")
    try:
        workflow.run(one.bind(), workflow_id="stored")
    finally:
        workflow.shutdown()
    (database,) = [path for path in folder.iterdir() if path.suffix in {".db", ".sqlite"}]
    workflow.init(storage=database)
    try:
        assert workflow.list_all() == [("stored", "SUCCESSFUL")]
    finally:
        workflow.shutdown()

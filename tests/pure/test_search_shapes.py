"""Shapes of questions: equal where nothing differs but values, of the same kinds."""

from __future__ import annotations

import itertools

import pytest

from heliograph.search.expressions import Value
from heliograph.search.language import read
from heliograph.storage.searching.shapes import AllOf, shape_of
from heliograph.workflow import field


def shape(text: str, tasks: bool = False) -> AllOf:
    return shape_of(read(text), tasks)[0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("user_metadata.team = blue", "user_metadata.team = 'red team'"),
        ("runs > 1 and name prefix a", "runs > 22 and name prefix 'b%'"),
        ("workflow_id in (a, b, c)", "workflow_id in (c, d, e)"),
        ("not (user_metadata.a = 1 or name = x)", "not (user_metadata.a = 2 or name = y)"),
        ("user_metadata.a = true", "user_metadata.a = null"),
        ("status = FAILED and (runs > 1 and runs < 3)", "status = FAILED and runs > 4 and runs < 5"),
    ],
)
def test_other_values_are_of_the_same_shape(one: str, other: str) -> None:
    assert shape(one) == shape(other)
    assert hash(shape(one)) == hash(shape(other))


def test_what_a_statement_depends_on_is_of_another_shape() -> None:
    written = [
        *[f"user_metadata.team = {value}" for value in ("blue", "1", "1.5", "true")],
        *[f"user_metadata.team {operator} blue" for operator in ("!=", "<", "<=", ">", ">=")],
        *[f"user_metadata.team {operator} blue" for operator in ("contains", "prefix")],
        *[f"user_metadata.team in ({values})" for values in ("a", "a, b", "a, 1", "1, a")],
        *[f"status = {status}" for status in ("FAILED", "RUNNING", "RESUMABLE")],
        *[f"status in ({statuses})" for statuses in ("FAILED", "RUNNING", "FAILED, RUNNING")],
        "user_metadata.team exists",
        "not user_metadata.team = blue",
        "user_metadata.size = blue",
        "user_metadata.team.size = blue",
        'user_metadata."team.size" = blue',
        "name = blue",
        "name = blue and user_metadata.team = blue",
        "user_metadata.team = blue and name = blue",
        "user_metadata.team = blue or name = blue",
        "name = a and (name = b or runs = 1)",
        "name = a or (name = b and runs = 1)",
    ]
    for one, other in itertools.combinations(written, 2):
        assert shape(one) != shape(other), (one, other)


def test_values_that_are_equal_to_python_are_of_different_kinds() -> None:
    values: tuple[Value, ...] = (1, 1.0, True)
    shapes = {shape_of(field("user_metadata.flag") == value, False)[0] for value in values}
    assert len(shapes) == len(values)


def test_the_values_are_those_of_the_holes_in_order() -> None:
    condition = read("name = a and (runs in (1, 2) or not user_metadata.x = true) and status = FAILED")
    _, values = shape_of(condition, False)
    assert values == ["a", 1, 2, True]


def test_a_status_of_tasks_is_no_status_of_workflows() -> None:
    assert shape("status = FAILED", tasks=True) == shape("status = FAILED")  # who keeps them tells them apart
    assert shape("workflow.status = FAILED", tasks=True) != shape("status = FAILED", tasks=True)

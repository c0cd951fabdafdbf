"""Options of tasks: what may be given, when a mistake is told, who wins."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.graph.options import (
    TASK_OPTIONS,
    WORKFLOW_OPTIONS,
    GivenOptions,
    TaskOptions,
    metadata_json,
)
from heliograph.graph.task import Task, task
from heliograph.workflow import options
from tests.shown import shown

GIVERS: dict[str, Callable[..., object]] = {
    "workflow.options(...)": lambda **given: options(**given),
    "f.options(...)": lambda **given: nothing.options(**given),
    "@workflow.task(...)": lambda **given: task(**given),
}
FULL = {name: giver for name, giver in GIVERS.items() if name != "workflow.options(...)"}


class MineError(OSError):
    pass


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@task
def nothing() -> None:
    pass


def options_of(given: Task) -> TaskOptions:
    return given.bind().options


def wrong(key: str, *values: object) -> list[Any]:
    return [pytest.param(key, value, id=f"{key}={shown(value):.30}") for value in values]


NOT_BOOL = (0, 1, "True", [], 1.0)
BAD_TYPE = [
    *wrong("name", 5, b"x", ["f"], True, object()),
    *wrong("task_id", 5, b"x", ("f",)),
    *wrong("catch_exceptions", *NOT_BOOL),
    *wrong("checkpoint", *NOT_BOOL),
]
BAD_VALUE = [
    *wrong("name", "", "x" * 513, "a\nb", "\x00", "\ud800", "\x85"),
    *wrong("task_id", "", "x" * 513, "a\tb", "\udfff"),
    *wrong("metadata", 5, "{}", [], [("a", 1)], {1, 2}, object()),
    *wrong("metadata", {"a": float("nan")}, {"a": float("inf")}, {"a": -float("inf")}),
    *wrong("metadata", {"a": {1}}, {"a": object()}, {"a": b""}, {"a": [1, {"b": 1j}]}, {(1, 2): 3}),
]
BAD_TASK_TYPE = [
    *wrong("max_retries", None, True, 1.0, "3", [3]),
    *wrong(
        "retry_exceptions", None, 1, "ValueError", {ValueError}, [ValueError, 5], [int], int, ValueError()
    ),
]
BAD_TASK_VALUE = [
    *wrong("max_retries", -2, -100),
    *wrong("num_returns", 0, 2, 5, "dynamic", -1),
]


@pytest.mark.parametrize(("key", "value"), BAD_TYPE)
@pytest.mark.parametrize("give", GIVERS.values(), ids=GIVERS)
def test_a_wrong_type_is_a_type_error_that_names_the_option_where_it_is_given(
    give: Callable[..., object], key: str, value: object
) -> None:
    with pytest.raises(TypeError, match=rf"^{key} must be "):
        give(**{key: value})


@pytest.mark.parametrize(("key", "value"), BAD_VALUE)
@pytest.mark.parametrize("give", GIVERS.values(), ids=GIVERS)
def test_a_value_that_cannot_be_is_a_value_error_that_names_the_option_where_it_is_given(
    give: Callable[..., object], key: str, value: object
) -> None:
    with pytest.raises(ValueError, match=rf"^{key} (must|holds) "):
        give(**{key: value})


@pytest.mark.parametrize(("key", "value"), BAD_TASK_TYPE)
@pytest.mark.parametrize("give", FULL.values(), ids=FULL)
def test_a_wrong_type_of_a_task_option_is_a_type_error(
    give: Callable[..., object], key: str, value: object
) -> None:
    with pytest.raises(TypeError, match=rf"^{key} must be "):
        give(**{key: value})


@pytest.mark.parametrize(("key", "value"), BAD_TASK_VALUE)
@pytest.mark.parametrize("give", FULL.values(), ids=FULL)
def test_a_task_option_that_cannot_be_is_a_value_error(
    give: Callable[..., object], key: str, value: object
) -> None:
    with pytest.raises(ValueError, match=rf"{key} must be "):
        give(**{key: value})


def test_more_than_one_return_is_refused_with_the_reason() -> None:
    with pytest.raises(ValueError, match=r"^a workflow task has one output: num_returns must be 1, not 2$"):
        nothing.options(num_returns=2)
    assert options_of(nothing.options(num_returns=1)) == TaskOptions()


@pytest.mark.parametrize("give", FULL.values(), ids=FULL)
def test_an_unknown_option_is_a_value_error_that_lists_the_valid_ones(give: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match=r"^unknown option 'max_retry'; valid ones: ") as caught:
        give(max_retry=3)
    assert str(caught.value).endswith(": " + ", ".join(sorted(TASK_OPTIONS)))


@pytest.mark.parametrize("key", ["max_retries", "retry_exceptions", "num_returns", "Name", "num_cpus"])
def test_workflow_options_takes_only_its_own(key: str) -> None:
    with pytest.raises(ValueError, match=rf"^unknown option '{key}'; valid ones: ") as caught:
        options(**{key: 1})
    names, _, hint = str(caught.value).partition("valid ones: ")[2].partition("; ")
    assert names == (
        "catch_exceptions, checkpoint, metadata, name, retry_delay, retry_delay_max, task_id, timeout"
    )
    assert names == ", ".join(sorted(WORKFLOW_OPTIONS))
    of_task = f"{key} is given to the task itself, as .options({key}=...)"
    assert hint == (of_task if key in TASK_OPTIONS else "")


def test_a_value_that_cannot_even_be_shown_is_refused_all_the_same() -> None:
    with pytest.raises(TypeError, match="max_retries must be an int, not an object of type Unshowable"):
        nothing.options(max_retries=Unshowable())
    with pytest.raises(ValueError, match="metadata must be JSON serialisable"):
        nothing.options(metadata={"a": Unshowable()})


def test_metadata_that_is_nested_too_deep_is_refused() -> None:
    deep = functools.reduce(lambda inner, _: {"a": inner}, range(100_000), {})  # type: ignore[var-annotated]
    with pytest.raises(ValueError, match="metadata must be JSON serialisable"):
        nothing.options(metadata=deep)
    while deep:  # taken apart here: not every Python frees such a thing without recursion
        deep = deep.pop("a")


def test_metadata_that_holds_itself_is_refused() -> None:
    round_and_round: dict[str, object] = {}
    round_and_round["self"] = round_and_round
    with pytest.raises(ValueError, match="metadata must be JSON serialisable: Circular"):
        nothing.options(metadata=round_and_round)


def test_a_long_value_is_shown_in_short() -> None:
    with pytest.raises(ValueError, match="must be JSON") as caught:
        metadata_json({"a": [0] * 10_000, "b": object()})
    assert len(str(caught.value)) < 400


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    LEAVES | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_all_that_json_can_hold_comes_back_from_metadata(metadata: dict[str, Any]) -> None:
    assert json.loads(metadata_json(metadata)) == metadata


def test_metadata_is_captured_when_it_is_given() -> None:
    metadata: dict[str, Any] = {"team": {"name": "blue"}}
    bound = nothing.options(metadata=metadata).bind()
    metadata["team"]["name"] = "red"
    metadata["more"] = object()
    assert json.loads(bound.options.metadata_json) == {"team": {"name": "blue"}}


def test_the_defaults_are_those_of_the_contract() -> None:
    assert options_of(nothing) == TaskOptions(
        name=None,
        metadata_json="{}",
        max_retries=3,
        retry_exceptions=False,
        catch_exceptions=False,
        checkpoint=None,
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"name": "f"}, {"name": "f"}),
        ({"task_id": "f"}, {"name": "f"}),
        ({"name": None}, {"name": None}),
        ({"metadata": {"a": 1}}, {"metadata_json": '{"a": 1}'}),
        ({"metadata": None}, {"metadata_json": "{}"}),
        ({"catch_exceptions": True}, {"catch_exceptions": True}),
        ({"checkpoint": False}, {"checkpoint": False}),
        ({"checkpoint": True}, {"checkpoint": True}),
        ({"checkpoint": None}, {"checkpoint": None}),
        ({"max_retries": 0}, {"max_retries": 0}),
        ({"max_retries": -1}, {"max_retries": -1}),
        ({"retry_exceptions": True}, {"retry_exceptions": True}),
        ({"retry_exceptions": OSError}, {"retry_exceptions": ("builtins.OSError",)}),
        ({"retry_exceptions": []}, {"retry_exceptions": ()}),
        (
            {"retry_exceptions": [ValueError, MineError]},
            {"retry_exceptions": ("builtins.ValueError", f"{__name__}.MineError")},
        ),
        ({"retry_exceptions": (KeyboardInterrupt,)}, {"retry_exceptions": ("builtins.KeyboardInterrupt",)}),
    ],
    ids=shown,
)
def test_each_option_arrives(given: dict[str, Any], expected: dict[str, Any]) -> None:
    got = options_of(nothing.options(**given))
    assert {key: getattr(got, key) for key in expected} == expected
    assert options_of(task(**given)(lambda: None)) == got


def test_name_and_task_id_mean_the_same_and_the_later_call_wins() -> None:
    assert options_of(nothing.options(name="a").options(task_id="b")).name == "b"
    assert options_of(nothing.options(task_id="a").options(name="b")).name == "b"


def test_options_are_merged_key_by_key() -> None:
    first = nothing.options(name="a", max_retries=7, metadata={"a": 1})
    second = first.options(metadata={"b": 2}, checkpoint=False)
    assert options_of(second) == TaskOptions(
        name="a", max_retries=7, metadata_json='{"b": 2}', checkpoint=False
    )
    assert options_of(first).metadata_json == '{"a": 1}'  # the first is as it was
    assert options_of(nothing) == TaskOptions()


def test_what_workflow_options_gives_unpacks_into_f_options() -> None:
    given = options(name="add_task", metadata={"k": "v"})
    got = options_of(nothing.options(max_retries=1, **given))
    assert got == TaskOptions(name="add_task", metadata_json='{"k": "v"}', max_retries=1)


def test_two_workflow_options_take_two_calls() -> None:
    one, other = options(metadata={"a": 1}, checkpoint=False), options(metadata={"b": 2})
    with pytest.raises(TypeError, match="multiple values for keyword argument '_labels'"):
        nothing.options(**one, **other)  # Python's own; the page of errors says what to write
    merged = options_of(nothing.options(**one).options(**other))
    assert merged == TaskOptions(metadata_json='{"b": 2}', checkpoint=False)


def test_workflow_options_decorates_a_task_and_call_options_win_over_it() -> None:
    @options(name="decorated", metadata={"from": "decorator"}, catch_exceptions=True)
    @task(max_retries=9)
    def decorated() -> None:
        pass

    assert options_of(decorated) == TaskOptions(
        name="decorated", metadata_json='{"from": "decorator"}', max_retries=9, catch_exceptions=True
    )
    called = decorated.options(**options(metadata={"from": "call"}))
    assert options_of(called).metadata_json == '{"from": "call"}'
    assert options_of(called).name == "decorated"


def test_two_workflow_options_decorators_merge_and_the_upper_one_wins() -> None:
    @options(name="upper")
    @options(name="lower", checkpoint=False)
    @task
    def decorated() -> None:
        pass

    assert options_of(decorated) == TaskOptions(name="upper", checkpoint=False)


@pytest.mark.parametrize("below", [len, lambda: None, 5, type], ids=shown)
def test_workflow_options_below_the_task_decorator_says_which_goes_above(below: object) -> None:
    with pytest.raises(
        TypeError, match=r"^@workflow\.options goes above @workflow\.task \(or @ray\.remote\)"
    ):
        options(name="x")(below)


def test_workflow_options_decorates_whatever_takes_options() -> None:
    class Remote:
        """As a function of `@ray.remote`: it keeps what it is given."""

        def options(self, **given: object) -> Mapping[str, object]:
            return given

    got = options(name="x")(Remote())
    assert got == {"_labels": {"heliograph": '{"name": "x"}'}}


def test_given_options_are_a_mapping_of_the_one_key_that_ray_lets_through() -> None:
    given = GivenOptions({"name": "x"})
    assert list(given) == ["_labels"]
    assert len(given) == 1
    assert dict(given) == {"_labels": {"heliograph": '{"name": "x"}'}}
    with pytest.raises(KeyError):
        given["name"]


@pytest.mark.parametrize(
    "labels", [5, "x", ["a"], {"heliograph": 5}, {"heliograph": [("name", "x")]}], ids=shown
)
def test_what_others_put_where_the_options_are_carried_is_a_clear_error(labels: object) -> None:
    with pytest.raises(TypeError, match=r"^_labels is what workflow\.options\(\.\.\.\) unpacks to, not "):
        nothing.options(_labels=labels)


@pytest.mark.parametrize("labels", [None, {}, {"gpu": "a100"}], ids=shown)
def test_labels_of_rays_own_change_nothing(labels: object) -> None:
    assert options_of(nothing.options(_labels=labels)) == TaskOptions()


def test_name_and_task_id_mean_the_same_and_cannot_differ() -> None:
    with pytest.raises(ValueError, match="name and task_id mean the same, and are 'a' and 'b': give one"):
        options(name="a", task_id="b")
    assert TaskOptions().merged(options(name="a", task_id="a")).name == "a"


def test_metadata_given_is_taken_by_value() -> None:
    metadata = {"team": "blue"}
    given = options(metadata=metadata)
    metadata["team"] = "red"
    assert TaskOptions().merged(given).metadata_json == '{"team": "blue"}'

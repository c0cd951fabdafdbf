"""Values as bytes and back, with some objects left out or replaced on the way."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from collections import namedtuple
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.errors import NotPicklableError, WorkflowError
from heliograph.graph import pickling
from heliograph.graph.pickling import (
    PLAIN,
    dumps,
    dumps_plain,
    dumps_plain_with_references,
    dumps_with_references,
    load_with_references,
    loads,
)
from tests.shown import shown

Point = namedtuple("Point", "x y")


@dataclass(frozen=True)
class Marker:
    """Stands for what is kept out of the bytes."""

    number: int


@dataclass
class Box:
    content: Any


class Stubborn:
    def __reduce__(self) -> Any:
        raise RuntimeError("I stay")


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.builds(Box, inner)
    ),
    max_leaves=8,
)


def out(value: Any, kept: list[Any]) -> bytes:
    """The value as bytes, each `Marker` in it put into `kept` instead."""

    def reference(thing: Any) -> int | None:
        if type(thing) is not Marker:
            return None
        kept.append(thing)
        return len(kept) - 1

    return dumps_with_references(value, reference, lambda _thing: None)


@given(VALUES)
def test_a_value_comes_back(value: Any) -> None:
    assert loads(dumps(value, "it")) == value


@given(VALUES)
def test_a_value_comes_back_through_references_too(value: Any) -> None:
    assert load_with_references(BytesIO(out(value, [])), lambda _: 1 / 0) == value


@given(st.lists(st.sampled_from(sorted(PLAIN, key=str)).flatmap(lambda kind: st.from_type(kind)), max_size=5))
def test_the_short_cut_for_plain_values_gives_what_the_long_way_gives(values: list[Any]) -> None:
    given = (tuple(values), {"values": values})
    shortest, short = dumps_plain(given), dumps_plain_with_references(given, lambda _: None)
    long = dumps_with_references(given, lambda _: None, lambda _: None)
    assert repr(loads(shortest)) == repr(loads(short)) == repr(loads(long)) == repr(given)


def test_the_short_cut_keeps_references_out() -> None:
    data = dumps_plain_with_references(
        (Marker(1), 5, Marker(2)), lambda thing: thing.number if type(thing) is Marker else None
    )
    assert load_with_references(BytesIO(data), lambda number: f"output {number}") == (
        "output 1",
        5,
        "output 2",
    )


@pytest.mark.parametrize(
    ("nested", "expected"),
    [
        (Marker(7), "seven"),
        ([1, Marker(7)], [1, "seven"]),
        ((Marker(7), 1), ("seven", 1)),
        ({"k": Marker(7)}, {"k": "seven"}),
        ({Marker(7): "v"}, {"seven": "v"}),
        ({1, Marker(7)}, {1, "seven"}),
        (frozenset({Marker(7)}), frozenset({"seven"})),
        (Point(1, Marker(7)), Point(1, "seven")),
        (Box(Marker(7)), Box("seven")),
        ([{"deep": (Box([Marker(7)]),)}], [{"deep": (Box(["seven"]),)}]),
    ],
    ids=shown,
)
def test_a_reference_is_found_wherever_it_is_nested(nested: Any, expected: Any) -> None:
    kept: list[Any] = []
    data = out(nested, kept)
    assert kept == [Marker(7)]
    assert b"Marker" not in data
    assert load_with_references(BytesIO(data), ["seven"].__getitem__) == expected


def test_what_is_replaced_is_replaced_wherever_it_is_nested() -> None:
    def substitute(thing: Any) -> tuple[Any] | None:
        return ({"for": thing.number},) if isinstance(thing, Marker) else None

    data = dumps_with_references([Marker(1), Box((Marker(2),))], lambda _: None, substitute)
    assert load_with_references(BytesIO(data), lambda _: None) == [{"for": 1}, Box(({"for": 2},))]


def test_what_is_replaced_by_none_is_none() -> None:
    data = dumps_with_references(
        [Marker(1)], lambda _: None, lambda thing: (None,) if type(thing) is Marker else None
    )
    assert loads(data) == [None]


def test_functions_and_classes_go_by_value_where_they_have_no_name() -> None:
    class Local:
        def double(self, x: int) -> int:
            return 2 * x

    factor = 3
    made, triple = loads(dumps((Local(), lambda x: factor * x), "both"))
    assert (made.double(4), triple(4)) == (8, 12)


SLOTTED = """
from abc import ABC
from dataclasses import dataclass
from typing import NamedTuple

@dataclass(slots=True)
class Point:
    x: int

class Kept(ABC):
    __slots__ = ()

class Hidden(Kept):
    __slots__ = ("__inner", "y")
    def __init__(self):
        self.__inner = 3
    def inner(self):
        return self.__inner

class Pair(NamedTuple):
    left: int

def check(point, hidden, pair):
    assert (point, hidden.inner(), pair) == (Point(1), 3, Pair(2))
    assert not hasattr(point, "__dict__") and not hasattr(hidden, "__dict__")
    return point, hidden, pair
"""


def test_a_class_with_slots_keeps_them_in_another_process_whose_objects_come_back() -> None:
    given = "Point(1), Hidden(), Pair(2)"
    there = (
        "import sys; from heliograph.graph.pickling import dumps, loads;"
        "check, given = loads(sys.stdin.buffer.read()); sys.stdout.buffer.write(dumps(check(*given), 'it'))"
    )
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(SLOTTED, namespace)
    sent = dumps((namespace["check"], eval(given, namespace)), "it")
    answer = subprocess.run([sys.executable, "-c", there], input=sent, stdout=subprocess.PIPE, check=True)
    point, hidden, pair = namespace["check"](*loads(answer.stdout))
    assert [type(one) for one in (point, hidden, pair)] == [
        namespace[name] for name in ("Point", "Hidden", "Pair")
    ]


def test_a_cloudpickle_that_makes_classes_otherwise_will_do() -> None:
    otherwise = (
        "from cloudpickle import cloudpickle\n"
        "cloudpickle._make_class = cloudpickle._make_skeleton_class\n"
        "del cloudpickle._make_skeleton_class\n"
        "from heliograph.graph.pickling import dumps, loads\n"
        "class Point: __slots__ = ('x',)\n"
        "cloudpickle._make_skeleton_class = cloudpickle._make_class\n"
        "assert loads(dumps(Point, 'it')).__name__ == 'Point'"
    )
    subprocess.run([sys.executable, "-c", otherwise], check=True)


def test_one_object_twice_is_one_object_twice() -> None:
    shared: list[int] = []
    first, second = load_with_references(BytesIO(out((shared, shared), [])), lambda _: None)
    assert first is second


def test_a_list_that_holds_itself_comes_back() -> None:
    turning: list[Any] = []
    turning.append(turning)
    back = loads(dumps(turning, "it"))
    assert back[0] is back


@pytest.mark.parametrize(
    ("value", "kind", "reason"),
    [
        (threading.Lock(), "_thread.lock", "TypeError"),
        (Stubborn(), f"{__name__}.Stubborn", "RuntimeError: I stay"),
        ([Stubborn()], "builtins.list", "RuntimeError: I stay"),
        ((item for item in ()), "builtins.generator", "TypeError"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_cannot_be_pickled_is_named_with_its_type_the_reason_and_a_way_out(
    value: Any, kind: str, reason: str
) -> None:
    with pytest.raises(NotPicklableError) as caught:
        dumps(value, "the output of task 'f'")
    message = str(caught.value)
    assert message.startswith(f"the output of task 'f' can't be pickled: it is of type {kind} (")
    assert reason in message
    assert message.endswith("Make it inside the task, or pass what it is made from.")
    assert caught.value.__cause__ is not None


def test_a_value_nested_too_deep_cannot_be_pickled_and_nothing_breaks() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(NotPicklableError, match="recursion"):
        dumps(deep, "it")
    while deep:
        deep = deep.pop()


def test_the_error_is_of_the_family_and_a_type_error() -> None:
    assert issubclass(NotPicklableError, WorkflowError)
    assert issubclass(NotPicklableError, TypeError)


@pytest.mark.parametrize("value", [1, 1.5, 1j, "x", b"x", True, None], ids=shown)
def test_plain_values_are_pickled_as_pickle_does_it(value: object) -> None:
    assert dumps(value, "it") == pickle.dumps(value, 5)


def test_code_is_known_to_be_from_its_file_that_tracebacks_name() -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    source = "def outer():\n    def inner():\n        pass\n    return inner\n"
    exec(compile(source, "/some/where.py", "exec"), namespace)
    outer = loads(dumps(namespace["outer"], "it"))
    assert [outer.__code__.co_filename, outer().__code__.co_filename] == ["/some/where.py"] * 2


def test_code_of_another_python_is_not_loaded_since_it_would_crash_this_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(pickling, "COMPILER", "cpython-399")
        stored = dumps(lambda: 1, "it")
    with pytest.raises(ImportError, match="was stored by cpython-399, which alone can run it"):
        loads(stored)

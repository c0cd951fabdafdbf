"""Records are what `dataclasses` makes of the same class."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from typing import Any

import pytest

from heliograph.graph.frozen import record


@record
class Fast:
    """A record."""

    url: str = dataclasses.field(repr=False)
    number: int
    text: str = "a"
    items: list[int] = dataclasses.field(default_factory=list)
    handle: Any = dataclasses.field(default=None, compare=False)

    @property
    def twice(self) -> int:
        """Of the number."""
        return self.number * 2


@record
class One:
    """Of one field."""

    number: int


@record
class Nothing:
    """Of none."""


@record
class Other:
    """Another class of the same fields as `One`."""

    number: int


@dataclasses.dataclass(frozen=True, slots=True)
class Slow:
    """The same as `Fast`."""

    url: str = dataclasses.field(repr=False)
    number: int
    text: str = "a"
    items: list[int] = dataclasses.field(default_factory=list)
    handle: Any = dataclasses.field(default=None, compare=False)

    @property
    def twice(self) -> int:
        """Of the number."""
        return self.number * 2


def test_it_is_made_and_shown_as_a_dataclass_is() -> None:
    for args, kwargs in [
        (("u", 1), {}),
        (("u", 1, "b", [3]), {}),
        ((), {"number": 2, "url": "u", "handle": 4}),
    ]:
        fast, made = Fast(*args, **kwargs), Slow(*args, **kwargs)
        assert repr(fast) == repr(made).replace("Slow", "Fast")
        assert dataclasses.asdict(fast) == dataclasses.asdict(made)
        assert dataclasses.astuple(fast) == dataclasses.astuple(made)
        assert fast.twice == made.twice
    assert str(inspect.signature(Fast)).replace("<factory>", "").count("=") == 3
    assert repr(One(1)) == "One(number=1)"
    assert repr(Nothing()) == "Nothing()"
    with pytest.raises(TypeError, match="number"):
        Fast("u")  # type: ignore[call-arg]
    assert Fast("u", 1).items is not Fast("u", 1).items


def test_equal_are_those_of_one_class_with_equal_fields() -> None:
    assert Fast("u", 1, handle=1) == Fast("u", 1, handle=2) != Fast("u", 2)
    assert One(1) == One(1) != One(2)
    assert One(1) != Other(1)
    assert Nothing() == Nothing()
    assert {One(1), One(1), Nothing(), Nothing()} == {One(1), Nothing()}
    with pytest.raises(TypeError, match="unhashable"):
        hash(Fast("u", 1))


def test_nothing_in_it_changes() -> None:
    one = One(1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.number = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del one.number
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.more = 2  # type: ignore[attr-defined]
    assert not hasattr(one, "__dict__")
    assert one == One(1)


@pytest.mark.parametrize("record", [Fast("u", 1, items=[2], handle="h"), One(1), Nothing()])
def test_it_can_be_pickled_and_copied(record: Any) -> None:
    for made in (pickle.loads(pickle.dumps(record)), copy.deepcopy(record), dataclasses.replace(record)):
        assert made == record
        assert repr(made) == repr(record)


def test_dataclasses_and_matching_know_it() -> None:
    assert dataclasses.is_dataclass(Fast)
    assert [field.name for field in dataclasses.fields(Fast)] == list(Fast.__match_args__)
    assert dataclasses.replace(Fast("u", 1), number=2) == Fast("u", 2)
    match One(3):
        case One(number):
            assert number == 3

"""Ids of workflows and tasks."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.graph.identifiers import MAX_LENGTH, UniqueNames, check_identifier, safe_name
from tests.shown import shown

CONTROL = [chr(code) for code in (*range(0x20), 0x7F, *range(0x80, 0xA0), 0x2028, 0x2029)]
SURROGATES = ["\ud800", "\udbff", "\udc00", "\udfff"]


@pytest.mark.parametrize(
    "value",
    ["a", "nightly 7", "größe/日本/🙂", "x" * MAX_LENGTH, "..", "a'b\"c;--", " ", "%s {0}"],
)
def test_any_printable_text_of_up_to_512_characters_is_an_id(value: str) -> None:
    assert check_identifier("workflow_id", value) == value


@pytest.mark.parametrize("value", [None, 7, 7.0, True, b"bytes", ["a"], object()], ids=shown)
def test_an_id_that_is_no_str_is_a_type_error_that_names_the_type(value: object) -> None:
    with pytest.raises(TypeError, match=rf"^workflow_id must be a str, not {type(value).__name__}: "):
        check_identifier("workflow_id", value)


def test_an_empty_id_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^task_id must not be empty$"):
        check_identifier("task_id", "")


def test_an_id_of_513_characters_is_refused_and_shown_in_short() -> None:
    with pytest.raises(
        ValueError, match=r"^workflow_id must have at most 512 characters, not 513: 'x{40}'…$"
    ):
        check_identifier("workflow_id", "x" * 513)


@pytest.mark.parametrize("character", CONTROL, ids=ascii)
def test_an_id_with_a_control_character_is_refused_and_the_place_is_told(character: str) -> None:
    with pytest.raises(ValueError, match=r"^workflow_id holds a control character at position 2: "):
        check_identifier("workflow_id", f"ab{character}c")


@pytest.mark.parametrize("character", SURROGATES, ids=ascii)
def test_an_id_with_half_a_character_is_refused_and_the_place_is_told(character: str) -> None:
    with pytest.raises(ValueError, match=r"^workflow_id holds half a character at position 1: ") as caught:
        check_identifier("workflow_id", f"a{character}")
    assert str(caught.value).encode()  # the message itself can be printed


@given(st.text(st.characters(blacklist_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=MAX_LENGTH))
def test_an_accepted_id_can_be_encoded_and_has_one_line(value: str) -> None:
    accepted = check_identifier("workflow_id", value)
    assert accepted.encode().decode() == value
    assert len(accepted.splitlines()) == 1


@given(st.text())
def test_a_safe_name_has_only_what_every_file_system_takes(text: str) -> None:
    safe = safe_name(text)
    assert re.fullmatch(r"[A-Za-z0-9_.\-]{0,512}", safe)
    assert len(safe) == min(len(text), MAX_LENGTH)


def test_a_safe_name_stays_as_it_is() -> None:
    assert safe_name(safe_name("a b/c.<locals>.d-1")) == "a_b_c._locals_.d-1"


def test_a_name_that_is_taken_gets_numbers_in_order() -> None:
    names = UniqueNames()
    assert [names.take("f") for _ in range(4)] == ["f", "f_1", "f_2", "f_3"]


def test_a_number_that_somebody_chose_as_a_name_is_passed_over() -> None:
    names = UniqueNames()
    taken = [names.take(name) for name in ("f_1", "f", "f", "f_2", "f", "f_1")]
    assert taken == ["f_1", "f", "f_2", "f_2_1", "f_3", "f_1_1"]


@given(st.lists(st.sampled_from(["f", "f_1", "f_1_1", "g", "f_2"])))
def test_every_name_is_handed_out_once_and_begins_with_what_was_asked_for(wanted: list[str]) -> None:
    names = UniqueNames()
    taken = [names.take(name) for name in wanted]
    assert len(set(taken)) == len(taken)
    for name, got in zip(wanted, taken, strict=True):
        assert re.fullmatch(rf"{name}(_\d+)?", got)
    for name in set(wanted):
        first = wanted.index(name)
        assert taken[first] == name or name in taken[:first]


def test_a_number_makes_no_name_longer_than_an_id_may_be() -> None:
    names = UniqueNames()
    long = "x" * MAX_LENGTH
    taken = [names.take(long) for _ in range(12)]
    assert len(set(taken)) == 12
    assert {len(name) for name in taken} == {MAX_LENGTH}
    assert taken[1].endswith("x_1")
    assert taken[11].endswith("x_11")
    for name in taken:
        check_identifier("task_id", name)


def test_many_equal_names_take_no_longer_each() -> None:
    names = UniqueNames()
    last = [names.take("f") for _ in range(50_000)][-1]
    assert last == "f_49999"

"""Every promise of the contract is held by tests that are there, and that run on every engine."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.contract.rows import PROMISES, Promise

TESTS = Path(__file__).resolve().parent.parent
ENGINES = {"engine", "isolating_engine", "embedded_engine", "server", "isolated_server"}


@cache
def found_in(module: str) -> dict[str, set[str]]:
    """The tests of a module, and what each of them takes."""
    folder = TESTS if "/" in module else TESTS / "contract"
    tree = ast.parse((folder / f"{module}.py").read_text("utf-8"))
    return {
        node.name: {argument.arg for argument in node.args.args}
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def described(promise: Promise) -> str:
    return f"{promise.of}: {promise.words}"


@pytest.mark.parametrize("promise", PROMISES, ids=described)
def test_a_promise_is_held_by_tests_that_are_there(promise: Promise) -> None:
    assert promise.tests
    for name in promise.tests:
        module, _, test = name.partition("::")
        assert test in found_in(module), f"there is no test {name} any more, which held: {described(promise)}"


@pytest.mark.parametrize("promise", [one for one in PROMISES if not one.no_engine], ids=described)
def test_a_promise_of_an_engine_is_held_on_engines(promise: Promise) -> None:
    for name in promise.tests:
        module, _, test = name.partition("::")
        assert found_in(module)[test] & ENGINES, f"{name} runs on no engine"


def test_no_promise_is_there_twice() -> None:
    names = [described(promise) for promise in PROMISES]
    assert sorted(set(names)) == sorted(names)

"""Statements that searches keep: made once for a shape of question, and asked with the values of each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from heliograph.records.status import WorkflowStatus
from heliograph.search.expressions import Condition
from heliograph.search.fields import FieldAsked, FieldKind
from heliograph.search.language import read
from heliograph.storage.journal.labels import Labels
from heliograph.storage.searching.places import Order
from heliograph.storage.statements.compiling import compiled
from heliograph.storage.statements.statement import Statement
from heliograph.workflow import field
from tests.storage.opened import Opened

NEWEST = Order()
BY_ID = Order(FieldAsked(FieldKind.TEXT, "workflow_id"), descending=False)
TEAMS = ("blue", "red", "bl%ue", "blue/")
VALUES: tuple[Any, ...] = (1, 1.0, True, "1", None, "true", 2.5, "")


@pytest.fixture
def filled(here: Opened) -> Opened:
    """With workflows of some teams, and of values that are easily taken for each other."""
    journal = here.journal()
    for number in range(12):
        run = here.submit(journal, f"w-{number:02}")
        of = {"team": TEAMS[number % len(TEAMS)], "value": VALUES[number % len(VALUES)], "number": number}
        with here.store._database.write() as connection:
            Labels(here.store._database.kind).replace(connection, run.key, json.dumps(of))
        if number % 3 == 0:
            here.succeed(journal, run, 0)
            here.succeed(journal, run, 1)
    return here


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The statements that are made from now on."""
    those: list[object] = []

    def counted(statement: Any, *rest: Any) -> Any:
        those.append(statement)
        return compiled(statement, *rest)

    monkeypatch.setattr("heliograph.storage.searching.prepared.compiled", counted)
    return those


def found(of: Opened, where: str | Condition, order: Order = NEWEST) -> list[str]:
    condition = read(where) if isinstance(where, str) else where
    page = of.store.search.workflows(condition, order, None, 50)
    return [record.workflow_id for record in page.listing.found]


@pytest.mark.parametrize("order", [NEWEST, BY_ID])
def test_a_question_of_a_known_shape_makes_no_statement(
    filled: Opened, made: list[object], order: Order
) -> None:
    def ask_all() -> None:
        for team, ids in (("blue", ["w-00"]), ("red", ["w-09"]), ("'bl%ue'", ["w-06"]), ("nobody", [])):
            assert found(filled, f"user_metadata.team = {team} and status = SUCCESSFUL", order) == ids

    ask_all()
    assert made
    made.clear()
    ask_all()  # whichever way each is gone, it was gone before
    assert made == []
    found(filled, "user_metadata.team != blue and status = SUCCESSFUL")
    assert made  # that is another one


def test_pages_behind_a_row_are_of_one_shape(filled: Opened, made: list[object]) -> None:
    for order in (NEWEST, BY_ID):
        ids, after = list[str](), None
        for number in range(12):
            made_before = len(made)
            page, after = filled.store.search.workflows(None, order, after, 1)
            assert number < 2 or len(made) == made_before
            ids += [record.workflow_id for record in page.found]
        assert after is None
        assert sorted(ids) == [f"w-{number:02}" for number in range(12)]


def test_values_that_look_alike_are_told_apart_in_any_order(filled: Opened) -> None:
    first = {repr(value): found(filled, field("user_metadata.value") == value) for value in VALUES}
    for value in reversed(VALUES):
        assert found(filled, field("user_metadata.value") == value) == first[repr(value)]
    assert first["1"] == first["1.0"] == ["w-09", "w-08", "w-01", "w-00"]
    assert first["True"] == ["w-10", "w-02"]
    assert first["'1'"] == ["w-11", "w-03"]
    assert first["None"] == ["w-04"]
    assert first["'true'"] == ["w-05"]
    assert first["''"] == ["w-07"]


def test_what_like_takes_for_a_pattern_is_text(filled: Opened) -> None:
    prefix = field("user_metadata.team").startswith
    assert found(filled, prefix("bl%")) == ["w-10", "w-06", "w-02"]
    assert found(filled, prefix("blue/")) == ["w-11", "w-07", "w-03"]
    assert found(filled, prefix("bl_")) == []


def test_tasks_of_many_workflows_are_asked_for_at_once(
    filled: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Statement] = []

    def ask(statement: Statement, *rest: Any, **values: Any) -> Any:
        asked.append(statement)
        return original(statement, *rest, **values)

    original = Statement.ask
    monkeypatch.setattr(Statement, "ask", ask)
    counts = []
    for limit in (2, 24):  # of 12 workflows, each with two
        asked.clear()
        page = filled.store.search.tasks(None, NEWEST, None, limit).listing.found
        assert len(page) == limit
        assert [(workflow_id, task.task_id) for workflow_id, task in page[:3]] == [
            ("w-11", "second"),
            ("w-11", "first"),
            ("w-10", "second"),
        ][:limit]
        assert page[0][1].upstream == ("first",)
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_now_is_the_moment_of_each_question(filled: Opened, made: list[object]) -> None:
    lately = read("created_time > now - 10min and created_time < now + 1h")
    for order in (NEWEST, BY_ID):
        assert len(found(filled, lately, order)) == 12
    search = filled.store.search
    by_team = [FieldAsked(FieldKind.METADATA, "user_metadata", ("team",))]
    assert sum(group.count for group in search.groups(lately, by_team, [], False)) == 12
    assert sum(part.count for part in search.over_time(lately, 3)) == 12
    assert search.explained(lately, NEWEST, False, 50)

    first = search.workflows(lately, NEWEST, None, 5)
    assert len(first.listing.found) == 5
    filled.clock.now += 595.0
    behind = search.workflows(lately, NEWEST, first.last, 5)
    assert [record.workflow_id for record in behind.listing.found] == [f"w-{n:02}" for n in range(6, 1, -1)]
    filled.clock.now += 10.0
    assert search.workflows(lately, NEWEST, first.last, 5).listing.found == []
    assert found(filled, lately) == []
    assert search.groups(lately, by_team, [], False) == []
    assert search.over_time(lately, 3) == []
    filled.clock.now -= 605.0
    made.clear()
    assert len(found(filled, lately)) == 12
    assert made == []


def test_who_is_there_is_asked_anew_with_each_question(filled: Opened) -> None:
    running = read(f"status = {WorkflowStatus.RUNNING}")
    left = read(f"status = {WorkflowStatus.RESUMABLE}")
    assert len(found(filled, running)) == 8
    assert found(filled, left) == []
    filled.clock.now += 1_000.0
    assert found(filled, running) == []
    assert len(found(filled, left)) == 8

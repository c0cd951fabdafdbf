"""Statements that searches keep: made once for a shape of question, and asked with the values of each."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from heliograph.reading import questions
from heliograph.records.status import WorkflowStatus
from heliograph.search.expressions import Condition
from heliograph.search.fields import FieldAsked, FieldKind
from heliograph.search.language import read
from heliograph.storage.journal.journal import Batch
from heliograph.storage.journal.labels import PATH_LIMIT, TEXT_LIMIT, Labels
from heliograph.storage.searching.places import Order
from heliograph.storage.statements.compiling import compiled
from heliograph.storage.statements.statement import Statement
from heliograph.workflow import field
from tests.storage.opened import Opened, failure

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


@pytest.mark.parametrize("descending", [True, False])
def test_pages_by_a_time_that_many_have(here: Opened, descending: bool) -> None:
    journal = here.journal()
    for number in range(12):
        here.clock.now += number % 4 == 0
        here.submit(journal, f"{number}")
    by_time = Order(FieldAsked(FieldKind.TIME, "created_time"), descending)
    ids, after = list[str](), None
    while True:
        page, after = here.store.search.workflows(None, by_time, after, 3)
        ids += [record.workflow_id for record in page.found]
        if after is None:
            break
    of_a_time = [[f"{number + 3 - place}" for place in range(4)] for number in (0, 4, 8)]
    assert ids == [one for some in (of_a_time[::-1] if descending else of_a_time) for one in some]


@pytest.mark.parametrize(
    ("parts", "width", "counts"),
    [
        (1, 110, [24]),
        (2, 55, [12, 12]),
        (3, 110 / 3, [8, 8, 8]),
        (11, 10, [2] * 10 + [4]),
        (500, 1, ([2] + [0] * 9) * 11 + [2]),
    ],
)
def test_parts_of_the_time_are_of_equal_length(
    here: Opened, parts: int, width: float, counts: list[int]
) -> None:
    journal, first = here.journal(), here.clock.now
    for number in range(12):  # two every ten seconds: the last ones are where the last part ends
        here.submit(journal, f"{number}")
        journal.commit(Batch([], [failure(here.submit(journal, f"{number} failed"), 0)]))
        here.clock.now += 10
    found = here.store.search.over_time(None, parts)
    places = range(len(counts))
    assert [part.begin for part in found] == pytest.approx([first + width * place for place in places])
    assert [part.end - part.begin for part in found] == pytest.approx([width] * len(counts))
    assert [part.count for part in found] == counts
    assert [part.failed for part in found] == [count // 2 for count in counts]


def test_one_of_several_times_and_ids(filled: Opened) -> None:
    filled.clock.now += 60
    filled.submit(filled.journal(), "later")
    later = datetime.fromtimestamp(filled.clock.now).isoformat()
    for where, ids in (
        (f"created_time in ('{later}', 5)", ["later"]),
        ("workflow_id in (w-03, nobody, later)", ["later", "w-03"]),
        ("workflow_id in (nobody)", []),
        ("workflow_id = w-03 or workflow_id = w-01", ["w-03", "w-01"]),
        ("status in (SUCCESSFUL, FAILED) and workflow_id in (w-03, w-04)", ["w-03"]),
    ):
        condition = questions.condition(where, tasks=False)
        assert condition is not None
        for order in (NEWEST, BY_ID):
            assert sorted(found(filled, condition, order)) == sorted(ids), where
        of_tasks = filled.store.search.tasks(
            questions.condition(where.replace("created", "workflow.created"), tasks=True), NEWEST, None, 50
        )
        if "status" not in where:
            assert [of for of, _ in of_tasks.listing.found] == [of for of in ids for _ in range(2)], where


def test_of_long_texts_and_keys_the_whole_counts(here: Opened) -> None:
    journal, text, key = here.journal(), "x" * TEXT_LIMIT, "k" * PATH_LIMIT
    for workflow_id, of in (
        ("text", {"long": text}),
        ("longer", {"long": f"{text}1"}),
        ("other", {"long": f"{text}2", f"{key}1": 1}),
        ("deep", {"long": "short", key: {f"{key}2": 1}}),
        ("flat", {"long": text, f"{key}.{key}3": 1}),
    ):
        run = here.submit(journal, workflow_id)
        with here.store._database.write() as connection:
            Labels(here.store._database.kind).replace(connection, run.key, json.dumps(of))
    long = field("user_metadata")["long"]
    assert found(here, long == text) == ["flat", "text"]
    assert found(here, long == f"{text}1") == ["longer"]
    assert found(here, long.is_in([f"{text}2", f"{text}3"])) == ["other"]
    assert found(here, long.startswith("xx")) == ["flat", "other", "longer", "text"]
    assert found(here, long.contains("\x01")) == []
    metadata = field("user_metadata")
    assert found(here, metadata[f"{key}1"] == 1) == ["other"]
    assert found(here, metadata[key][f"{key}2"] == 1) == ["deep"]
    assert found(here, metadata[f"{key}.{key}3"] == 1) == ["flat"]
    assert found(here, metadata[f"{key}2"].exists()) == found(here, metadata[key][f"{key}3"].exists()) == []


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


@pytest.mark.parametrize(
    "where", ["status = RUNNING", "workflow.status = RUNNING", "workflow.status = RESUMABLE"]
)
def test_a_server_looks_for_workflows_and_not_for_that_of_each_task(stores: list[Opened], where: str) -> None:
    steps = stores[0].store.search.explained(read(where), NEWEST, True, 50)
    assert not [step for step in steps if "SubPlan" in step], steps


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

"""`search` and `summarize`, held against what `get_metadata` says and plain Python makes of it."""

from __future__ import annotations

import itertools
import json
import operator
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import psycopg.conninfo
import pytest

from heliograph import workflow
from heliograph.engines.opening import opened
from heliograph.search.expressions import (
    And,
    Comparison,
    Condition,
    Exists,
    FromNow,
    Name,
    Not,
    OneOf,
    Operator,
    Or,
    Value,
)
from heliograph.search.fields import TASK_FIELDS, WORKFLOW_FIELDS, FieldKind
from heliograph.storage.searching import first_rows
from heliograph.storage.searching.places import Order
from heliograph.workflow import field
from tests import postgresql
from tests.conditions import until
from tests.contract.conftest import THREADS, EngineUnderTest, OnPostgreSQL, started
from tests.gates import Gate, Ledger

ODD = 'a.b"c\\d 🚀'
INJECTION = "x'; DROP TABLE workflows; --"
OF_TEXT = {
    name
    for name, kind in (*WORKFLOW_FIELDS.items(), *TASK_FIELDS.items())
    if kind in (FieldKind.TEXT, FieldKind.STATUS)
}


@workflow.task
def give(value: object) -> object:
    return value


@workflow.task
def down(count: int) -> Any:
    return workflow.continuation(down.bind(count - 1)) if count else "done"


@workflow.task
def fail(value: object) -> None:
    raise ValueError(f"no {value}")


@workflow.task
def wait(gate: Gate) -> None:
    gate.wait()


@workflow.task(max_retries=1, retry_exceptions=True, retry_delay=0.01)
def fail_once(ledger: Ledger) -> str:
    if ledger.note("try") == 1:
        raise OSError("not yet")
    return workflow.run(give.bind("inside"), workflow_id="inside")


def metadata(number: int) -> dict[str, Any]:
    made: dict[str, Any] = {"n": number, "team": ("blue", "red", "green")[number % 3]}
    if number % 2:
        made["tags"] = ["even" if number % 4 == 1 else "odd", number % 5, None]
    if number % 4 == 0:
        made["deep"] = {"er": {"yet": number / 2}, ODD: INJECTION if number % 8 else "y"}
    if number % 5 == 0:
        made["flag"] = number % 10 == 0
    if number == 7:
        made["team"] = None
    if number == 9:
        made["team"] = ""
    return made


@pytest.fixture(scope="module", params=[THREADS, OnPostgreSQL(THREADS)], ids=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A store of many kinds of workflows."""
    for made in started(request.param, tmp_path_factory.mktemp("search")):
        for number in range(40):
            task = fail if number % 7 == 3 else give
            named = task.options(**workflow.options(name=f"task-{number % 4}", metadata=metadata(number)))
            try:
                workflow.run(
                    named.bind("x" * number), workflow_id=f"w-{number:02}", metadata=metadata(number)
                )
            except workflow.WorkflowExecutionError:
                workflow.get_metadata(f"w-{number:02}")
        yield made


COMPARED: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQUAL: operator.eq,
    Operator.LESS: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.GREATER: operator.gt,
    Operator.AT_LEAST: operator.ge,
}
MISSING = object()


def value_of(record: dict[str, Any], name: Name) -> Any:
    value: Any = record
    for part in name.parts:
        if not isinstance(value, dict) or part not in value:
            return MISSING
        value = value[part]
    return value


def same(left: Any, right: Value) -> bool:
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def holds(record: dict[str, Any], condition: Condition) -> bool:
    match condition:
        case And(parts):
            return all(holds(record, part) for part in parts)
        case Or(parts):
            return any(holds(record, part) for part in parts)
        case Not(part):
            return not holds(record, part)
        case Exists(name):
            return value_of(record, name) is not MISSING
        case OneOf(name, several):
            return any(same(value_of(record, name), value) for value in several)
        case Comparison(name, how, value):
            found = value_of(record, name)
            if isinstance(value, FromNow):
                value = time.time() + value.seconds
            if name.parts == ("error", "type") and how in (Operator.EQUAL, Operator.UNEQUAL):
                has_class = found is not MISSING and f".{found}".endswith(f".{value}")
                return has_class == (how is Operator.EQUAL)
            match how:
                case Operator.EQUAL:
                    return same(found, value)
                case Operator.UNEQUAL:
                    return not same(found, value)
                case Operator.CONTAINS:
                    if isinstance(found, list):
                        return any(same(item, value) for item in found)
                    return isinstance(found, str) and isinstance(value, str) and value in found
                case Operator.PREFIX:
                    return isinstance(found, str) and found.startswith(str(value))
            kinds = (str,) if isinstance(value, str) else (int, float)
            return isinstance(found, kinds) and not isinstance(found, bool) and COMPARED[how](found, value)
    raise AssertionError(condition)


def drawn(draw: random.Random, tasks: bool, depth: int = 0) -> Condition:
    """A condition at random."""
    if depth < 3 and draw.random() < 0.5:
        parts = tuple(drawn(draw, tasks, depth + 1) for _ in range(draw.randint(2, 3)))
        return draw.choice([And(parts), Or(parts), Not(parts[0])])
    fields: list[tuple[str, list[Value], list[Operator]]] = [
        ("status", ["FAILED", "SUCCESSFUL"], [Operator.EQUAL, Operator.UNEQUAL]),
        ("name", ["tests.contract.test_search.give", "task-1", "t"], [Operator.EQUAL, Operator.PREFIX]),
        (
            "workflow_id",
            ["w-03", "w-1", "W"],
            [Operator.EQUAL, Operator.PREFIX, Operator.CONTAINS, Operator.LESS],
        ),
        (
            "error.type",
            ["builtins.ValueError", "ValueError", "Error", "builtins.K", "z"],
            [Operator.EQUAL, Operator.UNEQUAL, Operator.PREFIX, Operator.LESS],
        ),
        (
            "stats.end_time",
            [10**9, 2e9, FromNow(-7200), FromNow(7200)],
            [Operator.EQUAL, Operator.UNEQUAL, Operator.LESS, Operator.AT_LEAST],
        ),
    ]
    paths = [
        ("n",),
        ("team",),
        ("tags",),
        ("deep",),
        ("deep", "er", "yet"),
        ("deep", ODD),
        ("flag",),
        ("nope",),
    ]
    values: list[Value] = ["blue", "re", "even", INJECTION, "", 3, 7.5, 20, True, False, None, "'", "%", "_"]
    if draw.random() < 0.35:
        plain, known, operators = draw.choice(fields)
        return Comparison(Name(tuple(plain.split("."))), draw.choice(operators), draw.choice(known))
    name = Name(("user_metadata", *draw.choice(paths)))
    match draw.randrange(6):
        case 0:
            return Exists(name)
        case 1:
            return OneOf(name, tuple(draw.sample(values, 2)))
    how = draw.choice(list(Operator))
    if how is Operator.PREFIX:
        return Comparison(name, how, draw.choice(["b", "re", INJECTION[:3], ""]))
    if how in COMPARED and how is not Operator.EQUAL:
        return Comparison(name, how, draw.choice(["blue", "m", 3, 7.5, 20]))
    return Comparison(name, how, draw.choice(values))


def everything(tasks: bool) -> list[dict[str, Any]]:
    ids = [workflow_id for workflow_id, _ in reversed(workflow.list_all())]
    if not tasks:
        return [workflow.get_metadata(workflow_id) for workflow_id in ids]
    return [
        {"workflow_id": workflow_id, **task}
        for workflow_id in ids
        for task in reversed(workflow.get_metadata(workflow_id, tasks=True)["tasks"])
    ]


@pytest.mark.parametrize("tasks", [False, True], ids=["workflows", "tasks"])
@pytest.mark.parametrize("seed", range(4))
def test_finds_what_plain_python_finds(
    engine: EngineUnderTest, seed: int, tasks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw, records = random.Random(seed), everything(tasks)
    for _ in range(60):
        condition = drawn(draw, tasks)
        for looked_at in "_FIRST", "_FIRST_ON_SERVER":  # a page may be full after these, or not
            monkeypatch.setattr(first_rows, looked_at, draw.choice((0, 3, 1000)))
        expected = [record for record in records if holds(record, condition)]
        found = workflow.search(condition, limit=1000, tasks=tasks)
        assert found == {"found": expected, "truncated": False}, condition
        if expected:
            first = workflow.search(condition, limit=1, tasks=tasks)
            assert first["found"] == expected[:1]
            assert first["truncated"] is (len(expected) > 1)


@pytest.mark.parametrize(
    "order_by",
    [
        None,
        "workflow_id",
        "-workflow_id",
        "stats.duration",
        "-user_metadata.n",
        "user_metadata.deep.er.yet",
        "status",
    ],
)
def test_pages_are_the_whole(engine: EngineUnderTest, order_by: str | None) -> None:
    whole = workflow.search("user_metadata.n >= 3", order_by, limit=100)["found"]
    assert len(whole) == 37
    paged: list[dict[str, Any]] = []
    after = None
    while True:
        page = workflow.search("user_metadata.n >= 3", order_by, limit=5, after=after)
        paged += page["found"]
        if not page["truncated"]:
            break
        after = page["after"]
    assert paged == whole


def test_order(engine: EngineUnderTest) -> None:
    def numbers(order_by: str) -> list[int]:
        page = workflow.search('user_metadata.team = "red"', order_by, limit=100)
        return [found["user_metadata"]["n"] for found in page["found"]]

    red = [number for number in range(40) if number % 3 == 1 and number != 7]
    assert numbers("user_metadata.n") == red
    assert numbers("-user_metadata.n") == red[::-1]
    with_depth = [number for number in red if number % 4 == 0]
    others = [number for number in reversed(red) if number % 4]
    assert numbers("user_metadata.deep.er.yet") == with_depth + others  # what has no value comes last
    assert numbers("-user_metadata.deep.er.yet") == with_depth[::-1] + others


def test_pages_while_others_write_and_delete(tmp_path: Any) -> None:
    workflow.shutdown()
    for _engine in started(THREADS, tmp_path):
        for number in range(20):
            workflow.run(give.bind(number), workflow_id=f"{number}", metadata={"k": 1})
        first = workflow.search("user_metadata.k = 1", limit=8)
        assert [found["workflow_id"] for found in first["found"]] == [f"{n}" for n in range(19, 11, -1)]
        for number in (19, 12, 11, 5):
            workflow.delete(f"{number}")
        workflow.run(give.bind(0), workflow_id="new", metadata={"k": 1})
        rest = workflow.search("user_metadata.k = 1", limit=100, after=first["after"])
        assert [found["workflow_id"] for found in rest["found"]] == [
            f"{n}" for n in range(10, -1, -1) if n != 5
        ]


def test_a_workflow_whose_engine_is_gone(tmp_path: Any) -> None:
    workflow.shutdown()
    for made in started(THREADS, tmp_path):
        gate = Gate(tmp_path / "gate")
        workflow.run_async(wait.bind(gate), workflow_id="w")
        gate.until_waiting()

        def ids(where: str) -> list[str]:
            return [found["workflow_id"] for found in workflow.search(where)["found"]]

        def tasks(where: str) -> list[str]:
            return [found["workflow_id"] for found in workflow.search(where, tasks=True)["found"]]

        assert (ids("status = RUNNING"), ids("status = RESUMABLE")) == (["w"], [])
        until(lambda: tasks("status = RUNNING") == ["w"])
        assert tasks("status = READY") == []
        assert workflow.summarize("status") == [{"by": {"status": "RUNNING"}, "count": 1}]
        made.restart()
        gate.open()
        assert (ids("status = RUNNING"), ids("status = RESUMABLE")) == ([], ["w"])
        assert (tasks("status = RUNNING"), tasks("status = READY")) == ([], ["w"])
        assert ids("status in (RUNNING, RESUMABLE)") == ids("not status = RUNNING") == ["w"]
        assert workflow.summarize("status") == [{"by": {"status": "RESUMABLE"}, "count": 1}]


@pytest.fixture
def reopened(engine: EngineUnderTest) -> None:
    workflow.shutdown()
    engine.init()


@pytest.mark.parametrize(
    ("before", "now"), [("created_time", "name"), ("name", "runs"), ("created_time", "user_metadata.n")]
)
def test_a_page_of_another_order_is_no_error_of_the_storage(
    engine: EngineUnderTest, before: str, now: str
) -> None:
    after = workflow.search(order_by=before, limit=1)["after"]
    if isinstance(engine.storage, Path):
        workflow.search(order_by=now, after=after)
    else:
        with pytest.raises(ValueError, match="after must be what an earlier answer gave in the same order"):
            workflow.search(order_by=now, after=after)


@pytest.mark.usefixtures("reopened")
def test_groups(engine: EngineUnderTest) -> None:
    records = everything(False)
    by_status = {group["by"]["status"]: group["count"] for group in workflow.summarize("status")}
    assert by_status == Counter(record["status"] for record in records)
    teams = Counter(record["user_metadata"]["team"] for record in records)
    assert {
        group["by"]["user_metadata.team"]: group["count"]
        for group in workflow.summarize("user_metadata.team")
    } == teams
    (whole,) = workflow.summarize(of="user_metadata.n")
    assert whole["count"] == 40
    assert whole["user_metadata.n"] == {
        "count": 40,
        "sum": 780.0,
        "min": 0.0,
        "max": 39.0,
        "mean": 19.5,
        "p50": 19.0,
        "p90": 35.0,
        "p95": 37.0,
        "p99": 39.0,
    }
    both = workflow.summarize(
        ["status", "user_metadata.flag"], ["user_metadata.n"], where="user_metadata.flag exists"
    )
    expected = Counter(
        (record["status"], record["user_metadata"]["flag"])
        for record in records
        if "flag" in record["user_metadata"]
    )
    assert {(g["by"]["status"], g["by"]["user_metadata.flag"]): g["count"] for g in both} == expected
    sizes = workflow.summarize("function.qualname", "output.size", where="status = SUCCESSFUL", tasks=True)
    outputs = [task["output"]["size"] for task in everything(True) if "output" in task]
    assert sizes[0]["by"] == {"function.qualname": "give"}
    assert sizes[0]["output.size"]["sum"] == sum(outputs)
    assert sizes[0]["output.size"]["mean"] == pytest.approx(sum(outputs) / len(outputs))
    numbers = [*(set(WORKFLOW_FIELDS) - OF_TEXT), "user_metadata.n"], [*(set(TASK_FIELDS) - OF_TEXT)]
    for tasks, of in enumerate(numbers):
        json.dumps(workflow.summarize(of=of, tasks=bool(tasks)))  # of floats and ints, and nothing else
    assert workflow.summarize(where="user_metadata.nope exists") == []
    for name in ("workflow_id", "status"):
        with pytest.raises(ValueError, match=f"{name} is .*: it has no sum"):
            workflow.summarize(of=["user_metadata.n", name])


def test_groups_by_whole_numbers_that_are_too_large_for_a_column(engine: EngineUnderTest) -> None:
    sizes = {"huge": 10**400, "tiny": -(10**400), "large": 10**15}
    for workflow_id, size in sizes.items():
        workflow.run(give.bind(1), workflow_id=workflow_id, metadata={"size": size})
    try:
        for where in (None, "user_metadata.size exists"):
            found = workflow.summarize("user_metadata.size", where=where)
            by_size = {one["by"]["user_metadata.size"]: one["count"] for one in found}
            assert by_size.items() >= {float("inf"): 1, -float("inf"): 1, 10**15: 1}.items()
    finally:
        for workflow_id in sizes:
            workflow.delete(workflow_id)


def test_sums_of_numbers_that_are_nearly_too_large(engine: EngineUnderTest) -> None:
    losses = {"best": 1.5, "none": 1e300, "least": -(10**400), "most": 10**400}
    for workflow_id, loss in losses.items():
        workflow.run(give.bind(1), workflow_id=workflow_id, metadata={"loss": loss})
    try:
        finite = field("user_metadata.loss").is_in([1.5, 1e300])
        (whole,) = workflow.summarize(of="user_metadata.loss", where=finite)
        assert whole["user_metadata.loss"].items() >= {"count": 2, "sum": 1e300, "mean": 5e299}.items()
        (whole,) = workflow.summarize(of="user_metadata.loss")
        kept = {"count": 4, "min": -float("inf"), "max": float("inf")}
        assert whole["user_metadata.loss"].items() >= kept.items()
        assert not whole["user_metadata.loss"].keys() & {"sum", "mean"}
    finally:
        for workflow_id in losses:
            workflow.delete(workflow_id)


def test_what_has_an_item_twice_is_found_once(engine: EngineUnderTest) -> None:
    tags = {"tags": ["twice", "once", "twice"], "parts": [{"of": "twice"}, {"of": "twice"}]}
    for workflow_id in ("first", "second"):
        tagged = give.options(**workflow.options(metadata=tags))
        workflow.run(tagged.bind(1), workflow_id=workflow_id, metadata=tags)
    try:
        for of in (field("user_metadata")["tags[]"], field("user_metadata")["parts[]"]["of"]):
            for where in (of == "twice", (of == "twice") & (field("name") != "another")):
                for tasks in (False, True):
                    page = workflow.search(where, limit=1, tasks=tasks)
                    found = page["found"] + workflow.search(where, after=page["after"], tasks=tasks)["found"]
                    assert [one["workflow_id"] for one in found] == ["second", "first"]
    finally:
        for workflow_id in ("first", "second"):
            workflow.delete(workflow_id)


@pytest.mark.parametrize("odd", ["\x00", "\ud800"], ids=["null", "half a character"])
def test_text_that_no_database_takes(engine: EngineUnderTest, odd: str) -> None:
    count = len(workflow.list_all())
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(fail.bind(odd), workflow_id="odd")
    try:
        for tasks in (False, True):
            for name in ("workflow_id", "name"):
                for where in (field(name) == odd, field(name).startswith(odd), field(name).contains(odd)):
                    assert workflow.search(where, tasks=tasks)["found"] == []
                assert len(workflow.search(field(name) != odd, limit=100, tasks=tasks)["found"]) == count + 1
            message = field("error.message")
            for where in (message == f"no {odd}", message.contains(odd)):
                (found,) = workflow.search(where, tasks=tasks)["found"]
                assert found["workflow_id"] == "odd"
    finally:
        workflow.delete("odd")


@pytest.mark.usefixtures("reopened")
def test_types_by_the_names_that_people_say(engine: EngineUnderTest) -> None:
    failed = workflow.search("status = FAILED")["found"]
    assert failed
    for where in (
        "error.type = ValueError",
        "error.type in (KeyError, ValueError)",
        "error.type prefix builtins.V",
    ):
        assert workflow.search(where)["found"] == failed, where
    assert workflow.search("error.type = NotThere or error.type = StorageError") == workflow.search(
        "runs > 9"
    )
    assert not workflow.search("status = FAILED and error.type != ValueError")["found"]
    assert len(workflow.search("output.type = str", tasks=True)["found"]) == 40 - len(failed)


class LateError(Exception):
    """A type that is none of Python's own."""


class TooLateError(LateError):
    """Its name ends as the other one's does."""


class Within:
    """Has a class of its own, of which Python has one of that name."""

    class KeyError(Exception):
        """Its module is this one, and it is within another class."""


@workflow.task
def be_late(error: type[Exception]) -> None:
    raise error("at last")


def test_a_class_is_found_without_its_module(engine: EngineUnderTest) -> None:
    for number, error in enumerate((LateError, TooLateError, Within.KeyError)):
        with pytest.raises(workflow.WorkflowExecutionError):
            workflow.run(be_late.bind(error), workflow_id=f"late-{number}")
    for tasks in (False, True):

        def found(where: str | Condition, tasks: bool = tasks) -> list[str]:
            return [one["workflow_id"] for one in workflow.search(where, tasks=tasks)["found"]]

        assert found("error.type = LateError") == found("error.type in (Nothing, LateError)") == ["late-0"]
        assert found(field("error.type") == "TooLateError") == ["late-1"]
        assert found(f"error.type = {__name__}.LateError") == ["late-0"]
        assert found("error.type = KeyError") == ["late-2"]
        assert found("error.type = builtins.KeyError") == []
        assert found("error.type exists and error.type not in (LateError, ValueError)") == [
            "late-2",
            "late-1",
        ]
        assert found("status = FAILED and error.type != ValueError and error.type != LateError") == [
            "late-2",
            "late-1",
        ]
        for nothing in (
            "lateerror",
            "Error",
            "L_teError",
            "'%LateError'",
            "'.LateError'",
            "''",
            f"{__name__}.LateError.LateError",
        ):
            assert found(f"error.type = {nothing}") == [], nothing
    for number in range(3):
        workflow.delete(f"late-{number}")


def test_times_from_now(engine: EngineUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    everywhere = {
        False: ("created_time", "stats.start_time", "stats.end_time"),
        True: ("workflow.created_time", "stats.start_time", "stats.end_time"),
    }
    kept = workflow.condition("created_time > now - 24h") & ~(field("created_time") > "now + 1h")
    search = opened().store.search

    def count(where: str | Condition, tasks: bool = False) -> int:
        return len(workflow.search(where, limit=100, tasks=tasks)["found"])

    for hours in (0, 30, 0):
        monkeypatch.setattr(search, "_clock", lambda hours=hours: time.time() + 3600 * hours)
        lately = 0 if hours else 40
        for tasks, names in everywhere.items():
            for name in names:
                assert count(f"{name} > now - 1d", tasks) == count(f"{name} > now-1d", tasks) == lately
                assert count(f"not {name} <= 'now - 24h' and {name} < now", tasks) == lately
                assert count(field(name) < "now - 90m", tasks) == 40 - lately
        assert count(kept) == lately
        assert sum(group["count"] for group in workflow.summarize("status", where=kept)) == lately
        assert sum(part["count"] for part in workflow.over_time(kept)) == lately


def test_fields_of_tasks(engine: EngineUnderTest) -> None:
    def found(where: Any) -> set[str]:
        page = workflow.search(where, tasks=True, limit=100)
        return {f"{one['workflow_id']}/{one['task_id']}" for one in page["found"]}

    failed = {f"w-{n:02}/task-{n % 4}" for n in range(40) if n % 7 == 3}
    assert found("status = FAILED") == found("error.type = builtins.ValueError") == failed
    assert found('error.message prefix "no x"') == failed - {"w-00/task-0"}
    assert found("workflow.status = FAILED") == failed
    assert found("function.qualname = fail") == failed
    assert found("workflow.user_metadata.n = 3 or task_id = nobody") == {"w-03/task-3"}
    assert found("workflow_id = w-05") == {"w-05/task-1"}
    assert found("attempts > 1") == found("output.size < 1") == set()
    assert found(field("stats.compute") >= 0) == found("attempts = 1") == found(None)
    assert found("stats.backoff exists") == found("stats.backoff >= 0") == set(), "none was tried again"
    assert found(
        "stats.end_time > 2026-01-01 and created_time > 1" if False else "stats.end_time > 2026-01-01"
    )


def fields_of(record: dict[str, Any], tasks: bool) -> dict[str, Any]:
    """What a search finds a record by: as the record has it, or as it is made of that."""
    history = workflow.history(record["workflow_id"])
    first, last = history["runs"][0], history["runs"][-1]
    if tasks:
        of = workflow.get_metadata(record["workflow_id"])
        worker = record["attempts"][-1]["worker"]
        made = {
            "worker.host": worker["host"],
            "worker.worker_id": worker["worker_id"],
            "attempts": len(record["attempts"]),
            "workflow.name": of["name"],
            "workflow.status": of["status"],
            "workflow.created_time": first["created_time"],
        }
    else:
        used = [attempt["resources"] for attempt in history["attempts"]]
        made = {
            "created_time": first["created_time"],
            "user": last.get("user"),
            "hostname": last["hostname"],
            "stats.duration": record["stats"]["end_time"] - record["stats"]["start_time"],
            "stats.cpu_time": sum(one["cpu_time"] for one in used),
            "stats.peak_rss": max((one["peak_rss"] for one in used if "peak_rss" in one), default=None),
        }
    fields = workflow.search_fields(tasks=tasks)
    known = {name: value_of(record, Name(tuple(name.split(".")))) for name in fields} | made
    return {name: value for name, value in known.items() if value is not MISSING and value is not None}


@pytest.mark.parametrize("tasks", [False, True], ids=["workflows", "tasks"])
def test_each_field_has_what_the_records_say(engine: EngineUnderTest, tasks: bool, tmp_path: Path) -> None:
    workflow.run(fail_once.bind(Ledger(tmp_path / "ledger")), workflow_id="outside")
    try:
        records = [fields_of(record, tasks) for record in everything(tasks)]

        def count(condition: Condition) -> int:
            return len(workflow.search(condition, limit=1000, tasks=tasks)["found"])

        for name, kind in workflow.search_fields(tasks=tasks).items():
            values = [record[name] for record in records if name in record]
            assert count(field(name).exists()) == len(values), name
            if kind in ("text", "a status"):
                groups = {one["by"][name]: one["count"] for one in workflow.summarize(name, tasks=tasks)}
                assert groups == Counter(record.get(name) for record in records), name
            elif values:
                (whole,) = workflow.summarize(of=name, tasks=tasks)
                expected = {"count": len(values), "sum": sum(values), "min": min(values), "max": max(values)}
                assert {key: whole[name][key] for key in expected} == pytest.approx(expected), name
            if values:
                assert count(field(name) == values[-1]) == values.count(values[-1]), name
                assert count(field(name) != values[-1]) == len(records) - values.count(values[-1]), name
    finally:
        for workflow_id in ("outside", "inside"):
            workflow.delete(workflow_id)


@pytest.mark.usefixtures("reopened")
@pytest.mark.parametrize(
    ("arguments", "error", "what"),
    [
        ({"where": 3}, TypeError, "where must be a condition"),
        ({"where": "runs = 1 and x"}, ValueError, "here an operator"),
        ({"where": field("nope") == 1}, ValueError, "there is no field 'nope'"),
        ({"order_by": "nope"}, ValueError, "there is no field 'nope'"),
        ({"order_by": 3}, TypeError, "order_by must be"),
        ({"limit": 0}, ValueError, "limit must be 1 or more"),
        ({"limit": True}, TypeError, "limit must be an int"),
        ({"after": "rubbish"}, ValueError, "after must be what an earlier answer gave"),
        ({"after": 3}, ValueError, "after must be what an earlier answer gave"),
        # [[3], true]
        ({"after": "W1szXSwgdHJ1ZV0"}, ValueError, "after must be what an earlier answer gave"),
        # [[3], "\x00"]
        (
            {"after": "W1szXSwgIlx1MDAwMCJd", "order_by": "name"},
            ValueError,
            "after must be what an earlier answer gave",
        ),
        ({"where": "created_time > tomorrow"}, ValueError, "'tomorrow' is no time"),
        ({"where": "created_time > 24h"}, ValueError, "and 24h is none: write now - 24h"),
        ({"where": field("created_time") > "now - 24"}, ValueError, "'now - 24' is no time: here a unit"),
        ({"where": 'created_time > "nowhere"'}, ValueError, "'nowhere' is no time: write now, or now - 24h"),
        ({"where": field("runs") > "3"}, ValueError, "runs is a number, and '3' is not"),
        ({"where": field("nope").is_in([])}, ValueError, "there is no field 'nope'"),
        ({"where": "not stats.end_time < -1.5 d"}, ValueError, "stats.end_time is a time"),
    ],
)
def test_what_can_not_be(
    engine: EngineUnderTest, arguments: dict[str, Any], error: type[Exception], what: str
) -> None:
    with pytest.raises(error, match=what):
        workflow.search(**arguments)


@pytest.fixture
def indexed(engine: EngineUnderTest) -> Iterator[None]:
    """On a server, an index is taken for all that there is one for."""
    if isinstance(engine.storage, Path):
        yield
        return
    name = psycopg.conninfo.conninfo_to_dict(postgresql.plain(engine.storage))["dbname"]
    postgresql.server().tell("ALTER DATABASE {} SET enable_seqscan = off", str(name))
    workflow.shutdown()
    engine.init()
    yield
    postgresql.server().tell("ALTER DATABASE {} RESET enable_seqscan", str(name))


@pytest.mark.usefixtures("reopened", "indexed")
@pytest.mark.parametrize(
    ("condition", "tasks"),
    [
        (field("status") == "FAILED", False),
        (field("user_metadata.team") == "blue", False),
        ((field("user_metadata.team") == "blue") & (field("status") == "SUCCESSFUL"), False),
        ((field("user_metadata.team") == "blue") | (field("user_metadata.team") == "red"), False),
        (field("user_metadata.n") > 30, False),
        (field("user_metadata.team").startswith("bl"), False),
        (field("user_metadata.flag").exists(), False),
        (field("workflow_id") == "w-01", False),
        (field("workflow_id").is_in(["w-01", "w-02"]), False),
        (field("workflow_id").startswith("w-0"), False),
        (field("created_time") > 10**10, False),
        (field("status") == "RESUMABLE", False),
        (field("status").is_in(["FAILED", "CANCELED"]), False),
        (field("error.type") == "builtins.ValueError", False),
        (field("error.message").contains("disk"), False),
        (field("error.type").is_in(["KeyError", "ValueError"]), False),
        (field("error.task_id").exists(), False),
        (field("status") == "FAILED", True),
        (field("user_metadata.team") == "blue", True),
        (field("workflow.user_metadata.team") == "blue", True),
        (field("workflow_id") == "w-01", True),
        (field("workflow_id").is_in(["w-01", "w-02"]), True),
        (field("function.qualname") == "give", True),
        (None, False),
        (None, True),
    ],
)
def test_common_questions_scan_no_table(
    engine: EngineUnderTest, condition: Condition | None, tasks: bool
) -> None:
    steps = opened().store.search.explained(condition, Order(), tasks, 50)
    # Without a condition a page is read off the end of the table's own key, and stops when it is full.
    allowed = {"SCAN tasks USING INDEX tasks_failed"}  # all that is in this index
    if condition is None:
        allowed |= {"SCAN tasks", "SCAN workflows"}
    scans = {step for step in steps if step.startswith("SCAN")}
    # Tables that are none: who is there comes as one value, a list.
    assert {step for step in scans if "VIRTUAL TABLE" not in step} <= allowed, steps
    # A server reads small tables whole, whatever indexes there are; `indexed` talks it out of that.
    assert not [step for step in steps if "Seq Scan" in step], steps


# -- over time, and functions


@pytest.mark.parametrize("where", [None, "status = FAILED", 'user_metadata.team = "blue"', "runs = 99"])
@pytest.mark.parametrize("parts", [1, 7, 60])
def test_parts_of_the_time_hold_all_that_was_submitted(engine: Any, where: str | None, parts: int) -> None:
    found = workflow.over_time(where, parts)
    all_of_them = workflow.search(where, limit=1000)["found"]
    assert sum(part["count"] for part in found) == len(all_of_them)
    assert sum(part["failed"] for part in found) == sum(one["status"] == "FAILED" for one in all_of_them)
    assert len(found) <= parts
    for one, next_one in itertools.pairwise(found):
        assert one["end"] == pytest.approx(next_one["begin"])


def test_functions_and_how_they_did(engine: Any) -> None:
    assert {f"{__name__}.{name}" for name in ("give", "fail")} <= set(workflow.functions())
    assert workflow.functions(limit=1, after=f"{__name__}.fail") == [f"{__name__}.give"]
    failed = workflow.trend(f"{__name__}.fail")
    assert {run.workflow_id for run in failed.runs} == {f"w-{number:02}" for number in range(3, 40, 7)}
    assert all(run.failed >= 1 and run.compute_p50 is None for run in failed.runs)
    given = workflow.trend(f"{__name__}.give", limit=5)
    assert [run.workflow_id for run in given.runs] == ["w-34", "w-35", "w-36", "w-37", "w-39"]
    last = workflow.get_tasks("w-39")[0]["stats"]
    assert given.runs[-1].compute_p50 == pytest.approx(last["compute"])
    with pytest.raises(workflow.WorkflowNotFoundError, match=r"no workflow has run a function 'a\.b'"):
        workflow.trend("a.b")
    with pytest.raises(ValueError, match="must be a dotted name"):
        workflow.trend("give")


def test_a_function_is_found_behind_many_others_of_its_name(engine: Any) -> None:
    shared: dict[str, Any] = {}
    made: list[str] = []
    for module in ("mine", "theirs"):
        exec("def shared(): return 1", {"__name__": module}, shared)  # another one each time
        task = workflow.task(shared["shared"])
        for number in range(1 if module == "mine" else 5):
            made.append(f"{module}-{number}")
            workflow.run(task.bind(), workflow_id=made[-1])
    try:
        assert len(workflow.trend("mine.shared", limit=1).runs) == 1
        assert len(workflow.trend("theirs.shared", limit=2).runs) == 2
    finally:
        for workflow_id in made:
            workflow.delete(workflow_id)


def test_a_workflow_is_told_once_however_often_it_has_the_function(engine: Any) -> None:
    workflow.run(down.bind(3), workflow_id="recursion")
    try:
        [run] = workflow.trend(f"{__name__}.down").runs
        assert (run.workflow_id, run.attempts) == ("recursion", 4)
    finally:
        workflow.delete("recursion")


def test_a_workflow_in_which_a_function_never_began_is_none_of_its(engine: Any) -> None:
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(down.bind(fail.bind(1)), workflow_id="never")
    try:
        with pytest.raises(workflow.WorkflowNotFoundError, match="no workflow has run a function"):
            workflow.trend(f"{__name__}.down")
    finally:
        workflow.delete("never")


def test_who_takes_an_output(engine: Any) -> None:
    first = give.options(name="first").bind(1)
    dag = give.options(name="both").bind([first, give.options(name="second").bind(first), first])
    workflow.run(dag, workflow_id="downstream")
    try:
        assert workflow.get_downstream("downstream", "first") == ["second", "both"]
        assert workflow.get_downstream("downstream", "first", limit=1) == ["second"]
        assert workflow.get_downstream("downstream", "both") == []
        with pytest.raises(workflow.WorkflowNotFoundError, match="No such task_id 'nope'"):
            workflow.get_downstream("downstream", "nope")
    finally:
        workflow.delete("downstream")

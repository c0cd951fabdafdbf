"""A database whose rows or pages are not what was stored: who asks is told so, and nothing else breaks."""

from __future__ import annotations

import contextlib
import json
import random
import re
import shutil
import sqlite3
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from heliograph import workflow
from heliograph.cli.app import run as heliograph
from heliograph.reading.opened import session
from heliograph.storage import rows
from heliograph.storage.location import locate
from heliograph.storage.store import Store
from tests.conditions import DEADLINE
from tests.gates import Gate
from tests.tasks import fail_without, give

PAGE = 4096
ASKED: dict[str, Callable[[], object]] = {
    "list_metadata": workflow.list_metadata,
    "get_tasks": lambda: workflow.get_tasks("mine"),
    "get_metadata": lambda: workflow.get_metadata("mine", tasks=True),
    "history": lambda: workflow.history("mine"),
    "watch": lambda: list(workflow.watch("mine")),
    "search": lambda: workflow.search(tasks=True),
    "profile": lambda: workflow.profile("mine"),
    "timeline": lambda: workflow.timeline("mine"),
    "compare": lambda: workflow.compare("mine", "failed"),
    "estimate": lambda: workflow.estimate("mine"),
    "export": lambda: workflow.export("mine", "openlineage").text,
    "table": lambda: workflow.table("mine", "attempts"),
    "get_output": lambda: workflow.get_output("mine", task_id="inner"),
    "resume": lambda: workflow.resume("mine"),
}
COMMANDS = [["ls"], ["show", "mine"], ["show", "mine", "last"]]
DAMAGES = {
    "a status that there isn't": "UPDATE workflows SET status = 'SUCC1SSFUL'",
    "text that is no JSON": "UPDATE runs SET code = '{', argv = 'x'",
    "counts that are none": "UPDATE workflows SET progress = '[1]'",
    "a function that is gone": "DELETE FROM functions WHERE function = 0",
    "tasks that are gone": "DELETE FROM tasks WHERE task > 1",
    "needs of what comes later": "UPDATE dependencies SET upstream = task + 1",
    "a continuation in a circle": "UPDATE tasks SET delivers_to = task WHERE delivers_to IS NOT NULL",
    "options that are none": "UPDATE tasks SET options = '[]'",
    "another status of an attempt": "UPDATE attempts SET status = 'x'",
    "metadata that are none": "UPDATE workflows SET user_metadata = 'x'",
    "changes that are none": "UPDATE changes SET what = ''",
    "text for a time": "UPDATE attempts SET started = 'noon'",
    "a number for text": "UPDATE tasks SET task_id = x'00' WHERE task = 0",
    "options of another kind": """UPDATE tasks SET options = '{"max_retries": "3"}'""",
}


@workflow.task
def go_on() -> object:
    return workflow.continuation(give.options(name="inner").bind(2, give.bind(3)))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A storage with a few workflows."""
    folder = tmp_path_factory.mktemp("sound") / "storage"
    workflow.init(storage=folder, workers="threads", num_workers=2)
    last = give.options(name="last").bind(1, give.bind(0), go_on.bind())
    workflow.run(last, workflow_id="mine", metadata={"team": "blue"})
    for number in range(20):
        workflow.run(give.bind(number), workflow_id=f"w{number}")
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(fail_without.bind(folder / "flag"), workflow_id="failed")
    workflow.shutdown()
    return folder


@pytest.fixture
def database(sound: Path, tmp_path: Path) -> Iterator[Path]:
    """That of a copy."""
    shutil.copytree(sound, tmp_path / "storage")
    yield tmp_path / "storage" / "heliograph.db"
    workflow.shutdown()


def ask_all(database: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Ask everything of a damaged storage; the questions that it has no answer to."""
    unanswered = []
    with contextlib.suppress(workflow.StorageError):
        workflow.init(storage=database.parent, workers="threads")
    for name, ask in ASKED.items():
        try:
            ask()
        except (workflow.WorkflowNotFoundError, workflow.StorageError, workflow.DamagedWarning):
            unanswered.append(name)
    workflow.shutdown()
    for command in COMMANDS:
        code = heliograph(["--storage", str(database.parent), *command])
        if code:
            unanswered.append(command[0])
            assert "error: " in capsys.readouterr().err
    return unanswered


@pytest.mark.parametrize("change", DAMAGES.values(), ids=DAMAGES.keys())
def test_rows_that_heliograph_never_wrote(
    database: Path, change: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        assert connection.execute(change).rowcount > 0
    assert ask_all(database, capsys)


@pytest.mark.parametrize("seed", range(3))
def test_pages_that_were_swapped_or_overwritten(
    database: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(seed)
    with database.open("r+b") as file:
        pages = [file.read(PAGE) for _ in range(database.stat().st_size // PAGE)]
        first, second, third = chance.sample(range(1, len(pages)), 3)
        pages[first], pages[second] = pages[second], pages[first]
        pages[third] = chance.randbytes(PAGE)
        file.seek(0)
        file.write(b"".join(pages))
    ask_all(database, capsys)


@pytest.mark.parametrize(
    ("change", "table"),
    [
        ("UPDATE attempts SET started = 'noon' WHERE workflow = 1", "attempts"),
        ("UPDATE runs SET end_time = x'00' WHERE workflow = 1", "runs"),
        ("UPDATE attempts SET started = 9e999 WHERE workflow = 1", "attempts"),
        ("UPDATE runs SET start_time = -1e15 WHERE workflow = 1", "runs"),
        ("UPDATE tasks SET options = '{}x' WHERE workflow = 1", "tasks"),
        ("UPDATE workflows SET output_task = 'last' WHERE key = 1", "workflows"),
    ],
)
def test_the_error_names_the_workflow_and_the_table(database: Path, change: str, table: str) -> None:
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        assert connection.execute(change).rowcount > 0
    workflow.init(storage=database.parent, workers="threads")
    for ask in (workflow.profile, workflow.timeline, lambda name: workflow.export(name, "otlp").text):
        with pytest.raises(workflow.StorageCorruptError, match=f"table {table} of workflow 'mine'"):
            ask("mine")
    workflow.profile("w1")


def test_a_fault_of_our_own_is_no_damage(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(row: object) -> None:
        raise KeyError(row)

    monkeypatch.setattr(rows, "attempt_record", wrong)
    workflow.init(storage=database.parent, workers="threads")
    with pytest.raises(KeyError):
        workflow.get_metadata("mine", "last")


def test_a_workflow_whose_engine_is_not_known_any_more(database: Path) -> None:
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("UPDATE workflows SET status = 'RUNNING' WHERE workflow_id = 'mine'")
        connection.execute("DELETE FROM owners")
    workflow.init(storage=database.parent, workers="threads")
    assert workflow.get_status("mine") == "RESUMABLE"
    assert {"by": {"status": "RESUMABLE"}, "count": 1} in workflow.summarize("status")


@workflow.task
def hold(gate: Gate) -> str:
    gate.wait()
    return "output"


@workflow.task
def say(gate: Gate) -> None:
    gate.wait()
    workflow.current().update_metadata({"said": True}, of_workflow=True)


def change(database: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            assert connection.execute(statement).rowcount > 0


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE dependencies SET upstream = task + 1",
        "UPDATE tasks SET options = 'x' WHERE task = 1",
        "UPDATE functions SET is_async = 'x'",
        "UPDATE workflows SET owner = x'00'",
    ],
)
def test_a_damaged_workflow_is_resumed_beside_one_that_is_well(
    database: Path, tmp_path: Path, damage: str
) -> None:
    workflow.init(storage=database.parent, workers="threads")
    gate = Gate(tmp_path / "gate")
    other = workflow.run_async(hold.bind(gate), workflow_id="other")
    gate.until_waiting()
    key = "key" if "workflows" in damage else "workflow"
    change(database, f"{damage}{' AND' if 'WHERE' in damage else ' WHERE'} {key} < 22")
    change(database, "UPDATE workflows SET status = 'FAILED' WHERE workflow_id = 'mine'")
    change(database, "DELETE FROM stored_values WHERE workflow = 1")
    with pytest.raises(workflow.StorageCorruptError, match="of workflow 'mine' can't be understood"):
        workflow.resume("mine")
    assert workflow.get_status("other") == "RUNNING"
    gate.open()
    assert other.result(DEADLINE) == "output"
    assert workflow.run(give.bind(1)) == 1


def test_a_damaged_workflow_that_was_resumed_has_failed_and_says_why(database: Path) -> None:
    change(database, "UPDATE dependencies SET upstream = task + 1 WHERE workflow = 1")
    change(database, "UPDATE workflows SET status = 'RUNNING' WHERE workflow_id = 'mine'")
    change(database, "UPDATE runs SET status = 'RUNNING' WHERE workflow = 1")
    workflow.init(storage=database.parent, workers="threads")
    resumed = dict(workflow.resume_all(include_failed=True))
    with pytest.raises(workflow.StorageCorruptError):
        resumed["mine"].result(DEADLINE)
    with pytest.raises(workflow.WorkflowExecutionError):
        resumed["failed"].result(DEADLINE)
    found = workflow.get_metadata("mine")
    assert found["status"] == "FAILED"
    assert "can't be understood" in found["error"]["message"]
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.get_output("mine")


def test_what_a_running_workflow_stores_meets_damage(database: Path, tmp_path: Path) -> None:
    workflow.init(storage=database.parent, workers="threads")
    gates = [Gate(tmp_path / name) for name in ("other", "damaged")]
    other = workflow.run_async(hold.bind(gates[0]), workflow_id="other")
    damaged = workflow.run_async(say.bind(gates[1]), workflow_id="damaged")
    for gate in gates:
        gate.until_waiting()
    change(database, "UPDATE workflows SET user_metadata = '[' WHERE workflow_id = 'damaged'")
    gates[1].open()
    with pytest.raises(workflow.StorageCorruptError, match="table workflows of workflow 'damaged'"):
        damaged.result(DEADLINE)
    assert workflow.get_status("damaged") == "FAILED"
    assert workflow.get_status("other") == "RUNNING"
    gates[0].open()
    assert other.result(DEADLINE) == "output"


def test_an_engine_survives_a_workflow_that_can_not_be_understood(database: Path) -> None:
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("UPDATE dependencies SET upstream = task + 1")
        connection.execute("UPDATE workflows SET status = 'FAILED' WHERE workflow_id = 'mine'")
        connection.execute("UPDATE runs SET status = 'FAILED'")
        connection.execute("DELETE FROM stored_values")
    workflow.init(storage=database.parent, workers="threads")
    with pytest.raises(workflow.StorageCorruptError, match="can't be understood"):
        workflow.resume("mine")
    assert workflow.run(give.bind(1)) == 1


@pytest.mark.parametrize("location", ["x", "/x", "../x", "24/x"])
def test_to_delete_a_workflow_deletes_no_files_of_others(database: Path, location: str) -> None:
    workflow.init(storage=database.parent, workers="threads")
    for number in range(2):
        assert workflow.run(give.bind("x" * 300_000), workflow_id=f"large{number}") == "x" * 300_000
    of_first = "workflow = (SELECT key FROM workflows WHERE workflow_id = 'large0') AND location IS NOT NULL"
    change(database, f"UPDATE stored_values SET location = '{location}' WHERE {of_first}")
    workflow.delete("large0")
    assert workflow.get_output("large1") == "x" * 300_000
    assert database.exists()


DAMAGED = {
    "status": "UPDATE workflows SET status = 'SUCC1SSFUL' WHERE key = 1",
    "progress": "UPDATE workflows SET progress = '[1]' WHERE key = 1",
    "metadata": "UPDATE workflows SET user_metadata = '[' WHERE key = 1",
    "text": "UPDATE workflows SET name = CAST(x'ff' AS TEXT) WHERE key = 1",
    "run that is none": "UPDATE workflows SET run = 'x' WHERE key = 1",
    "start": "UPDATE workflows SET start_time = x'00' WHERE key = 1",
    "end": "UPDATE workflows SET end_time = 'noon' WHERE key = 1",
    "engine": "UPDATE owners SET engine = x'00'",
}
OTHERS = [f"w{number}" for number in range(20)] + ["failed"]


@contextlib.contextmanager
def warned_of(workflow_id: str) -> Iterator[None]:
    """A warning names the workflow, and the line that asked."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        yield
    told = f"of workflow {workflow_id!r} can't be understood"
    found = next(one for one in warned if told in str(one.message))
    assert found.category is workflow.DamagedWarning
    assert found.filename == __file__


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_listing_goes_without_the_damaged_one_and_names_it(
    database: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change(database, damage)
    others = [] if "owners" in damage else OTHERS
    workflow.init(storage=database.parent, workers="threads")
    if "user_metadata" not in damage:  # which are not looked at where nobody asks for them
        with warned_of("mine"):
            assert [one for one, _ in workflow.list_all()] == others
    with warned_of("mine"):
        listed = workflow.list_metadata()
    assert [one["workflow_id"] for one in listed] == others[::-1]
    found, damaged, after = [], set(), None
    while True:  # pages with and without it
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            page = workflow.search(limit=5, after=after)
        found += [one["workflow_id"] for one in page["found"]]
        told = {one["workflow_id"] for one in page.get("damaged", ())}
        assert len(told) == len({str(one.message) for one in warned})
        damaged |= told
        if not page["truncated"]:
            break
        after = page["after"]
    assert found == others[::-1]
    assert "mine" in damaged
    workflow.shutdown()
    assert heliograph(["--storage", str(database.parent), "ls", "--json"]) == 1
    told = capsys.readouterr()
    assert [one["workflow_id"] for one in json.loads(told.out)] == others[::-1]
    assert "of workflow 'mine' can't be understood" in told.err


@pytest.mark.parametrize("written", ["x'ff'", "CAST(x'ff' AS TEXT)"])
def test_no_page_begins_behind_what_nothing_is_behind_of(database: Path, written: str) -> None:
    change(database, f"UPDATE workflows SET name = {written} WHERE workflow_id = 'mine'")
    workflow.init(storage=database.parent, workers="threads")
    with warned_of("mine"), pytest.raises(workflow.StorageCorruptError, match=r"is ordered by b'\\xff'"):
        workflow.search(order_by="-name", limit=1)
    with warned_of("mine"):
        found = workflow.search(order_by="-name")
    assert sorted(one["workflow_id"] for one in found["found"]) == sorted(OTHERS)


@pytest.mark.parametrize("damage", ["UPDATE workflows SET run = 77", "DELETE FROM runs"])
def test_a_newest_run_that_is_gone_is_seen_by_who_looks_for_it(database: Path, damage: str) -> None:
    """The workflow's own row has what is asked of it most."""
    with contextlib.closing(Store(locate(database))) as store:
        assert not store.health().problems
        change(database, f"{damage} WHERE {'key' if 'workflows' in damage else 'workflow'} = 1")
        [problem] = store.health().problems
    assert "table runs of workflow 'mine' can't be understood" in problem
    workflow.init(storage=database.parent, workers="threads")
    assert workflow.get_status("mine") == "SUCCESSFUL"
    assert workflow.resume("mine") == workflow.get_output("mine")


def test_ls_does_not_take_what_is_damaged_for_nothing(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(database, "UPDATE workflows SET progress = '[1]' WHERE workflow_id = 'failed'")  # the newest
    listing = ["--storage", str(database.parent), "ls"]
    assert heliograph([*listing, "--limit", "21"]) == 1
    said = capsys.readouterr().err
    assert "the newest 21 are shown" in said  # of 22; the damaged one is among them
    assert "of workflow 'failed' can't be understood" in said
    change(database, "UPDATE workflows SET progress = '[1]'")
    assert heliograph(listing) == 1
    said = capsys.readouterr().err
    assert said.startswith("no workflow that can be read\n")
    assert said.count("can't be understood") == 22


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_workflow_can_be_deleted(database: Path, damage: str) -> None:
    change(database, damage)
    workflow.init(storage=database.parent, workers="threads")
    workflow.delete("mine")
    with pytest.raises(workflow.WorkflowNotFoundError):
        workflow.get_status("mine")
    for table in ("tasks", "attempts", "runs", "stored_values"):
        with contextlib.closing(sqlite3.connect(database)) as connection:
            (count,) = connection.execute(f"SELECT count(*) FROM {table} WHERE workflow = 1").fetchone()
        assert count == 0
    if "owners" in damage:
        return
    assert [one for one, _ in workflow.list_all()] == OTHERS
    counted = {group["by"]["status"]: group["count"] for group in workflow.summarize("status")}
    assert counted == {"SUCCESSFUL": 20, "FAILED": 1}


@pytest.mark.parametrize("damage", [DAMAGED["progress"], DAMAGED["text"], DAMAGED["end"]])
def test_a_damaged_workflow_that_runs_is_cancelled_before_it_is_deleted(
    database: Path, tmp_path: Path, damage: str
) -> None:
    workflow.init(storage=database.parent, workers="threads")
    gate = Gate(tmp_path / "gate")
    output = workflow.run_async(hold.bind(gate), workflow_id="runs")
    gate.until_waiting()
    change(database, damage.replace("= 1", "= 23"))
    with pytest.raises(workflow.WorkflowStillActiveError):
        workflow.delete("runs")
    workflow.cancel("runs")
    gate.open()
    with pytest.raises(workflow.WorkflowCancellationError):
        output.result(DEADLINE)
    workflow.delete("runs")
    assert len(workflow.list_all()) == len(OTHERS) + 1


def test_resume_all_says_which_it_could_not(database: Path) -> None:
    change(database, "UPDATE workflows SET status = 'FAILED' WHERE workflow_id IN ('mine', 'w1')")
    change(database, "UPDATE workflows SET progress = '[1]' WHERE workflow_id = 'mine'")
    workflow.init(storage=database.parent, workers="threads")
    with warned_of("mine"):
        resumed = dict(workflow.resume_all(include_failed=True))
    with pytest.raises(workflow.StorageCorruptError, match="progress is"):
        resumed["mine"].result(DEADLINE)
    assert resumed["w1"].result(DEADLINE) == 1


def test_a_search_for_tasks_goes_without_the_damaged_ones(database: Path) -> None:
    workflow.init(storage=database.parent, workers="threads")
    all_tasks = len(workflow.search(tasks=True, limit=100)["found"])
    change(database, "UPDATE tasks SET options = '[]' WHERE workflow = 1 AND task = 1")
    with warned_of("mine"):
        page = workflow.search(tasks=True, limit=100)
    assert len(page["found"]) == all_tasks - 1
    assert [one["workflow_id"] for one in page["damaged"]] == ["mine"]


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("UPDATE functions SET payload = 5 WHERE workflow = 1 AND function = 0", "payload is 5"),
        ("UPDATE functions SET is_async = 7 WHERE workflow = 1 AND function = 0", "is_async is 7"),
        ("UPDATE tasks SET task_id = CAST(x'ff' AS TEXT) WHERE workflow = 1 AND task = 0", "task_id is b'"),
        ("UPDATE tasks SET task_id = '' WHERE workflow = 1 AND task = 0", "task_id is ''"),
        ("UPDATE tasks SET task_id = hex(zeroblob(257)) WHERE workflow = 1 AND task = 0", "task_id is '0000"),
        ("UPDATE tasks SET task_id = 'a' || char(10) WHERE workflow = 1 AND task = 0", r"task_id is 'a\\n'"),
        (
            "UPDATE tasks SET user_metadata = '[]' WHERE workflow = 1 AND task = 0",
            "user_metadata is '\\[\\]'",
        ),
        ("UPDATE stored_values SET size = 'x' WHERE workflow = 1 AND task = 0", "size is 'x'"),
        ("UPDATE workflows SET status = 'x' WHERE key = 1", "status is 'x'"),
        ("UPDATE attempts SET run = 4611686018427387904 WHERE workflow = 1 AND task = 0", "run is 46"),
        (
            "INSERT INTO http_events (event, workflow, event_key, state, is_kept, sent_time) "
            "VALUES (2, 1, 'key', 'SENT', 7, 0)",  # events have numbers of their own
            "is_kept is 7",
        ),
    ],
)
def test_tools_name_a_damaged_row_and_go_on(
    database: Path, tmp_path: Path, damage: str, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change(database, damage)
    workflow.init(storage=database.parent, workers="threads")
    for found in workflow.check_values()["damaged_rows"]:
        assert found["workflow_id"] == "mine"
        assert re.search(named, found["error"])
    assert workflow.collect_garbage()["files"] == []
    copied = workflow.copy_storage(database.parent, tmp_path / "copy")
    assert copied["damaged"]
    assert all(re.search(named, one) for one in copied["damaged"])
    if "status" in damage:  # SQLite itself sees that
        with pytest.raises(workflow.StorageError, match="storage copy"):
            workflow.backup_storage(tmp_path / "backup", database.parent)
    else:
        workflow.backup_storage(tmp_path / "backup", database.parent)
    workflow.shutdown()
    assert heliograph(["--storage", str(database.parent), "storage", "check"]) == 1
    assert re.search(f"of workflow 'mine' can't be understood: {named}", capsys.readouterr().out)
    assert heliograph(["--storage", str(database.parent), "doctor"]) == (1 if "workflows" in damage else 0)
    capsys.readouterr()
    workflow.init(storage=tmp_path / "copy")
    assert [one for one, _ in workflow.list_all()] == OTHERS
    assert workflow.check_values()["damaged_rows"] == []


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("CAST(x'ff' AS TEXT)", r"workflow_id is b'\xff'"),
        ("''", "workflow_id is ''"),
        ("'a' || char(10) || 'b'", r"workflow_id is 'a\nb'"),
    ],
)
def test_a_workflow_whose_id_no_one_can_say(
    database: Path, tmp_path: Path, written: str, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change(database, f"UPDATE workflows SET workflow_id = {written} WHERE workflow_id = 'mine'")
    said = f"a row of table workflows can't be understood: {named}. Put a backup in its place."
    (damage,) = workflow.copy_storage(database.parent, tmp_path / "copy")["damaged"]
    assert damage.endswith(said)
    for command in (["storage", "check"], ["doctor"]):
        assert heliograph(["--storage", str(database.parent), *command]) == 1
        assert said in " ".join(capsys.readouterr().out.split())
    workflow.init(storage=tmp_path / "copy")
    assert [one for one, _ in workflow.list_all()] == OTHERS
    assert all(check["ok"] for check in workflow.diagnose())


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("UPDATE workflows SET run = 9223372036854775807", "table workflows .* run is 9223372036854775807"),
        ("UPDATE attempts SET attempt = 9223372036854775807", "table attempts .* attempt is 922337"),
        ("UPDATE attempts SET attempt = 'x'", "table attempts .* attempt is 'x'"),
    ],
)
def test_what_counts_on_meets_a_number_that_nobody_counted(database: Path, damage: str, named: str) -> None:
    whose = "(SELECT key FROM workflows WHERE workflow_id = 'failed')"
    change(database, f"{damage} WHERE {'key' if 'workflows' in damage else 'workflow'} = {whose}")
    if "workflows" in damage:
        change(database, f"UPDATE runs SET run = 9223372036854775807 WHERE workflow = {whose}")
    workflow.init(storage=database.parent, workers="threads")
    with pytest.raises(workflow.StorageCorruptError, match=named):
        workflow.resume("failed")
    assert workflow.run(give.bind(1)) == 1


def test_a_lease_that_is_none_is_named(database: Path) -> None:
    change(database, "UPDATE owners SET lease_until = 'x'")
    change(database, "UPDATE workflows SET status = 'RUNNING' WHERE workflow_id = 'mine'")
    workflow.init(storage=database.parent, workers="threads")
    with warned_of("mine"):
        assert [one for one, _ in workflow.list_all()] == OTHERS
    store = session().store
    assert store.handover.unowned(5, handed_in=True) == []
    assert "lease_until is 'x'" in "".join(store.health().problems)


def test_a_version_that_there_never_was(database: Path) -> None:
    change(database, "UPDATE heliograph_schema SET version = -1")
    with pytest.raises(workflow.StorageCorruptError, match="says that it has version -1"):
        workflow.init(storage=database.parent)


@pytest.mark.parametrize("column", ["status", "progress", "output_options", "user_metadata"])
def test_a_search_meets_no_value_where_there_has_to_be_one(database: Path, column: str) -> None:
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '') WHERE name = 'workflows'"
        )
    change(database, f"UPDATE workflows SET {column} = NULL WHERE key = 1")
    workflow.init(storage=database.parent, workers="threads")
    with warned_of("mine"):
        assert [one["workflow_id"] for one in workflow.search()["found"]] == OTHERS[::-1]


@pytest.mark.parametrize(
    ("damage", "asked", "named"),
    [
        (
            "UPDATE workflows SET workflow_id = x'00'",
            {"by": "workflow_id"},
            r"workflows .* workflow_id is b'",
        ),
        (
            "UPDATE workflow_labels SET text = x'00'",
            {"by": "user_metadata.team"},
            r"workflow_labels .* text is b'",
        ),
        (
            "UPDATE workflow_labels SET text = x'00'",
            {"by": ["user_metadata.team", "name"]},
            r"workflow_labels .* text is b'",
        ),
        (
            "UPDATE attempts SET started = 'noon'",
            {"of": "stats.start_time", "tasks": True},
            r"tasks .* stats\.start_time is 'noon'",
        ),
    ],
)
def test_what_is_damaged_is_no_figure_of_a_summary(
    database: Path, damage: str, asked: dict[str, Any], named: str
) -> None:
    change(database, f"{damage} WHERE {'key' if 'workflows' in damage else 'workflow'} = 1")
    workflow.init(storage=database.parent)
    with pytest.raises(workflow.StorageCorruptError, match=f"table {named}"):
        workflow.summarize(**asked)

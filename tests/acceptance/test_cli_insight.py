"""The commands that explain and export: in pipes, in terminals of any width, with what hostile tasks left."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from tests.acceptance.test_cli import (
    COLOURS,
    HOSTILE_ID,
    OBEYED,
    heliograph,
    on_terminal,
    opened,
    printed,
    storage,
)

__all__ = ["opened", "storage"]  # fixtures

VIEWS = (("profile",), ("timeline",), ("dag",), ("compare", "good"))


def test_json_is_what_the_public_calls_return(storage: Path, opened: Any) -> None:
    for command, expected in (
        (("profile", "good"), opened.profile("good").to_dict()),
        (("timeline", "good"), opened.timeline("good").to_dict()),
        (("compare", "good", HOSTILE_ID), opened.compare("good", HOSTILE_ID).to_dict()),
        (("estimate", HOSTILE_ID), opened.estimate(HOSTILE_ID).to_dict()),
        (("sql",), opened.sql_views()),
        (("export", "good", "--to", "mermaid"), {"dag.mmd": opened.export("good", "mermaid").text}),
    ):
        assert json.loads(printed(*command, "--json", storage=storage)) == expected
    dag = json.loads(printed("dag", "good", "--json", storage=storage))
    assert [task["task_id"] for task in dag] == [task["task_id"] for task in opened.get_tasks("good")]
    asked = ("sql", "select workflow_id as id, null as n from heliograph_workflows where status = 'FAILED'")
    assert json.loads(printed(*asked, "--json", storage=storage)) == [{"id": HOSTILE_ID, "n": None}]


@pytest.mark.parametrize("width", [40, 80, 160])
@pytest.mark.parametrize("view", VIEWS, ids=[view[0] for view in VIEWS])
def test_a_view_fits_the_terminal(storage: Path, view: tuple[str, ...], width: int) -> None:
    shown = COLOURS.sub("", on_terminal(*view, "good", storage=storage, width=width))
    assert [line for line in shown.splitlines() if cell_len(line) > width] == []
    assert shown.strip()


@pytest.mark.parametrize("view", VIEWS, ids=[view[0] for view in VIEWS])
def test_nothing_that_tasks_left_is_obeyed(storage: Path, view: tuple[str, ...]) -> None:
    shown = COLOURS.sub("", on_terminal(*view, HOSTILE_ID, storage=storage, width=120))
    assert not OBEYED.search(shown)
    assert not OBEYED.search(printed(*view, HOSTILE_ID, storage=storage))


def test_the_profile_says_where_the_time_went(storage: Path) -> None:
    shown = printed("profile", "good", storage=storage)
    assert "Bottlenecks" in shown
    assert re.search(r"Critical path: \d steps", shown)
    assert re.search(r"sum +2 ", shown), "the second attempt of the task that was tried again"


@pytest.mark.parametrize("width", [80, 160])
def test_how_much_ran_at_once_is_said_in_one_line(storage: Path, width: int) -> None:
    shown = COLOURS.sub("", on_terminal("profile", "good", storage=storage, width=width))
    assert re.search(r"\d at once on average, \d at most", shown)


def test_the_estimate_says_what_it_can_not_know(storage: Path) -> None:
    assert printed("estimate", "good", storage=storage) == "4 of 4 tasks are over\n"
    assert printed("estimate", "gone", storage=storage).splitlines() == [
        "0 of 1 tasks are over",
        "time left: not known, as no task of these functions has ever ended",
    ]


def test_the_timeline_draws_every_attempt_and_every_worker(storage: Path) -> None:
    shown = printed("timeline", "good", storage=storage)
    for name in ("part.1", "part.20", "part.300", "sum", "sum #2", "heliograph-thread-"):
        assert f"\n{name}" in shown
    cut = heliograph("timeline", "good", "--limit", "2", storage=storage)
    assert "2 of 5 attempts are shown" in cut.stderr


def test_the_dag_is_a_tree_with_the_output_on_top(storage: Path) -> None:
    shown = printed("dag", "good", storage=storage).splitlines()
    assert [line.split("  ")[0] for line in shown] == ["sum", "├─ part.1", "├─ part.20", "└─ part.300"]
    assert printed("dag", "good", "--to", "dot", storage=storage).startswith('digraph "good" {')
    cut = heliograph("dag", "good", "--limit", "2", storage=storage)
    assert (len(cut.stdout.splitlines()), "--limit 0" in cut.stderr) == (2, True)


def test_a_chain_of_any_depth_is_drawn(tmp_path: Path) -> None:
    from heliograph.cli.views.dag import view

    tasks = [
        {"task_id": f"t{n}", "status": "SUCCESSFUL", "stats": {}, "workflow_refs": [f"t{n - 1}"] if n else []}
        for n in range(3000)
    ]
    _, cut = view(tasks, 200, width=80)
    assert cut


def test_sql_tells_of_its_views_and_answers(storage: Path) -> None:
    assert "heliograph_attempts: a try of a task" in printed("sql", storage=storage)
    count = printed("sql", "select count(*) as n from heliograph_workflows", storage=storage)
    assert count.split() == ["n", "4"]
    numbers = printed("sql", "select 9e999 as a, -9e999 as b, 1.5 as c", "--json", storage=storage)
    assert json.loads(numbers) == [{"a": None, "b": None, "c": 1.5}]  # JSON has no infinity
    cut = heliograph("sql", "select * from heliograph_tasks", "--limit", "1", storage=storage)
    assert "the first 1 rows are shown" in cut.stderr
    assert not OBEYED.search(printed("sql", "select * from heliograph_attempts", storage=storage))


def test_an_export_goes_to_stdout_a_file_or_a_folder(storage: Path, opened: Any, tmp_path: Path) -> None:
    text = printed("export", "good", "--to", "chrome", storage=storage)
    assert text == opened.export("good", "chrome").text
    assert json.loads(text)["otherData"]["workflow_id"] == "good"
    page = tmp_path / "a page.html"
    assert heliograph("export", HOSTILE_ID, "--to", "html", "-o", str(page), storage=storage).returncode == 0
    assert page.read_text("utf-8").startswith("<!DOCTYPE html>")
    crate = tmp_path / "crate"
    done = heliograph("export", "good", "--to", "ro-crate", "-o", str(crate), storage=storage)
    assert (done.returncode, f"written: {crate}" in done.stderr) == (0, True)
    written = {path.name: path.read_text("utf-8") for path in crate.iterdir()}
    assert written == dict(opened.export("good", "ro-crate").files)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("profile", "none"), 3, "No such workflow_id 'none'"),
        (("timeline", "none"), 3, "No such workflow_id 'none'"),
        (("compare", "good", "none"), 3, "No such workflow_id 'none'"),
        (("dag", "none"), 3, "No such workflow_id 'none'"),
        (("trend", "mine.none"), 3, "no workflow has run a function 'mine.none'"),
        (("trend", "none"), 1, "function must be a dotted name"),
        (("export", "none", "--to", "html"), 3, "No such workflow_id 'none'"),
        (("profile", "good", "--run", "7"), 1, "has no run 7"),
        (("export", "good", "--to", "pdf"), 2, "there is no format 'pdf'"),
        (("export", "good", "--to", "ro-crate"), 2, "name it with --output"),
        (("export", "good", "--to", "html", "-o", "/nowhere/x"), 1, "/nowhere/x can't be written"),
        (("dag", "good", "--to", "pdf"), 2, "there is no format 'pdf'"),
        (("sql", "delete from tasks"), 1, "nothing can be changed here"),
        (("sql", "selec"), 1, "syntax error"),
    ],
)
def test_errors_are_one_line_and_an_exit_code(
    storage: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = heliograph(*arguments, storage=storage)
    assert done.returncode == code
    assert message in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_functions_are_told_over_time(storage: Path, opened: Any) -> None:
    told = {}
    for name in opened.functions():
        with suppress(opened.WorkflowNotFoundError):  # none of its tasks has run
            told[name] = opened.trend(name, 20).to_dict()
    assert told
    found = json.loads(printed("trend", "--json", storage=storage))
    assert sorted(one["function"] for one in found) == sorted(told)
    assert all(one == told[one["function"]] for one in found)
    name = next(iter(told))
    assert json.loads(printed("trend", name, "--json", storage=storage)) == told[name]
    (newest,) = json.loads(printed("trend", name, "--limit", "1", "--json", storage=storage))["runs"]
    assert newest == told[name]["runs"][-1]
    for arguments in ((), (name,)):
        assert not OBEYED.search(printed("trend", *arguments, storage=storage))
        for width in (40, 80, 160):
            shown = COLOURS.sub("", on_terminal("trend", *arguments, storage=storage, width=width))
            assert shown.strip()
            assert not OBEYED.search(shown)
            assert [line for line in shown.splitlines() if cell_len(line) > width and " " in line] == []


def test_without_a_storage_there_is_nothing_to_tell(tmp_path: Path) -> None:
    environment = {"XDG_DATA_HOME": str(tmp_path), "HOME": str(tmp_path)}
    assert heliograph("profile", "w", storage=None, **environment).returncode == 3
    asked = heliograph("sql", "select 1", "--json", storage=None, **environment)
    assert (asked.returncode, json.loads(asked.stdout)) == (0, [])


def drawn(columns: list[Any], width: int) -> list[str]:
    from rich.console import Console

    from heliograph.cli.views.tables import fitted

    console = Console(width=width)
    with console.capture() as captured:
        console.print(fitted(columns, width))
    return captured.get().splitlines()


def test_where_there_is_just_room_nothing_is_cut() -> None:
    from heliograph.cli.views.tables import GAP, Column

    columns = [
        Column("TOOK", ["10 min 57 s"], is_number=True),
        Column("NAME", ["orders"], least=4),
        Column("N", ["1"]),
    ]
    width = sum(column.natural for column in columns) + 2 * GAP
    assert drawn(columns, width)[1].split("  ") == ["10 min 57 s", "orders", "1"]


def test_columns_with_the_same_title_have_their_own_widths() -> None:
    from heliograph.cli.views.tables import Column

    assert drawn([Column("A", ["a long one"]), Column("A", ["b"])], 80) == ["A           A", "a long one  b"]

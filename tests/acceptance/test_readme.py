"""The documents: their code runs and prints what they say, their links lead on, and nothing is left out."""

from __future__ import annotations

import ast
import doctest
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

from heliograph import errors, workflow
from heliograph.cli.app import app
from heliograph.records.attempt import (
    AttemptRecord,
    Failure,
    Phases,
    RayFacts,
    ReportRecord,
    Resources,
    StoredValue,
    Worker,
)
from heliograph.records.metadata import run_metadata, task_metadata, workflow_metadata
from heliograph.records.report import Progress
from heliograph.records.status import AttemptStatus, RunReason, TaskStatus, WorkflowStatus
from heliograph.records.workflow import (
    FunctionRecord,
    InputRecord,
    Owner,
    RunRecord,
    TaskCounts,
    TaskRecord,
    WorkflowRecord,
)
from tests.scripts import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NEXT = "-- next block --"


def names(page: Path) -> str:
    return str(page.relative_to(ROOT))


def with_code(page: Path) -> bool:
    return any(language == "python" for language, _ in FENCE.findall(page.read_text()))


@pytest.mark.parametrize("page", [page for page in PAGES if with_code(page)], ids=names)
def test_the_code_of_a_page_prints_what_the_page_says(page: Path, tmp_path: Path) -> None:
    code, expected = [], []
    for language, text in FENCE.findall(page.read_text()):
        if language == "python":
            ast.parse(text)
            code.append(text)
            expected.append("")
        elif language == "text":
            expected[-1] = text
    script = tmp_path / "page.py"
    script.write_text(f"print({NEXT!r})\n".join(code))
    done = subprocess.run(
        [sys.executable, script],
        env=os.environ | {"HELIOGRAPH_STORAGE": str(tmp_path / "storage")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    printed = done.stdout.split(f"{NEXT}\n")
    assert len(printed) == len(expected)
    checker = doctest.OutputChecker()
    for got, want in zip(printed, expected, strict=True):
        assert checker.check_output(want, got, doctest.ELLIPSIS), f"printed:\n{got}\nthe page says:\n{want}"


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            name, _, anchor = target.partition("#")
            led_to = page.parent / name if name else page
            assert led_to.exists(), target
            assert not anchor or anchor in anchors(led_to), target


def anchors(page: Path) -> set[str]:
    """What a link may name of a page: its titles, as forges spell them in addresses."""
    titles = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_picture_is_shown() -> None:
    shown = {
        (page.parent / target).resolve()
        for page in PAGES
        for target in re.findall(r"!\[[^]]*\]\(([^)]+)\)", page.read_text())
    }
    assert set((ROOT / "docs" / "images").iterdir()) == shown


def test_every_public_name_is_in_the_documents() -> None:
    told = "\n".join(page.read_text() for page in [ROOT / "README.md", *ROOT.glob("docs/*.md")])
    for name in set(workflow.__all__) - set(WorkflowStatus):  # those have a test of their own
        assert re.search(rf"(?:workflow\.|`){name}\b", told), name


def test_every_command_is_in_the_documents() -> None:
    told = (ROOT / "docs" / "cli.md").read_text()
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    of_storages = [f"storage {name}" for name in commands["storage"].commands]
    for name in [*(set(commands) - {"storage"}), *of_storages]:
        assert re.search(rf"`{name}\b", told), name


def test_the_first_lines_are_the_two_commands() -> None:
    lines = [line for line in (ROOT / "README.md").read_text().splitlines() if line.strip()]
    assert lines[1].startswith("    make demo ")
    assert lines[2].startswith("    make test ")


def test_every_error_has_its_line() -> None:
    page = (ROOT / "docs" / "errors.md").read_text()
    for name, kind in inspect.getmembers(errors, inspect.isclass):
        assert f"`{name}`" in page or f"`workflow.{name}`" in page, name
        assert getattr(workflow, name) is kind


def test_every_status_is_explained() -> None:
    page = (ROOT / "docs" / "glossary.md").read_text()
    workflows, tasks, attempts = page.split("## Statuses")[1:]
    for part, statuses in ((workflows, WorkflowStatus), (tasks, TaskStatus), (attempts, AttemptStatus)):
        assert sorted(re.findall(r"^\| ([A-Z]+) \|", part, re.MULTILINE)) == sorted(statuses)


def test_every_key_of_the_metadata_is_explained() -> None:
    sections = dict(
        part.split("\n", 1)
        for part in re.split(r"^## ", (ROOT / "docs" / "metadata.md").read_text(), flags=re.M)[1:]
    )
    for title, example in (
        ("Workflow", workflow_metadata(WORKFLOW, "/storage")),
        ("Run", run_metadata(RUN)),
        (
            "Task",
            {key: value for key, value in task_metadata(TASK).items() if key not in ("attempts", "stats")},
        ),
        ("Attempt", task_metadata(TASK)["attempts"][0]),
    ):
        said = set(re.findall(r"`(\w+)`", sections[title]))
        assert keys(example) - said == set(), title


def test_every_option_of_a_task_is_explained() -> None:
    page = (ROOT / "docs" / "metadata.md").read_text()
    assert set(task_metadata(TASK)["task_options"]) - set(re.findall(r"`(\w+)`", page)) == set()


def keys(value: Any) -> set[str]:
    """All keys, at every depth; not statuses, and not the options, which have a test of their own."""
    if not isinstance(value, dict):
        return set()
    inner = [
        keys(item) for key, item in value.items() if key not in ("by_status", "user_metadata", "task_options")
    ]
    return set(value).union(*inner)


# Records in which everything is known.
RUN = RunRecord(
    run=1,
    reason=RunReason.START,
    status=WorkflowStatus.FAILED,
    owner=Owner("o", "host", "machine", 1, 1.0, "embedded", 1.0),
    created_time=1.0,
    start_time=1.0,
    end_time=1.0,
    cancel_time=1.0,
    reused=0,
    code=dict.fromkeys(
        ("entry_point", "python", "heliograph", "ray", "git_commit", "git_dirty", "packages_hash"), "x"
    ),
    user="me",
    argv=("x.py",),
    hostname="host",
    error_type="builtins.OSError",
    error_message="broken",
    error_task="task",
)
OPTIONS = (
    '{"task_type": "FUNCTION", "max_retries": 3, "retry_exceptions": false, "catch_exceptions": false, '
    '"checkpoint": true}'
)
WORKFLOW = WorkflowRecord(
    key=1,
    workflow_id="w",
    name="f",
    status=WorkflowStatus.FAILED,
    stored_status=WorkflowStatus.FAILED,
    user_metadata="{}",
    output_task=0,
    output_options=OPTIONS,
    progress=TaskCounts.of({TaskStatus.FAILED: 1}),
    parent="parent",
    run=1,
    start_time=1.0,
    end_time=1.0,
    owner_id="o",
    engine="embedded",
    error_type="builtins.OSError",
    error_message="broken",
    error_task="task",
)
TASK = TaskRecord(
    number=0,
    task_id="task",
    status=TaskStatus.FAILED,
    options=OPTIONS,
    user_metadata="{}",
    function=FunctionRecord("m", "f", "x.py", 1, "0" * 64),
    upstream=(),
    reused_in=None,
    creator="creator",
    output=StoredValue(1, "0" * 64, "builtins.int"),
    attempts=(
        AttemptRecord(
            1,
            1,
            AttemptStatus.FAILED,
            Phases(*[1.0] * 8),
            backoff=1.0,
            inputs_size=1,
            failure=Failure("builtins.OSError", "broken", "Traceback"),
            worker=Worker("host", 1, "w", "n", RayFacts("t", "j", {}, 1)),
            resources=Resources("exclusive", 1.0, 1, 1, 1, 1, 1, 1, 1),
            report=ReportRecord(Progress(1, 2, "going", 1.0), 2, 2, 1, 1),
        ),
    ),
    arguments=StoredValue(1, "0" * 64, None),
    inputs=(InputRecord("upstream", StoredValue(1, "0" * 64, "builtins.int")),),
    report=ReportRecord(Progress(1, 2, "going", 1.0), 2, 2, 1, 1),
    wake_time=1.0,
    next_attempt_time=1.0,
)

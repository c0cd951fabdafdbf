"""What a type checker makes of a user's program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.scripts import ROOT

PROGRAM = """
from dataclasses import dataclass

from heliograph import workflow


@dataclass
class Order:
    price: float


@workflow.task
def load(region: str, *, most: int = 3) -> list[Order]:
    return [Order(float(number)) for number in workflow.progress(range(most), message=region)]


@workflow.options(metadata={"team": "blue"})
@workflow.task(max_retries=2, retry_exceptions=[OSError])
def add_up(orders: list[Order]) -> float:
    total = 0.0
    with workflow.progress(total=len(orders)) as steps:
        for order in orders:
            total += order.price
            steps.advance()
    return total


fetch: workflow.Task[[str], list[Order]] = load
here: float = add_up.options(timeout=3)(load("south"))


def report(region: str) -> workflow.Node:
    return add_up.options(**workflow.options(name="sum")).bind(load.options(max_retries=1).bind(region))


async def main() -> float:
    future = workflow.run_async(report("north"), workflow_id="north")
    async for change in workflow.watch("north"):
        print(change["kind"], workflow.get_status("north") is workflow.RUNNING)
    output: float = await future
    found: list[str] = [task["task_id"] for task in workflow.get_metadata("north", tasks=True)["tasks"]]
    print(found, [one["workflow_id"] for one in workflow.search("runs = 1")["found"]])
    return output
"""


SLIPS = """
from heliograph import workflow


@workflow.task
def double(number: int) -> int:
    return 2 * number


@workflow.options(name="text")
@workflow.task(max_retries=2)
def text(number: int) -> str:
    return str(number)


double("4")
wrong: int = text(4)
"""


def checked(program: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # with the settings of `make lint`, so that its cache helps
        [sys.executable, "-m", "mypy", program], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_a_program_that_is_strict_about_its_types_can_use_all_of_it(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    found = checked(program)
    assert found.returncode == 0, found.stdout


def test_a_task_that_is_called_is_checked_as_its_function(tmp_path: Path) -> None:
    program = tmp_path / "slips.py"
    program.write_text(SLIPS)
    found = checked(program)
    assert [line.rpartition("[")[2] for line in found.stdout.splitlines()[:-1]] == [
        "arg-type]",
        "assignment]",
    ]

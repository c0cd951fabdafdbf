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


def test_a_program_that_is_strict_about_its_types_can_use_all_of_it(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    checked = subprocess.run(  # with the settings of `make lint`, so that its cache helps
        [sys.executable, "-m", "mypy", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout

"""No Ray, or one that is too old: said in one line, before anything ran."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import scripts

PROGRAM = """
import sys
{before}
from heliograph import workflow

@workflow.task
def give(value):
    return value

print(workflow.run(give.bind(1)))  # the embedded engine needs none
workflow.shutdown()
workflow.init(engine="ray")
try:
    workflow.run(give.bind(2), workflow_id="never")
except workflow.MissingExtraError as error:
    print(error)
print(workflow.get_metadata(workflow.list_all()[0][0])["status"], len(workflow.list_all()))
"""
ABSENT = 'sys.modules["ray"] = None'  # what an import meets then is what it meets where there is none


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (None, "this needs Ray: pip install 'heliograph[ray]'"),
        (
            "2.47.1",
            "this needs Ray 2.48 or newer, and Ray 2.47.1 is installed: "
            "pip install --upgrade 'heliograph[ray]'",
        ),
    ],
)
def test_a_ray_that_is_not_there_or_too_old(tmp_path: Path, version: str | None, said: str) -> None:
    before = ABSENT
    if version is not None:
        (tmp_path / "old").mkdir()
        old = f"__version__ = {version!r}\nis_initialized = lambda: True\n"
        (tmp_path / "old" / "ray.py").write_text(old)
        before = f"sys.path.insert(0, {str(tmp_path / 'old')!r}); import ray"
    printed = scripts.run(PROGRAM.replace("{before}", before), tmp_path / "storage")
    assert printed == f"1\n{said}\nSUCCESSFUL 1\n"

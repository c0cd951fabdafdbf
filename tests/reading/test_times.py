"""What is told from times alone is the same, whether or not all the rest was read with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliograph import workflow
from heliograph.insight.profile import profile
from heliograph.insight.timeline import timeline
from heliograph.reading.explaining import trace_of


@workflow.task
def part(number: int) -> int:
    if number == 2:
        raise OSError("broken")
    return number


@workflow.task
def total(numbers: list[int]) -> int:
    return sum(numbers)


def test_times_and_use_are_enough_for_profile_and_timeline(tmp_path: Path) -> None:
    workflow.init(storage=tmp_path, workers="threads")
    try:
        parts = [part.options(max_retries=1, retry_exceptions=True).bind(number) for number in range(3)]
        with pytest.raises(workflow.WorkflowExecutionError):
            workflow.run(total.bind(parts), workflow_id="w")
        whole, times, use = trace_of("w"), trace_of("w", facts=False), trace_of("w", facts=False, use=True)
        assert "builtins.OSError" in whole.attempts.error_type
        assert not times.attempts.error_type
        assert not times.attempts.cpu_time
        assert not use.attempts.error_type
        assert profile(use) == profile(whole)
        assert timeline(times) == timeline(whole)
    finally:
        workflow.shutdown()

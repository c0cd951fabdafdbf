"""Whether who watches a workflow may expect more of it."""

from __future__ import annotations

from heliograph.reading.lifetime import COMEBACK_SECONDS, Lifetime
from heliograph.records.status import WorkflowStatus


def test_a_workflow_of_rays_may_come_back_for_a_while() -> None:
    now = [5.0]
    lifetime = Lifetime(lambda: now[0])
    assert lifetime.goes_on(WorkflowStatus.RUNNING, "ray")
    assert lifetime.goes_on(WorkflowStatus.RESUMABLE, "ray")
    now[0] += COMEBACK_SECONDS - 1
    assert lifetime.goes_on(WorkflowStatus.RESUMABLE, "ray")
    assert lifetime.goes_on(WorkflowStatus.PENDING, "ray")  # it came back
    now[0] += 10
    assert lifetime.goes_on(WorkflowStatus.RESUMABLE, "ray")
    now[0] += COMEBACK_SECONDS
    assert not lifetime.goes_on(WorkflowStatus.RESUMABLE, "ray")


def test_others_go_on_only_while_an_engine_has_them() -> None:
    for status in WorkflowStatus:
        assert Lifetime().goes_on(status, "embedded") == (status in ("RUNNING", "PENDING"))
    assert not Lifetime().goes_on(WorkflowStatus.RESUMABLE, None)
    assert not Lifetime().goes_on(WorkflowStatus.SUCCESSFUL, "ray")

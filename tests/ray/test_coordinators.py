"""Several coordinators share the workflows of one storage on PostgreSQL, and any of them may die."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'heliograph[ray]'")

from heliograph import workflow  # noqa: E402
from heliograph.engines.opening import opened  # noqa: E402
from tests import clusters, postgresql  # noqa: E402
from tests.conditions import DEADLINE  # noqa: E402
from tests.gates import Gate, Ledger  # noqa: E402
from tests.invariants import check_store  # noqa: E402

COUNT = 3
IDS = [f"mine {number}" for number in range(5)]


@pytest.fixture
def several(tmp_path: Path) -> Iterator[None]:
    clusters.start()
    server = postgresql.server()
    storage = server.database(tmp_path / "values")
    workflow.init(storage=storage, engine="ray", coordinators=COUNT)
    yield
    workflow.shutdown()
    clusters.kill_coordinators()
    check_store(storage)
    server.drop(storage)


@ray.remote(num_cpus=0)
def note(ledger: Ledger, line: str) -> str:
    ledger.note(line)
    return line


@ray.remote(num_cpus=0)
def hold(gate: Gate, name: str) -> str:
    gate.wait(name)
    return name


def test_workflows_are_shared_and_go_on_when_one_is_killed(several: None, gate: Gate, ledger: Ledger) -> None:
    outputs = {
        workflow_id: workflow.run_async(
            hold.bind(gate, note.bind(ledger, workflow_id)), workflow_id=workflow_id
        )
        for workflow_id in IDS
    }
    for workflow_id in IDS:
        gate.until_waiting(workflow_id)
    owners = {workflow_id: workflow.get_history(workflow_id)[0]["owner"]["pid"] for workflow_id in IDS}
    assert set(owners.values()) == {pid for pid, _ in opened().ray.memory()}
    assert len(set(owners.values())) == COUNT
    killed = owners[IDS[0]]
    os.kill(killed, signal.SIGKILL)
    gate.open()
    for workflow_id, output in outputs.items():
        assert ray.get(output, timeout=DEADLINE) == workflow_id
        reasons = [run["reason"] for run in workflow.get_history(workflow_id)]
        assert reasons == (["start", "recovered"] if owners[workflow_id] == killed else ["start"])
    assert ledger.counts() == dict.fromkeys(IDS, 1)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"coordinators": 2},
            "coordinators=2 needs a storage on PostgreSQL, and '.*' is a file",
        ),
        ({"coordinators": 2, "engine": "embedded"}, "coordinators is an option of the engine on Ray"),
        ({"coordinators": 0}, "coordinators must be at least 1"),
    ],
)
def test_what_can_not_be_shared(tmp_path: Path, given: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        workflow.init(storage=tmp_path, **given)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="coordinators must be an int"):
        workflow.init(storage=tmp_path, coordinators="2")  # type: ignore[arg-type]

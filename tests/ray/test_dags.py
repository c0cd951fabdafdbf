"""DAGs of ``@ray.remote`` functions: arguments, options, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'heliograph[ray]'")

from ray.dag import InputNode, MultiOutputNode  # noqa: E402

from heliograph import workflow  # noqa: E402
from heliograph.cli.app import run  # noqa: E402
from tests.conditions import DEADLINE, until  # noqa: E402
from tests.gates import Gate, Ledger  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_storage")


@ray.remote
def add(left: int, right: int) -> int:
    return left + right


@ray.remote
def give(value: Any) -> Any:
    return value


@ray.remote
def total(references: list[Any], factor: int = 1, *, more: Any = ()) -> Any:
    """As Ray has it: what is nested arrives as a reference."""
    assert all(isinstance(reference, ray.ObjectRef) for reference in references)
    return sum(ray.get(references)) * factor


@workflow.task
def total_of_values(values: list[int]) -> int:
    return sum(values)


@ray.remote
def large(size: int) -> bytes:
    return b"x" * size


@ray.remote
def length(data: Any) -> int:
    return len(ray.get(data[0]) if isinstance(data, list) else data)


# -- arguments


def test_nodes_are_values_and_nested_ones_are_references() -> None:
    one, two = give.bind(1), give.bind(2)
    assert workflow.run(add.bind(one, two)) == 3
    assert workflow.run(total.bind([one, two], give.bind(10))) == 30
    assert workflow.run(total.bind([one, one, two], factor=two)) == 8
    assert workflow.run(total_of_values.bind([one, two, 4])) == 7


def test_nodes_of_both_kinds_mix() -> None:
    @workflow.task
    def double(value: int) -> int:
        return 2 * value

    assert workflow.run(add.bind(double.bind(1), give.bind(double.bind(2)))) == 6
    assert workflow.run(total.bind([double.bind(5), give.bind(1)])) == 11
    assert workflow.run(give.bind(workflow.sleep(0.01))) is None


def test_one_node_used_twice_runs_once(ledger: Ledger) -> None:
    @ray.remote
    def note(line: str) -> int:
        ledger.note(line)
        return 1

    once = note.bind("once")
    assert workflow.run(total.bind([once, once], add.bind(once, once))) == 4
    assert ledger.counts() == {"once": 1}


def test_inputs() -> None:
    with InputNode() as given:
        parts = add.bind(given[0], given.right)
        whole = give.bind(given)
    assert workflow.run(parts, 1, right=5) == 6
    assert workflow.run(whole, {"a": 1}) == {"a": 1}
    with pytest.raises(ValueError, match="takes an input 'right'"):
        workflow.run(parts, 1)


def test_references_among_the_arguments_are_captured_by_value() -> None:
    assert workflow.run(add.bind(ray.put(1), 2), workflow_id="captured") == 3
    assert workflow.run(total.bind([ray.put(1), ray.put(2)])) == 3


def test_large_values_travel_as_objects_and_as_references() -> None:
    data = large.bind(1_000_000)
    assert workflow.run(add.bind(length.bind(data), length.bind([data])), workflow_id="mine") == 2_000_000
    (made, *_) = workflow.get_tasks("mine")
    assert made["output"]["stored"] != "inline"
    assert made["attempts"][0]["worker"]["ray"]["object_store_bytes"] == made["output"]["size"]


def test_a_reference_in_an_output_is_stored_by_value() -> None:
    @ray.remote
    def refer() -> Any:
        return {"data": ray.put([1, 2, 3])}

    assert ray.get(workflow.run(refer.bind(), workflow_id="refers")["data"]) == [1, 2, 3]
    assert ray.get(workflow.get_output("refers")["data"]) == [1, 2, 3]


def test_a_continuation() -> None:
    @ray.remote
    def factorial(number: int, product: int = 1) -> Any:
        if number == 1:
            return product
        return workflow.continuation(factorial.bind(number - 1, product * number))

    assert workflow.run(factorial.bind(6)) == 720
    assert workflow.continuation(add.bind(1, 2)) == 3


def test_a_node_of_rays_that_is_returned_is_a_continuation_too() -> None:
    @ray.remote
    def factorial(number: int, product: int = 1) -> Any:
        return product if number == 1 else factorial.bind(number - 1, product * number)

    assert workflow.run(factorial.bind(6), workflow_id="mine") == 720
    assert "creator" in workflow.get_tasks("mine")[-1]


def test_a_workflow_in_a_task_runs_on_the_same_coordinator() -> None:
    @ray.remote
    def outer() -> int:
        inner: int = workflow.run(add.bind(1, 2), workflow_id="inner")
        return inner + workflow.run(total_of_values.bind([4]), workflow_id="inner too")

    assert workflow.run(outer.bind(), workflow_id="outer") == 7
    owners = [workflow.get_history(name)[0]["owner"]["pid"] for name in ("outer", "inner", "inner too")]
    assert len(set(owners)) == 1


def test_a_task_may_have_another_storage_open(tmp_path: Path) -> None:
    other = tmp_path / "other"

    @ray.remote
    def outer() -> Any:
        workflow.shutdown()  # this worker may have run a workflow for another task
        workflow.init(storage=other)
        workflow.run(add.bind(1, 2), workflow_id="elsewhere")
        found = workflow.get_output("elsewhere")
        workflow.shutdown()
        return found

    assert workflow.run(outer.bind(), workflow_id="outer") == 3
    assert [name for name, _ in workflow.list_all()] == ["outer"]
    assert workflow.run(outer.bind(), workflow_id="again") == 3


# -- options


@workflow.options(name="decorated", metadata={"from": "decorator"})
@ray.remote(num_cpus=0)
def decorated() -> str:
    return "decorated"


def test_options_are_merged_key_by_key() -> None:
    dag = decorated.options(max_retries=1, **workflow.options(metadata={"from": "call"})).bind()
    assert workflow.run(dag, workflow_id="mine") == "decorated"
    task = workflow.get_metadata("mine", "decorated")
    assert task["user_metadata"] == {"from": "call"}
    assert task["task_options"]["max_retries"] == 1
    assert task["task_options"]["ray_options"] == {"num_cpus": 0}
    assert ray.get(decorated.remote()) == "decorated"


def test_options_of_ray_are_honoured_and_shown() -> None:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    node = ray.get_runtime_context().get_node_id()

    @ray.remote
    def where() -> tuple[str, str]:
        said = os.environ.get("GREETING", "") + os.environ.get("API_KEY", "")
        return said, ray.get_runtime_context().get_node_id()

    strategy = NodeAffinitySchedulingStrategy(node, soft=False)
    dag = where.options(
        num_cpus=0.5,
        runtime_env={"env_vars": {"GREETING": "hello", "API_KEY": "s3cret"}},
        scheduling_strategy=strategy,
        name="as Ray calls it",
        **workflow.options(name="where"),
    ).bind()
    assert workflow.run(dag, workflow_id="mine") == ("hellos3cret", node)
    task = workflow.get_metadata("mine", "where")
    shown = task["task_options"]["ray_options"]
    assert shown["num_cpus"] == 0.5
    assert shown["runtime_env"] == {"env_vars": {"GREETING": "hello", "API_KEY": "***"}}
    assert "s3cret" not in "".join(workflow.table("mine", "tasks").columns["task_options"])
    assert shown["name"] == "as Ray calls it"
    assert "NodeAffinitySchedulingStrategy" in shown["scheduling_strategy"]
    worker = task["attempts"][0]["worker"]
    assert worker["node_id"] == node
    assert worker["ray"]["resources"]["CPU"] == 0.5
    assert worker["ray"]["task_id"]
    assert worker["ray"]["job_id"]


def test_resources_and_labels_are_honoured_and_shown() -> None:
    node = ray.get_runtime_context().get_node_id()
    options = {
        "num_cpus": 0,
        "num_gpus": 0.5,
        "memory": 50_000_000,
        "resources": {"special": 0.5},
        "label_selector": {"ray.io/node-id": node},
    }

    @ray.remote(**options)
    def granted() -> Any:
        return ray.get_runtime_context().get_assigned_resources()

    found = workflow.run(granted.options(**workflow.options(name="granted")).bind(), workflow_id="mine")
    expected = {"GPU": 0.5, "memory": 50_000_000, "special": 0.5}
    assert found == expected
    task = workflow.get_metadata("mine", "granted")
    assert task["task_options"]["ray_options"] == options
    assert task["attempts"][0]["worker"]["ray"]["resources"] == expected

    nowhere = granted.options(label_selector={"ray.io/node-id": "elsewhere"})
    output = workflow.run_async(nowhere.bind(), workflow_id="waits")
    (said,) = until(lambda: workflow.get_logs("waits"))
    assert said["text"] == (
        "waits for a node: none of the cluster has labels as {'ray.io/node-id': 'elsewhere'}"
    )
    assert workflow.get_tasks("waits")[0]["status"] == "READY"
    assert not ray.wait([output], timeout=0)[0]
    workflow.cancel("waits")


def test_max_calls_ends_the_worker() -> None:
    @ray.remote(max_calls=1)
    def who() -> int:
        return os.getpid()

    @ray.remote
    def both(*pids: int) -> tuple[int, ...]:
        return pids

    first, second = workflow.run(both.bind(who.bind(), who.bind()), workflow_id="mine")
    assert first != second


def test_exceptions_are_retried_when_ray_would(ledger: Ledger) -> None:
    @ray.remote(max_retries=2, retry_exceptions=[KeyError])
    def fails() -> int:
        if ledger.note("try") < 3:
            raise KeyError("not yet")
        return 3

    assert workflow.run(fails.bind(), workflow_id="mine") == 3
    assert len(workflow.get_tasks("mine")[0]["attempts"]) == 3


def test_a_task_reads_running_while_it_runs(tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")

    @ray.remote
    def wait() -> None:
        gate.wait()

    output = workflow.run_async(wait.bind(), workflow_id="mine")
    gate.until_waiting()
    (attempt,) = until(lambda: workflow.get_tasks("mine")[0]["attempts"])
    assert attempt["status"] == "RUNNING"
    assert workflow.get_tasks("mine")[0]["status"] == "RUNNING"
    gate.open()
    ray.get(output, timeout=DEADLINE)


def test_a_batch_of_short_tasks_with_one_that_is_not(tmp_path: Path, ledger: Ledger) -> None:
    gate = Gate(tmp_path / "gate")

    @ray.remote
    def short(number: int) -> int:
        ledger.note(f"{number}")
        if number == 150:
            gate.wait()
        return number

    @ray.remote
    def count(*numbers: int) -> int:
        return len(numbers)

    output = workflow.run_async(
        count.bind(*[short.bind(number) for number in range(300)]), workflow_id="mine"
    )
    gate.until_waiting()
    # It holds nobody up: those behind it in its batch go with others.
    until(lambda: workflow.get_metadata("mine")["progress"]["done"] == 299)
    gate.open()
    assert ray.get(output, timeout=DEADLINE) == 300
    assert set(ledger.counts().values()) == {1}


# -- what is refused


def test_actors_are_refused() -> None:
    @ray.remote
    class Counter:
        def count(self) -> int:
            return 1

    counter = Counter.bind()  # type: ignore[attr-defined]
    for dag in (counter.count.bind(), counter, give.bind(counter.count.bind()), give.bind([counter])):
        with pytest.raises(TypeError, match=r"a Class\w+ is of an actor"):
            workflow.run(dag)
    assert workflow.list_all() == []


def test_several_outputs_are_refused() -> None:
    with pytest.raises(ValueError, match="one output: num_returns must be 1, not 2"):
        workflow.run(give.options(num_returns=2).bind(1))
    with pytest.raises(ValueError, match="one output: num_returns must be 1, not 2"):
        workflow.run(give.bind(give.options(num_returns=2).bind(1)))
    with pytest.raises(TypeError, match="one output"):
        workflow.run(MultiOutputNode([give.bind(1), give.bind(2)]))


def test_what_is_no_dag_is_refused() -> None:
    for value in (give, give.remote(1), 5):
        with pytest.raises(TypeError, match=r"workflow\.run takes a DAG"):
            workflow.run(value)


def test_workers_are_not_for_ray(tmp_path: Path) -> None:
    workflow.shutdown()
    with pytest.raises(ValueError, match="num_workers is an option of the embedded engine"):
        workflow.init(storage=tmp_path, engine="ray", num_workers=2)


def test_what_ray_can_not_place_fails_and_is_not_tried_again() -> None:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    nowhere = give.options(scheduling_strategy=NodeAffinitySchedulingStrategy("ab" * 28, soft=False))
    with pytest.raises(workflow.WorkflowExecutionError, match="TaskUnschedulableError"):
        workflow.run(nowhere.bind(1), workflow_id="mine")
    assert len(workflow.get_tasks("mine")[0]["attempts"]) == 1
    assert workflow.run(give.bind(1)) == 1


def test_a_strategy_that_there_is_not_is_refused_before_anything_ran(ledger: Ledger) -> None:
    scattered = give.options(scheduling_strategy="FOO").bind(give.bind(1))
    with pytest.raises(ValueError, match="scheduling_strategy must be 'DEFAULT' or 'SPREAD'"):
        workflow.run(scattered, workflow_id="mine")
    assert workflow.list_all() == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"label_selector": {"zone": None}},
            r"label_selector has None for 'zone': give a string, such as 'gpu'",
        ),
        (
            {"label_selector": {"zone": "a"}, "fallback_strategy": [{"label_selector": {"zone": None}}]},
            r"label_selector has None for 'zone': give a string",
        ),
        (
            {"_labels": {"team": 1}},
            "_labels has 1 for 'team': give a string, such as 'blue', or leave it out",
        ),
        ({"_labels": {1: "team"}}, "_labels has a key 1, and keys are strings: write '1'"),
        ({"resources": {1: 2}}, "resources has a key 1, and keys are strings: write '1'"),
    ],
)
def test_keys_and_values_that_are_no_strings_are_refused_before_anything_ran(
    options: dict[str, Any], said: str
) -> None:
    with pytest.raises(TypeError, match=said):
        workflow.run(give.options(**options).bind(give.bind(1)), workflow_id="mine")
    assert workflow.list_all() == []


def test_what_ray_does_not_know_of_an_environment_is_passed_on_with_a_warning() -> None:
    @ray.remote(runtime_env={"env_var": {"GREETING": "hello"}})
    def environment() -> Any:
        return dict(ray.get_runtime_context().runtime_env)

    with pytest.warns(UserWarning, match=r"runtime_env has 'env_var', .* Did you mean 'env_vars'\?") as said:
        assert workflow.run(environment.bind(), workflow_id="mine") == {"env_var": {"GREETING": "hello"}}
    assert said[0].filename == __file__
    with pytest.warns(
        UserWarning, match=r"has 'quux', which Ray itself does not know: .* nothing comes of it$"
    ) as said:
        workflow.run(give.bind(give.options(runtime_env={"quux": 1}).bind(1)))
    assert said[0].filename == __file__


def test_generators_are_refused() -> None:
    @ray.remote
    def several() -> Any:
        yield 1

    for dag in (several.bind(), several.options(num_returns="streaming").bind()):
        with pytest.raises(TypeError, match=r"a task returns one output: .* is a generator"):
            workflow.run(dag)
    assert workflow.list_all() == []


def test_a_task_that_no_node_can_have_says_why_it_waits(
    one_storage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lacking = give.options(resources={"nobody": 1}, **workflow.options(name="lacking"))
    large = give.options(num_cpus=99, **workflow.options(name="large"))
    workflow.run_async(lacking.bind(large.bind(1)), workflow_id="one after the other")
    workflow.run_async(lacking.bind(1), workflow_id="mine")
    said = until(lambda: [line["text"] for line in workflow.get_logs("mine", "lacking")])
    assert said == ["waits for a node: none of the cluster has nobody: 1 (the most that one has is 0)"]
    said = until(lambda: [line["text"] for line in workflow.get_logs("one after the other")])
    assert said == ["waits for a node: none of the cluster has CPU: 99 (the most that one has is 2)"]
    assert workflow.get_tasks("mine")[0]["status"] == "READY"
    assert run(["--storage", str(one_storage), "show", "mine", "lacking"]) == 0
    assert "waits for a node: none of the cluster has nobody: 1" in capsys.readouterr().out
    workflow.init(storage=one_storage)  # the command has closed what it had open
    for workflow_id in ("mine", "one after the other"):
        workflow.cancel(workflow_id)


def test_a_task_whose_placement_group_has_no_room_says_so() -> None:
    from ray.util import placement_group, remove_placement_group
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    group = placement_group([{"CPU": 99}])
    inside = give.options(num_cpus=1, scheduling_strategy=PlacementGroupSchedulingStrategy(group))
    workflow.run_async(inside.bind(1), workflow_id="mine")
    (said,) = until(lambda: workflow.get_logs("mine"))
    assert said["text"] == "waits for its placement group, which is PENDING"
    workflow.cancel("mine")
    remove_placement_group(group)


def test_cancelling_a_task_that_waits_for_resources_frees_nothing_else() -> None:
    workflow.run_async(give.options(resources={"nobody": 1}).bind(1), workflow_id="waits")
    until(lambda: workflow.get_logs("waits"))
    workflow.cancel("waits")
    assert workflow.run(give.bind(2)) == 2
    assert workflow.get_status("waits") == "CANCELED"
    with pytest.raises(workflow.WorkflowCancellationError):
        workflow.get_output("waits")

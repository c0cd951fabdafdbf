"""What programs of `ray.workflow` do that other tests of Ray do not."""

from __future__ import annotations

from pathlib import Path

import pytest
import ray

from heliograph import workflow
from tests import scripts

pytestmark = pytest.mark.usefixtures("one_storage")


class Greeting(workflow.EventListener):
    async def poll_for_event(self, name: str) -> str:
        return f"hello {name}"


def test_of_an_event_or_a_sleep_alone_the_output_is_a_reference() -> None:
    event = workflow.run_async(workflow.wait_for_event(Greeting, "world"), workflow_id="event")
    asleep = workflow.run_async(workflow.sleep(0.01))
    assert ray.get([event, asleep], timeout=60) == ["hello world", None]
    for again in (workflow.get_output_async("event"), workflow.resume_async("event")):
        assert ray.get(again, timeout=60) == "hello world"
    assert workflow.run(workflow.wait_for_event(Greeting, "again")) == "hello again"


def test_an_event_alone_is_of_the_engine_that_was_named(one_storage: Path) -> None:
    workflow.shutdown()
    workflow.init(storage=one_storage, workers="threads")
    output = workflow.run_async(workflow.wait_for_event(Greeting, "world"))
    assert output.result(60) == "hello world"


@ray.remote
def add(left: int, right: int, *, more: int = 0) -> int:
    return left + right + more


@pytest.mark.parametrize(
    ("args", "kwargs", "said"),
    [
        ((1,), {}, "missing a required argument: 'right'"),
        ((1, 2, 3), {}, "too many positional arguments"),
        ((1, 2), {"most": 3}, "got an unexpected keyword argument 'most'"),
    ],
)
def test_arguments_that_a_function_does_not_take_are_refused_before_anything_ran(
    args: tuple[int, ...], kwargs: dict[str, int], said: str
) -> None:
    wrong = add.bind(*args, **kwargs)
    for dag in (wrong, add.bind(wrong, 1)):
        with pytest.raises(TypeError, match=rf"add' can't be bound to these arguments: {said}"):
            workflow.run(dag)
    assert workflow.list_all() == []
    assert workflow.run(add.bind(1, right=add.bind(1, 2), more=3)) == 7


CONNECTS_AGAIN = """
import ray
from heliograph import workflow

@ray.remote
def double(number):
    return 2 * number

for number in range(3):
    ray.init(logging_level="ERROR")
    output = workflow.run_async(double.bind(number), workflow_id=f"async-{number}")
    print(workflow.run(double.bind(number)), ray.get(output), ray.get(workflow.get_output_async("async-0")))
    ray.shutdown()
"""


def test_a_driver_that_leaves_the_cluster_and_comes_back(one_storage: Path) -> None:
    assert scripts.run(CONNECTS_AGAIN, one_storage) == "0 0 0\n2 2 0\n4 4 0\n"


TAKES_A_REFERENCE = """
import sys
import ray
from heliograph import workflow

@workflow.task
def first(numbers):
    return ray.get(numbers[0])

ray.init(logging_level="ERROR")
assert "ray.dag" not in sys.modules  # nobody made a node of Ray's
workflow.init(engine="ray")
dag = first.bind([ray.put(7)])
print(ray.get(workflow.run_async(dag), timeout=60))
"""


def test_a_reference_among_the_arguments_of_a_program_without_nodes_of_rays(one_storage: Path) -> None:
    assert scripts.run(TAKES_A_REFERENCE, one_storage) == "7\n"


NAMES_ACTORS = """
import ray
from heliograph import workflow

@ray.remote(num_cpus=0)
class Shop:
    def name(self):
        return ray.get_runtime_context().namespace

@ray.remote
def shop(name):
    return ray.get(ray.get_actor(name).name.remote())

@ray.remote
def nothing():
    pass

ray.init(logging_level="ERROR")
workflow.run(nothing.bind())
ray.shutdown()
for namespace in ("north", "south"):
    ray.init(namespace=namespace, logging_level="ERROR")
    made = Shop.options(name=f"shop-{namespace}").remote()
    print(workflow.run(shop.bind(f"shop-{namespace}")))
    ray.shutdown()
"""


def test_tasks_find_actors_in_the_namespace_that_their_driver_named(one_storage: Path) -> None:
    assert scripts.run(NAMES_ACTORS, one_storage) == "north\nsouth\n"

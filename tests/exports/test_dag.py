"""The DAG for Graphviz, read by pydot's grammar of its language; and for Mermaid, line by line."""

from __future__ import annotations

import re

import pydot

from heliograph import workflow
from tests.exports.conftest import TASK


def test_graphviz_reads_it(workflow_id: str) -> None:
    graphs = pydot.graph_from_dot_data(workflow.export(workflow_id, "dot").text)
    assert graphs is not None
    assert len(graphs) == 1
    tasks = workflow.get_tasks(workflow_id)
    numbers = {f"t{number}": task for number, task in enumerate(tasks)}
    nodes = {
        node.get_name(): node for node in graphs[0].get_nodes() if node.get_name() not in ("node", "edge")
    }
    assert set(nodes) == set(numbers)
    edges = {
        (numbers[edge.get_source()]["task_id"], numbers[edge.get_destination()]["task_id"])
        for edge in graphs[0].get_edges()
    }
    needs = {(need, task["task_id"]) for task in tasks for need in task["workflow_refs"]}
    handed = {(task["creator"], task["task_id"]) for task in tasks if "creator" in task}
    assert edges == needs | handed


def test_what_failed_is_red_and_the_slowest_warmest() -> None:
    text = workflow.export(TASK, "dot").text
    assert re.search(r'label="__main__.broken\\nFAILED.*fillcolor="#fee2e2"', text)


def test_mermaid_has_a_line_a_task_and_a_line_an_arrow(workflow_id: str) -> None:
    first, *lines = workflow.export(workflow_id, "mermaid").text.splitlines()
    assert first == "flowchart LR"
    shapes = (
        r'  t\d+\["[\w .#;-]+<br/>[A-Z]+ [\w .µ]*"\]',
        r"  t\d+ (-->|-\.->) t\d+",
        r"  classDef c\d+ fill:#[0-9a-f]{6},stroke:#[0-9a-f]{6},color:#[0-9a-f]{6}",
        r"  class t\d+(,t\d+)* c\d+",
    )
    assert [line for line in lines if not any(re.fullmatch(shape, line) for shape in shapes)] == []
    tasks = workflow.get_tasks(workflow_id)
    assert len([line for line in lines if "[" in line]) == len(tasks)

"""What there is no export of."""

from __future__ import annotations

import pytest

from heliograph import workflow


def test_a_format_that_there_is_not() -> None:
    with pytest.raises(
        ValueError, match=r"there is no format 'pdf'; there are chrome \(or perfetto\), otlp .*, html$"
    ):
        workflow.export("good", "pdf")
    with pytest.raises(TypeError, match="format must be a str, not int"):
        workflow.export("good", 5)  # type: ignore[arg-type]


def test_a_workflow_and_a_run_that_there_are_not() -> None:
    with pytest.raises(workflow.WorkflowNotFoundError, match="No such workflow_id 'none'"):
        workflow.export("none", "html")
    with pytest.raises(ValueError, match="workflow 'good' has no run 5"):
        workflow.export("good", "html", run=5)


def test_the_same_workflow_is_told_the_same_way() -> None:
    for name in ("chrome", "otlp", "openlineage", "dot", "mermaid", "html"):
        assert workflow.export("good", name).text == workflow.export("good", name).text


def test_its_blocks_are_its_text(workflow_id: str) -> None:
    for name in ("chrome", "otlp", "openlineage", "ro-crate", "dot", "mermaid", "html"):
        made = workflow.export(workflow_id, name)
        assert {file: "".join(made.blocks(file)) for file in made.names} == made.files
        assert "".join(made.blocks()) == made.text

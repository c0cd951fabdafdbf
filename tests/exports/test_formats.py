"""What there is no export of."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliograph import workflow


def test_a_format_that_there_is_not() -> None:
    with pytest.raises(ValueError, match="there is no format 'pdf'; there are chrome, otlp, openlineage"):
        workflow.export("good", "pdf")


def test_a_workflow_and_a_run_that_there_are_not() -> None:
    with pytest.raises(workflow.WorkflowNotFoundError, match="No such workflow_id 'none'"):
        workflow.export("none", "html")
    with pytest.raises(ValueError, match="workflow 'good' has no run 5"):
        workflow.export("good", "html", run=5)


def test_the_same_workflow_is_told_the_same_way() -> None:
    for name in ("chrome", "otlp", "openlineage", "dot", "mermaid", "html"):
        assert workflow.export("good", name).text == workflow.export("good", name).text


def test_what_is_written_to_a_file_is_its_text(tmp_path: Path, workflow_id: str) -> None:
    for name in ("chrome", "otlp", "openlineage", "dot", "mermaid", "html"):
        made = workflow.export(workflow_id, name)
        made.write(tmp_path / name)
        assert (tmp_path / name).read_text("utf-8") == made.text == made.files[made.names[0]]


def test_several_files_are_written_to_a_folder_which_is_made(tmp_path: Path) -> None:
    made = workflow.export("good", "ro-crate")
    made.write(tmp_path / "archive" / "crate")
    written = {path.name: path.read_text("utf-8") for path in (tmp_path / "archive" / "crate").iterdir()}
    assert written == dict(made.files)
    assert set(made.names) == set(written)

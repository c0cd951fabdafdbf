"""The pages under docs/reference: what the docstrings say today, of every public name."""

from __future__ import annotations

from types import ModuleType

from heliograph import workflow
from heliograph.records.status import WorkflowStatus
from scripts import reference


def test_the_pages_say_what_the_docstrings_say() -> None:
    rendered = reference.rendered()
    assert set(reference.FOLDER.iterdir()) == rendered.keys(), "make reference"
    for path, text in rendered.items():
        assert path.read_text() == text, f"{path.name} is not of these docstrings: make reference"


def test_every_public_name_has_its_entry() -> None:
    names = [name for topic in reference.TOPICS for name in topic.names]
    assert len(set(names)) == len(names)
    public = {name for name in workflow.__all__ if not isinstance(getattr(workflow, name), ModuleType)}
    assert {name for name in names if "." not in name} == public - set(WorkflowStatus)

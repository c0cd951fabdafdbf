"""The crate, by the official validator with the profile Workflow Run Crate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rocrate_validator import services
from rocrate_validator.models import Severity
from rocrate_validator.utils.http import HttpRequester

from heliograph import workflow

# The terms that the crate uses, as the context of RO-Crate 1.1 has them. The validator would fetch that from
# the network; everything else it brings along.
SCHEMA = (
    *("about", "actionStatus", "agent", "alternateName", "author", "creator", "dateCreated", "datePublished"),
    *("description", "encodingFormat", "endTime", "error", "hasPart", "identifier", "instrument", "license"),
    *("mainEntity", "mentions", "name", "programmingLanguage", "publisher", "result", "startTime", "url"),
    *("version", "ComputerLanguage", "CreateAction", "CreativeWork", "Dataset", "Organization", "Person"),
    "SoftwareSourceCode",
)
CONTEXT = {
    "@context": {
        **{term: f"http://schema.org/{term}" for term in SCHEMA},
        "File": "http://schema.org/MediaObject",
        "ComputationalWorkflow": "https://bioschemas.org/ComputationalWorkflow",
        "conformsTo": "http://purl.org/dc/terms/conformsTo",
    }
}


class Answer:
    status_code = 200
    ok = True
    headers = {"Content-Type": "application/ld+json"}  # noqa: RUF012
    text = json.dumps(CONTEXT)
    content = text.encode()

    def json(self) -> Any:
        return CONTEXT


def write(workflow_id: str, folder: Path) -> dict[str, Any]:
    folder.mkdir()
    for name, text in workflow.export(workflow_id, "ro-crate").files.items():
        (folder / name).write_text(text, "utf-8", errors="backslashreplace")
    found: dict[str, Any] = json.loads((folder / "ro-crate-metadata.json").read_text("utf-8"))
    return {entity["@id"]: entity for entity in found["@graph"]}


def test_the_official_validator_finds_nothing_that_is_required(
    workflow_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(workflow_id, tmp_path / "crate")
    monkeypatch.setattr(HttpRequester, "get", lambda self, url, **_: Answer(), raising=False)
    settings = services.ValidationSettings(
        rocrate_uri=str(tmp_path / "crate"),
        profile_identifier="workflow-run-crate",
        requirement_severity=Severity.REQUIRED,
        abort_on_first=False,
    )
    found = services.validate(settings)
    assert [issue.message for issue in found.get_issues()] == []
    assert found.passed()


def test_every_file_that_it_tells_of_is_there(tmp_path: Path) -> None:
    entities = write("good", tmp_path / "crate")
    parts = {part["@id"] for part in entities["./"]["hasPart"]}
    assert parts == {file.name for file in (tmp_path / "crate").iterdir()} - {"ro-crate-metadata.json"}
    plan = json.loads((tmp_path / "crate" / "workflow.json").read_text("utf-8"))
    assert "__main__.flaky" in [task["task_id"] for task in plan["tasks"]]


def test_a_run_that_failed_says_so(tmp_path: Path) -> None:
    run = workflow.export("bad", "ro-crate", run=1)
    action = next(one for one in json.loads(run.text)["@graph"] if one["@type"] == "CreateAction")
    assert action["actionStatus"] == "http://schema.org/FailedActionStatus"
    assert action["description"].startswith("FAILED run")  # the workflow itself went well later
    assert "alert(1)" in action["error"]

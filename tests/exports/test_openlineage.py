"""OpenLineage's events, made again with the official client's classes: they take them, and write the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from openlineage.client import event_v2, facet_v2
from openlineage.client.serde import Serde

from heliograph import workflow

FACETS: Mapping[str, Any] = {
    "parent": facet_v2.parent_run.ParentRunFacet,
    "errorMessage": facet_v2.error_message_run.ErrorMessageRunFacet,
    "processing_engine": facet_v2.processing_engine_run.ProcessingEngineRunFacet,
    "jobType": facet_v2.job_type_job.JobTypeJobFacet,
    "outputStatistics": facet_v2.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
}


def events(workflow_id: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in workflow.export(workflow_id, "openlineage").text.splitlines()]


def facets(given: dict[str, Any]) -> dict[str, Any]:
    made = {}
    for name, values in given.items():
        own = {key: value for key, value in values.items() if not key.startswith("_")}
        if name == "parent":
            own = {
                "run": facet_v2.parent_run.Run(**own["run"]),
                "job": facet_v2.parent_run.Job(**own["job"]),
            }
        made[name] = FACETS[name](**own, producer=values["_producer"])
    return made


def official(event: dict[str, Any]) -> Any:
    run, job = event["run"], event["job"]
    return event_v2.RunEvent(
        eventType=event_v2.RunState[event["eventType"]],
        eventTime=event["eventTime"],
        run=event_v2.Run(runId=run["runId"], facets=facets(run["facets"])),
        job=event_v2.Job(namespace=job["namespace"], name=job["name"], facets=facets(job["facets"])),
        inputs=[event_v2.InputDataset(**dataset) for dataset in event["inputs"]],
        outputs=[
            event_v2.OutputDataset(
                namespace=dataset["namespace"],
                name=dataset["name"],
                outputFacets=facets(dataset["outputFacets"]),
            )
            for dataset in event["outputs"]
        ],
        producer=event["producer"],
    )


def without_empty_facets(value: Any) -> Any:
    """The client writes them where nobody gave any; they may be left out."""
    if isinstance(value, list):
        return [without_empty_facets(item) for item in value]
    if isinstance(value, dict):
        kept = (
            (key, item) for key, item in value.items() if item != {} or not key.lower().endswith("facets")
        )
        return {key: without_empty_facets(item) for key, item in kept}
    return value


def test_the_official_client_writes_the_same(workflow_id: str) -> None:
    found = events(workflow_id)
    assert found
    for event in found:
        assert without_empty_facets(json.loads(Serde.to_json(official(event)))) == event


def test_each_run_starts_once_and_ends_once() -> None:
    found = events("bad")
    kinds: dict[str, list[str]] = {}
    for event in found:
        kinds.setdefault(f"{event['job']['name']} {event['run']['runId']}", []).append(event["eventType"])
    assert sorted(kinds.values()) == sorted(
        [["START", "FAIL"], ["START", "FAIL"], *[["START", "COMPLETE"]] * 4]
    )
    assert [event["eventTime"] for event in found] == sorted(event["eventTime"] for event in found)


def test_a_run_is_told_around_its_tasks() -> None:
    """Its end is stored with that of its last task: at the same moment."""
    found = events("good")
    assert found[0]["run"] == found[-1]["run"]
    assert [found[0]["eventType"], found[-1]["eventType"]] == ["START", "COMPLETE"]


def test_outputs_of_one_task_are_inputs_of_the_next() -> None:
    ended = [event for event in events("good") if event["eventType"] == "COMPLETE"]
    written = {dataset["name"] for event in ended for dataset in event["outputs"]}
    read = {dataset["name"] for event in ended for dataset in event["inputs"]}
    assert "good/__main__.flaky" in read & written
    assert read <= written

"""A Workflow Run RO-Crate: a folder that says, for machines and for ever, what was run and what came out.

It conforms to RO-Crate 1.1, Workflow RO-Crate 1.0, and Process and Workflow Run Crate 0.5.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from heliograph.insight.exports.identity import iso, uuid
from heliograph.insight.exports.pieces import listed
from heliograph.insight.extent import dotted_names, run_extent, the_run
from heliograph.records.status import WorkflowStatus
from heliograph.records.trace import Trace

METADATA: Final = "ro-crate-metadata.json"
PLAN: Final = "workflow.json"
REPORT: Final = "report.html"

_PROFILES: Final = (
    ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate", "0.5"),
    ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate", "0.5"),
    ("https://w3id.org/workflowhub/workflow-ro-crate/1.0", "Workflow RO-Crate", "1.0"),
)
_BIOSCHEMAS: Final = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
_LANGUAGE: Final = "urn:heliograph"
_LICENCE: Final = "https://spdx.org/licenses/CC0-1.0"
_FIXED: Final[tuple[Mapping[str, Any], ...]] = (
    {
        "@id": METADATA,
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": [
            {"@id": "https://w3id.org/ro/crate/1.1"},
            {"@id": "https://w3id.org/workflowhub/workflow-ro-crate/1.0"},
        ],
    },
    *(
        {"@id": url, "@type": "CreativeWork", "name": name, "version": version}
        for url, name, version in _PROFILES
    ),
    {
        "@id": _LICENCE,
        "@type": "CreativeWork",
        "name": "Creative Commons Zero v1.0 Universal",
        "description": "The record itself is in the public domain; what it tells of need not be.",
    },
    {
        "@id": REPORT,
        "@type": "File",
        "name": "What happened",
        "description": "The run's profile, timeline and tasks, as a page that opens from this file.",
        "encodingFormat": "text/html",
    },
    {
        "@id": _LANGUAGE,
        "@type": ["ComputerLanguage", "Organization"],
        "name": "heliograph",
        "alternateName": "the heliograph authors",
        "url": _LANGUAGE,
        "identifier": _LANGUAGE,
    },
    {
        "@id": _BIOSCHEMAS,
        "@type": "CreativeWork",
        "name": "Bioschemas ComputationalWorkflow",
        "version": "1.0-RELEASE",
    },
)
"""What every crate says alike."""
_STATUS: Final = {
    WorkflowStatus.SUCCESSFUL: "http://schema.org/CompletedActionStatus",
    WorkflowStatus.FAILED: "http://schema.org/FailedActionStatus",
    WorkflowStatus.CANCELED: "http://schema.org/FailedActionStatus",
}
"""Of runs that are over; the profile knows no others."""


def metadata(trace: Trace, number: int | None = None) -> Iterator[str]:
    """What the crate is, and what is in it.

    Args:
        trace: the workflow.
        number: of the run; None: the newest.
    """
    workflow, run = trace.workflow, the_run(trace, number)
    begin, end = run_extent(trace, run)
    user = f"#{uuid(trace, 'user')}"
    action = {
        "@id": f"#{uuid(trace, 'run', run.run)}",
        "@type": "CreateAction",
        "name": f"run {run.run} of {workflow.workflow_id}",
        "description": f"{run.status} run of {len(trace.tasks)} tasks, recorded by heliograph",
        "startTime": _moment(begin),
        "endTime": _moment(end),
        "instrument": {"@id": PLAN},
        "agent": {"@id": user},
        "result": {"@id": REPORT},
        **({} if run.status not in _STATUS else {"actionStatus": _STATUS[run.status]}),
        **({} if run.error_message is None else {"error": run.error_message}),
    }
    folder = {
        "@id": "./",
        "@type": "Dataset",
        "name": workflow.workflow_id,
        "description": f"A run of the workflow {workflow.name}: its plan, and what happened.",
        "datePublished": _moment(end),
        "author": {"@id": user},
        "publisher": {"@id": _LANGUAGE},
        "license": {"@id": _LICENCE},
        "conformsTo": [{"@id": url} for url, *_ in _PROFILES],
        "hasPart": [{"@id": PLAN}, {"@id": REPORT}],
        "mainEntity": {"@id": PLAN},
        "mentions": {"@id": action["@id"]},
    }
    planned = {
        "@id": PLAN,
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        "name": workflow.name,
        "description": "The plan: every task with its function, its options and what it needs.",
        "encodingFormat": "application/json",
        "programmingLanguage": {"@id": _LANGUAGE},
        "conformsTo": {"@id": _BIOSCHEMAS},
        "url": f"urn:uuid:{uuid(trace)}",
        "license": {"@id": _LICENCE},
        "version": str(run.code.get("heliograph", "unknown")),
        "dateCreated": _moment(trace.runs[0].created_time),
        "creator": {"@id": user},
    }
    person = {"@id": user, "@type": "Person", "name": run.user or "unknown"}
    document = {
        "@context": "https://w3id.org/ro/crate/1.1/context",
        "@graph": [*_FIXED, folder, planned, person, action],
    }
    yield json.dumps(document, indent=2, allow_nan=False)


def _moment(moment: float) -> str:
    """A time as the profile writes them: to the millisecond, with an offset."""
    return f"{iso(moment)[:-4]}+00:00"


def plan(trace: Trace, number: int | None = None) -> Iterator[str]:
    """Every task with its function, its options and what it needs.

    Args:
        trace: the workflow.
        number: has no influence: the plan is that of all runs.
    """
    names, tasks = dotted_names(trace), trace.tasks
    document = {
        "workflow_id": trace.workflow.workflow_id,
        "name": trace.workflow.name,
        "user_metadata": json.loads(trace.workflow.user_metadata),
        "functions": [
            {"name": name, **({} if hashed is None else {"source_sha256": hashed})}
            for name, hashed in zip(names, (one.source_hash for one in trace.functions), strict=True)
        ],
        "tasks": [],
    }
    entries = (
        {
            "task_id": task_id,
            "function": names[tasks.function[task]],
            "options": json.loads(tasks.options[task]),
            "user_metadata": json.loads(tasks.user_metadata[task]),
            "workflow_refs": [tasks.task_id[need] for need in tasks.upstream[task]],
            "status": tasks.status[task],
        }
        for task, task_id in enumerate(tasks.task_id)
    )
    yield from listed(document, entries, indent=2)

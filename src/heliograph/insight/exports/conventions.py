"""What OpenTelemetry calls what heliograph knows: the one table of names.

Those without ``heliograph.`` are of OpenTelemetry's semantic conventions.
"""

from __future__ import annotations

from typing import Final

SERVICE_NAME: Final = "service.name"
SERVICE_VERSION: Final = "service.version"
HOST_NAME: Final = "host.name"
PROCESS_PID: Final = "process.pid"
FUNCTION_NAME: Final = "code.function.name"
FILE_PATH: Final = "code.file.path"
LINE_NUMBER: Final = "code.line.number"
ERROR_TYPE: Final = "error.type"
EXCEPTION: Final = "exception"
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"

WORKFLOW_ID: Final = "heliograph.workflow.id"
WORKFLOW_NAME: Final = "heliograph.workflow.name"
STATUS: Final = "heliograph.status"
RUN: Final = "heliograph.run"
RUN_REASON: Final = "heliograph.run.reason"
RUN_REUSED: Final = "heliograph.run.reused"
TASK_ID: Final = "heliograph.task.id"
ATTEMPT: Final = "heliograph.attempt"
WORKER_ID: Final = "heliograph.worker.id"
BACKOFF: Final = "heliograph.attempt.backoff"
CPU_TIME: Final = "heliograph.attempt.cpu_time"
PEAK_RSS: Final = "heliograph.attempt.peak_rss"
START_RSS: Final = "heliograph.attempt.start_rss"
PHASE: Final = "heliograph.phase"
LINK: Final = "heliograph.link"
"""Why a span is linked with another: ``upstream``, ``retry`` or ``resume``."""
USER_METADATA: Final = "heliograph.user_metadata"
"""Before the keys of user metadata."""

"""Spans for OpenTelemetry while workflows run: each is told once, when it has ended."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Final

from heliograph.errors import TelemetryError, WorkflowNotFoundError
from heliograph.reading.explaining import much_is_made, trace_of
from heliograph.reading.opened import session
from heliograph.reading.searching import field, search

PAUSE_SECONDS: Final = 0.5
_LOAD: Final = 10
"""Looking at a large workflow takes long: not more than a tenth of the time is spent on it."""
_OVERLAP_SECONDS: Final = 10.0
"""Clocks of several machines differ: what was submitted so long before the last look may be new."""
_PAGE: Final = 200
_PATIENCE_SECONDS: Final = 60.0
_BUSY: Final = frozenset({429, 502, 503, 504})
"""Answers after which OTLP wants the same to be sent again."""
_TIMEOUT_SECONDS: Final = 10.0


def live_spans(workflow_id: str | None = None) -> Iterator[str]:
    """Spans of running workflows, for an OpenTelemetry collector: each once, within a second of its end.

    For a workflow that was resumed, these are the spans of its newest run, with links to those of earlier
    runs.

    Args:
        workflow_id: follow this workflow until it has ended. None: follow all workflows of the storage that
            run from now on, without end. (An older workflow that is resumed and ends again within half a
            second can be missed.)

    Yields:
        OTLP documents in JSON, one line each, with the spans that have ended since the document before.

    Raises:
        WorkflowNotFoundError: there is no such workflow, or it was deleted in the meantime.

    >>> from heliograph import workflow
    >>> @workflow.task
    ... def three() -> int:
    ...     return 3
    >>> workflow.run(three.bind(), workflow_id="spans_example")
    3
    >>> [document.count("startTimeUnixNano") for document in live_spans("spans_example")]
    [3]
    """
    if workflow_id is None:
        yield from _of_all()
        return
    followed = _Followed(workflow_id)
    while True:
        if document := followed.look():
            yield document
        if followed.is_over:
            return
        time.sleep(followed.pause)


def send_spans(
    workflow_id: str | None = None, endpoint: str | None = None, headers: Mapping[str, str] | None = None
) -> None:
    """Send `live_spans` to an OpenTelemetry collector, over HTTP.

    Args:
        workflow_id: follow this workflow until it has ended. None: follow all, until interrupted.
        endpoint: the URL of the collector, such as ``http://localhost:4318``. None: what the environment
            variable ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`` or ``OTEL_EXPORTER_OTLP_ENDPOINT`` says.
        headers: HTTP headers to send. None: what ``OTEL_EXPORTER_OTLP_HEADERS`` says.

    Raises:
        TypeError: the endpoint is not a str, or the headers are not a mapping.
        ValueError: there is no endpoint, or it is not an HTTP URL.
        TelemetryError: the collector refuses the spans, or could not be reached for a minute.
        WorkflowNotFoundError: as for `live_spans`.
    """
    if endpoint is not None and not isinstance(endpoint, str):
        raise TypeError(f"endpoint must be the URL of a collector, a str, or None, not {endpoint!r}")
    if headers is not None and not isinstance(headers, Mapping):
        raise TypeError(f"headers must be a dict or None, not {headers!r}")
    url, sent_along = _url(endpoint), _headers() if headers is None else dict(headers)
    for document in live_spans(workflow_id):
        _post(url, document, sent_along)


class _Followed:
    """The newest run of a workflow, and which of its spans are told."""

    def __init__(self, workflow_id: str) -> None:
        self._workflow_id = workflow_id
        self._told: set[str] = set()
        self._seen: object = None
        self._due = 0.0
        self.pause = PAUSE_SECONDS
        self.run = 0
        self.is_over = False

    def look(self) -> str | None:
        """The spans that have ended since the look before; None: there are none, or it is too early."""
        from heliograph.insight.exports.opentelemetry import document, ended_spans
        from heliograph.insight.exports.pieces import whole
        from heliograph.records.status import ACTIVE

        begun = time.monotonic()
        if begun < self._due:
            return None
        opened = session()
        record = opened.found(self._workflow_id)
        seen = (record.status, record.run, opened.store.watching.last_change(record.key))
        if seen == self._seen:
            return None
        self._seen = seen
        with much_is_made():
            trace = trace_of(self._workflow_id)
            if trace.workflow.run != self.run:
                self.run, self._told = trace.workflow.run, set()
            spans = ended_spans(trace, self._told)
            first = next(spans, None)
            told = None if first is None else whole(document(trace, chain([first], spans)))
        self.is_over = trace.workflow.status not in ACTIVE
        self.pause = max(PAUSE_SECONDS, _LOAD * (time.monotonic() - begun))
        self._due = 0.0 if self.is_over else begun + self.pause
        return told


def _of_all() -> Iterator[str]:
    followed: dict[str, _Followed] = {}
    over: dict[str, int] = {}  # the last run that was followed to its end, of those that look new
    begun = since = time.time()
    while True:
        now = time.time()
        runs = dict(_running_or_new(since))
        over = {name: run for name, run in over.items() if name in runs}
        for name, run in runs.items():
            if name not in followed and over.get(name) != run:
                followed[name] = _Followed(name)
        for name, one in list(followed.items()):
            try:
                document = one.look()
            except WorkflowNotFoundError:  # deleted meanwhile
                del followed[name]
                continue
            if document is not None:
                yield document
            if one.is_over:
                over[name] = one.run
                del followed[name]
        since = max(begun, now - _OVERLAP_SECONDS)
        time.sleep(PAUSE_SECONDS)


def _running_or_new(since: float) -> Iterator[tuple[str, int]]:
    """Workflows that run, and those submitted since then, which may be over: ids, and numbers of runs."""
    for wanted in (field("status").is_in(["PENDING", "RUNNING"]), field("created_time") >= since):
        after = None
        while True:
            page = search(wanted, limit=_PAGE, after=after)
            yield from ((found["workflow_id"], found["runs"]) for found in page["found"])
            if not page["truncated"]:
                break
            after = page["after"]


def _url(endpoint: str | None) -> str:
    traces = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    if endpoint is None and traces:
        url = traces
    else:
        base = endpoint or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
        if not base:
            raise ValueError(
                "no collector is named: give an endpoint, such as http://localhost:4318, or set "
                "OTEL_EXPORTER_OTLP_ENDPOINT"
            )
        url = f"{base.rstrip('/').removesuffix('/v1/traces')}/v1/traces"
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"endpoint must be the http or https URL of a collector, not {url!r}")
    return url


def _headers() -> dict[str, str]:
    from urllib.parse import unquote

    given = os.environ.get("OTEL_EXPORTER_OTLP_HEADERS", "")
    pairs = (pair.partition("=") for pair in given.split(",") if "=" in pair)
    return {name.strip(): unquote(value.strip()) for name, _, value in pairs}


def _post(url: str, document: str, headers: Mapping[str, str]) -> None:
    """Send a document; again, as long as the collector is only busy or away."""
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    request = Request(url, document.encode(), {**headers, "Content-Type": "application/json"}, method="POST")
    give_up, pause = time.monotonic() + _PATIENCE_SECONDS, PAUSE_SECONDS
    while True:
        try:
            with urlopen(request, timeout=_TIMEOUT_SECONDS):
                return
        except HTTPError as error:
            said, is_final = f"{error.code} {error.reason}", error.code not in _BUSY
        except (URLError, OSError) as error:
            said, is_final = str(getattr(error, "reason", error)), False
        left = give_up - time.monotonic()
        if is_final or left <= 0:
            raise TelemetryError(f"the collector at {url} did not take spans: {said}")
        time.sleep(min(pause, left))
        pause *= 2

"""The formats there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from heliograph.insight.exports.chrome import chrome
from heliograph.insight.exports.dag import graphviz, mermaid
from heliograph.insight.exports.html import html
from heliograph.insight.exports.openlineage import openlineage
from heliograph.insight.exports.opentelemetry import opentelemetry
from heliograph.insight.exports.rocrate import rocrate
from heliograph.insight.extent import the_run
from heliograph.records.trace import Trace


@dataclass(frozen=True, slots=True)
class Export:
    """A workflow in a format that other programs read.

    Attributes:
        format: which.
        files: their text, by name; most formats are one file.
    """

    format: str
    files: Mapping[str, str]

    @property
    def text(self) -> str:
        """Of the first file: the only one, or the one that tells of the others."""
        return next(iter(self.files.values()))


@dataclass(frozen=True, slots=True)
class _Format:
    """One format: how its file is called, and what makes it; or what makes several."""

    file: str | None
    make: Callable[[Trace, int | None], str | dict[str, str]]
    meaning: str


FORMATS: Final[Mapping[str, _Format]] = {
    "chrome": _Format("trace.json", chrome, "trace events, for Perfetto and chrome://tracing"),
    "otlp": _Format("traces.json", opentelemetry, "OpenTelemetry traces, as OTLP's JSON"),
    "openlineage": _Format("lineage.ndjson", openlineage, "OpenLineage events, one a line"),
    "ro-crate": _Format(None, rocrate, "a Workflow Run RO-Crate, a folder"),
    "dot": _Format("dag.dot", graphviz, "the DAG, for Graphviz"),
    "mermaid": _Format("dag.mmd", mermaid, "the DAG, for Mermaid"),
    "html": _Format("report.html", html, "a report, one page that opens from a file"),
}
"""By name."""

_PROGRAMS: Final = {"perfetto": "chrome", "opentelemetry": "otlp", "graphviz": "dot"}
"""Formats by the name of the program that people want them for."""


def format_named(name: str) -> str:
    """The name of a format, which may be given by that of a program that reads it.

    Raises:
        ValueError: there is no such format.

    >>> format_named("Perfetto"), format_named("html")
    ('chrome', 'html')
    """
    found = _PROGRAMS.get(name.lower(), name.lower())
    if found not in FORMATS:
        raise ValueError(f"there is no format {name!r}; there are {', '.join(FORMATS)}")
    return found


def export(trace: Trace, name: str, run: int | None = None) -> Export:
    """A workflow in one of the formats.

    Args:
        trace: the workflow, with its outputs.
        name: of the format.
        run: number of the run; None: the newest, or all where the format can hold them.

    Raises:
        ValueError: there is no such format, or the workflow has no such run.
    """
    name = format_named(name)
    the_run(trace, run)
    chosen = FORMATS[name]
    made = chosen.make(trace, run)
    return Export(name, {chosen.file or name: made} if isinstance(made, str) else made)

"""The formats there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from heliograph.insight.exports import rocrate
from heliograph.insight.exports.chrome import chrome
from heliograph.insight.exports.dag import graphviz, mermaid
from heliograph.insight.exports.html import html
from heliograph.insight.exports.openlineage import openlineage
from heliograph.insight.exports.opentelemetry import opentelemetry
from heliograph.insight.exports.pieces import in_blocks, whole
from heliograph.insight.extent import the_run
from heliograph.records.trace import Trace


@dataclass(frozen=True, slots=True)
class _Format:
    """One format: what tells each of its files, by the file's name; most have one."""

    files: Mapping[str, Callable[[Trace, int | None], Iterator[str]]]
    meaning: str


FORMATS: Final[Mapping[str, _Format]] = {
    "chrome": _Format({"trace.json": chrome}, "trace events, for Perfetto and chrome://tracing"),
    "otlp": _Format({"traces.json": opentelemetry}, "OpenTelemetry traces, as OTLP's JSON"),
    "openlineage": _Format({"lineage.ndjson": openlineage}, "OpenLineage events, one a line"),
    "ro-crate": _Format(
        {rocrate.METADATA: rocrate.metadata, rocrate.PLAN: rocrate.plan, rocrate.REPORT: html},
        "a Workflow Run RO-Crate, a folder",
    ),
    "dot": _Format({"dag.dot": graphviz}, "the DAG, for Graphviz"),
    "mermaid": _Format({"dag.mmd": mermaid}, "the DAG, for Mermaid"),
    "html": _Format({"report.html": html}, "a report, one page that opens from a file"),
}
"""By name."""

_PROGRAMS: Final = {"perfetto": "chrome", "opentelemetry": "otlp", "graphviz": "dot"}
"""Formats by the name of the program that people want them for."""


@dataclass(frozen=True, eq=False)
class Export:
    """A workflow in a format that other programs read, as it was when the export was made.

    Attributes:
        format: the name of the format.
        trace: the workflow, with its outputs.
        run: the number of the run. None: the newest one, or all runs, if the format can hold several.
    """

    format: str
    trace: Trace = field(repr=False)
    run: int | None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its files; most formats are one file."""
        return tuple(FORMATS[self.format].files)

    @cached_property
    def files(self) -> Mapping[str, str]:
        """The text of each file, by its name."""
        return {name: whole(self.blocks(name)) for name in self.names}

    @property
    def text(self) -> str:
        """The text of the first file: of the only one, or of the one that refers to the others."""
        return self.files[self.names[0]]

    def blocks(self, name: str | None = None) -> Iterator[str]:
        """The text of a file in blocks, to be written one after the other: it is never in memory as a whole.

        Args:
            name: the name of the file. None: the first one.
        """
        tell = FORMATS[self.format].files[self.names[0] if name is None else name]
        return in_blocks(tell(self.trace, self.run))


def format_named(name: str) -> str:
    """The name of a format, which may be given by that of a program that reads it.

    Raises:
        TypeError: it is no text.
        ValueError: there is no such format.

    >>> format_named("Perfetto"), format_named("html")
    ('chrome', 'html')
    """
    if not isinstance(name, str):
        raise TypeError(f"format must be a str, not {type(name).__name__}")
    found = _PROGRAMS.get(name.lower(), name.lower())
    if found not in FORMATS:
        readers = {format: program for program, format in _PROGRAMS.items()}
        known = ", ".join(f"{one} (or {readers[one]})" if one in readers else one for one in FORMATS)
        raise ValueError(f"there is no format {name!r}; there are {known}")
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
    return Export(name, trace, run)

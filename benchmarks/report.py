"""Figures for people (a table in the terminal) and for programs (JSON)."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.disk import filesystem_of
from benchmarks.measure import HELIOGRAPH, Bar, Figure, Scale
from benchmarks.peers.peer import present


def machine() -> dict[str, str | int]:
    """What the figures were measured on: no names, no paths."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "memory": f"{memory / 2**30:.0f} GiB",
        "disk": filesystem_of(Path(os.environ.get("TMPDIR", "/tmp"))),
    }


def versions() -> dict[str, str]:
    """Of heliograph, of what it stands on, and of who is measured beside it."""
    own = {name: version(name) for name in ("heliograph", "sqlalchemy", "psycopg", "ray")}
    return {
        **own,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **{peer.name: f"{peer.package} {peer.version()}" for peer in present()},
    }


def table(figures: Sequence[Figure], scale: Scale) -> Table:
    made = Table(title=f"medians of {scale.repeat} rounds, (lowest … highest)")
    made.add_column("case")
    made.add_column("who")
    made.add_column("measured", justify="right", no_wrap=True)
    made.add_column("times as fast as that", justify="right")
    made.add_column("has to be")
    for figure in figures:
        for who in figure.measured:
            is_own = who == HELIOGRAPH
            made.add_row(
                f"{figure.name}, {figure.unit}" if is_own or HELIOGRAPH not in figure.measured else "",
                who,
                shown(figure, who),
                "" if is_own else times(figure.times_as_fast(who)),
                "; ".join(_told(figure, bar, scale) for bar in figure.bars if _is_at(bar, who)),
            )
        made.add_section()
    return made


def shown(figure: Figure, who: str) -> str:
    """``7,534 (7,338 … 7,816)``."""
    values = figure.measured[who]
    if len(values) == 1:
        return number(values[0])
    return f"{number(figure.median(who))} ({number(min(values))} … {number(max(values))})"


def number(value: float) -> str:
    """Three digits, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def times(value: float) -> str:
    """How many times."""
    return f"{number(value)}x"


def wanted(figure: Figure, bar: Bar) -> str:
    """What a bar asks for, without whom."""
    if bar.against:
        return f"≥ {times(bar.value)} {bar.against}"
    return f"{'≥' if figure.better == 'higher' else '≤'} {number(bar.value)} {figure.unit}"


def verdict(figure: Figure, bar: Bar) -> str:
    """Whether a bar is reached, in a word or two."""
    if figure.holds(bar):
        return "ok"
    return "short, as the floor is" if figure.is_below_floor(bar) else "short"


def print_report(console: Console, figures: Sequence[Figure], scale: Scale) -> None:
    console.print(table(figures, scale))
    for note in dict.fromkeys(figure.note for figure in figures if figure.note):
        console.print(f"  [dim]{note}[/dim]", highlight=False)
    console.print(
        "  " + ", ".join(f"{name} {value}" for name, value in (machine() | versions()).items()),
        highlight=False,
    )


def result(figures: Sequence[Figure], scale: Scale, command: str, load: float) -> dict[str, Any]:
    """All that was measured, for JSON.

    Args:
        figures: what the cases found.
        scale: how they were run.
        command: that was given.
        load: of the machine before it.
    """
    return {
        "command": command,
        "machine": machine() | {"load before": f"{load:.1f}"},
        "versions": versions(),
        "scale": asdict(scale),
        "figures": [asdict(figure) for figure in figures],
    }


def write_json(path: Path, told: dict[str, Any]) -> None:
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")


def _is_at(bar: Bar, who: str) -> bool:
    return bar.against == who if bar.against else bar.who == who


def _told(figure: Figure, bar: Bar, scale: Scale) -> str:
    holds = figure.holds(bar)
    if scale.quick or holds is None:
        return wanted(figure, bar)
    return f"{wanted(figure, bar)} [{'green' if holds else 'red'}]{verdict(figure, bar)}[/]"

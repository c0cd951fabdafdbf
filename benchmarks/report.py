"""Figures for people (a table) and for programs (JSON)."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.measure import FLOOR, HELIOGRAPH, Figure, Scale


def table(figures: Sequence[Figure], scale: Scale) -> Table:
    made = Table(title=f"heliograph beside its floors: medians of {scale.repeat} rounds, (lowest … highest)")
    made.add_column("case")
    for name in ("heliograph", "floor", "ratio", "bar"):
        made.add_column(name, justify="right", no_wrap=True)
    made.add_column("")
    for figure in figures:
        made.add_row(
            figure.name,
            shown(figure, HELIOGRAPH),
            shown(figure, FLOOR),
            _ratio(figure.ratio()),
            _bar(figure),
            _verdict(figure, scale),
        )
    return made


def shown(figure: Figure, who: str) -> str:
    """``7,534 tasks/s (7,338 … 7,816)``."""
    values = figure.measured.get(who)
    if not values:
        return "-"
    low, high = _number(min(values)), _number(max(values))
    return f"{_number(figure.median(who))} {figure.unit}\n({low} … {high})"


def machine() -> dict[str, str | int]:
    """What the figures were measured on: no names, no paths."""
    return {
        "heliograph": version("heliograph"),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "sqlalchemy": version("sqlalchemy"),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
    }


def print_report(console: Console, figures: Sequence[Figure], scale: Scale) -> None:
    console.print(table(figures, scale))
    floors = {figure.name: figure.floor for figure in figures if figure.floor}
    for name, floor in floors.items():
        console.print(f"  [dim]floor of {name}: {floor}[/dim]", highlight=False)
    for note in dict.fromkeys(figure.note for figure in figures if figure.note):
        console.print(f"  [dim]{note}[/dim]", highlight=False)
    console.print("  " + ", ".join(f"{name} {value}" for name, value in machine().items()), highlight=False)


def write_json(path: Path, figures: Sequence[Figure], scale: Scale, command: str) -> None:
    result = {
        "command": command,
        "machine": machine(),
        "scale": asdict(scale),
        "figures": [
            asdict(figure)
            | {
                "medians": {who: figure.median(who) for who in figure.measured},
                "ratio": figure.ratio(),
                "reached": None if scale.quick else figure.is_reached(),
            }
            for figure in figures
        ],
    }
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _ratio(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.3g}"


def _bar(figure: Figure) -> str:
    if figure.bar is None:
        return "-"
    sign = "≥" if figure.better == "higher" else "<"
    if figure.bar.of == "ratio":
        return f"{sign} {figure.bar.value:.0%} of floor"
    return f"{sign} {_number(figure.bar.value)}"


def _verdict(figure: Figure, scale: Scale) -> str:
    reached = figure.is_reached()
    if reached is None or scale.quick:
        return ""
    return "[green]ok[/green]" if reached else "[red]short[/red]"

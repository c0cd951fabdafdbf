"""Tasks that tests of many rooms run."""

from __future__ import annotations

from pathlib import Path

from heliograph import workflow
from tests.gates import Gate, Ledger


@workflow.task
def give(value: object, *_after: object) -> object:
    return value


@workflow.task
def note(ledger: Ledger, line: str, *_after: object) -> str:
    ledger.note(line)
    return line


@workflow.task
def wait(gate: Gate, name: str = "task", *_after: object) -> str:
    gate.wait(name)
    return name


@workflow.task
def fail_without(flag: Path, *values: object) -> tuple[object, ...]:
    if not flag.exists():
        raise ValueError(f"no {flag.name}")
    return values

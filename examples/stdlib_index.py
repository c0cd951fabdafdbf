"""Index the installed standard library, durably: what `make demo` runs.

Three levels of tasks: one a source file (what is in it), one a package (its totals), and one report over all.
Stop it at any moment, even with `kill -9`, and start it again: it goes on from what is stored.

One task fails at first, as if its disk were flaky, and is retried through `retry_exceptions`.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import errno
import hashlib
import io
import json
import os
import platform
import shlex
import sys
import sysconfig
import time
import tokenize
from collections import Counter
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from heliograph import workflow

STORAGE = Path(__file__).resolve().parent.parent / "build" / "demo"
LEFT_OUT = {"test", "tests", "idle_test", "site-packages", "dist-packages", "lib-dynload", "__pycache__"}
SINGLE = "single modules"  # the package of modules that are in none
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
BRANCHES = (
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.ExceptHandler,
    ast.IfExp,
    ast.comprehension,
    ast.Assert,
)
FLAKY = "textwrap"  # the module whose first reading fails
DUPLICATE_LINES = 6  # shorter functions look alike by chance


# -- the tasks


@workflow.task
def index_module(root: str, path: str, flaky_disk: str | None) -> dict[str, Any]:
    """Level 1: what is in one source file."""
    if flaky_disk is not None and not os.path.exists(flaky_disk):
        Path(flaky_disk).touch()
        raise OSError(errno.EIO, "the demo's flaky disk could not read it", path)
    source = (Path(root) / path).read_bytes()
    tree = ast.parse(source)
    definitions = [node for node in ast.walk(tree) if isinstance(node, DEFINITIONS)]
    functions = [node for node in definitions if not isinstance(node, ast.ClassDef)]
    tokens = list(tokenize.tokenize(io.BytesIO(source).readline))
    measured = [
        {
            "function": f"{path}:{node.lineno} {node.name}",
            "lines": (node.end_lineno or node.lineno) - node.lineno + 1,
            "branches": sum(isinstance(part, BRANCHES) for part in ast.walk(node)),
            "digest": hashlib.sha256(ast.dump(node).encode()).hexdigest()[:16],
        }
        for node in functions
    ]
    return {
        "path": path,
        "lines": source.count(b"\n"),
        "comments": sum(token.type == tokenize.COMMENT for token in tokens),
        "classes": len(definitions) - len(functions),
        "functions": measured,
        "public": sum(not node.name.startswith("_") for node in definitions),
        "documented": sum(
            not node.name.startswith("_") and ast.get_docstring(node) is not None for node in definitions
        ),
        "imports": sorted(set(imported_names(tree))),
    }


def imported_names(tree: ast.AST) -> list[str]:
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module.partition(".")[0])
    return names


@workflow.task
def sum_up_package(name: str, modules: list[dict[str, Any]]) -> dict[str, Any]:
    """Level 2: the totals of a package."""
    functions = [function for module in modules for function in module["functions"]]
    counted = ("lines", "comments", "classes", "public", "documented")
    return {
        "package": name,
        "modules": len(modules),
        **{key: sum(module[key] for module in modules) for key in counted},
        "functions": len(functions),
        "longest": max(functions, key=lambda one: one["lines"], default=None),
        "most_branches": max(functions, key=lambda one: one["branches"], default=None),
        "imports": Counter(name for module in modules for name in module["imports"]),
        "digests": [(one["digest"], one["function"]) for one in functions if one["lines"] >= DUPLICATE_LINES],
    }


@workflow.task
def write_report(packages: list[dict[str, Any]]) -> dict[str, Any]:
    """Level 3: the whole library."""
    total: Counter[str] = Counter()
    imports: Counter[str] = Counter()
    by_digest: dict[str, list[str]] = {}
    for package in packages:
        total.update({key: value for key, value in package.items() if isinstance(value, int)})
        imports.update(package["imports"])
        for digest, function in package["digests"]:
            by_digest.setdefault(digest, []).append(function)
    documented = [package for package in packages if package["public"] >= 20]
    return {
        **total,
        "packages": len(packages),
        "most_imported": imports.most_common(5),
        "longest": max((p["longest"] for p in packages if p["longest"]), key=lambda one: one["lines"]),
        "most_branches": max(
            (p["most_branches"] for p in packages if p["most_branches"]), key=lambda one: one["branches"]
        ),
        "best_documented": [
            (p["package"], round(100 * p["documented"] / p["public"]))
            for p in sorted(documented, key=lambda p: (-p["documented"] / p["public"], p["package"]))[:3]
        ],
        "duplicates": sorted(
            (found for found in by_digest.values() if len(found) > 1), key=lambda f: (-len(f), f)
        ),
    }


def library_dag(root: Path, flaky_disk: Path) -> workflow.Node:
    """The whole job as a DAG; nothing runs yet."""
    packages: dict[str, list[Path]] = {}
    for path in sorted(root.rglob("*.py")):
        inner = path.relative_to(root)
        if LEFT_OUT.isdisjoint(inner.parts) and not inner.parts[0].startswith("config-"):
            packages.setdefault(inner.parts[0] if len(inner.parts) > 1 else SINGLE, []).append(inner)
    if not packages:
        raise ValueError(f"there is no Python source in {str(root)!r}")
    sums = []
    for package, paths in packages.items():
        modules = []
        for path in paths:
            index = index_module.options(
                retry_exceptions=[OSError], **workflow.options(name=f"index.{dotted(path)}")
            )
            modules.append(
                index.bind(str(root), str(path), str(flaky_disk) if dotted(path) == FLAKY else None)
            )
        named = sum_up_package.options(**workflow.options(name=f"package.{package.replace(' ', '_')}"))
        sums.append(named.bind(package, modules))
    return write_report.options(**workflow.options(name="report")).bind(sums)


def dotted(path: Path) -> str:
    """A file's name as a module, as in ``json.decoder``."""
    return ".".join(path.with_suffix("").parts)


# -- running it


def main() -> int:
    given = arguments()
    workflow_id, storage = given.id, Path(given.storage).absolute() if given.storage else STORAGE
    say = Console(highlight=False, markup=False, emoji=False, soft_wrap=True).print
    try:
        workflow.init(storage=storage)
        if given.fresh:
            forget(workflow_id)
        sources = Path(given.sources or sysconfig.get_paths()["stdlib"]).absolute()
        future = begin(workflow_id, storage, sources, say)
        if future is not None:
            follow(workflow_id, future)
        report = workflow.get_output(workflow_id)
        if given.report:
            Path(given.report).write_text(json.dumps(report, indent=2) + "\n")
        print_report(report, say)
        print_metadata(workflow_id, say)
        print_commands(workflow_id, storage, say)
    except KeyboardInterrupt:
        workflow.shutdown()
        say(f"\nstopped; started again (without --fresh) {workflow_id!r} goes on")
        return 130
    except (workflow.WorkflowError, ValueError, RuntimeError) as error:
        Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(
            Text(f"demo: {error}", "red")
        )
        return 1
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Index the installed standard library as a durable workflow."
    )
    parser.add_argument("--id", default="stdlib-index", help="of the workflow (default: %(default)s)")
    parser.add_argument("--fresh", action="store_true", help="delete what is stored of it, and start over")
    parser.add_argument("--storage", metavar="PLACE", help="where to store it (default: build/demo)")
    parser.add_argument("--report", metavar="FILE", help="write the report there too, as JSON")
    parser.add_argument(
        "--sources", metavar="FOLDER", help="what to index (default: the standard library of this Python)"
    )
    return parser.parse_args()


def forget(workflow_id: str) -> None:
    try:
        workflow.delete(workflow_id)
    except workflow.WorkflowNotFoundError:
        pass  # the first time
    except workflow.WorkflowStillActiveError:
        raise RuntimeError(in_use(workflow_id)) from None


def in_use(workflow_id: str) -> str:
    owner = workflow.get_history(workflow_id)[-1].get("owner", {})
    return (
        f"{workflow_id!r} runs already, in process {owner.get('pid', '?')} on {owner.get('host', '?')}; "
        "wait for it, or choose another --id"
    )


def begin(workflow_id: str, storage: Path, sources: Path, say: Any) -> Future[Any] | None:
    """Start the workflow, or go on with it; None where it is finished."""
    try:
        stored = workflow.get_metadata(workflow_id)
    except workflow.WorkflowNotFoundError:
        flaky_disk = storage / f"flaky-disk-{hashlib.sha256(workflow_id.encode()).hexdigest()[:8]}"
        flaky_disk.unlink(missing_ok=True)
        dag = library_dag(sources, flaky_disk)
        metadata = {"library": f"Python {platform.python_version()}"}
        future: Future[Any] = workflow.run_async(dag, workflow_id=workflow_id, metadata=metadata)
        total = workflow.get_metadata(workflow_id)["progress"]["total"]
        say(f"{workflow_id!r} starts: {total} tasks. Stop it when you like; started again it goes on.")
        return future
    if stored["status"] == workflow.SUCCESSFUL:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(stored["stats"]["end_time"]))
        say(f"{workflow_id!r} finished at {when}; nothing to repeat. --fresh starts over, --id another one.")
        return None
    if stored["status"] in (workflow.RUNNING, workflow.PENDING):
        raise RuntimeError(in_use(workflow_id))
    python = f"Python {platform.python_version()}"
    if stored["user_metadata"].get("library") != python:
        raise RuntimeError(
            f"{workflow_id!r} was begun with {stored['user_metadata'].get('library')} and this is {python}: "
            "start over with --fresh, or another one with --id"
        )
    try:
        future = workflow.resume_async(workflow_id)
    except RuntimeError:  # another terminal was faster
        raise RuntimeError(in_use(workflow_id)) from None
    reused, total = workflow.get_history(workflow_id)[-1]["reused"], stored["progress"]["total"]
    say(
        f"{workflow_id!r} was {stored['status']} and goes on: {reused} of {total} tasks are stored "
        "and are not repeated."
    )
    return future


def follow(workflow_id: str, future: Future[Any]) -> None:
    """A progress bar until the workflow is over; what it shows is what any other process could ask for."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} tasks"),
        TimeElapsedColumn(),
    )
    with Progress(*columns) as bar:
        shown = bar.add_task("indexing")
        while True:
            progress = workflow.get_metadata(workflow_id)["progress"]
            bar.update(shown, total=progress["total"], completed=progress["done"])
            if future.done():
                break
            with contextlib.suppress(TimeoutError):
                future.result(timeout=0.1)


# -- telling what came of it


def print_report(report: dict[str, Any], say: Any) -> None:
    say(f"\n{report['lines']:,} lines, {report['modules']} modules, {report['packages']} packages")
    percent = 100 * report["documented"] / report["public"]
    for name, text in (
        ("definitions", f"{report['functions']:,} functions, {report['classes']:,} classes"),
        ("docstrings", f"{percent:.0f}% of the public ones; best: {listed(report['best_documented'], '%')}"),
        ("comments", f"{report['comments']:,}"),
        ("imported most", listed(report["most_imported"])),
        ("longest function", f"{report['longest']['function']}, {report['longest']['lines']} lines"),
        ("most branches", f"{report['most_branches']['function']}, {report['most_branches']['branches']}"),
        ("occur twice", f"{len(report['duplicates'])} functions, word for word"),
    ):
        say(f"  {name:17} {text}")


def listed(pairs: list[tuple[str, int]], unit: str = "") -> str:
    return ", ".join(f"{name} {count}{unit}" for name, count in pairs)


def print_metadata(workflow_id: str, say: Any) -> None:
    say(f"\nworkflow.get_metadata({workflow_id!r}):")
    say(json.dumps(workflow.get_metadata(workflow_id), indent=2, ensure_ascii=False))
    tasks = workflow.get_tasks(workflow_id)
    slowest = max(tasks, key=lambda task: task["stats"].get("compute", 0.0))
    say(f'\nThe slowest task, workflow.get_metadata({workflow_id!r}, {slowest["name"]!r})["stats"]:')
    say(json.dumps(slowest["stats"], indent=2))
    for task in tasks:
        if len(task["attempts"]) > 1:
            say(f"\n{task['name']!r} was tried {len(task['attempts'])} times:")
            for attempt in task["attempts"]:
                say(f"  {attempt['attempt']}. {how_it_went(attempt)}")
    if len(runs := workflow.get_history(workflow_id)) > 1:
        say(f"\nIt took {len(runs)} runs:")
        for run in runs:
            say(f"  {run['run']}. {run['reason']}: {run['status']}, {run['reused']} tasks not repeated")


def how_it_went(attempt: dict[str, Any]) -> str:
    error = attempt.get("error")
    if error is not None:
        return f"{attempt['status']}: {error['type'].removeprefix('builtins.')}: {error['message']}"
    if "compute" in attempt["durations"]:
        return f"{attempt['status']} in {attempt['durations']['compute'] * 1000:.1f} ms"
    return f"{attempt['status']}: the process ended before it did"


def print_commands(workflow_id: str, storage: Path, say: Any) -> None:
    command = shlex.join(
        [near(Path(sys.executable).with_name("heliograph")), "--storage", near(storage), "show", workflow_id]
    )
    say(f"\nSee more:\n  {command}\n  {command} index.{FLAKY}")


def near(path: Path) -> str:
    """A path as one would type it here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


if __name__ == "__main__":
    sys.exit(main())

"""The house stands as `design.md` draws it; and the reader of the house sees what is wrong with one."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import heliograph
from benchmarks import profile_case
from heliograph.storage.tables import schema
from tests.structure.house import ALLOWED, closed_doors, problems, read

PACKAGE = Path(heliograph.__file__).parent
REPOSITORY = Path(__file__).resolve().parent.parent.parent


def test_every_rule_of_the_house_holds_but_where_that_is_allowed_and_still_needed() -> None:
    found = problems(read(PACKAGE))
    broken = [str(problem) for problem in found if (problem.path, problem.what) not in ALLOWED]
    assert not broken, "\n".join(broken)
    assert set(ALLOWED) - {(problem.path, problem.what) for problem in found} == set()


def test_all_of_the_library_is_read() -> None:
    modules = {module.name: module for module in read(PACKAGE)}
    assert {"heliograph", "heliograph.workflow", "heliograph.errors"} < set(modules)
    for floor in ("graph", "records", "scheduling", "storage", "engines"):
        assert f"heliograph.{floor}" in modules
    lazy = {found.target for found in modules["heliograph.workflow"].imports if found.lazy}
    assert {"heliograph.engines.opening", "heliograph.graph.plan"} < lazy  # in a function; for types only


def test_the_examples_use_what_is_public() -> None:
    examples = read(REPOSITORY / "examples", name="examples")
    assert examples
    public = ("heliograph", "heliograph.workflow", "heliograph.errors")
    closed = [str(problem) for module in examples for problem in closed_doors(module, public)]
    assert not closed, "\n".join(closed)


def test_a_profile_tells_of_functions_that_there_are() -> None:
    house = Path(heliograph.__file__).parent
    told = [*profile_case.STAGES, *profile_case.WITHIN]
    assert [(file, name) for file, name in told if f"def {name}(" not in (house / file).read_text()] == []


def test_the_pictures_are_of_workflows_all_of_whose_times_were_moved() -> None:
    moved = runpy.run_path(str(REPOSITORY / "scripts" / "showcase" / "store.py"))["TIMES"]
    moments = {
        (table.name, column.name)
        for table in schema.metadata.sorted_tables
        for column in table.columns
        if column.name.endswith("time") and column.name != "cpu_time"  # which is a duration
    }
    of_no_picture = {("http_events", "sent_time")}
    assert moments - {(table, name) for table in moved for name in moved[table]} == of_no_picture


def test_each_decision_is_in_the_index_under_its_number() -> None:
    folder = REPOSITORY / "docs" / "decisions"
    pages = sorted(folder.glob("[0-9]*.md"))
    titles = [page.read_text().partition("\n")[0].removeprefix("# ") for page in pages]
    told = [
        f"{title.replace('. ', '. [', 1)}]({page.name})" for page, title in zip(pages, titles, strict=True)
    ]
    assert (folder / "README.md").read_text().splitlines()[-len(told) :] == told
    assert [page.name[:4] for page in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]


def test_the_import_of_heliograph_loads_nothing_heavy() -> None:
    code = "import json, sys; from heliograph import workflow; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert "heliograph" in loaded
    heavy = {
        "sqlalchemy",
        "rich",
        "typer",
        "psutil",
        "fsspec",
        "ray",
        "psycopg",
        "asyncio",
        "sqlite3",
        "multiprocessing",
    }
    assert loaded & heavy == set()


def test_making_a_dag_loads_nothing_heavy_either() -> None:
    code = (
        "import json, sys\n"
        "from heliograph import workflow\n"
        "f = workflow.options(name='f')(workflow.task(max_retries=1)(lambda x: x))\n"
        "f.bind(f.bind(1))\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert loaded & {"sqlalchemy", "rich", "typer", "psutil", "fsspec", "ray", "psycopg"} == set()


def test_a_store_in_a_file_loads_nothing_of_servers(tmp_path: Path) -> None:
    code = (
        "import json, sys\n"
        "from heliograph import workflow\n"
        f"workflow.init(storage={str(tmp_path)!r})\n"
        "workflow.search()\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert "sqlalchemy" in loaded
    assert loaded & {"sqlalchemy.dialects.postgresql", "psycopg"} == set()


# -- the reader itself, on houses built wrong

SOUND = {
    "__init__.py": "from heliograph import workflow",
    "errors.py": "",
    "workflow.py": "from heliograph.engines.loop import Loop\nfrom heliograph.graph.node import Node",
    "graph/__init__.py": "",
    "graph/node.py": "import json\nfrom heliograph.errors import WorkflowError\n",
    "records/__init__.py": "",
    "scheduling/__init__.py": "",
    "scheduling/machine.py": "from heliograph.graph.node import Node",
    "storage/__init__.py": "",
    "storage/store.py": "import sqlalchemy, psycopg, time\nfrom heliograph.scheduling import machine",
    "engines/__init__.py": "",
    "engines/loop.py": "import threading\nfrom heliograph.storage.store import Store",
    "engines/ray/__init__.py": "import ray",
    "insight/__init__.py": "from heliograph.records import status",
    "cli/__init__.py": "from heliograph import workflow\nimport heliograph\nfrom heliograph.cli import ls",
    "cli/ls.py": "from heliograph.errors import WorkflowError\nfrom heliograph.insight import profile",
    "web/__init__.py": "from heliograph import workflow",
}


def built(folder: Path, changes: dict[str, str]) -> list[str]:
    root = folder / "heliograph"
    for path, text in (SOUND | changes).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return [str(problem) for problem in problems(read(root))]


def test_a_sound_house_has_no_problems(tmp_path: Path) -> None:
    assert built(tmp_path, {}) == []


UP = "imports upwards: heliograph.engines.loop"
PLANTED: dict[str, tuple[str, str, str]] = {
    "up": ("graph/node.py", "from heliograph.engines.loop import Loop", f"line 1 {UP}"),
    "up by a module": ("graph/node.py", "import heliograph.engines.loop", f"line 1 {UP}"),
    "up through a package": ("graph/node.py", "from heliograph.engines import loop", f"line 1 {UP}"),
    "up, relatively": ("graph/node.py", "from ..engines import loop", f"line 1 {UP}"),
    "up, in a function": (
        "records/a.py",
        "def f():\n    from heliograph.engines import loop",
        f"line 2 {UP}",
    ),
    "up, in a method": (
        "storage/journal/a.py",
        "class A:\n    async def f(self):\n        if self:\n            import heliograph.engines.loop as x",
        f"line 4 {UP}",
    ),
    "up, for types only": (
        "records/a.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from heliograph.engines import loop",
        f"line 3 {UP}",
    ),
    "up, by name": (
        "storage/journal/a.py",
        "import importlib\nimportlib.import_module('heliograph.engines.loop')",
        UP,
    ),
    "up to the package": ("engines/a.py", "import heliograph", "imports upwards: heliograph"),
    "up to the public module": (
        "insight/a.py",
        "from heliograph import workflow",
        "upwards: heliograph.workflow",
    ),
    "up from the ground": (
        "errors.py",
        "from heliograph.graph.node import Node",
        "upwards: heliograph.graph.node",
    ),
    "a floor nobody drew": ("cellar/__init__.py", "", "'cellar' is on no floor of the house"),
    "up, among rooms": (
        "storage/tables/a.py",
        "def f():\n    from heliograph.storage.journal.labels import x",
        "line 2 imports from a room above: heliograph.storage.journal",
    ),
    "a room nobody drew": ("storage/attic/__init__.py", "", "'attic' is no room of storage"),
    "ray elsewhere": ("engines/loop.py", "import ray.util", "imports ray, which only engines/ray knows"),
    "ray in a function": ("workflow.py", "def f():\n    from ray import get", "imports ray, which only"),
    "sqlalchemy elsewhere": ("engines/loop.py", "from sqlalchemy import select", "which only storage knows"),
    "psycopg elsewhere": ("insight/a.py", "import psycopg", "which only storage knows"),
    "a clock": ("scheduling/machine.py", "import time", "line 1 imports time, and the floor is pure"),
    "a lazy clock": (
        "graph/node.py",
        "def f():\n    from datetime import datetime",
        "imports datetime, and the",
    ),
    "chance": ("records/a.py", "import random", "imports random, and the floor is pure"),
    "threads": ("scheduling/machine.py", "import threading", "imports threading, and the floor is pure"),
    "sockets": ("scheduling/machine.py", "import socket", "imports socket, and the floor is pure"),
    "processes": ("graph/node.py", "import subprocess", "imports subprocess, and the floor is pure"),
    "the system": ("graph/node.py", "import os.path", "imports os, and the floor is pure"),
    "a file": ("records/a.py", "def f():\n    return open('x')", "line 2 calls open, and the floor is pure"),
    "a door in the wall": (
        "cli/ls.py",
        "def f():\n    from heliograph.storage import store",
        "line 2 imports heliograph.storage.store; people's doors use heliograph.workflow",
    ),
    "a door to the engine": (
        "web/pages.py",
        "from heliograph.engines.loop import Loop",
        "people's doors use",
    ),
    "a long module": ("engines/a.py", "x = 1\n" * 501, "has 501 lines"),
    "utils": ("engines/utils.py", "", "'utils' says nothing"),
    "common": ("engines/common/__init__.py", "", "'common' says nothing"),
    "base": ("engines/base.py", "", "'base' says nothing"),
    "manager": ("engines/ray/manager.py", "", "'manager' says nothing"),
    "helpers": ("insight/_helpers.py", "", "'_helpers' says nothing"),
}


@pytest.mark.parametrize(("path", "text", "story"), PLANTED.values(), ids=PLANTED)
def test_what_is_built_wrong_is_found(tmp_path: Path, path: str, text: str, story: str) -> None:
    # What imports upwards often goes round as well; that is another test's.
    found = [problem for problem in built(tmp_path, {path: text}) if "imports itself" not in problem]
    assert len(found) == 1, found
    assert found[0].startswith(f"{path}: ")
    assert story in found[0]


def test_modules_that_import_each_other_are_found(tmp_path: Path) -> None:
    found = built(
        tmp_path,
        {
            "graph/a.py": "from heliograph.graph import b",
            "graph/b.py": "from heliograph.graph.c import x",
            "graph/c.py": "try:\n    import heliograph.graph.a\nexcept ImportError: pass",
        },
    )
    way = "heliograph.graph.a -> heliograph.graph.b -> heliograph.graph.c -> heliograph.graph.a"
    assert found == [f"graph/a.py: imports itself by way of {way}"]


def test_a_package_that_imports_what_imports_it_is_found(tmp_path: Path) -> None:
    found = built(
        tmp_path,
        {
            "engines/__init__.py": "from heliograph.engines.inner.rows import x",
            "engines/inner/__init__.py": "",
            "engines/inner/rows.py": "from heliograph.engines import y",
        },
    )
    way = "heliograph.engines -> heliograph.engines.inner.rows -> heliograph.engines"
    assert found == [f"engines/__init__.py: imports itself by way of {way}"]


def test_a_way_round_through_a_package_is_found(tmp_path: Path) -> None:
    found = built(
        tmp_path,
        {
            "engines/inner/__init__.py": "from heliograph.engines.rows import y",
            "engines/inner/deep.py": "",
            "engines/rows.py": "from heliograph.engines.inner.deep import z",
        },
    )
    way = "heliograph.engines.inner -> heliograph.engines.rows -> heliograph.engines.inner"
    assert found == [f"engines/inner/__init__.py: imports itself by way of {way}"]


def test_a_module_may_import_its_neighbours(tmp_path: Path) -> None:
    assert built(tmp_path, {"engines/rows.py": "from heliograph.engines import loop"}) == []


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    from heliograph.graph import a",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from heliograph.graph import a",
        "import typing\nif typing.TYPE_CHECKING:\n    from heliograph.graph import a",
    ],
    ids=["in a function", "for types only", "for types only, in full"],
)
def test_an_import_that_is_not_made_at_import_time_makes_no_cycle(tmp_path: Path, text: str) -> None:
    assert built(tmp_path, {"graph/a.py": "from heliograph.graph import b", "graph/b.py": text}) == []

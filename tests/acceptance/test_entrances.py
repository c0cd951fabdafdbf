"""Programs of all kinds: a script without a guard, `python -c`, standard input, a notebook, a package."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import zipapp
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliograph import workflow
from tests.conditions import until

PROGRAM = """
print("the program begins")
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from heliograph import workflow


@dataclass
class Point:
    x: int
    y: int = 0

    def scaled(self, by):
        return Point(self.x * by, self.y * by)


class Colour(Enum):
    RED = "red"


class Named(NamedTuple):
    point: Point
    colour: Colour


class OwnError(Exception):
    pass


FACTOR = 3


def helper(point):
    return point.scaled(FACTOR)


def scaler(by):
    @workflow.task
    def scale(point):
        return point.scaled(by)

    return scale


@workflow.task
def triple(point):
    return helper(point)


@workflow.task
def name(points, colour):
    assert colour is Colour.RED
    assert all(isinstance(point, Point) for point in points)
    return Named(points[-1], colour)


@workflow.options(name="fails")
@workflow.task
def fail():
    raise OwnError("of the main script")


double = workflow.task(lambda point: point.scaled(2))
points = [Point(1, 2), double.bind(triple.bind(scaler(5).bind(Point(1, 2))))]
output = workflow.run(name.bind(points, Colour.RED), workflow_id="values")
assert isinstance(output, Named) and type(output.point) is Point, output
assert output.colour is Colour.RED
print("output:", output.point)
try:
    workflow.run(fail.bind(), workflow_id="errors")
except workflow.WorkflowExecutionError as error:
    assert type(error.__cause__) is OwnError, repr(error.__cause__)
    print("error:", error.__cause__)
print([task["name"] for task in workflow.get_tasks("values")][-1])
"""
PRINTED = """the program begins
output: Point(x=30, y=60)
error: of the main script
__main__.name
"""


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "storage"
    workflow.shutdown()


def environment(storage: Path) -> dict[str, str]:
    """As a user has it: nothing on the path but what is installed."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return kept | {"HELIOGRAPH_STORAGE": str(storage)}


def run(storage: Path, *command: object, cwd: Path, stdin: str = "") -> str:
    """Run Python to its good end, with nothing to say on standard error; what it printed."""
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        env=environment(storage),
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


# -- one program, all entrances


def test_a_script_without_a_main_guard(storage: Path, tmp_path: Path) -> None:
    script = tmp_path / "a script.py"
    script.write_text(PROGRAM)
    assert run(storage, script, cwd=tmp_path) == PRINTED


def test_python_c(storage: Path, tmp_path: Path) -> None:
    assert run(storage, "-c", PROGRAM, cwd=tmp_path) == PRINTED


@pytest.mark.parametrize("dash", [["-"], []], ids=["dash", "piped"])
def test_standard_input(storage: Path, tmp_path: Path, dash: list[str]) -> None:
    assert run(storage, *dash, cwd=tmp_path, stdin=PROGRAM) == PRINTED


def test_a_notebook(storage: Path, tmp_path: Path) -> None:
    parts = PROGRAM.split("\n\n\n")
    cells = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": part}
        for part in parts
    ]
    notebook = tmp_path / "notebook.ipynb"
    notebook.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}))
    done = subprocess.run(
        [sys.executable, "-m", "nbconvert", "--execute", "--to", "notebook", "--stdout", notebook],
        env=environment(storage) | {"IPYTHONDIR": str(tmp_path / "ipython"), "JUPYTER_PLATFORM_DIRS": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    outputs = [output for cell in json.loads(done.stdout)["cells"] for output in cell["outputs"]]
    assert {output["output_type"] for output in outputs} == {"stream"}, outputs
    assert {output["name"] for output in outputs} == {"stdout"}, outputs
    assert "".join(text for output in outputs for text in output["text"]) == PRINTED


@pytest.mark.parametrize("workers", ["processes", "threads"])
def test_another_program_can_resume_and_read_it(storage: Path, tmp_path: Path, workers: str) -> None:
    """It has none of the classes and functions of the first one."""
    program = PROGRAM.replace(
        "def helper(point):\n",
        "from pathlib import Path\n\n\ndef helper(point):\n    Path('flag').read_text()\n",
    )
    script = tmp_path / "script.py"
    script.write_text(program)
    failed = subprocess.run(
        [sys.executable, script], env=environment(storage), cwd=tmp_path, capture_output=True, text=True
    )
    assert failed.returncode == 1
    assert "FileNotFoundError" in failed.stderr
    (tmp_path / "flag").touch()
    other = (
        "from heliograph import workflow\n"
        f"workflow.init(workers={workers!r})\n"
        "print(workflow.resume('values'))\n"
        "print(workflow.get_output('values').point.scaled(2))"
    )
    assert run(storage, "-c", other, cwd=tmp_path) == (
        "Named(point=Point(x=30, y=60), colour=<Colour.RED: 'red'>)\nPoint(x=60, y=120)\n"
    )


# -- modules and packages


TASKS = """
from dataclasses import dataclass
from heliograph import workflow


@dataclass
class Order:
    item: str
    price: float = 0.0


@workflow.task
def price(order):
    return Order(order.item, 2.5)


def plain(order):
    return order.price


cost = workflow.task(plain)
"""


def test_a_task_module_beside_the_script(storage: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a project"
    folder.mkdir()
    (folder / "tasks.py").write_text(TASKS)
    (folder / "main.py").write_text(
        "import tasks\n"
        "from heliograph import workflow\n"
        "output = workflow.run(tasks.price.bind(tasks.Order('tea')), workflow_id='mine')\n"
        "assert type(output) is tasks.Order\n"
        "print(output, workflow.run(tasks.cost.bind(tasks.price.bind(output))))\n"
        "print(workflow.get_tasks('mine')[0]['name'])\n"
    )
    expected = "Order(item='tea', price=2.5) 2.5\ntasks.price\n"
    assert run(storage, folder / "main.py", cwd=tmp_path) == expected


TWO_TASKS = """
from heliograph import workflow
@workflow.task
def double(x): return 2 * x
@workflow.task
async def triple(x): return 3 * x
"""


def test_modules_of_a_folder_that_the_program_comes_to_know_later(storage: Path, tmp_path: Path) -> None:
    """As in a notebook, whose first cell ran a workflow: the workers were started before."""
    later = tmp_path / "later"
    later.mkdir()
    (later / "more.py").write_text(TWO_TASKS)
    program = (
        "import sys\n"
        "from heliograph import workflow\n"
        "@workflow.task\n"
        "def same(x): return x\n"
        "@workflow.task\n"
        "async def such(x): return x\n"
        "print(workflow.run(same.bind(such.bind(1))))\n"
        f"sys.path.append({str(later)!r})\n"
        "import more\n"
        "print(workflow.run(more.double.bind(more.triple.bind(1))))"
    )
    assert run(storage, "-c", program, cwd=tmp_path) == "1\n6\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_tasks_print_in_a_program_that_was_started_without_standard_files(
    storage: Path, tmp_path: Path, closed: str
) -> None:
    program = (
        "import subprocess, sys\n"
        "from pathlib import Path\n"
        "from heliograph import workflow\n"
        "def say(x):\n"
        "    print('output', flush=True)\n"
        "    print('error', file=sys.stderr, flush=True)\n"
        "    subprocess.run(['sh', '-c', 'echo output; echo error >&2'], check=True)\n"
        "    return x\n"
        "@workflow.task\n"
        "async def said(x): return say(x)\n"
        "workflow.init(storage=sys.argv[1])\n"
        "output = workflow.run(workflow.task(say).bind(said.bind('output')))\n"
        "Path('told').write_text(output)"
    )
    subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-c", program, str(storage)],
        cwd=tmp_path,
        check=True,
        timeout=60,
    )
    assert (tmp_path / "told").read_text() == "output"


def test_a_program_that_has_no_encoding_guessed(storage: Path, tmp_path: Path) -> None:
    commit = "0123456789" * 4
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / ".git" / "packed-refs").write_text(f"{commit} refs/heads/main\n")
    program = (
        "from heliograph import workflow\n"
        "@workflow.task\n"
        "def same(x): return x\n"
        "print(workflow.run(same.bind(1), workflow_id='mine'))\n"
        "print(workflow.history('mine')['runs'][0]['code']['git_commit'])\n"
        "print(all(check['ok'] for check in workflow.diagnose()))"
    )
    (tmp_path / "job.py").write_text(program)
    flags = ("-X", "warn_default_encoding", "-W", "error::EncodingWarning")
    assert run(storage, *flags, "job.py", cwd=tmp_path) == f"1\n{commit}\nTrue\n"


def test_modules_of_a_folder_that_the_program_forgets(storage: Path, tmp_path: Path) -> None:
    """As Celery does with the current folder, once it has imported its app."""
    package = tmp_path / "project" / "shop"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "tasks.py").write_text(TWO_TASKS)
    program = (
        "import sys\n"
        f"sys.path.insert(0, {str(package.parent)!r})\n"
        "from shop.tasks import double, triple\n"
        "del sys.path[0]\n"
        "from heliograph import workflow\n"
        "print(workflow.run(double.bind(triple.bind(1))))"
    )
    assert run(storage, "-c", program, cwd=tmp_path) == "6\n"


def test_a_program_in_a_zip_file_with_heliograph_in_it(storage: Path, tmp_path: Path) -> None:
    folder = tmp_path / "app"
    package = Path(workflow.__file__).parent
    shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "tasks.py").write_text(TWO_TASKS)
    (folder / "__main__.py").write_text(
        "import heliograph, tasks\n"
        "from heliograph import workflow\n"
        "print(heliograph.__file__)\n"
        "@workflow.task\n"
        "def add(*given): return sum(given), heliograph.__file__\n"
        "print(workflow.run(add.bind(tasks.double.bind(1), tasks.triple.bind(1))))"
    )
    zipped = tmp_path / "app.pyz"
    zipapp.create_archive(folder, zipped)
    shutil.rmtree(folder)
    inside = f"{zipped}/heliograph/__init__.py"
    assert run(storage, zipped, cwd=tmp_path) == f"{inside}\n{(5, inside)}\n"


@pytest.mark.parametrize("module", ["shop", "shop.main"])
def test_a_package_run_by_python_m(storage: Path, tmp_path: Path, module: str) -> None:
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "tasks.py").write_text(TASKS)
    (package / "main.py").write_text(
        "from heliograph import workflow\n"
        "from .tasks import Order, price\n"
        "@workflow.task\n"
        "def total(orders):\n"
        "    assert all(type(order) is Order for order in orders)\n"
        "    return sum(order.price for order in orders)\n"
        "def main():\n"
        "    orders = [price.bind(Order(item)) for item in ('tea', 'cake')]\n"
        "    print(workflow.run(total.bind(orders), workflow_id='mine'))\n"
        "    print([task['name'] for task in workflow.get_tasks('mine')])\n"
        "if __name__ == '__main__':\n"
        "    main()\n"
    )
    (package / "__main__.py").write_text("from .main import main\nmain()\n")
    name = {"shop": "shop.main.total", "shop.main": "__main__.total"}[module]
    expected = f"5.0\n{['shop.tasks.price', 'shop.tasks.price_1', name]}\n"
    assert run(storage, "-m", module, cwd=tmp_path) == expected


FLOW = """
import sys
with open("imports", "a+") as imports:
    imports.write(".")
    imports.seek(0)
    if len(imports.read()) > 5:
        sys.exit("it is imported over and over")
from heliograph import workflow
workflow.init(workers={workers!r})
@workflow.task
def add(left, right): return left + right
print(workflow.{call}(add.bind(1, 2)){result})
"""


@pytest.mark.parametrize(("call", "result"), [("run", ""), ("run_async", ".result()")])
def test_a_module_that_runs_a_workflow_while_it_is_imported(
    storage: Path, tmp_path: Path, call: str, result: str
) -> None:
    """Its workers import it too: were they to run it as well, so would their workers."""
    (tmp_path / "flow.py").write_text(FLOW.format(workers="processes", call=call, result=result))
    command = [sys.executable, "-c", "import flow"]
    done = subprocess.run(command, env=environment(storage), cwd=tmp_path, capture_output=True, text=True)
    assert "its function 'flow.add' can't be loaded in the worker: RuntimeError: a module" in done.stderr
    assert 'under `if __name__ == "__main__":`' in done.stderr.splitlines()[-1]


def test_threads_run_what_a_module_defined_that_is_still_being_imported(
    storage: Path, tmp_path: Path
) -> None:
    (tmp_path / "flow.py").write_text(FLOW.format(workers="threads", call="run", result=""))
    assert run(storage, "-c", "import flow", cwd=tmp_path) == "3\n"


def test_a_function_that_is_gone_from_its_module_says_so(storage: Path, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(
        "from heliograph import workflow\n@workflow.task\ndef old(): raise ValueError('broken')\n"
    )
    first = (
        "import tasks\nfrom heliograph import workflow\n"
        "try: workflow.run(tasks.old.bind(), workflow_id='mine')\n"
        "except workflow.WorkflowExecutionError as error: print(error.__cause__)"
    )
    assert run(storage, "-c", first, cwd=tmp_path) == "broken\n"
    (tmp_path / "tasks.py").write_text("")
    second = (
        "from heliograph import workflow\n"
        "try: workflow.resume('mine')\n"
        "except workflow.WorkflowExecutionError as error:\n"
        "    print(isinstance(error.__cause__, workflow.WorkflowTaskNotRecoverableError), error.__cause__)"
    )
    printed = run(storage, "-c", second, cwd=tmp_path)
    assert printed.startswith("True ")
    assert printed.endswith("module 'tasks' has no function 'old' any more\n")


# -- programs that end early


LEAVES = """
import os, time
from heliograph import workflow
{init}

@workflow.task
def wait(folder, after):
    open(f"{{folder}}/here", "w").close()
    while not os.path.exists(f"{{folder}}/open"):
        time.sleep(0.01)
    return f"{{after}} and late"

@workflow.task
def early():
    return "early"

workflow.run_async(wait.bind({folder!r}, early.bind()), workflow_id="mine")
{then}
print("the program ends")
"""
INIT = {"processes": "", "threads": "workflow.init(workers='threads')"}
THEN = {
    "at once": "",
    "in a task": "while not os.path.exists({folder!r} + '/here'): time.sleep(0.01)",
}


@pytest.mark.parametrize("workers", INIT)
@pytest.mark.parametrize("when", THEN)
def test_a_script_that_ends_right_after_run_async(
    storage: Path, tmp_path: Path, workers: str, when: str
) -> None:
    """Its exit waits for no task: this one would wait until after it."""
    folder = str(tmp_path)
    script = tmp_path / "script.py"
    script.write_text(LEAVES.format(folder=folder, init=INIT[workers], then=THEN[when].format(folder=folder)))
    assert run(storage, script, cwd=tmp_path) == "the program ends\n"
    workflow.init(storage=storage, workers="threads")
    assert workflow.get_status("mine") == "RESUMABLE"
    (tmp_path / "open").touch()
    assert workflow.resume("mine") == "early and late"


def test_a_script_that_fails_says_so_once(storage: Path, tmp_path: Path) -> None:
    program = (
        "from heliograph import workflow\n"
        "@workflow.task\n"
        "def fail(): raise ValueError('broken')\n"
        "workflow.run(fail.options(name='fails').bind(), workflow_id='mine')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(storage), capture_output=True, text=True
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last == (
        "heliograph.errors.WorkflowExecutionError: workflow 'mine' failed in task 'fails': ValueError: broken"
    )


def test_a_program_that_forks(storage: Path, tmp_path: Path) -> None:
    """The child makes an engine of its own, on the same storage; the parent's goes on."""
    program = """
import os
from heliograph import workflow

@workflow.task
def add(left, right):
    return left + right

workflow.init(storage="told")  # and not where the environment says
print(workflow.run(add.bind(1, 2), workflow_id="parent"), flush=True)
child = os.fork()
if child == 0:
    print(workflow.run(add.bind(3, 4), workflow_id="child"), flush=True)
    workflow.shutdown()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(workflow.run(add.bind(5, 6), workflow_id="after"), workflow.get_output("child"))
"""
    assert run(storage, "-W", "ignore", "-c", program, cwd=tmp_path) == "3\n7\n11 7\n"


def test_prints_of_tasks_are_seen(storage: Path, tmp_path: Path) -> None:
    program = (
        "from heliograph import workflow\n"
        "@workflow.task\n"
        "def say(text): print(text)\n"
        "workflow.run(say.bind('from a task'))"
    )
    assert run(storage, "-c", program, cwd=tmp_path) == "from a task\n"


def test_a_program_whose_reader_goes_away(storage: Path, tmp_path: Path) -> None:
    """As with `| head -1`: no worker is left behind."""
    program = (
        "import os\n"
        "from heliograph import workflow\n"
        "@workflow.task\n"
        "def process(): return os.getpid()\n"
        "print(workflow.run(process.bind()), flush=True)\n"
        "while True: print('more', flush=True)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env=environment(storage),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    worker = int(process.stdout.readline())
    process.stdout.close()
    process.wait(60)
    until(lambda: not os.path.exists(f"/proc/{worker}"))
    assert process.returncode in (1, 120, -signal.SIGPIPE)
    process.stderr.close()

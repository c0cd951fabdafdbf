"""The command line as people and scripts use it: in pipes, in terminals, with what hostile tasks left."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from heliograph import workflow
from tests import commands, scripts
from tests.commands import COMMAND
from tests.conditions import DEADLINE

# What a terminal would obey: colours, a title, a cursor jump, text turned round, a line of its own.
HOSTILE = "[bold red]x[/] \x1b[31m\x1b]0;title\x07\x1b[2J\x9b1m\u202egnp\u2028end"
HOSTILE_ID = "[bold]id[/bold] :smile: [/nothing]"
HOSTILE_TASK = "task [link=http://x]a[/link] 日本語 🎉"
OBEYED = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e]")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
END = b"\0end\0"

WRITE = """
import os, sys, threading
from heliograph import workflow

hostile, hostile_id, hostile_task = sys.argv[1:4]
workflow.init(workers="threads", num_workers=2)

@workflow.task
def part(number):
    return "x" * number

@workflow.task(max_retries=2, retry_exceptions=[OSError])
def flaky(parts, tries=[]):
    tries.append(1)
    if len(tries) == 1:
        raise OSError("try again")
    return sum(map(len, parts))

@workflow.task
def broken():
    raise ValueError(hostile + "\\nsecond line")

@workflow.task
def stuck():
    os._exit(0)

parts = [part.options(**workflow.options(name=f"part.{n}", metadata={"n": n})).bind(n) for n in (1, 20, 300)]
good = flaky.options(**workflow.options(name="sum", metadata={"team": "blue"})).bind(parts)
workflow.run(good, workflow_id="good", metadata={"team": "blue", "size": 3})
named = broken.options(**workflow.options(name=hostile_task, metadata={hostile: hostile}))
try:
    workflow.run(named.bind(), workflow_id=hostile_id, metadata={hostile: [hostile]})
except workflow.WorkflowExecutionError:
    pass
workflow.run(part.bind(1), workflow_id="long-" + "0123456789" * 20)
workflow.run_async(stuck.bind(), workflow_id="gone").result()
"""


CAUGHT = """
from heliograph import workflow

workflow.init(workers="threads", num_workers=1)

@workflow.task
def broken():
    raise ValueError("it is caught")

workflow.run(broken.options(**workflow.options(catch_exceptions=True)).bind(), workflow_id="caught")
"""


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with workflows of many kinds; nothing runs any more."""
    place = tmp_path_factory.mktemp("cli") / "a storage"
    scripts.run(WRITE, place, HOSTILE, HOSTILE_ID, HOSTILE_TASK)
    return place


def heliograph(*arguments: str, storage: Path | None, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if key not in ("HELIOGRAPH_STORAGE", "COLUMNS")}
    chosen = [] if storage is None else ["--storage", str(storage)]
    return commands.give([*chosen, *arguments], clean | environment)


def printed(*arguments: str, storage: Path) -> str:
    done = heliograph(*arguments, storage=storage)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def on_terminal(*arguments: str, storage: Path, width: int) -> str:
    """What the command writes to a terminal of a width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    clean = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR")}
    terminal = os.ttyname(theirs)
    process = commands.start(
        ["--storage", str(storage), *arguments], clean | {"TERM": "xterm-256color"}, (terminal,) * 3
    )
    written = b""
    while ours in wait([ours, process.sentinel], DEADLINE):
        written += os.read(ours, 65536)
    code = commands.exit_code(process)
    os.write(theirs, END)  # the kernel hands on what is written when it has time: this comes last
    while not written.endswith(END):
        written += os.read(ours, 65536)
    written = written.removesuffix(END)
    os.close(ours)
    os.close(theirs)
    assert code == 0, written.decode()
    return written.decode().replace("\r\n", "\n")


@pytest.fixture
def opened(storage: Path) -> Any:
    """The same store, through the public functions."""
    workflow.init(storage=storage)
    yield workflow
    workflow.shutdown()


# -- --json: what the public calls return


def test_ls_json_is_list_metadata(storage: Path, opened: Any) -> None:
    listed = json.loads(printed("ls", "--json", storage=storage))
    assert listed == opened.list_metadata()
    assert [metadata["workflow_id"][:4] for metadata in listed] == ["gone", "long", "[bol", "good"]


def test_show_json_is_get_metadata(storage: Path, opened: Any) -> None:
    for name in ("good", HOSTILE_ID, "gone"):
        assert json.loads(printed("show", name, "--json", storage=storage)) == opened.get_metadata(name)
    task = json.loads(printed("show", HOSTILE_ID, HOSTILE_TASK, "--json", storage=storage))
    assert task == opened.get_metadata(HOSTILE_ID, HOSTILE_TASK)


def test_json_of_hostile_text_holds_no_control_character(storage: Path) -> None:
    for arguments in (["ls"], ["show", HOSTILE_ID], ["show", HOSTILE_ID, HOSTILE_TASK]):
        assert not OBEYED.search(printed(*arguments, "--json", storage=storage))


# -- ls


def test_ls_in_a_pipe_is_whole_and_one_line_each(storage: Path) -> None:
    lines = printed("ls", storage=storage).splitlines()
    assert lines[0].split() == [
        "ID",
        "STATUS",
        "TASKS",
        "PROGRESS",
        "STARTED",
        "TOOK",
        "NAME",
        "METADATA",
        "ERROR",
    ]
    assert len(lines) == 5
    assert lines[2].startswith("long-" + "0123456789" * 20 + "  SUCCESSFUL")
    assert "team=blue size=3" in lines[4]
    assert HOSTILE_ID in lines[3]
    assert lines[1].split()[:3] == ["gone", "RESUMABLE", "0/1"]
    assert lines == [line.rstrip() for line in lines]


def test_ls_filters(storage: Path) -> None:
    def ids(*arguments: str) -> list[str]:
        return [
            one["workflow_id"] for one in json.loads(printed("ls", "--json", *arguments, storage=storage))
        ]

    assert ids("--status", "FAILED") == [HOSTILE_ID]
    assert ids("--status", "failed", "--status", "resumable") == ["gone", HOSTILE_ID]
    assert ids("--status", "RUNNING") == []
    assert len(ids("--limit", "0")) == 4


def test_ls_says_when_it_leaves_workflows_out(storage: Path) -> None:
    done = heliograph("ls", "--limit", "2", storage=storage)
    assert len(done.stdout.splitlines()) == 3
    assert done.stderr == "the newest 2 are shown; --limit 0 shows all of them\n"
    assert heliograph("ls", "--limit", "4", storage=storage).stderr == ""


# -- show


def test_show_a_workflow(storage: Path) -> None:
    text = printed("show", "good", storage=storage)
    for words in (
        "SUCCESSFUL",
        "4/4",
        "4 SUCCESSFUL",
        "sum (2 attempts)",
        "team=blue size=3",
        str(storage / "heliograph.db"),
        "REASON",
        "QUEUE",
        "COMPUTE",
    ):
        assert words in text
    assert all(f"part.{number} " in text for number in (1, 20, 300))


def test_where_a_last_try_failed_and_the_task_did_not_it_is_not_called_the_status(tmp_path: Path) -> None:
    scripts.run(CAUGHT, tmp_path)
    text = printed("show", "caught", storage=tmp_path)
    assert "tasks      1 SUCCESSFUL" in text
    assert "caught     exceptions of __main__.broken " in text
    assert re.search(r"^TASK +LAST TRY ", text, re.MULTILINE)
    assert re.search(r"^__main__.broken +FAILED ", text, re.MULTILINE)


def test_an_exception_that_was_caught_stands_beside_its_task(storage: Path, tmp_path: Path) -> None:
    scripts.run(CAUGHT, tmp_path)
    for command in (("tasks", "caught"), ("search", "--tasks", "error.type = ValueError")):
        head, row = printed(*command, storage=tmp_path).splitlines()
        assert head.split()[-1] == "ERROR"
        assert row.endswith("  caught ValueError: it is caught")
    assert "caught" not in printed("tasks", "good", storage=storage)
    assert "caught" not in printed("show", "good", storage=storage)


def test_the_runs_say_who_ran_what(storage: Path) -> None:
    [run] = json.loads(printed("history", "good", "--json", storage=storage))["runs"]
    _, head, row, *_ = printed("history", "good", storage=storage).splitlines()
    assert head.split()[-3:] == ["BY", "HOST/PID", "COMMAND"]
    assert f"  {run['user']}  " in row
    command = row.split(f"/{run['owner']['pid']} ")[1].strip()
    assert command.startswith("-c '[bold red]x[/] \\x1b[31m"), "what a terminal would obey is written out"
    assert command.endswith(f" {shlex.quote(HOSTILE_TASK)}")


def test_show_a_workflow_without_an_engine(storage: Path) -> None:
    text = printed("show", "gone", storage=storage)
    assert "RESUMABLE" in text
    assert "heliograph resume" in text
    assert "RUNNING" not in text
    task = printed("show", "gone", "__main__.stuck", storage=storage)
    assert "RUNNING" not in task
    assert "its engine is gone; heliograph resume" in task


def test_show_a_failed_workflow_names_the_task_and_how_to_see_more(storage: Path) -> None:
    text = printed("show", HOSTILE_ID, storage=storage)
    assert f"error in task {HOSTILE_TASK}" in text
    assert "ValueError: [bold red]x[/] \\x1b[31m" in text
    command = next(line for line in text.splitlines() if line.startswith("more: ")).removeprefix("more: ")
    pasted = command.replace("heliograph", " ".join(COMMAND), 1)
    done = subprocess.run(pasted, shell=True, capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert done.returncode == 0
    assert 'raise ValueError(hostile + "\\nsecond line")' in done.stdout or "in broken" in done.stdout


def test_show_a_task(storage: Path) -> None:
    text = printed("show", "good", "sum", storage=storage)
    for words in ("max_retries=2", "builtins.OSError", "part.1, part.20, part.300", "int, ", "team=blue"):
        assert words in text
    first, second = re.findall(r"^\d  (\w+)  in run 1", text, re.MULTILINE)
    assert (first, second) == ("FAILED", "SUCCESSFUL")
    assert "OSError: try again" in text
    assert "Traceback (most recent call last)" in text
    assert "compute " in text


# -- terminals


@pytest.mark.parametrize("width", [60, 80, 140])
def test_fits_the_terminal(storage: Path, width: int) -> None:
    for arguments in (["ls"], ["show", "good"], ["show", HOSTILE_ID, HOSTILE_TASK]):
        text = on_terminal(*arguments, storage=storage, width=width)
        assert "\x1b[" in text  # in colours
        for line in COLOURS.sub("", text).splitlines():
            # A command to paste is one line, whatever the width.
            # So is an id, since it is there to be copied.
            uncut = ("more: ", "one of them: ", "long-0123456789")
            assert cell_len(line.rstrip()) <= width or line.startswith(uncut), line


DEEP = """
from heliograph import workflow

workflow.init(workers="threads")

@workflow.task
def add(*numbers):
    return sum(numbers)

parts = [add.options(name=f"{'a/folder/of/many/' * 5}part-{n}").bind(n) for n in (1, 2, 3)]
workflow.run(add.options(name="all").bind(*parts), workflow_id="deep", metadata={"team": "blue"})
workflow.run(add.options(name="all").bind(*parts[:2]), workflow_id="flat")
"""


def test_names_that_are_cut_are_told_apart_and_nothing_is_wrapped(tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    scripts.run(DEEP, storage)
    for command in ("timeline", "dag", "profile"):
        drawn = COLOURS.sub("", on_terminal(command, "deep", storage=storage, width=60))
        names = set(re.findall(r"a/fol\S*…\S*/part-[123]", drawn))
        assert len(names) == (1 if command == "profile" else 3), drawn
        lines = drawn.splitlines()
        assert max(cell_len(line.rstrip()) for line in lines) <= 60
        assert not [line for line in lines if line in ("store", "▓▓ store")]
    running = next(at for at, line in enumerate(lines) if line.startswith("│ running"))
    assert "at once on average" in lines[running + 1]
    lines = printed("compare", "deep", "flat", storage=storage).splitlines()
    assert lines[lines.index("User metadata") + 1].split() == ["A", "B"]
    assert "team  blue  -" in lines


def test_a_title_that_has_no_room_in_its_frame_is_above_it(storage: Path) -> None:
    workflow_id = "long-" + "0123456789" * 20
    lines = COLOURS.sub("", on_terminal("show", workflow_id, storage=storage, width=80)).splitlines()
    assert lines[0] == workflow_id
    assert set(lines[1]) == set("╭─╮")


@pytest.mark.parametrize("width", [60, 140])
def test_nothing_of_a_task_is_obeyed(storage: Path, width: int) -> None:
    for arguments in (["ls"], ["show", HOSTILE_ID], ["show", HOSTILE_ID, HOSTILE_TASK]):
        text = on_terminal(*arguments, storage=storage, width=width)
        assert not OBEYED.search(COLOURS.sub("", text))
        assert "[bold" in text
        assert "\x1b[31m\\x1b" not in text
    assert "http://x" in text
    assert "日本語 🎉" in text


def test_no_colour_where_none_is_wanted(storage: Path) -> None:
    assert "\x1b" not in printed("ls", storage=storage)
    assert "\x1b" not in printed("show", "good", storage=storage)


def test_an_encoding_that_lacks_the_characters_is_no_error(storage: Path) -> None:
    done = heliograph("show", HOSTILE_ID, storage=storage, PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "\\u65e5\\u672c\\u8a9e" in done.stdout


def test_head_may_leave_early(storage: Path) -> None:
    for arguments in ("ls", "ls --json", "show good"):
        line = f"set -o pipefail; {' '.join(COMMAND)} --storage '{storage}' {arguments} | true"
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")


# -- errors: one line, and a code


@pytest.mark.parametrize(
    ("arguments", "target"),
    [
        ("ls", "/dev/full"),
        ("ls --json", "/dev/full"),
        ("--version", "/dev/full"),
        ("ls", "&-"),
        ("watch good", "&-"),
    ],
)
def test_a_standard_output_that_takes_nothing(storage: Path, arguments: str, target: str) -> None:
    line = f'exec "$0" -m heliograph --storage "$1" {arguments} >{target}'
    done = subprocess.run(
        ["/bin/sh", "-c", line, sys.executable, str(storage)], stderr=subprocess.PIPE, text=True, timeout=60
    )
    assert done.returncode == 1
    assert re.fullmatch("error: .*(No space left on device|standard output: it is closed)\n", done.stderr)


def test_ls_watch_in_a_pipe_goes_on_until_nobody_reads(tmp_path: Path) -> None:
    place = tmp_path / "storage"
    scripts.run("from heliograph import workflow\nworkflow.run(workflow.sleep(0), workflow_id='one')", place)
    with subprocess.Popen(
        [*COMMAND, "--storage", str(place), "ls", "--watch"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert [process.stdout.readline()[:3] for _ in range(4)] == [b"ID ", b"one"] * 2
        process.stdout.close()
        assert process.wait(60) == 0
        assert process.stderr.read() == b""


def failed(*arguments: str, storage: Path | None, **environment: str) -> tuple[int, str]:
    done = heliograph(*arguments, storage=storage, **environment)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_not_found(storage: Path) -> None:
    assert failed("show", "nope", storage=storage) == (3, "error: No such workflow_id 'nope'\n")
    assert failed("show", "good", "nope", storage=storage) == (
        3,
        "error: No such task_id 'nope' in workflow 'good'\n",
    )
    code, message = failed("show", "a\x1b[31m", "--json", storage=storage)
    assert (code, OBEYED.search(message)) == (1, None)  # no id can be so


def test_no_storage_there_is_an_error_and_none_is_made(tmp_path: Path) -> None:
    place = tmp_path / "typing error"
    code, message = failed("ls", storage=place)
    assert (code, message) == (1, f"error: there is no storage at '{place / 'heliograph.db'}'\n")
    assert not place.exists()


def test_the_default_storage_may_be_to_come(tmp_path: Path) -> None:
    place = tmp_path / "later"
    done = heliograph("ls", storage=None, HELIOGRAPH_STORAGE=str(place))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "no workflows yet\n")
    assert heliograph("ls", "--json", storage=None, HELIOGRAPH_STORAGE=str(place)).stdout == "[]\n"
    assert failed("show", "x", storage=None, HELIOGRAPH_STORAGE=str(place))[0] == 3
    assert not place.exists()


def test_not_a_storage(tmp_path: Path) -> None:
    place = tmp_path / "notes.db"
    place.write_text("nothing of SQLite's\n" * 100)
    code, message = failed("ls", storage=place)
    assert code == 1
    assert message.startswith("error: ")
    assert len(message.splitlines()) == 1
    assert failed("ls", storage=Path("gopher://x"))[0] == 1


@pytest.mark.parametrize("name", ["", "~nobody-of-this-name/x", f"/tmp/{'x' * 300}"])
def test_a_name_that_no_storage_can_have(name: str) -> None:
    code, message = failed("--storage", name, "ls", storage=None)
    assert (code, message.count("\n")) == (1, 1)
    assert message.startswith("error: storage ")
    assert name in message


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--storage", "here", "ls"], "storage 'here' can't be found: the current folder"),
        (["--storage", "/nowhere.db", "worker"], "the current folder was deleted: give the command in one"),
    ],
)
def test_a_folder_that_was_deleted(tmp_path: Path, arguments: list[str], said: str) -> None:
    folder = tmp_path / "deleted"
    folder.mkdir()
    done = subprocess.run(
        ["sh", "-c", 'rmdir "$PWD" && exec "$@"', "sh", *COMMAND, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(f"error: {said}")


@pytest.mark.parametrize(
    "arguments",
    [
        ["show"],
        ["nope"],
        ["ls", "--status", "nope"],
        ["ls", "--limit", "-1"],
        ["ls", "--limit", "x"],
        ["--nope"],
        ["gc", "--older-than", "1s"],
        ["worker", "--workers", "fibers"],
    ],
)
def test_wrong_usage(storage: Path, arguments: list[str]) -> None:
    code, message = failed(*arguments, storage=storage)
    assert code == 2
    assert "Error: " in message


def test_storage_is_also_an_option_of_the_commands(storage: Path) -> None:
    done = heliograph("show", "good", "--json", "--storage", str(storage), storage=None)
    assert json.loads(done.stdout)["workflow_id"] == "good"
    assert heliograph("ls", storage=None, HELIOGRAPH_STORAGE=str(storage)).stdout.startswith("ID ")


def test_help_and_version() -> None:
    for arguments in ([], ["--help"], ["show", "-h"], ["storage", "check", "--help"]):
        done = heliograph(*arguments, storage=None)
        assert "Exit codes: 0 well" in done.stdout + done.stderr
    for group in ([], ["storage"]):
        _, commands_told = heliograph(*group, "--help", storage=None, COLUMNS="80").stdout.split("Commands:")
        assert "..." not in commands_told, "a summary is cut"
    assert heliograph("--version", storage=None).stdout.startswith("heliograph ")
    entry_point = Path(sys.executable).with_name("heliograph")
    assert (
        "Usage: heliograph" in subprocess.run([entry_point, "--help"], capture_output=True, text=True).stdout
    )


def test_the_help_of_a_worker_says_how_many_workflows_it_takes() -> None:
    told = " ".join(heliograph("worker", "--help", storage=None).stdout.split())
    assert "4 for each of --num-workers, or else of the CPUs; at least 16" in told


def test_help_imports_neither_sqlalchemy_nor_rich_tables() -> None:
    code = (
        "import sys\nfrom heliograph.cli.app import run\n"
        "assert run(['--help']) == 0\n"
        "assert not {'sqlalchemy', 'rich.table', 'cloudpickle'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)

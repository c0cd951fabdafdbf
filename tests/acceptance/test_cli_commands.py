"""The commands that search, watch and tidy up, as people and scripts use them."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from heliograph import workflow
from heliograph.cli.app import run
from tests import commands, scripts
from tests.acceptance.test_cli import COLOURS, heliograph, on_terminal, printed
from tests.conditions import until
from tests.gates import Gate
from tests.tasks import give

WRITE = """
from heliograph import workflow
workflow.init(workers="threads", num_workers=2)

@workflow.task
def work(number):
    for item in workflow.progress(range(number)):
        workflow.current().log(f"item {item}")
    return number

@workflow.task
def fail():
    raise ValueError("broken")

for number in range(4):
    name = workflow.options(name="work", metadata={"n": number})
    team = ("blue", "red")[number % 2]
    workflow.run(work.options(**name).bind(number), workflow_id=f"w{number}", metadata={"team": team})
try:
    workflow.run(fail.options(name="fail").bind(), workflow_id="bad")
except workflow.WorkflowExecutionError:
    pass
"""

WAIT = """
import sys
from pathlib import Path
from heliograph import workflow
from tests.gates import Gate

@workflow.task
def wait(gate):
    workflow.current().progress(3, 4, "waiting")
    workflow.current().log("here I am")
    gate.wait()

workflow.init(workers="threads")
workflow.run(wait.options(name="wait").bind(Gate(Path(sys.argv[1]))), workflow_id="live")
"""


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    place = tmp_path / "storage"
    scripts.run(WRITE, place)
    return place


def as_json(*arguments: str, storage: Path) -> Any:
    return json.loads(printed(*arguments, "--json", storage=storage))


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [one["workflow_id"] for one in found]


def test_a_shell_is_offered_commands_and_ids(storage: Path) -> None:
    def offered(line: str) -> list[str]:
        asked = {"_HELIOGRAPH_COMPLETE": "complete_bash", "COMP_WORDS": line}
        place = str(len(line.split(" ")) - 1)
        done = heliograph(storage=None, COMP_CWORD=place, HELIOGRAPH_STORAGE=str(storage), **asked)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.split()

    assert offered("heliograph pro") == ["profile"]
    assert offered("heliograph show w") == ["w3", "w2", "w1", "w0"]
    assert [offered(f"heliograph {command} bad ") for command in ("show", "logs", "metrics")] == [
        ["fail"]
    ] * 3
    assert offered("heliograph compare w1 b") == ["bad"]
    assert offered("heliograph --storage /nowhere show w") == []


def test_search(storage: Path) -> None:
    assert ids(as_json("search", "user_metadata.team = blue", storage=storage)["found"]) == ["w2", "w0"]
    unquoted = as_json("search", "user_metadata.team", "=", "blue", storage=storage)["found"]
    assert ids(unquoted) == ["w2", "w0"]
    tasks = as_json("search", "status = FAILED", "--tasks", storage=storage)["found"]
    assert [(one["workflow_id"], one["task_id"]) for one in tasks] == [("bad", "fail")]
    ordered = as_json(
        "search", "", "--tasks", "--order-by", "user_metadata.n", "--limit", "2", storage=storage
    )
    assert ids(ordered["found"]) == ["w0", "w1"]
    rest = as_json(
        *("search", "", "--tasks", "--order-by", "user_metadata.n", "--after", ordered["after"]),
        storage=storage,
    )
    assert ids(rest["found"]) == ["w2", "w3", "bad"]
    groups = as_json("search", "--by", "status", "--of", "stats.duration", storage=storage)
    assert [(group["by"]["status"], group["count"]) for group in groups] == [("SUCCESSFUL", 4), ("FAILED", 1)]
    text = printed("search", "user_metadata.team = red", storage=storage)
    assert [line.split()[0] for line in text.splitlines()] == ["ID", "w3", "w1"]
    assert "duration sum" in printed(
        "search", "", "--by", "status", "--of", "stats.duration", storage=storage
    )


def test_sums_are_told_in_the_unit_of_their_field(storage: Path) -> None:
    scripts.run(WRITE.partition("for number in")[0] + NAMED_AS_OURS, storage)
    sizes = ("--of", "output.size", "--of", "user_metadata.size")
    head, row = printed("search", "name = sized", "--tasks", *sizes, storage=storage).splitlines()
    told = dict(zip(re.split("  +", head), re.split("  +", row.strip()), strict=True))
    assert (told["output.size max"], told["user_metadata.size max"]) == ("5 B", "2048")  # the user's unit
    head, row = printed("search", "workflow_id = sized", "--of", "created_time", storage=storage).splitlines()
    assert "created_time sum" not in head
    assert re.fullmatch(r" *1( +(yesterday )?\d\d:\d\d(:\d\d)?){6}", row)


DASHED = """
workflow.run(work.options(**workflow.options(name="-t")).bind(0), workflow_id="dashed")
"""


def test_what_looks_like_an_option_can_be_pasted(storage: Path) -> None:
    scripts.run(WRITE.partition("for number in")[0] + DASHED, storage)
    hint = printed("show", "dashed", storage=storage).splitlines()[-1].split()
    assert hint[-4:] == ["show", "--", "dashed", "-t"]
    assert "dashed" in printed(*hint[-4:], storage=storage)


NAMED_AS_OURS = """
sized = work.options(**workflow.options(name="sized", metadata={"size": 2048}))
workflow.run(sized.bind(1), workflow_id="sized")
"""


@pytest.mark.parametrize(
    "command",
    ["ls --status FAILED", "ls", "search status=FAILED", "search --tasks status=FAILED", "tasks bad"],
)
def test_lists_say_what_failed_and_why(storage: Path, command: str) -> None:
    head, first, *_ = printed(*command.split(), storage=storage).splitlines()
    assert head.split()[-1] == "ERROR"
    assert first.endswith("  ValueError: broken")


def test_an_error_has_room_before_a_bar_that_says_what_a_number_says(storage: Path) -> None:
    text = COLOURS.sub("", on_terminal("search", "status = FAILED", storage=storage, width=80))
    head, row = text.splitlines()
    assert "PROGRESS" not in head
    assert row.endswith("  ValueError: broken")


@pytest.mark.parametrize(
    "asking",
    [
        ("search", "", "--tasks", "--order-by", "-stats.store"),
        ("search", "stats.store >= 0", "--tasks"),
        ("tasks", "w3", "--where", "stats.store >= 0"),
    ],
)
def test_a_narrow_list_of_tasks_shows_what_was_asked_about(storage: Path, asking: tuple[str, ...]) -> None:
    head, *_ = COLOURS.sub("", on_terminal(*asking, storage=storage, width=45)).splitlines()
    assert "STORE" in head
    assert "QUEUE" not in head


def test_a_narrow_list_of_groups_tells_them_apart_and_of_each_field(storage: Path) -> None:
    scripts.run(WRITE.partition("for number in")[0] + LONG_IDS, storage)
    asking = ("search", "workflow_id prefix orders", "--by", "workflow_id", "--of", "stats.duration")
    shown = on_terminal(*asking, "--of", "runs", storage=storage, width=60)
    head, *rows = COLOURS.sub("", shown).splitlines()
    assert re.fullmatch(r"workflow_id +COUNT +duration max +runs max", head)
    assert [row.split()[0] for row in rows] == ["orders-of-november-28", "orders-of-november-29"]


LONG_IDS = """
for day in (28, 29):
    workflow.run(work.bind(0), workflow_id=f"orders-of-november-{day}")
"""


def test_a_search_that_is_wrong(storage: Path) -> None:
    done = heliograph("search", "status = FAILD and x = 1", storage=storage)
    assert done.returncode == 2
    first, line, mark = done.stderr.splitlines()
    assert first.startswith("error: there is no status 'FAILD'")
    assert (line, mark) == ("  status = FAILD and x = 1", "           ^")


def test_ls_where(storage: Path) -> None:
    assert ids(as_json("ls", "--where", "user_metadata.team = blue", storage=storage)) == ["w2", "w0"]
    assert ids(as_json("ls", "--where", "runs = 1", "--status", "failed", storage=storage)) == ["bad"]
    assert len(as_json("ls", "--limit", "0", storage=storage)) == 5


def test_tasks(storage: Path) -> None:
    answer = as_json("tasks", "w3", storage=storage)
    workflow.init(storage=storage)
    assert answer == json.loads(json.dumps(workflow.get_metadata("w3", tasks=True, limit=200)))
    workflow.shutdown()
    assert as_json("tasks", "w3", "--where", "status = FAILED", storage=storage)["found"] == []
    assert "3/3" in printed("tasks", "w3", storage=storage)
    assert heliograph("tasks", "nope", storage=storage).returncode == 3


def test_history(storage: Path) -> None:
    assert [one["status"] for one in as_json("history", "bad", storage=storage)["attempts"]] == ["FAILED"]
    assert "ValueError: broken" in printed("history", "bad", storage=storage)
    narrow = COLOURS.sub("", on_terminal("history", "bad", storage=storage, width=40))
    assert re.search(r"^TASK +TRY +STATUS +COMPUTE +ERROR$", narrow, re.MULTILINE)  # it is the last to go


ASLEEP = """
from heliograph import workflow
from tests.conditions import until

@workflow.task
def give(value):
    return value

workflow.init(workers="threads")
pauses = [workflow.sleep(3600) for _ in range(5)]
workflow.run_async(give.bind(pauses), workflow_id="asleep")
until(lambda: workflow.get_metadata("asleep")["progress"]["by_status"].get("WAITING") == 5)
workflow.shutdown()
"""


def test_what_waits_and_for_what(tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    scripts.run(ASLEEP, storage)
    (waiting,) = [
        line for line in printed("show", "asleep", storage=storage).splitlines() if "waiting" in line
    ]
    assert re.search(r"waits.sleep_4 sleeps until [^,]+, .* and 2 more", waiting)  # perhaps with a day
    assert "1 RESUMABLE" in printed("doctor", storage=storage)
    shown = printed("show", "asleep", "heliograph.graph.waits.sleep", storage=storage)
    assert re.search(r"WAITING .* sleeps until ", shown)


TRIED = """
from heliograph import workflow
workflow.init(workers="threads", num_workers=1)

@workflow.task(catch_exceptions=True)
def train(losses):
    for loss in losses:
        workflow.current().metric("loss", loss)
    workflow.current().log("diverged\\nat the last")
    raise ValueError("diverged")

workflow.run(train.options(name="train").bind([2.0, 3.0]), workflow_id="tried")
"""


def test_what_an_attempt_said_and_that_its_exception_was_caught(tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    scripts.run(TRIED, storage)
    shown = printed("show", "tried", "train", storage=storage)
    assert re.search(r"SUCCESSFUL +its exception was caught, and is its output", shown)
    assert "said 1 line and 2 values of metrics" in shown
    first, second = printed("logs", "tried", storage=storage).splitlines()
    assert re.fullmatch(r"[\d:.]+  train: diverged", first)
    assert second == " " * first.index("train") + "at the last"  # not as a line of its own


MEASURED = """
from heliograph import workflow
workflow.init(workers="threads", num_workers=1)

@workflow.task(max_retries=1, retry_exceptions=True)
def train(rate):
    attempt = workflow.current().attempt
    for step in range(4):
        workflow.current().metric("loss", 8 / 2**step * rate, step=step)
    if attempt == 1 and rate == 2:
        raise ValueError("diverged")

def named(name):
    return train.options(**workflow.options(name=name))

@workflow.task
def last(*_):
    workflow.current().metric("[red]x[/red]\\x1b[31m", 1)

tasks = [named("a").bind(1), named("long-" * 20).bind(2)]
workflow.run(last.options(**workflow.options(name="last")).bind(*tasks), workflow_id="measured")
workflow.run(last.bind(), workflow_id="other")
"""


def test_metrics(tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    scripts.run(MEASURED, storage)
    head, *lines = printed("metrics", "measured", storage=storage).splitlines()
    assert head.split() == ["TASK", "TRY", "METRIC", "VALUES", "FIRST", "LAST", "LEAST", "MOST"]
    long = "long-" * 20
    assert [line.split() for line in lines] == [
        ["a", "loss", "4", "8", "1", "1", "8", "█▄▂▁"],
        [long, "loss", "4", "16", "2", "2", "16", "█▄▂▁"],
        [long, "2", "loss", "4", "16", "2", "2", "16", "█▄▂▁"],
        ["last", r"[red]x[/red]\x1b[31m", "1", "1", "1", "1", "1"],
    ]
    narrow = COLOURS.sub("", on_terminal("metrics", "measured", storage=storage, width=60)).splitlines()
    assert ["a", "loss", "1", "8", "█▄▂▁"] in [line.split() for line in narrow]  # the plot stays
    assert [line for line in narrow if len(line) > 60] == [long, long]  # never cut

    head, *lines = printed("metrics", "measured", long, storage=storage).splitlines()
    assert head.split()[:2] == ["TRY", "METRIC"]
    assert [line.split()[0] for line in lines] == ["loss", "2"]

    done = heliograph("metrics", "measured", "--limit", "1", storage=storage)
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == "the first 1 of 4 are shown; --limit 0 shows all of them\n"
    assert len(printed("metrics", "measured", "--limit", "0", storage=storage).splitlines()) == 5


DIVERGED = """
import math
from heliograph import workflow
workflow.init(workers="threads", num_workers=1)

@workflow.task
def train():
    for loss in (2, math.inf, 1, math.nan):
        workflow.current().metric("loss", loss)
    workflow.current().metric("accuracy", math.nan)

workflow.run(train.bind(), workflow_id="diverged")
"""


def test_metrics_that_are_not_finite(tmp_path: Path) -> None:
    scripts.run(DIVERGED, tmp_path)
    _, *lines = printed("metrics", "diverged", storage=tmp_path).splitlines()
    assert [line.split()[1:] for line in lines] == [
        ["loss", "4", "2", "nan", "1", "2", "█▁"],
        ["accuracy", "1", "nan", "nan", "nan", "nan"],
    ]


def test_metrics_as_json_are_what_get_metrics_returns(storage: Path, tmp_path: Path) -> None:
    measured = tmp_path / "measured"
    scripts.run(MEASURED, measured)
    found = [
        json.loads(line) for line in printed("metrics", "measured", "--json", storage=measured).splitlines()
    ]
    workflow.init(storage=measured)
    try:
        assert found == workflow.get_metrics("measured")
    finally:
        workflow.shutdown()
    assert len(found) == 13
    assert printed("metrics", "w1", "--json", storage=storage) == ""
    nothing = heliograph("metrics", "w1", storage=storage)
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert nothing.stderr.startswith("no metrics were reported: ")
    assert heliograph("metrics", "w1", "nope", storage=storage).returncode == 3
    assert heliograph("metrics", "nope", storage=storage).returncode == 3


def test_logs(storage: Path) -> None:
    lines = printed("logs", "w3", storage=storage).splitlines()
    assert [line.split("  ")[1] for line in lines] == [f"work: item {n}" for n in range(3)]
    found = [
        json.loads(line) for line in printed("logs", "w3", "work", "--json", storage=storage).splitlines()
    ]
    assert [line["text"] for line in found] == [f"item {n}" for n in range(3)]
    assert printed("logs", "w3", "--follow", storage=storage).splitlines() == lines
    assert heliograph("logs", "w3", "nope", storage=storage).returncode == 3


def test_watch_of_one_that_is_over(storage: Path) -> None:
    changes = [json.loads(line) for line in printed("watch", "w2", "--json", storage=storage).splitlines()]
    assert (changes[0]["kind"], changes[-1]["kind"], changes[-1]["status"]) == ("run", "run", "SUCCESSFUL")
    cursor = changes[-2]["cursor"]
    after = printed("watch", "w2", "--json", "--after", cursor, storage=storage)
    assert [json.loads(line) for line in after.splitlines()] == changes[-1:]
    assert printed("watch", "w2", storage=storage).splitlines()[-1].endswith("run 1  SUCCESSFUL")
    seen = COLOURS.sub("", on_terminal("watch", "w2", storage=storage, width=80))
    assert "w2  SUCCESSFUL" in seen
    assert "1/1" in seen


def test_watch_and_cancel_one_that_runs(storage: Path, tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    with scripts.start(WAIT, storage, gate.folder) as program:
        gate.until_waiting(program=program)
        command = [
            sys.executable,
            "-m",
            "heliograph",
            "--storage",
            str(storage),
            "watch",
            "live",
            "--json",
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
            assert watching.stdout is not None
            kinds = []
            for line in watching.stdout:
                change = json.loads(line)
                kinds.append(change["kind"])
                if change["kind"] == "line":
                    assert change["text"] == "here I am"
                    break
            (shown,) = as_json("ls", "--status", "RUNNING", storage=storage)
            assert shown["workflow_id"] == "live"
            assert "3/4 waiting" in printed("tasks", "live", storage=storage)
            assert heliograph("delete", "live", storage=storage).returncode == 1
            assert heliograph("resume", "live", storage=storage).returncode == 1
            assert printed("cancel", "live", storage=storage) == "cancelled live\n"
            kinds += [json.loads(line)["kind"] for line in watching.stdout]
        assert watching.returncode == 0
        assert kinds[-1] == "run"
        gate.open()
        program.communicate(timeout=60)
    assert printed("delete", "live", storage=storage) == "deleted live\n"
    assert heliograph("cancel", "live", storage=storage).returncode == 3
    several = heliograph("delete", "w0", "live", "w1", "--json", storage=storage)
    assert (several.returncode, json.loads(several.stdout)) == (3, ["w0"])


def test_resume(tmp_path: Path) -> None:
    storage, gate = tmp_path / "storage", Gate(tmp_path / "gate")
    with scripts.start(WAIT, storage, gate.folder) as program:
        gate.until_waiting(program=program)
        program.kill()
    until(lambda: ids(as_json("search", "status = RESUMABLE", storage=storage)["found"]) == ["live"])
    gate.open()
    done = heliograph("resume", "live", storage=storage, PYTHONPATH=str(scripts.ROOT))
    assert (done.returncode, done.stdout) == (0, "live is SUCCESSFUL\n"), done.stderr
    assert [run["run"] for run in as_json("history", "live", storage=storage)["runs"]] == [1, 2]


STEPS = """
from pathlib import Path
from heliograph import workflow

@workflow.task
def read():
    return Path(__file__).with_name("data").read_text()
"""
READ = """
import sys
sys.path.insert(0, sys.argv[1])
from heliograph import workflow
from steps_of_a_folder import read
try:
    workflow.run(read.bind(), workflow_id="mine")
except workflow.WorkflowExecutionError:
    pass
"""


def test_resume_finds_the_modules_of_the_current_folder(tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    (tmp_path / "steps_of_a_folder.py").write_text(STEPS)
    scripts.run(READ, storage, tmp_path)
    (tmp_path / "data").write_text("here")
    command = commands.program(["resume", "mine"], scripts.environment(storage), tmp_path)
    assert command.communicate(60) == ("mine is SUCCESSFUL\n", "")


def test_of_many_runs_the_newest_are_shown(storage: Path) -> None:
    again = """
from heliograph import workflow
workflow.init(workers="threads")
for _ in range(11):
    try:
        workflow.resume("bad")
    except workflow.WorkflowExecutionError:
        pass
"""
    scripts.run(again, storage)
    shown, whole = (printed(command, "bad", storage=storage) for command in ("show", "history"))
    assert "The newest 10 of 12 runs" in shown
    listed = [[re.search(rf"^ *{run} +retry", text, re.M) for run in (2, 3, 12)] for text in (shown, whole)]
    assert [list(map(bool, found)) for found in listed] == [[False, True, True], [True, True, True]]


def test_storage_check(storage: Path) -> None:
    done = heliograph("storage", "check", storage=storage)
    assert (done.returncode, done.stdout) == (0, "")
    rows, values = done.stderr.splitlines()  # no bar, nor where it would have been
    assert re.fullmatch(r"\d+ rows, 0 damaged", rows)
    assert values == "0 values, 0 B, 0 damaged"


@pytest.mark.parametrize(
    ("given", "command", "code"),
    [
        ("?values=ftp://ann:s3cret@localhost:1/x", "doctor", 0),  # it reaches nothing
        ("?values=nope://ann:s3cret@localhost", "doctor", 1),
        ("?values=nope%3A%2F%2Fann%3As3cret%40localhost", "gc", 1),
        ("?values=nope://ann:s3cret@localhost", "show w1", 0),
        ("?password=s3cret", "ls", 1),
    ],
)
def test_a_password_of_a_storage_is_not_shown(storage: Path, given: str, command: str, code: int) -> None:
    place = f"sqlite:///{storage / 'heliograph.db'}{given}"
    done = heliograph("--storage", place, *command.split(), storage=None)
    assert done.returncode == code
    assert "s3cret" not in done.stdout + done.stderr


def test_whoever_starts_a_worker_is_told_where_values_are(tmp_path: Path) -> None:
    place = f"sqlite:///{tmp_path}/flows.db?values={tmp_path}/values"
    workflow.init(storage=place)
    workflow.run_async(give.bind(1), workflow_id="mine", detach=True)
    workflow.shutdown()
    shown = heliograph("show", "mine", storage=place, COLUMNS="600").stdout
    assert f"no worker has taken it yet: heliograph --storage '{place}' worker" in shown


def test_prune(storage: Path) -> None:
    assert heliograph("prune", storage=storage).returncode == 2
    assert heliograph("prune", "--older-than", "soon", storage=storage).returncode == 2
    assert as_json("prune", "--older-than", "1d", storage=storage) == []
    dry = heliograph("prune", "--where", "user_metadata.team = blue", storage=storage)
    assert dry.stdout.split() == ["w2", "w0"]
    assert "2 workflows would be deleted" in dry.stderr
    assert len(as_json("ls", storage=storage)) == 5
    assert as_json(
        "prune", "--older-than", "0s", "--where", "user_metadata.team = blue", "--yes", storage=storage
    ) == [
        "w2",
        "w0",
    ]
    assert ids(as_json("ls", storage=storage)) == ["bad", "w3", "w1"]


def test_prune_tells_of_what_it_deleted_itself(
    storage: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    delete = workflow.delete

    def somebody_is_first(workflow_id: str) -> None:
        if workflow_id == "w0":
            delete(workflow_id)
        delete(workflow_id)

    monkeypatch.setattr(workflow, "delete", somebody_is_first)
    blue = ("--where", "user_metadata.team = blue")
    assert run(["--storage", str(storage), "prune", *blue, "--yes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == ["w2"]


def test_prune_goes_on_behind_an_id_that_can_not_be(storage: Path) -> None:
    with closing(sqlite3.connect(storage / "heliograph.db")) as connection, connection:
        connection.execute("UPDATE workflows SET workflow_id = '' WHERE workflow_id = 'w3'")
    done = heliograph("prune", "--older-than", "0s", "--yes", "--json", storage=storage)
    assert (done.returncode, json.loads(done.stdout)) == (1, ["bad", "w2", "w1", "w0"])
    assert done.stderr == "error: workflow '' can't be deleted: workflow_id must not be empty\n"


def test_doctor(storage: Path) -> None:
    checks = {check["check"]: check for check in as_json("doctor", storage=storage)}
    assert set(checks) == {"versions", "storage", "values", "database", "leases", "disk", "engine"}
    assert all(check["ok"] for check in checks.values())
    with closing(sqlite3.connect(storage / "heliograph.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    spoilt = bytearray((storage / "heliograph.db").read_bytes())
    spoilt[8192 : len(spoilt) // 2] = b"x" * (len(spoilt) // 2 - 8192)
    (storage / "heliograph.db").write_bytes(spoilt)
    done = heliograph("doctor", storage=storage)
    assert done.returncode == 1
    assert "wrong" in done.stdout


@pytest.mark.parametrize("width", [40, 60])
def test_ids_are_whole_in_narrow_terminals(tmp_path: Path, width: int) -> None:
    storage = tmp_path / "storage"
    long = "import-of-the-orders-of-2026-11-24-0123456789-abcdefghij"
    workflow.init(storage=storage, workers="threads")
    workflow.run(give.options(name=f"task-{long}").bind(1), workflow_id=long)
    workflow.shutdown()
    for arguments in (["ls"], ["search", ""], ["tasks", long], ["history", long], ["search", "", "--tasks"]):
        text = COLOURS.sub("", on_terminal(*arguments, storage=storage, width=width))
        assert long in text, arguments


def test_rows_wider_than_the_terminal_have_a_line_for_each_value(storage: Path) -> None:
    names = list(workflow.sql_views()["heliograph_workflows"]["columns"])[:6]
    query = f"select {', '.join(names)} from heliograph_workflows where workflow_id = 'w2'"
    seen = COLOURS.sub("", on_terminal("sql", query, storage=storage, width=40)).splitlines()
    assert seen[0] == "row 1"
    assert [line.split()[0] for line in seen[1:7]] == names


def test_who_asks_the_tables_is_led_to_the_views(storage: Path) -> None:
    assert "internal" in heliograph("sql", "select key from workflows", storage=storage).stderr
    assert heliograph("sql", "select status from heliograph_workflows", storage=storage).stderr == ""

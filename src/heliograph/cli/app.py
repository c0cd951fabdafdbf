"""The commands put together, and what an error becomes: one line on stderr and an exit code.

Exit codes: 0 all went well; 1 an error of heliograph or its storage, a workflow that failed, something that
`doctor` found, a listing that leaves out what is damaged; 2 the command line or a search is wrong; 3 there is
no such workflow or task; 130 interrupted.
"""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Final

import typer

from heliograph import workflow
from heliograph.cli.compare import compare
from heliograph.cli.control import cancel, delete
from heliograph.cli.dag import dag
from heliograph.cli.doctor import doctor
from heliograph.cli.estimate import estimate
from heliograph.cli.export import export
from heliograph.cli.gc import gc
from heliograph.cli.history import history
from heliograph.cli.logs import logs
from heliograph.cli.ls import ls
from heliograph.cli.metrics import metrics
from heliograph.cli.profile import profile
from heliograph.cli.prune import prune
from heliograph.cli.resume import resume
from heliograph.cli.search import search
from heliograph.cli.serve import serve
from heliograph.cli.show import show
from heliograph.cli.spans import spans
from heliograph.cli.sql import sql
from heliograph.cli.standard_output import drop_what_is_stuck
from heliograph.cli.storage import StorageOption
from heliograph.cli.storages import backup, check, copy, upgrade
from heliograph.cli.tasks import tasks
from heliograph.cli.timeline import timeline
from heliograph.cli.trend import trend
from heliograph.cli.watch import watch
from heliograph.cli.worker import worker
from heliograph.errors import DamagedWarning, SearchError, WorkflowError, WorkflowNotFoundError

ERROR: Final = 1
USAGE: Final = 2
NOT_FOUND: Final = 3
INTERRUPTED: Final = 130

_EPILOG: Final = "Exit codes: 0 well, 1 an error, 2 wrong usage, 3 not found, 130 interrupted."

app = typer.Typer(
    name="heliograph",
    help="Durable workflows, and what is known of them.",
    epilog=_EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_LOOKING: Final = (ls, show, tasks, watch, logs, metrics, history, search, sql)
_EXPLAINING: Final = (profile, timeline, dag, compare, trend, estimate, export, spans)
_CHANGING: Final = (resume, cancel, delete, prune, gc)
for command in (*_LOOKING, *_EXPLAINING, *_CHANGING, doctor, serve, worker):
    app.command(epilog=_EPILOG)(command)

storages = typer.Typer(help="Upgrade, copy, back up and check whole storages.", no_args_is_help=True)
for of_storages in (upgrade, copy, backup, check):
    storages.command(epilog=_EPILOG)(of_storages)
app.add_typer(storages, name="storage", epilog=_EPILOG)


def _version(wanted: bool) -> None:
    if wanted:
        import heliograph

        typer.echo(f"heliograph {heliograph.__version__}")
        raise typer.Exit


@app.callback()
def _shared(
    context: typer.Context,
    storage: StorageOption = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    context.obj = storage


def run(arguments: Sequence[str]) -> int:
    """Run one command line; nothing it meets leaves a traceback, unless it is a bug of ours.

    Returns:
        The exit code; see the top of this module.
    """
    _take_any_character()
    with _damage() as damage:
        code = _run(arguments)
    for text in damage:
        _tell(text)
    return code or (ERROR if damage else 0)


def _run(arguments: Sequence[str]) -> int:
    try:
        app(args=list(arguments), prog_name="heliograph")
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except WorkflowNotFoundError as error:
        return _told(error, NOT_FOUND)
    except SearchError as error:
        return _told(error, USAGE)
    except (WorkflowError, ValueError) as error:
        return _told(error, ERROR)
    except OSError as error:  # such as of what typer writes, to a standard output that takes nothing
        drop_what_is_stuck()
        return _told(error, ERROR)
    finally:
        workflow.shutdown()
    return 0


@contextmanager
def _damage() -> Iterator[list[str]]:
    """What a command's listings leave out: gathered, to be told behind them, and once."""
    found: list[str] = []
    show = warnings.showwarning

    def note(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if not issubclass(category, DamagedWarning):
            show(message, category, *where, **more)
        elif (text := str(message)) not in found:
            found.append(text)

    with warnings.catch_warnings():
        warnings.simplefilter("always", DamagedWarning)
        warnings.showwarning = note
        yield found


def _told(error: Exception, code: int) -> int:
    _tell(str(error) or type(error).__name__)
    return code


def _tell(text: str) -> None:
    from heliograph.cli.rendering import error_line, stderr

    stderr().print(error_line(text), soft_wrap=True)


def _take_any_character() -> None:
    """What a terminal's encoding can't say is shown escaped: no output is lost for one character."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

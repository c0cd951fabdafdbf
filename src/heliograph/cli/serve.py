"""``heliograph serve``: what is stored, on web pages; receives events too. See `heliograph.web`."""

from __future__ import annotations

import ipaddress
import secrets
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer

from heliograph import web
from heliograph.cli.signals import told_to_end
from heliograph.cli.storage import StorageOption, chosen, open_to_read, whole_name
from heliograph.errors import WorkflowError

if TYPE_CHECKING:
    import uvicorn

PATIENCE: Final = 2
"""Seconds that requests under way get when the server is to stop. Their events are stored all the same."""

_OPEN_FILES: Final = 65_536
_LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "::1")


def serve(
    context: typer.Context,
    host: Annotated[
        str, typer.Option(metavar="HOST", help="The address to listen on; other than loopback needs a token.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="PORT", help="The port; 0: a free one.")
    ] = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN",
            envvar="HELIOGRAPH_TOKEN",
            show_default=False,
            help="What browsers are asked for, and requests carry: 'Authorization: Bearer TOKEN'. "
            "Where one is needed and not given, it is made and shown.",
        ),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Let nothing be changed: no events, no buttons.")
    ] = False,
    storage: StorageOption = None,
) -> None:
    """Serve web pages of what is stored, and take events over HTTP."""
    try:
        import uvicorn
    except ImportError as error:
        raise web.missing_extra() from error

    if token is not None and not token.strip():
        raise typer.BadParameter("the token must not be empty", param_hint="'--token'")
    family, address = _resolved(host)
    is_loopback = ipaddress.ip_address(address.partition("%")[0]).is_loopback
    made = secrets.token_urlsafe(32) if not is_loopback and token is None else None
    place = chosen(context, storage)
    if open_to_read(place):  # else it comes into being with the first workflow
        place = whole_name(place)
    hosts = (host.lower(), *_LOOPBACK_NAMES) if is_loopback else None
    app = web.app(place, token=token or made, hosts=hosts, read_only=read_only)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=PATIENCE, server_header=False
    )
    server = uvicorn.Server(config)
    with _listening(family, address, port) as listener, _ended_by_signals(server):
        shown = f"[{address}]" if family is socket.AF_INET6 else address
        typer.echo(f"heliograph serves on http://{shown}:{listener.getsockname()[1]}")
        if made is not None:
            typer.echo(f"its token, shown this once: {made}")
        _raise_open_files()
        server.run(sockets=[listener])


@contextmanager
def _ended_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """SIGTERM, which is how a supervisor tells it to end, and Ctrl-C end what is served, and no more.

    Uvicorn has handlers of its own while it runs, and sends itself again what they caught once it is done:
    left to the system's handlers, a SIGTERM would look as if the command had been killed.
    """
    told: list[int] = []

    def note(number: int) -> None:
        told.append(number)
        server.should_exit = True  # uvicorn may not have begun yet

    with told_to_end(note):
        yield
    if signal.SIGINT in told:
        raise KeyboardInterrupt


def _raise_open_files() -> None:
    """Each event stream is an open file: let there be as many as the system allows this process."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _resolved(host: str) -> tuple[socket.AddressFamily, str]:
    """The address that a host name means here: the one that is listened on is the one that was looked at."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise typer.BadParameter(f"{host!r} is no address: {error}", param_hint="'--host'") from None
    return family, str(address[0])


def _listening(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    try:
        return socket.create_server((address, port), family=family, backlog=2048)
    except OSError as error:
        raise WorkflowError(
            f"can't listen on {address} port {port}: {error.strerror or error}; choose another --port"
        ) from None

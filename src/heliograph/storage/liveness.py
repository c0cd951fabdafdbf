"""Who is alive: whether the engine that has a run is still there."""

from __future__ import annotations

import functools
import os
import socket
import sys
import uuid
from collections.abc import Callable
from typing import Final, Protocol

from heliograph.records.status import ACTIVE, WorkflowStatus
from heliograph.records.workflow import Owner

LEASE_SECONDS: Final = 15.0
"""An engine that has not been heard of for so long counts as gone."""

_LINUX: Final = sys.platform.startswith("linux")
_SAME_START: Final = 0.5  # ticks are exact; where seconds stand for them, they are rounded


def this_process(engine: str, now: float) -> Owner:
    """A new owner: an engine of this process.

    Args:
        engine: ``embedded`` or ``ray``.
        now: Unix seconds.
    """
    return Owner(
        owner_id=uuid.uuid4().hex,
        host=socket.gethostname(),
        machine=_this_machine(),
        pid=os.getpid(),
        process_start=_start_mark(os.getpid()) or 0.0,
        engine=engine,
        lease_until=now + LEASE_SECONDS,
    )


@functools.cache
def _this_machine() -> str:
    """Tells this boot of this machine, and this container, from all others: where a pid means something."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:  # not Linux
        import psutil  # late: Linux needs none of it

        return f"{socket.gethostname()}/{uuid.getnode():x}/{psutil.boot_time():.0f}"


class Process(Protocol):
    """A process that holds a lease: an `Owner`, or a row that has so much of one."""

    @property
    def machine(self) -> str:
        """Where its pid means something."""

    @property
    def pid(self) -> int:
        """Its number there."""

    @property
    def process_start(self) -> float:
        """When it started."""

    @property
    def lease_until(self) -> float | None:
        """Past this time it counts as gone; None: it is not known at all."""


def is_alive(owner: Process | None, now: float) -> bool:
    """Whether an owner is still there.

    It is not if its lease ran out, or if it was a process of this machine and that process is gone: then
    nobody has to wait for the lease.

    Args:
        owner: the owner; None counts as gone.
        now: Unix seconds.
    """
    if owner is None or owner.lease_until is None or owner.lease_until < now:
        return False
    return owner.machine != _this_machine() or _process_lives(owner.pid, owner.process_start)


class Presence:
    """Which engines are there, as of one look: each is looked at once, however many workflows it has.

    Args:
        clock: gives Unix seconds; asked only if that matters.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._alive: dict[str, bool] = {}

    def status(self, stored: WorkflowStatus, owner_id: str | None, owner: Process) -> WorkflowStatus:
        """As `derived_status`.

        Args:
            stored: the workflow's status.
            owner_id: id of its owner; None: it has none.
            owner: the process of that owner; all None where there is no owner, or it is not stored any more.
        """
        if stored not in ACTIVE:
            return stored
        if owner_id is None or owner.lease_until is None:
            return derived_status(stored, None, 0.0)
        is_there = self._alive.get(owner_id)
        if is_there is None:
            is_there = self._alive[owner_id] = is_alive(owner, self._clock())
        return stored if is_there else WorkflowStatus.RESUMABLE


def derived_status(stored: WorkflowStatus, owner: Owner | None, now: float) -> WorkflowStatus:
    """A workflow's status as users see it: RESUMABLE where an engine should have it and none does.

    One that was handed in for any engine to take has had no owner yet, and waits.
    """
    if owner is None and stored is WorkflowStatus.PENDING:
        return stored
    if stored in ACTIVE and not is_alive(owner, now):
        return WorkflowStatus.RESUMABLE
    return stored


def _process_lives(pid: int, started: float) -> bool:
    mark = _start_mark(pid)
    return mark is not None and abs(mark - started) < _SAME_START


def _start_mark(pid: int) -> float | None:
    """Tells a process from a later one with the same pid; None: there is none, or it is a zombie.

    On Linux in clock ticks since boot, as the kernel counts them: seconds of the wall clock would jump for a
    living process when somebody sets the clock.
    """
    if _LINUX:
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                state, *fields = file.read().rpartition(b")")[2].split()
        except OSError:
            return None
        return None if state in b"ZX" else float(fields[18])
    import psutil  # late: as above

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None

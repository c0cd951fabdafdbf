"""The coordinator: an actor (see `front`) that holds the one loop, with Ray's workers below it.

It is named and detached, so that workflows outlive the driver that brought them; and restartable: Ray starts
it again where its process died, and it goes on with what it had. Its functions come from the job that made
it, so drivers that find their code elsewhere have another one. Any number of them may share a storage. When
all is done and all its drivers have ended, it ends.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import psutil
import ray

from heliograph.engines import place, waiting
from heliograph.engines.attempts.executor import AttemptKey, Deliver
from heliograph.engines.loop.loop import Loop
from heliograph.engines.outcome import OutputFuture
from heliograph.engines.provenance import unasked
from heliograph.engines.ray import convert, internals, leaving
from heliograph.engines.ray.channel import ChannelServer
from heliograph.engines.ray.exceptions import on_ray
from heliograph.engines.ray.executor import RayExecutor
from heliograph.engines.ray.order import Address, Entered, Limits, WorkerReport, unpack_entering
from heliograph.engines.ray.output import Output
from heliograph.engines.store_thread import POLL_SECONDS, StoreThread
from heliograph.errors import StorageError, WorkflowError
from heliograph.records.attempt import StoredValue
from heliograph.records.report import Report
from heliograph.records.status import ACTIVE, RunReason, WorkflowStatus
from heliograph.records.workflow import Owner, RunRecord, WorkflowRecord
from heliograph.scheduling.admission import Admission
from heliograph.storage.entries import Claim, Submission
from heliograph.storage.liveness import this_process
from heliograph.storage.location import VARIABLE, Location, locate
from heliograph.storage.store import Store

_LOOK_SECONDS: Final = 0.5  # how often a restarted coordinator looks whether its predecessor counts as gone
_END_SECONDS: Final = 60.0  # the process ends within so long after it was given up
_ACTIVE: Final = frozenset({WorkflowStatus.RUNNING, WorkflowStatus.PENDING, WorkflowStatus.RESUMABLE})


class Coordinator:
    """What runs in the actor.

    Args:
        name: its own.
        storage: where the workflows are; see `Location.name`.
        limits: what it takes on.
        may_end: its drivers' ends can be seen, so that it ends some time after them.
    """

    def __init__(self, name: str, storage: str, limits: Limits, may_end: bool) -> None:
        convert.install()
        internals.leave_errors_unsaid()
        location = locate(storage)
        os.environ[VARIABLE] = storage
        place.enter(location)
        context = ray.get_runtime_context()
        self._actor_id = context.get_actor_id() or uuid.uuid4().hex
        self._limits = limits
        self._store = Store(location)
        self._file = _file_of(location)
        self._asked = StoreThread(location)
        self._address = Address(name, uuid.uuid4().hex, storage)
        self._channels = ChannelServer(self._enter_by_channel, self._address.life)
        self._executor: RayExecutor | None = None
        self._entered: dict[str, OutputFuture] = {}  # by request, until it is asked for
        self._owners: set[str] = set()
        self._loop = Loop(
            self._store, self._new_owner, self._new_executor, Admission(limits.running, limits.pending)
        )
        self._has_recovered = threading.Event()
        self._guests = leaving.Guests(context.get_job_id(), are_known=not internals.was_restarted())
        self._me = context.current_actor
        if may_end:
            threading.Thread(target=self._leave_in_time, name="heliograph-leaving", daemon=True).start()
        if internals.was_restarted():
            threading.Thread(target=self._recover, name="heliograph-recover", daemon=True).start()
        else:
            self._has_recovered.set()

    def _new_owner(self) -> Owner:
        # By its beginning the next life of this actor knows what this one had.
        owner = this_process("ray", self._store.lease_clock())
        owner = replace(owner, owner_id=f"{self._actor_id}-{owner.owner_id[:24]}")
        self._owners.add(owner.owner_id)
        return owner

    def _new_executor(self, deliver: Deliver) -> RayExecutor:
        self._executor = RayExecutor(deliver, self._address)
        return self._executor

    # -- what drivers ask

    async def limits(self) -> Limits:
        """What it takes on."""
        return self._limits

    async def door(self, job: str) -> Address:
        """Where drivers may bring workflows in by a channel; asked first of all, by each.

        Args:
            job: of the driver: the coordinator stays as long as that.
        """
        if not self._guests.come(job):
            await asyncio.Event().wait()  # until this process ends; then the driver hears of that
        return replace(self._address, channel=self._channels.place)

    async def enter(self, request: str, wanted: Submission | Claim) -> None:
        """Bring a workflow in; returns once it is stored.

        Args:
            request: names this call: its output is asked for by that, and Ray may make the call again.
            wanted: what is asked for.
        """
        await self._recovered()
        if request not in self._entered:
            self._entered[request] = await asyncio.to_thread(self._enter, wanted)

    async def output(self, request: str, workflow_id: str) -> Output:
        """The output of what `enter` brought in, once it is there.

        Args:
            request: as in `enter`.
            workflow_id: of the workflow.
        """
        mine = self._entered.pop(request, None)
        if mine is None:  # an earlier life took it in, or Ray makes this call again
            return await self.output_of(workflow_id)
        try:
            return self._given(await _settled(mine))
        except WorkflowError as error:
            raise on_ray(error) from error.__cause__

    async def output_of(self, workflow_id: str, known_key: int | None = None) -> Output:
        """The output of a stored workflow, once it is there, whoever runs it.

        Args:
            workflow_id: its id.
            known_key: its key; None: the one that has this id now is meant.
        """
        try:
            await self._recovered()
            record = await self._asked.ask(lambda store: waiting.found(store, workflow_id))
            key = record.key if known_key is None else known_key
            # Of a workflow that is over, what is stored tells all; the loop may not have seen yet that it is.
            mine = self._loop.future_of(record) if record.stored_status in ACTIVE else None
            if mine is not None and record.key == key:
                return self._given(await _settled(mine))
            return await self._waited(lambda store: waiting.workflow_output_now(store, key, workflow_id))
        except WorkflowError as error:
            raise on_ray(error) from error.__cause__

    async def awaited_output(
        self, key: int, workflow_id: str, task_id: str | None, asker: str | None
    ) -> Output:
        """What `waiting.looking` looks for, once it is there."""
        await self._recovered()
        return await self._waited(waiting.looking(key, workflow_id, task_id, asker))

    async def note_cancelled(self, key: int) -> None:
        """A workflow's cancellation was just stored: stop what runs of it."""
        self._loop.note_cancelled(key)

    async def memory(self) -> tuple[int, int]:
        """Its process, and the bytes that are resident of it."""
        return os.getpid(), psutil.Process().memory_info().rss

    # -- what workers report

    async def running(self, life: str, report: WorkerReport) -> None:
        """See `RayExecutor.note`."""
        if life == self._address.life and self._executor is not None:
            self._executor.note(report)

    async def said(self, life: str, key: AttemptKey, report: Report, _before: None = None) -> None:
        """What an attempt said, after what it said before."""
        if life == self._address.life and self._executor is not None:
            self._executor.said(key, report)

    # -- inside

    def _enter_by_channel(self, question: bytes) -> bytes:
        """As `enter`, in the channel's thread."""
        request, wanted, patience = unpack_entering(question)
        try:
            self._has_recovered.wait()
            # Known by its name while it is waited for: if it breaks, the driver calls `enter` for it.
            future = self._entered[request] = self._enter(wanted)
        except Exception as error:
            return Entered(error=error).packed()
        if not patience or (output := _output_within(patience, future)) is None:
            return Entered().packed()
        self._entered.pop(request, None)  # nobody will ask for it
        return Entered(output=output).packed()

    def _enter(self, wanted: Submission | Claim) -> OutputFuture:
        if self._loop.is_closed:  # a fault ended it: the next life of this actor takes the call, and all else
            os._exit(1)
        try:
            return self._loop.enter(wanted)
        except StorageError:
            # Another file has its name: the next life of this actor opens that, and takes the call.
            if _file_of(self._store.location) not in (None, self._file):
                os._exit(1)
            raise
        except RuntimeError:
            record = self._store.queries.workflow(wanted.workflow_id)
            mine = None if record is None else self._loop.future_of(record)
            if record is None or mine is None or not self._is_again(record, wanted):
                raise
            return mine

    def _is_again(self, record: WorkflowRecord, wanted: Submission | Claim) -> bool:
        """Whether a workflow that is in already was brought in by the one who asks for it.

        One who gets no answer asks again. And a task that runs a workflow is tried again if its worker or the
        coordinator dies: what it began goes on meanwhile.
        """
        if isinstance(wanted, Submission) and record.parent is not None and wanted.parent == record.parent:
            return True
        return _is_of(self._store.queries.runs(record.key), wanted)

    def _leave_in_time(self) -> None:
        """End once this is not needed: for good, or else Ray would start it again."""
        leaving.wait_until_unneeded(
            self._guests,
            internals.living_jobs,
            lambda: self._loop.count > 0 or not self._has_recovered.is_set(),
        )
        self._loop.close()
        ray.kill(self._me, no_restart=True)
        time.sleep(_END_SECONDS)
        os._exit(1)  # Ray did not hear: the next life will try again

    async def _recovered(self) -> None:
        if not self._has_recovered.is_set():
            await asyncio.to_thread(self._has_recovered.wait)

    async def _waited(self, look: Callable[[Store], StoredValue | None]) -> Output:
        try:
            while (value := await self._asked.ask(look)) is None:
                await asyncio.sleep(POLL_SECONDS)
        except WorkflowError as error:
            raise on_ray(error) from error.__cause__
        return self._given(value)

    def _given(self, value: StoredValue) -> Output:
        return Output(value, self._store.values.url)

    def _recover(self) -> None:
        """Go on with what the actor had in its last life."""
        try:
            while self._left():
                time.sleep(_LOOK_SECONDS)
        finally:
            self._has_recovered.set()

    def _left(self) -> bool:
        """Resume what can be had; whether there is more that the storage does not give up yet."""
        records = [one for one in self._store.queries.workflows(_ACTIVE).found if self._was_mine(one)]
        records.sort(key=lambda record: record.stored_status is WorkflowStatus.PENDING)
        provenance = unasked()  # the drivers that brought them know nothing of it
        claims = [
            self._loop.entering(
                Claim(
                    record.workflow_id,
                    WorkflowStatus.RUNNING,
                    provenance,
                    self._store.clock(),
                    RunReason.RECOVERED,
                )
            )
            for record in records
            if record.status is WorkflowStatus.RESUMABLE
        ]
        for claim in claims:
            claim.exception()  # somebody else resumed or deleted it: then it is not ours to go on with
        return len(claims) < len(records)

    def _was_mine(self, record: WorkflowRecord) -> bool:
        owner = record.owner_id
        return owner is not None and owner.startswith(f"{self._actor_id}-") and owner not in self._owners


def _is_of(runs: Sequence[RunRecord], wanted: Submission | Claim) -> bool:
    """Whether the newest run is what was asked for, gone on with as often as its coordinator died."""
    for run in reversed(runs):
        if run.created_time == wanted.created_time:
            return True
        if run.reason is not RunReason.RECOVERED:
            break
    return False


def _file_of(location: Location) -> tuple[int, int] | None:
    """Which file a storage is; None: none that is there."""
    try:
        found = None if location.path is None else os.stat(location.path)
    except FileNotFoundError:
        return None
    return None if found is None else (found.st_dev, found.st_ino)


def _output_within(seconds: float, future: OutputFuture) -> StoredValue | None:
    """The output of a workflow, if it is there so soon, and so small that it needs no object of Ray's."""
    settled = threading.Event()
    future.when_settled(settled.set)
    if not settled.wait(seconds):
        return None
    try:
        value = future.stored()
    except Exception:  # whatever ended it without an output; whoever waits for that is told
        return None
    return None if value.data is None else value


async def _settled(future: OutputFuture) -> StoredValue:
    """The output, as it is stored, once it is there; it is not loaded here."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle() -> None:
        if not done.done():
            done.set_result(None)

    future.when_settled(lambda: loop.call_soon_threadsafe(settle))
    await done
    return future.stored()

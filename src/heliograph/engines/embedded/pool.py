"""The thread that owns the worker processes: hands attempts out, takes answers in, replaces who died.

All state is this thread's own; other threads only put commands into its box. So nothing here needs a lock,
and nobody who calls the executor ever waits for a worker.

Sending ahead. A worker that had to wait for the pool between two short tasks would idle half of the time. So
where a function has proven short, more attempts are put into the line of a worker that is busy. That one
of them should wait behind a task that turns out long is prevented from here: they are taken back (see
`protocol` on tickets) as soon as a worker has nothing to do, or when they have waited for `STUCK_SECONDS`.
"""

from __future__ import annotations

import os
import pickle
import selectors
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from heliograph.engines import receipts
from heliograph.engines.embedded.handle import Attempt, WorkerHandle
from heliograph.engines.embedded.protocol import READY, unpack_answer
from heliograph.engines.executor import AttemptKey, Deliver, Receipt, Running, Work
from heliograph.errors import WorkerDiedError
from heliograph.records.attempt import Phases, Resources, Worker

AHEAD: Final = 1
"""How many attempts a worker may have in its line behind the one it runs."""
SHORT_SECONDS: Final = 0.005
"""A function whose attempts take less than this on average is sent ahead."""
STUCK_SECONDS: Final = 0.01
CLOSE_SECONDS: Final = 0.5
"""How long workers get to end by themselves when the pool is closed."""
START_FAILURES: Final = 3
START_PAUSE_SECONDS: Final = 5.0
_EWMA_WEIGHT: Final = 0.3
_FUNCTIONS_LIMIT: Final = 4096


class Pool:
    """The workers and what they have to do.

    Args:
        deliver: takes the receipts.
        count: how many workers there are to be.
    """

    def __init__(self, deliver: Deliver, count: int) -> None:
        self._deliver = deliver
        self._count = count
        self._box: deque[Attempt | Callable[[], None]] = deque()
        self._is_asleep = False
        self._is_closing = False
        self._crash: BaseException | None = None
        self._wake_in, self._wake_out = os.pipe()
        os.set_blocking(self._wake_in, False)
        os.set_blocking(self._wake_out, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_in, selectors.EVENT_READ, self._on_wake)

        self._attempts: dict[AttemptKey, Attempt] = {}
        self._queue: deque[Attempt] = deque()
        self._handles: dict[WorkerHandle, None] = {}
        self._idle: dict[WorkerHandle, None] = {}
        self._roomy: dict[WorkerHandle, None] = {}
        self._ahead: dict[Attempt, None] = {}
        self._seconds: dict[int, float] = {}
        self._made = 0
        self._is_warm = False
        self._start_failures = 0
        self._start_after = 0.0
        self._start_error = ""
        self._thread = threading.Thread(target=self._run, name="heliograph-workers", daemon=True)
        self._thread.start()

    # From any thread.

    def submit(self, work: Work) -> None:
        """See `Executor.submit`."""
        self._put(Attempt(work, time.time()))

    def cancel(self, key: AttemptKey) -> None:
        """See `Executor.cancel`."""
        self._put(lambda: self._cancel(key))

    def warm(self) -> None:
        """Start the workers before there is work."""
        self._put(self._warm)

    def running(self) -> list[Running]:
        """See `Executor.running`; as it was a moment ago."""
        heads = []
        for handle in list(self._handles):
            try:
                head = handle.line[0]
            except IndexError:  # idle, or became so just now
                continue
            heads.append(Running(head.work.key, handle.worker, head.submitted, head.started))
        return heads

    def close(self) -> None:
        """Stop all workers, wait for their end, and reap them."""
        if self._thread.is_alive():
            self._is_closing = True
            self._wake()
            self._thread.join()

    def _put(self, item: Attempt | Callable[[], None]) -> None:
        if self._is_closing or self._crash is not None:
            raise RuntimeError("the worker processes are stopped") from self._crash
        self._box.append(item)
        if self._is_asleep:
            self._is_asleep = False
            self._wake()

    def _wake(self) -> None:
        try:
            os.write(self._wake_out, b".")
        except BlockingIOError:  # it has been woken often enough
            return

    # From here on: the pool's thread only.

    def _run(self) -> None:
        try:
            while not self._is_closing:
                self._turn()
        except BaseException as error:  # a fault of heliograph's own: no attempt may wait for ever
            self._crash = error
            while self._box:
                self._accept(self._box.popleft())
            self._fail_all(f"the pool of worker processes failed: {type(error).__name__}: {error}")
        finally:
            self._shut_down()

    def _turn(self) -> None:
        self._is_asleep = True
        timeout = None
        if self._box or self._is_closing:
            self._is_asleep = False
            timeout = 0.0
        ready = self._selector.select(timeout)
        self._is_asleep = False
        for key, mask in ready:
            key.data(mask)
        box = self._box
        while box:
            self._accept(box.popleft())
        self._start_workers()
        self._feed()

    def _on_wake(self, _mask: int) -> None:
        os.read(self._wake_in, 4096)

    def _accept(self, item: Attempt | Callable[[], None]) -> None:
        if isinstance(item, Attempt):
            self._attempts[item.work.key] = item
            self._queue.append(item)
        else:
            item()

    def _cancel(self, key: AttemptKey) -> None:
        attempt = self._attempts.pop(key, None)
        if attempt is None:
            return
        attempt.is_cancelled = True
        handle = attempt.handle
        if handle is None:
            return  # passed over when its turn comes
        # What stands behind it and was begun tells that it has ended already.
        place = list(handle.line).index(attempt)
        self._take_back(handle)
        if attempt.handle is None or len(handle.line) > place + 1:
            return
        handle.signal(signal.SIGKILL)

    # Handing out.

    def _feed(self) -> None:
        if self._ahead:
            oldest = next(iter(self._ahead))
            if oldest.handle is not None and time.monotonic() - oldest.sent > STUCK_SECONDS:
                self._take_back(oldest.handle)
        queue = self._queue
        while True:
            while queue:
                attempt = queue[0]
                if attempt.is_cancelled:
                    queue.popleft()
                elif self._idle:
                    self._send(self._idle.popitem()[0], queue.popleft())
                elif self._roomy and self._is_short(attempt):
                    self._send(next(iter(self._roomy)), queue.popleft())
                else:
                    return
            if not (self._idle and self._ahead):
                return
            # A worker has nothing to do, and something waits in another's line.
            oldest = next(iter(self._ahead))
            del self._ahead[oldest]
            if oldest.handle is not None:
                self._take_back(oldest.handle)

    def _send(self, handle: WorkerHandle, attempt: Attempt) -> None:
        now = time.monotonic()
        attempt.sent = now
        if handle.line:
            self._ahead[attempt] = None
        else:
            attempt.started = time.time()
        handle.send(attempt)
        self._watch(handle)
        self._place(handle)

    def _take_back(self, handle: WorkerHandle) -> None:
        taken = handle.take_back()
        for attempt in taken:
            self._ahead.pop(attempt, None)
        self._queue.extendleft(reversed(taken))
        self._place(handle)

    def _place(self, handle: WorkerHandle) -> None:
        """Keep the lists of who can take an attempt."""
        self._idle.pop(handle, None)
        self._roomy.pop(handle, None)
        if handle not in self._handles or not handle.is_ready:
            return
        if not handle.line:
            self._idle[handle] = None
        elif len(handle.line) <= AHEAD and not handle.was_cut and all(map(self._is_short, handle.line)):
            self._roomy[handle] = None

    def _is_short(self, attempt: Attempt) -> bool:
        return self._seconds.get(attempt.work.function.token, SHORT_SECONDS) < SHORT_SECONDS

    def _watch(self, handle: WorkerHandle) -> None:
        """Be told when the worker takes more, while there is more."""
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if handle.wants_to_write else 0)
        if self._selector.get_key(handle.socket).events != wanted:
            self._selector.modify(handle.socket, wanted, self._selector.get_key(handle.socket).data)

    # Taking in.

    def _on_socket(self, handle: WorkerHandle, mask: int) -> None:
        if handle not in self._handles:
            return
        if mask & selectors.EVENT_WRITE:
            handle.flush()
            self._watch(handle)
        if mask & selectors.EVENT_READ and not self._hear(handle):
            self._bury(handle)

    def _hear(self, handle: WorkerHandle, to_the_end: bool = False) -> bool:
        """Take in what a worker says; whether it can say more."""
        messages, is_open = handle.receive(to_the_end)
        for message in messages:
            if handle.is_ready:
                try:
                    self._answered(handle, message)
                except (pickle.UnpicklingError, ValueError, TypeError, IndexError, EOFError):
                    return False  # a task wrote into the worker's line: it can't be understood any more
            elif message == READY:
                handle.is_ready = True
                self._start_failures = 0
        if messages:
            self._place(handle)
        return is_open

    def _answered(self, handle: WorkerHandle, message: bytes) -> None:
        attempt = handle.line[0]
        answer = unpack_answer(message, attempt.work.key, handle.worker)
        handle.line.popleft()
        self._ahead.pop(attempt, None)
        handle.was_cut = False
        if handle.line:
            handle.line[0].started = time.time()
            self._ahead.pop(handle.line[0], None)
        token = attempt.work.function.token
        seconds = self._seconds
        if len(seconds) > _FUNCTIONS_LIMIT:
            seconds.clear()
        known = seconds.get(token, answer.seconds)
        seconds[token] = known + _EWMA_WEIGHT * (answer.seconds - known)
        self._end(attempt, answer.receipt)

    def _end(self, attempt: Attempt, receipt: Receipt) -> None:
        if not attempt.is_cancelled:
            self._attempts.pop(attempt.work.key, None)
            self._deliver(receipt)

    # Workers that come and go.

    def _start_workers(self) -> None:
        """Bring the pool to its full number, unless there is nothing to do or starting keeps failing."""
        while len(self._handles) < self._count and (self._is_warm or self._queue):
            if self._start_failures >= START_FAILURES:
                if not self._handles:
                    self._fail_all(f"worker processes can't be started: {self._start_error}")
                    self._start_failures = 0
                    return
                if time.monotonic() < self._start_after:
                    return
            self._start_worker()

    def _warm(self) -> None:
        self._is_warm = True

    def _start_worker(self) -> None:
        self._made += 1
        try:
            handle = WorkerHandle(f"process-{self._made}")
        except (OSError, ValueError) as error:  # no such interpreter, no more processes or files
            self._failed_to_start(f"{sys.executable}: {error}")
            return
        self._handles[handle] = None
        self._selector.register(handle.socket, selectors.EVENT_READ, partial(self._on_socket, handle))
        self._watch(handle)
        if handle.death is not None:
            self._selector.register(handle.death, selectors.EVENT_READ, partial(self._on_death, handle))

    def _failed_to_start(self, error: str) -> None:
        self._start_failures += 1
        self._start_after = time.monotonic() + START_PAUSE_SECONDS
        self._start_error = error

    def _on_death(self, handle: WorkerHandle, _mask: int) -> None:
        if handle in self._handles:
            self._bury(handle)

    def _bury(self, handle: WorkerHandle) -> None:
        """A worker is dead, or can't be heard any more: settle what it had."""
        self._hear(handle, to_the_end=True)
        del self._handles[handle]
        self._take_back(handle)
        self._selector.unregister(handle.socket)
        if handle.death is not None:
            self._selector.unregister(handle.death)
        code = handle.reap(CLOSE_SECONDS)
        if not handle.is_ready:
            self._failed_to_start(f"{sys.executable} {ended(code)} before it was ready; see what it printed")
        for attempt in handle.line:
            self._ahead.pop(attempt, None)
            self._end(attempt, _died(attempt, handle, code))

    def _fail_all(self, message: str) -> None:
        error = WorkerDiedError(message)
        failed = list(self._attempts.values())
        self._attempts.clear()
        self._queue.clear()
        for attempt in failed:
            attempt.is_cancelled = True
            self._deliver(_failed(attempt, Worker(os.uname().nodename, os.getpid(), "none"), error, False))

    def _shut_down(self) -> None:
        end = time.monotonic() + CLOSE_SECONDS
        for handle in self._handles:
            if handle.is_ready and not handle.line:
                handle.hang_up()
            else:
                handle.signal(signal.SIGTERM)
        for handle in self._handles:
            handle.reap(max(0.0, end - time.monotonic()))
        self._handles.clear()
        self._selector.close()
        os.close(self._wake_in)
        os.close(self._wake_out)


def ended(code: int) -> str:
    """How a process ended, in words.

    >>> ended(-9), ended(3)
    ('was killed by SIGKILL', 'exited with code 3')
    """
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:  # a real-time signal has no name
        return f"was killed by signal {-code}"


def _died(attempt: Attempt, handle: WorkerHandle, code: int) -> Receipt:
    work = attempt.work
    if code == -signal.SIGKILL:
        way_out = "The system does that when memory runs out: let the task hold less at once."
    elif code < 0:
        way_out = "A fault in native code does that: `python -X faulthandler` prints where."
    else:
        way_out = "A task ends by returning or raising, not by os._exit()."
    error = WorkerDiedError(
        f"the worker process {handle.worker.pid} that ran task {work.task_id!r} {ended(code)}. {way_out} "
        "With max_retries the task is tried again."
    )
    resources = Resources(exit_code=code) if code >= 0 else Resources(signal=-code)
    return _failed(attempt, handle.worker, error, True, resources)


def _failed(
    attempt: Attempt, worker: Worker, error: WorkerDiedError, died: bool, resources: Resources | None = None
) -> Receipt:
    work = attempt.work
    return receipts.failed(
        work.key,
        error,
        died=died,
        caught_wraps=work.caught_wraps,
        phases=Phases(submitted=attempt.submitted, started=attempt.started or None),
        worker=worker,
        resources=resources or Resources(),
    )

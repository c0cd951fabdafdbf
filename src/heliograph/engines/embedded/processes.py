"""Worker processes: true parallelism, and a crash or a kill hurts one task only."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable

from heliograph.engines.attempts.executor import AttemptKey, Deliver, Running, Work, most_for
from heliograph.engines.embedded.pool import Pool
from heliograph.host.cpus import usable_cpus


class ProcessExecutor:
    """Runs attempts in worker processes, started when the first attempt comes or by `warm`.

    Args:
        deliver: takes the receipts; nobody yet, where workers are started before there is an engine.
        count: how many workers; None: as many as `usable_cpus`, at least 2.
        storage: of the engine: where workflows go that tasks run themselves. None: as for this process.

    Attributes:
        deliver: takes the receipts.
    """

    def __init__(self, deliver: Deliver, count: int | None = None, storage: str | None = None) -> None:
        self.deliver = deliver
        self._storage = storage
        self._count = count if count is not None else max(2, usable_cpus())
        self.most = most_for(self._count)
        self._lock = threading.Lock()
        self._pool: Pool | None = None
        self._is_closed = False

    def warm(self) -> None:
        """Start the workers now, without waiting for them."""
        self._started()

    def submit(self, work: Work) -> None:
        """See `Executor.submit`."""
        (self._pool or self._started()).submit(work)

    def cancel(self, *keys: AttemptKey) -> None:
        """See `Executor.cancel`: the worker that has an attempt is killed, with all that it started."""
        if self._pool is not None:
            self._pool.cancel(*keys)

    def running(self, of: Collection[AttemptKey]) -> Iterable[Running]:
        """See `Executor.running`."""
        return self._pool.running(of) if self._pool is not None else ()

    def close(self) -> None:
        """Stop the workers, those that run a task too, and wait until they are gone."""
        with self._lock:
            self._is_closed = True
        if self._pool is not None:
            self._pool.close()

    def _started(self) -> Pool:
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the executor is closed")
            if self._pool is None:
                self._pool = Pool(lambda message: self.deliver(message), self._count, self._storage)
            return self._pool

"""One open storage: all its rooms behind one door."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TypeVar

from heliograph.errors import StorageError
from heliograph.graph.plan import Plan
from heliograph.records.attempt import StoredValue
from heliograph.records.workflow import Owner, WorkflowRecord
from heliograph.storage import control, migrations
from heliograph.storage.arguments import place_arguments
from heliograph.storage.checking import Checked, check
from heliograph.storage.checkpoints import Checkpoints
from heliograph.storage.copying import Copied, Told, copy, save_storage
from heliograph.storage.database import Database
from heliograph.storage.durations import Durations
from heliograph.storage.entries import Submission
from heliograph.storage.function_runs import FunctionRuns
from heliograph.storage.garbage import Collected, Collector
from heliograph.storage.handover import Handover
from heliograph.storage.health import Health, examine
from heliograph.storage.journal import Journal
from heliograph.storage.location import Location
from heliograph.storage.mailbox import Mailbox
from heliograph.storage.news import News
from heliograph.storage.own_part import values_url
from heliograph.storage.queries import Queries
from heliograph.storage.searching.search import Search
from heliograph.storage.sql import SQLReader
from heliograph.storage.traces import Traces
from heliograph.storage.values import ValueStore
from heliograph.storage.watching import Watching

T = TypeVar("T")


class Store:
    """An open storage.

    Args:
        location: where it is; made where there is none.
        clock: gives Unix seconds, to measure leases by too; None: this machine's clock, and for leases the
            one that all who use the storage share.

    Attributes:
        location: where it is.
        clock: the clock.
        lease_clock: the clock that leases are measured by.
        queries: what people ask.
        checkpoints: what engines read.
        handover: workflows that no engine has.
        mailbox: events sent over HTTP.
        traces: all that happened in a workflow at once.
        durations: how long tasks of a function take.
        function_runs: how a function's attempts went, by workflow.
        sql: questions in SQL.
        search: finds workflows and tasks.
        watching: what changes, and what tasks say.
        values: large values.

    Raises:
        StorageError: it can't be opened; see its kinds.
    """

    def __init__(self, location: Location, clock: Callable[[], float] | None = None) -> None:
        self.location = location
        self._database = Database(location)
        self.clock = clock or time.time
        self.lease_clock = clock or self._database.now
        try:
            self._database.again(lambda: migrations.prepare(self._database))
            self.values = ValueStore(self._database.again(lambda: values_url(self._database)))
        except BaseException:
            self._database.close()
            raise
        self.queries = Queries(self._database, self.lease_clock)
        self.checkpoints = Checkpoints(self._database)
        self.handover = Handover(self._database, self.clock, self.lease_clock)
        self.mailbox = Mailbox(self._database, self.clock, self.lease_clock)
        self.traces = Traces(self._database, self.queries, self.clock)
        self.durations = Durations(self._database)
        self.function_runs = FunctionRuns(self._database)
        self.sql = SQLReader(self._database)
        self.search = Search(self._database, self.queries, self.lease_clock)
        self._watching: Watching | None = None

    @property
    def watching(self) -> Watching:
        """Prepared when it is first asked for: few programs watch."""
        if self._watching is None:
            self._watching = Watching(self._database)
        return self._watching

    def journal(self, owner: Owner, facts: Callable[[], str | None] = lambda: None) -> Journal:
        """The writer of an engine; see `Journal`."""
        return Journal(self._database, owner, self.clock, self.lease_clock, facts)

    def with_arguments(self, plan: Plan) -> tuple[Plan, tuple[StoredValue, ...], str | None]:
        """As `place_arguments`, for a plan to be submitted."""
        return place_arguments(plan, self.values)

    def withdraw(self, submission: Submission) -> None:
        """Clear up after a submission that was refused; what can't be is left to `collect_garbage`."""
        if submission.folder is not None:
            with contextlib.suppress(StorageError):
                self.values.delete_folder(submission.folder)

    def cancel(self, workflow: WorkflowRecord) -> bool:
        """As `control.cancel`."""
        return self._database.again(lambda: control.cancel(self._database, workflow, self.clock))

    def forget(self, workflow: WorkflowRecord) -> None:
        """As `control.forget`."""
        control.forget(self._database, self.values, workflow)

    def health(self) -> Health:
        """As `health.examine`."""
        return examine(self._database, self.lease_clock())

    @property
    def news(self) -> News:
        """Wakes who waits for what others store."""
        return self._database.news

    def collect_garbage(self, age: float, remove: bool) -> Collected:
        """As `garbage.Collector`."""
        return Collector(self._database, self.values, self.clock, age, remove).collect()

    def check_values(self, forget: bool, told: Told) -> Checked:
        """As `checking.check`."""
        return check(self._database, self.values, forget, told)

    def copy_to(self, other: Store, told: Told) -> Copied:
        """As `copying.copy`."""
        return copy((self._database, self.values), (other._database, other.values), told)

    def save_to(self, location: Location, told: Told) -> Copied:
        """Save a storage in a file to another file, with its values; see `saving.save`.

        Raises:
            StorageError: there is something already, or it can't be written.
        """
        return save_storage(self._database, self.values, location, told)

    def changes(self) -> int:
        """A number that differs after another connection committed something."""
        return self._database.changes()

    def again(self, work: Callable[[], T]) -> T:
        """Do what does no harm if it is done twice; see `Database.again`."""
        return self._database.again(work)

    def lose_patience(self) -> None:
        """From now on a server that is away is an error at once: somebody wants to leave."""
        self._database.lose_patience()

    def make_room(self) -> None:
        """Make ready for many commits: for a moment in which nobody waits."""
        self._database.make_room()

    def close(self) -> None:
        """Close it; it can't be used any more."""
        self._database.close()

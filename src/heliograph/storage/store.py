"""One open storage: all its rooms behind one door.

Rooms that not every program enters are imported, and furnished with their statements, when somebody first
does: a first result does not wait for them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from heliograph.errors import StorageError
from heliograph.graph.plan import Plan
from heliograph.records.attempt import Failure, Pickled
from heliograph.records.workflow import Owner
from heliograph.storage.databases.database import Database, patient
from heliograph.storage.databases.news import News
from heliograph.storage.entries import Standing, Submission
from heliograph.storage.journal.journal import Journal
from heliograph.storage.location import Location
from heliograph.storage.questions.checkpoints import Checkpoints
from heliograph.storage.upkeep.own_part import values_url
from heliograph.storage.values.arguments import place_arguments
from heliograph.storage.values.value_store import ValueStore
from heliograph.storage.versions import migrations

if TYPE_CHECKING:
    from heliograph.records.trace import Trace
    from heliograph.storage.questions.function_runs import FunctionRuns
    from heliograph.storage.questions.queries import Queries
    from heliograph.storage.questions.watching import Watching
    from heliograph.storage.requests.handover import Handover
    from heliograph.storage.requests.mailbox import Mailbox
    from heliograph.storage.searching.search import Search
    from heliograph.storage.upkeep.checking import Checked
    from heliograph.storage.upkeep.copying import Copied
    from heliograph.storage.upkeep.garbage import Collected
    from heliograph.storage.upkeep.health import Health
    from heliograph.storage.upkeep.looking import Told

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
        checkpoints: what engines read.
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
        self.checkpoints = Checkpoints(self._database)

    @cached_property
    def queries(self) -> Queries:
        """What people ask."""
        from heliograph.storage.questions.queries import Queries

        return Queries(self._database, self.lease_clock)

    @cached_property
    def handover(self) -> Handover:
        """Workflows that no engine has."""
        from heliograph.storage.requests.handover import Handover

        return Handover(self._database, self.clock, self.lease_clock)

    @cached_property
    def mailbox(self) -> Mailbox:
        """Events sent over HTTP."""
        from heliograph.storage.requests.mailbox import Mailbox

        return Mailbox(self._database, self.clock, self.lease_clock)

    @cached_property
    def function_runs(self) -> FunctionRuns:
        """How a function's attempts went, by workflow."""
        from heliograph.storage.questions.function_runs import FunctionRuns

        return FunctionRuns(self._database, self.lease_clock)

    @cached_property
    def search(self) -> Search:
        """Finds workflows and tasks."""
        from heliograph.storage.searching.search import Search

        return Search(self._database, self.queries, self.lease_clock)

    @cached_property
    def watching(self) -> Watching:
        """What changes, and what tasks say."""
        from heliograph.storage.questions.watching import Watching

        return Watching(self._database)

    @patient
    def trace(
        self, workflow_id: str, *, outputs: bool, arguments: bool, facts: bool, use: bool
    ) -> Trace | None:
        """As `traces.trace`."""
        from heliograph.storage.questions.traces import trace

        return trace(
            self._database,
            self.queries,
            self.clock,
            workflow_id,
            outputs=outputs,
            arguments=arguments,
            facts=facts,
            use=use,
        )

    @patient
    def durations(self, key: int, functions: Collection[str], now: float) -> dict[str, list[float]]:
        """As `durations.durations`."""
        from heliograph.storage.questions.durations import durations

        return durations(self._database, key, functions, now)

    @patient
    def sql(self, query: str, limit: int | None) -> tuple[list[str], list[tuple[Any, ...]]]:
        """As `sql.ask`."""
        from heliograph.storage.questions.sql import ask

        return ask(self._database, query, limit)

    def journal(self, owner: Owner, facts: Callable[[], str | None] = lambda: None) -> Journal:
        """The writer of an engine; see `Journal`."""
        return Journal(self._database, owner, self.clock, self.lease_clock, facts)

    @property
    def is_remote(self) -> bool:
        """As `Database.is_remote`."""
        return self._database.is_remote

    def with_arguments(self, plan: Plan) -> tuple[Plan, tuple[Pickled, ...], str | None]:
        """As `place_arguments`, for a plan to be submitted."""
        return place_arguments(plan, self.values)

    def withdraw(self, submission: Submission) -> None:
        """Clear up after a submission that was refused; what can't be is left to `collect_garbage`."""
        if submission.folder is not None:
            with contextlib.suppress(StorageError):
                self.values.delete_folder(submission.folder)

    def standing(self, workflow_id: str) -> Standing | None:
        """As `control.standing`."""
        from heliograph.storage.requests import control

        return self._database.again(lambda: control.standing(self._database, self.queries, workflow_id))

    def cancel(self, key: int) -> bool:
        """As `control.cancel`."""
        from heliograph.storage.requests import control

        return self._database.again(lambda: control.cancel(self._database, key, self.clock))

    def give_up(self, key: int, run: int, failure: Failure) -> bool:
        """As `control.give_up`."""
        from heliograph.storage.requests import control

        return self._database.again(lambda: control.give_up(self._database, key, run, failure, self.clock))

    def forget(self, workflow: Standing) -> None:
        """As `control.forget`."""
        from heliograph.storage.requests import control

        control.forget(self._database, self.values, workflow)

    @patient
    def health(self) -> Health:
        """As `health.examine`."""
        from heliograph.storage.upkeep.health import examine

        return examine(self._database, self.lease_clock())

    @property
    def news(self) -> News:
        """Wakes those who wait for what others store."""
        return self._database.news

    def collect_garbage(self, age: float, remove: bool) -> Collected:
        """As `garbage.Collector`."""
        from heliograph.storage.upkeep.garbage import Collector

        return Collector(self._database, self.values, self.clock, age, remove).collect()

    def check_values(self, forget: bool, told: Told) -> Checked:
        """As `checking.check`."""
        from heliograph.storage.upkeep.checking import check

        return check(self._database, self.values, forget, told)

    def copy_to(self, other: Store, told: Told) -> Copied:
        """As `copying.copy`."""
        from heliograph.storage.upkeep.copying import copy

        return copy((self._database, self.values), (other._database, other.values), told)

    def save_to(self, location: Location, told: Told) -> Copied:
        """Save a storage in a file to another file, with its values; see `saving.save`.

        Raises:
            StorageError: there is something already, or it can't be written.
        """
        from heliograph.storage.upkeep.copying import save_storage

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

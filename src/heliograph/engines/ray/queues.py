"""Which attempts go next, and which of them travel together: no thread here, no lock, nothing of Ray's."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from heliograph.engines.attempts.executor import AttemptKey, Running, Work
from heliograph.engines.ray import task_options
from heliograph.engines.ray.asking import Ask
from heliograph.engines.ray.batching import BATCH_SECONDS, MOST, Durations

WINDOW: Final = 64
"""Tasks of Ray with the same options that may wait in Ray, at least: with more CPUs, more."""


@dataclass(slots=True, eq=False)
class Entry:
    """An attempt that is neither ended nor cancelled.

    Attributes:
        work: what to run.
        group: it is of.
        flight: the task of Ray it is in; None while it waits here.
        submitted: when it was given to Ray, Unix seconds.
        running: what its worker reported.
        alone: it is not to be in a batch.
        from_storage: Ray has lost an input of it.
    """

    work: Work
    group: Group
    flight: Flight | None = None
    submitted: float = 0.0
    running: Running | None = None
    alone: bool = False
    from_storage: bool = False

    @property
    def needs_objects(self) -> bool:
        """Whether objects of Ray's have to travel with it, as arguments of a task."""
        return not self.from_storage and bool(self.work.handles)


@dataclass(slots=True, eq=False)
class Flight:
    """A task of Ray.

    Attributes:
        number: names it.
        group: of its attempts.
        entries: those in it without a receipt.
        receipts: the reference to their receipts.
        output: the reference to the output of the only attempt.
        lacks: why it waits, as was said of it.
        is_killed: it was cancelled.
        is_quick: its worker has asked for more, and was not seen to be long about it since.
        talks_until: when its worker is not to be given more, by the monotonic clock.
        ask: its worker asked for more, and waits for the answer.
    """

    number: int
    group: Group
    entries: dict[AttemptKey, Entry]
    receipts: Any = None
    output: Any = None
    lacks: str | None = None
    is_killed: bool = False
    is_quick: bool = False
    talks_until: float = 0.0
    ask: Ask | None = None


@dataclass(slots=True, eq=False)
class Group:
    """Attempts with the same options of Ray.

    Attributes:
        options: as the plan stores them.
        is_sociable: its attempts may share a task of Ray.
        queue: those that wait here, in order of submission.
        waiting: tasks that wait in Ray: they are not known to run.
        idle: flights whose workers wait for more.
    """

    options: str
    is_sociable: bool
    queue: deque[Entry] = field(default_factory=deque)
    waiting: set[Flight] = field(default_factory=set)
    idle: list[Flight] = field(default_factory=list)


class Queues:
    """All attempts that wait, by their options.

    Args:
        durations: how long attempts take.
    """

    def __init__(self, durations: Durations) -> None:
        self._durations = durations
        self._groups: dict[str, Group] = {}
        self._made = 0
        self.talking: dict[int, Flight] = {}
        """Flights whose workers ask for more, by number."""

    def entry(self, work: Work) -> Entry:
        """An attempt, not queued yet."""
        options = work.options.ray or task_options.NONE
        group = self._groups.get(options)
        if group is None:
            group = self._groups[options] = Group(options, task_options.is_sociable(options))
        return Entry(work, group, alone=not group.is_sociable)

    def put(self, entry: Entry) -> None:
        """The attempt waits for its turn."""
        entry.flight, entry.running = None, None
        entry.group = self._groups.setdefault(entry.group.options, entry.group)  # it may have been empty
        entry.group.queue.append(entry)

    def flight(self, entries: list[Entry], seconds: float, now: float) -> Flight:
        """A task of Ray with these attempts.

        Its worker asks for more afterwards if nothing else waits for its CPU: then Ray need not be asked for
        one for each link of a chain.

        Args:
            entries: all of one group.
            seconds: how long it may be given more.
            now: by the monotonic clock.
        """
        self._made += 1
        group = entries[0].group
        flight = Flight(self._made, group, {entry.work.key: entry for entry in entries})
        if group.is_sociable and not self.is_wanted_by_others(group):
            flight.talks_until = now + seconds
            self.talking[flight.number] = flight
        group.waiting.add(flight)
        return flight

    def is_wanted_by_others(self, group: Group) -> bool:
        """Whether attempts with other options wait for a CPU that this group's workers may have."""
        return any((other.waiting or other.queue) and other is not group for other in self._groups.values())

    def idle(self) -> list[Flight]:
        """Flights whose workers wait for more."""
        return [flight for group in self._groups.values() for flight in group.idle]

    def waiting(self) -> list[Flight]:
        """Flights that wait in Ray."""
        return [flight for group in self._groups.values() for flight in group.waiting]

    def stops_waiting(self, flight: Flight) -> None:
        """A flight runs, or is over."""
        flight.group.waiting.discard(flight)

    def ready(self, cpus: float, is_wanted: Callable[[Entry], bool]) -> Iterator[list[Entry]]:
        """What the next tasks of Ray should have: few, so that what comes meanwhile gathers.

        Args:
            cpus: of the cluster.
            is_wanted: tells whether an entry still waits.
        """
        window = max(WINDOW, 4 * cpus)
        taken = 0
        for group in list(self._groups.values()):
            while group.queue and len(group.waiting) < window and taken < WINDOW:
                if self._is_for_talkers(group, cpus):
                    break
                entries = self.next_of(group, cpus, is_wanted)
                if entries:
                    taken += 1
                    yield entries
        self._groups = {
            name: group
            for name, group in self._groups.items()
            if group.queue
            or group.waiting
            or group.idle
            or any(f.group is group for f in self.talking.values())
        }

    def next_of(
        self, group: Group, cpus: float, is_wanted: Callable[[Entry], bool], *, by_word: bool = False
    ) -> list[Entry]:
        """The head of the queue, with those behind it that may travel with it.

        Args:
            group: whose queue.
            cpus: of the cluster.
            is_wanted: tells whether an entry still waits.
            by_word: for a worker that asked: objects of Ray's can't come along.
        """
        taken: list[Entry] = []
        left = BATCH_SECONDS
        most = min(MOST, max(1, int(len(group.queue) / cpus)))
        while group.queue and len(taken) < most:
            entry = group.queue[0]
            if not is_wanted(entry):
                group.queue.popleft()  # cancelled, or it came back meanwhile
                continue
            if by_word and entry.needs_objects:
                break
            seconds = None if entry.alone else self._durations.of(entry.work)
            if taken and (seconds is None or seconds > left):
                break
            taken.append(group.queue.popleft())
            if seconds is None:
                break
            left -= seconds
        return taken

    def _is_for_talkers(self, group: Group, cpus: float) -> bool:
        """Whether those workers that are about to ask for more will have all of the queue in no time."""
        if group.queue[0].needs_objects or not self._durations.is_short(group.queue[0].work):
            return False
        return sum([flight.is_quick and flight.group is group for flight in self.talking.values()]) >= cpus

"""Which attempts go next, and what share a task of Ray: no cluster is needed for that."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("ray", reason="Ray is not installed: pip install 'heliograph[ray]'")

from heliograph.engines.attempts.executor import AttemptKey, Payload, Receipt, Work
from heliograph.engines.ray import task_options
from heliograph.engines.ray.batching import MOST, Durations
from heliograph.engines.ray.queues import WINDOW, Entry, Group, Queues
from heliograph.graph.options import TaskOptions
from heliograph.records.attempt import Phases, Resources, StoredValue, Worker

VALUE = StoredValue(1, "", None, b".")
SHORT, LONG = Payload("short", 1, b"short"), Payload("long", 2, b"long")


def work(number: int, function: Payload = SHORT, **more: Any) -> Work:
    key = AttemptKey(1, 1, number, 1)
    return Work(key, "mine", f"task {number}", function, VALUE, (), 0, None, "")._replace(**more)


def learn(
    durations: Durations, function: Payload, *took: float, output: StoredValue | None = None, **more: Any
) -> Durations:
    for number, seconds in enumerate(took):
        phases = Phases(started=100.0, finished=100.0 + seconds)._replace(**more)
        done = work(number, function)
        durations.learn(done, Receipt(done.key, Worker("host", 1, "1"), phases, Resources(), output))
    return durations


@pytest.fixture
def queues() -> Queues:
    """That know one function as short, and one as long."""
    return Queues(learn(learn(Durations(), SHORT, *[0.001] * 5), LONG, *[1.0] * 5))


def queued(queues: Queues, *works: Work) -> Group:
    entries = [queues.entry(one) for one in works]
    for entry in entries:
        queues.put(entry)
    return entries[0].group


def numbers(batches: Any) -> list[list[int]]:
    return [[entry.work.key.task for entry in entries] for entries in batches]


def waits(_entry: Entry) -> bool:
    return True


def test_short_attempts_travel_together_and_long_ones_alone(queues: Queues) -> None:
    queued(queues, *[work(number) for number in range(4)], work(4, LONG), work(5))
    assert numbers(queues.ready(1, waits)) == [[0, 1, 2, 3], [4], [5]]


def test_three_attempts_prove_a_function_short_and_one_that_is_long_otherwise() -> None:
    durations = learn(Durations(), SHORT, 0.001, 0.001)
    assert not durations.is_short(work(0))
    assert learn(durations, SHORT, 0.001).is_short(work(0))
    assert not learn(durations, SHORT, 1.0).is_short(work(0))
    assert not durations.is_short(work(0, LONG))


def test_until_its_output_is_pickled_an_attempt_is_not_over() -> None:
    assert not learn(Durations(), SHORT, *[0.001] * 5, serialised=101.0).is_short(work(0))


def test_of_an_attempt_that_never_began_nothing_is_learnt() -> None:
    assert not learn(Durations(), SHORT, *[0.001] * 5, started=None).is_short(work(0))


def test_what_gives_a_large_output_is_not_short() -> None:
    large, small = StoredValue(100_000, "", None, location="1/2"), StoredValue(1, "", None, b".")
    assert not learn(Durations(), SHORT, *[0.001] * 5, output=large).is_short(work(0))
    assert learn(Durations(), SHORT, *[0.001] * 5, output=small).is_short(work(0))


def test_a_batch_takes_so_long_and_no_longer(queues: Queues) -> None:
    queued(queues, *[work(number) for number in range(40)])  # of 1.2 ms each, with what they cost a worker
    assert list(map(len, queues.ready(1, waits))) == [16, 16, 8]


def test_each_cpu_has_its_share_of_the_queue(queues: Queues) -> None:
    queued(queues, *[work(number) for number in range(10)])
    assert list(map(len, queues.ready(2, waits))) == [5, 2, 1, 1, 1]


def test_a_batch_is_bounded_however_short_its_attempts_are() -> None:
    queues = Queues(learn(Durations(), SHORT, *[0.0] * 5))
    queued(queues, *[work(number) for number in range(2 * MOST)])
    assert list(map(len, queues.ready(1, waits))) == [MOST, MOST]


def test_what_is_cancelled_leaves_the_queue(queues: Queues) -> None:
    group = queued(queues, *[work(number) for number in range(3)])
    assert numbers(queues.ready(1, lambda entry: entry.work.key.task != 1)) == [[0, 2]]
    assert not group.queue


def test_so_many_wait_in_ray_and_no_more(queues: Queues) -> None:
    queued(queues, *[work(number, LONG) for number in range(3 * WINDOW)])
    flights = [queues.flight(entries, 1.0, 0.0) for entries in queues.ready(1, waits)]
    assert len(flights) == WINDOW
    assert list(queues.ready(1, waits)) == []
    assert len(list(queues.ready(WINDOW / 2, waits))) == WINDOW  # with so many CPUs twice as many may wait
    queues.stops_waiting(flights[0])
    assert set(queues.waiting()) == set(flights[1:])


def test_what_waits_in_ray_or_for_more_is_kept_track_of_when_its_queue_is_empty(queues: Queues) -> None:
    queued(queues, work(0, LONG))
    (flight,) = [queues.flight(entries, 1.0, 0.0) for entries in queues.ready(1, waits)]
    queues.talking.clear()
    assert list(queues.ready(1, waits)) == []
    assert queues.waiting() == [flight]
    queues.stops_waiting(flight)
    flight.group.idle.append(flight)
    assert list(queues.ready(1, waits)) == []
    assert (queues.waiting(), queues.idle()) == ([], [flight])


def test_what_may_not_be_tried_again_is_alone(queues: Queues) -> None:
    once = TaskOptions(max_retries=0)
    queued(queues, *[work(number, options=once) for number in range(3)])
    assert numbers(queues.ready(1, waits)) == [[0], [1], [2]]


@pytest.mark.parametrize("options", [{"max_calls": 1}, {"scheduling_strategy": "SPREAD"}])
def test_what_ray_counts_or_scatters_shares_nothing(queues: Queues, options: dict[str, Any]) -> None:
    given = task_options.split(options)
    group = queued(queues, *[work(number, options=given) for number in range(3)])
    batches = list(queues.ready(1, waits))
    assert numbers(batches) == [[0], [1], [2]]
    assert not group.is_sociable
    queues.flight(batches[0], 1.0, 0.0)
    assert queues.talking == {}


def test_attempts_with_other_options_are_in_another_queue(queues: Queues) -> None:
    queued(queues, work(0), work(1, options=task_options.split({"num_cpus": 2})), work(2))
    assert numbers(queues.ready(1, waits)) == [[0, 2], [1]]


def test_workers_ask_for_more_unless_others_want_their_cpus(queues: Queues) -> None:
    first = queues.flight([queues.entry(work(0))], 1.0, 0.0)
    second = queues.flight([queues.entry(work(1))], 1.0, 0.0)
    assert list(queues.talking.values()) == [first, second]
    queues.entry(work(9, options=task_options.split({"num_cpus": 3})))  # nothing of these waits
    assert not queues.is_wanted_by_others(first.group)
    queued(queues, work(2, options=task_options.split({"num_cpus": 2})))
    assert queues.is_wanted_by_others(first.group)
    third = queues.flight([queues.entry(work(3))], 1.0, 0.0)
    assert third not in queues.talking.values()
    for entries in queues.ready(1, waits):
        queues.flight(entries, 1.0, 0.0)
    assert queues.is_wanted_by_others(first.group)  # it waits in Ray now


def test_what_is_short_and_goes_alone_is_left_to_workers_that_ask_too(queues: Queues) -> None:
    once = TaskOptions(max_retries=0)
    flight = queues.flight([queues.entry(work(0))], 1.0, 0.0)
    flight.is_quick = True
    group = queued(queues, work(1, options=once), work(2, options=once))
    assert numbers(queues.ready(1, waits)) == []
    assert numbers([queues.next_of(group, 1, waits, by_word=True)]) == [[1]]
    assert numbers([queues.next_of(group, 1, waits, by_word=True)]) == [[2]]
    queued(queues, work(3, LONG))
    assert numbers(queues.ready(1, waits)) == [[3]]


def test_what_is_short_is_left_to_workers_that_are_about_to_ask(queues: Queues) -> None:
    flight = queues.flight([queues.entry(work(0))], 1.0, 0.0)
    queues.stops_waiting(flight)
    flight.is_quick = True
    large = StoredValue(100_000, "", None, location="1/2", handle=object())
    queued(queues, work(9, inputs=(large,)))
    assert numbers(queues.ready(1, waits)) == [[9]]  # a worker that asks can't have it
    group = queued(queues, work(1), work(2))
    assert numbers(queues.ready(1, waits)) == []
    assert numbers([queues.next_of(group, 1, waits, by_word=True)]) == [[1, 2]]
    queued(queues, work(3))
    flight.is_quick = False  # it was seen to be long about it
    assert numbers(queues.ready(1, waits)) == [[3]]
    flight.is_quick = True
    queued(queues, *[work(number) for number in range(4, 4 + 2 * MOST)])
    assert numbers(queues.ready(2, waits)) != []  # there is another CPU


def test_a_worker_that_asks_is_not_given_what_needs_objects(queues: Queues) -> None:
    large = StoredValue(100_000, "", None, location="1/2", handle=object())
    group = queued(queues, work(0, inputs=(large,)), work(1))
    assert queues.next_of(group, 1, waits, by_word=True) == []
    assert numbers(queues.ready(1, waits)) == [[0], [1]]


def test_what_comes_back_after_its_queue_was_empty_is_sent_again(queues: Queues) -> None:
    queued(queues, work(0))
    ((entry,),) = queues.ready(1, waits)
    assert numbers(queues.ready(1, waits)) == []
    queues.put(entry)
    assert numbers(queues.ready(1, waits)) == [[0]]

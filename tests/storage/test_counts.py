"""How many workflows have each status: what is kept of that is never wrong, whatever a store is told."""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from heliograph.errors import WorkflowStillActiveError
from heliograph.graph.node import Inputs
from heliograph.graph.plan import make_plan
from heliograph.records.status import RunReason, WorkflowStatus
from heliograph.search.expressions import Name
from heliograph.search.fields import asked
from heliograph.storage.entries import Accepted, Claim, Submission
from heliograph.storage.journal import counts
from heliograph.storage.journal.journal import Batch
from heliograph.storage.liveness import LEASE_SECONDS
from tests.invariants import check_store
from tests.storage.opened import NOBODY, Opened, chain, failure, opened

_numbers = itertools.count()


def counted(here: Opened) -> dict[str, int]:
    """As `workflow.summarize("status")` asks for them."""
    groups = here.store.search.groups(None, [asked(Name(("status",)), tasks=False)], [], tasks=False)
    return {group.by[0]: group.count for group in groups}


def listed(here: Opened) -> dict[str, int]:
    """One by one."""
    return dict(Counter(str(record.status) for record in here.store.queries.workflows().found))


class Engines:
    """Two engines on one store, and people who cancel and delete; a step may come to nothing.

    Args:
        here: the store.
    """

    def __init__(self, here: Opened) -> None:
        self.here = here
        self.name = f"example-{next(_numbers)}"
        self.journals = [here.journal(), here.journal()]
        self.runs: dict[tuple[int, str], Accepted] = {}

    def step(self, what: str, engine: int, number: int) -> None:
        journal, workflow_id = self.journals[engine], f"{self.name}-{number}"
        match what:
            case "submit":
                self._enter(engine, self._submission(workflow_id))
            case "hand in":
                submission = self._submission(workflow_id, WorkflowStatus.PENDING)
                self.here.store.handover.hand_in(submission, None)
            case "resume":
                self._enter(engine, self._claim(workflow_id, RunReason.RESUME))
            case "recover":
                self._enter(engine, self._claim(workflow_id, RunReason.RECOVERED))
            case "succeed" if run := self.runs.get((engine, workflow_id)):
                self.here.succeed(journal, run, 0)
                self.here.succeed(journal, run, 1)
            case "fail" if run := self.runs.get((engine, workflow_id)):
                journal.commit(Batch([], [failure(run, 0)]))
            case "cancel" if record := self.here.store.queries.workflow(workflow_id):
                self.here.store.cancel(record.key)
            case "delete" if standing := self.here.store.standing(workflow_id):
                with contextlib.suppress(WorkflowStillActiveError):
                    self.here.store.forget(standing)
            case "lose":  # the other one was not heard of for too long
                self.here.clock.now += LEASE_SECONDS + 1
                self.here.renew(journal)

    def _submission(self, workflow_id: str, status: WorkflowStatus = WorkflowStatus.RUNNING) -> Submission:
        plan, arguments, _ = self.here.store.with_arguments(make_plan(chain(), Inputs()))
        return Submission(workflow_id, plan, arguments, "{}", status, NOBODY, self.here.clock())

    def _claim(self, workflow_id: str, reason: RunReason) -> Claim:
        now = self.here.clock()
        return Claim(workflow_id, WorkflowStatus.RUNNING, NOBODY, now, reason, most_deaths=1)

    def _enter(self, engine: int, entry: Submission | Claim) -> None:
        (answer,) = self.journals[engine].commit(Batch([entry], [])).answers
        if isinstance(answer, Accepted):
            self.runs[engine, entry.workflow_id] = answer


GIVEN_UP = [("submit", 1, 0), ("lose", 0, 0), ("recover", 0, 0)]
BEGUN_AGAIN = [  # chance alone seldom leads a workflow from one end to the next
    *[("submit", 0, 0), ("fail", 0, 0), ("resume", 0, 0), ("cancel", 0, 0), ("resume", 1, 0)],
    *[("succeed", 1, 0), ("delete", 0, 0)],
]
STEPS = ("submit", "hand in", "resume", "recover", "succeed", "fail", "cancel", "delete", "lose")


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(GIVEN_UP)
@example(BEGUN_AGAIN)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 1), st.integers(0, 2)), max_size=30))
def test_they_are_what_one_would_count(here: Opened, steps: list[tuple[str, int, int]]) -> None:
    engines = Engines(here)
    for what, engine, number in steps:
        engines.step(what, engine, number)
        assert counted(here) == listed(here)


def test_two_engines_that_end_many_at_once(here: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "_SHARDS", 1)  # so that all of them want the same rows
    rounds, many = 10, 4
    others = [opened(here.database), opened(here.database)]

    def work(number: int) -> None:
        one, endings = others[number], [here.success, failure][:: 1 - 2 * number]
        journal = one.journal()
        for round_ in range(rounds):
            runs = [one.submit(journal, f"{number}-{round_}-{place}") for place in range(many)]
            journal.commit(Batch([], [one.success(run, 0) for run in runs]))
            journal.commit(Batch([], [endings[place % 2](run, 1) for place, run in enumerate(runs)]))
            one.store.forget(one.standing(f"{number}-{round_}-0"))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(2)))
    for one in others:
        one.store.close()
    assert counted(here) == listed(here)
    assert sum(counted(here).values()) == 2 * rounds * (many - 1)


def test_counting_anew_says_the_same(here: Opened) -> None:
    engines = Engines(here)
    for number in range(3):
        engines.step("submit", 0, number)
    engines.step("succeed", 0, 0)
    engines.step("fail", 0, 1)
    engines.step("delete", 0, 1)
    before = counted(here)
    with here.store._database.write() as connection:
        counts.recount(connection)
    assert counted(here) == before == {"SUCCESSFUL": 1, "RUNNING": 1}
    check_store(here.database)

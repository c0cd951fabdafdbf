"""What only a server does to a storage: many write at once, connections end, doors are shut."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest

from heliograph import workflow
from heliograph.engines import opening
from heliograph.errors import StorageError, StorageUnreachableError, WorkflowNotFoundError
from heliograph.graph.node import Inputs
from heliograph.graph.plan import make_plan
from heliograph.records.event import SendOrder
from heliograph.records.status import WorkflowStatus
from heliograph.search.fields import FieldAsked, FieldKind
from heliograph.search.language import read
from heliograph.storage.databases import database
from heliograph.storage.databases.postgresql import PostgreSQL
from heliograph.storage.entries import Accepted, Claim, Refused, Submission
from heliograph.storage.journal.journal import Batch
from heliograph.storage.liveness import LEASE_SECONDS
from heliograph.storage.location import locate
from heliograph.storage.searching.places import Order
from heliograph.storage.statements.connection import Connection
from heliograph.storage.upkeep import health
from tests import scripts
from tests.conditions import until
from tests.gates import Gate
from tests.invariants import connect
from tests.postgresql import Server, plain
from tests.storage.opened import NOBODY, Opened, chain, opened
from tests.tasks import give

T = TypeVar("T")
SECRET = "s3/cr@t"
ROWS = "SELECT * FROM workflows FOR UPDATE"


@workflow.task
def wait(gate: Gate) -> str:
    gate.wait()
    return "output"


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    workflow.shutdown()


def at_once(*calls: Callable[[], T]) -> list[T]:
    """What they return; they begin together, each in a thread."""
    line = threading.Barrier(len(calls))

    def begin(call: Callable[[], T]) -> T:
        line.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(begin, calls))


def waits_for_a_lock(url: str) -> bool:
    with psycopg.connect(plain(url), autocommit=True) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ).fetchone()
    return bool(found and found[0])


@contextmanager
def held_up(url: str, lock: str, call: Callable[[], T]) -> Iterator[tuple[Any, Future[T]]]:
    """A call that waits for what another connection has locked, and that connection, to let it go on."""
    with ThreadPoolExecutor(1) as pool, connect(url) as keeper:
        keeper.execute(lock)
        waiting = pool.submit(call)
        until(lambda: waits_for_a_lock(url))
        yield keeper, waiting


# -- many that write at once


def test_of_two_that_claim_at_once_one_gets_it(stores: list[Opened]) -> None:
    journals = [one.journal() for one in stores]
    for number in range(30):
        here = stores[0]
        first = here.journal()
        here.submit(first, f"w{number}")
        first.close()
        calls = [partial(one.claim, journals[place], f"w{number}") for place, one in enumerate(stores)]
        answers = at_once(*calls)
        assert sorted(type(answer).__name__ for answer in answers) == ["Accepted", "Refused"]
        assert Refused(WorkflowStatus.RUNNING) in answers


def test_who_had_to_wait_for_a_claim_sees_what_it_did(stores: list[Opened], url: str) -> None:
    """Not a workflow that is unknown: the row it waited for has a run that it had not seen yet."""
    here, there = stores
    first = here.journal()
    here.submit(first, "mine")
    first.close()
    mine, other = here.journal(), there.journal()
    here.renew(mine)
    claim = Claim("mine", WorkflowStatus.RUNNING, NOBODY, here.clock())
    with ThreadPoolExecutor(1) as pool:
        late: Future[Any]
        with here.store._database.write() as connection:
            mine._store(connection, Batch([claim], []))
            late = pool.submit(there.claim, other, "mine")
            until(lambda: waits_for_a_lock(url))
        assert late.result() == Refused(WorkflowStatus.RUNNING)


def test_ids_submitted_in_opposite_orders(stores: list[Opened]) -> None:
    """Neither waits for the other who waits for it."""

    def submission(name: str) -> Submission:
        plan, arguments, _ = stores[0].store.with_arguments(make_plan(chain(), Inputs()))
        return Submission(name, plan, arguments, "{}", WorkflowStatus.RUNNING, NOBODY, 1.0)

    journals = [one.journal() for one in stores]
    for turn in range(5):
        names = [f"{turn} {number}" for number in range(20)]
        orders = [[submission(name) for name in names], [submission(name) for name in names[::-1]]]
        batches = [partial(journals[place].commit, Batch(order, [])) for place, order in enumerate(orders)]
        found, backwards = at_once(*batches)
        for one, other in zip(found.answers, backwards.answers[::-1], strict=True):
            assert isinstance(one, Accepted) != isinstance(other, Accepted)


def test_an_event_sent_twice_at_once_is_one(stores: list[Opened]) -> None:
    here = stores[0]
    here.submit(here.journal(), "mine")
    for number in range(20):
        order = SendOrder("mine", "key", "1", keep=True, sender_key=f"{number}")
        one, other = at_once(*[partial(each.store.mailbox.send, order) for each in stores])
        assert one.event == other.event is not None


def test_an_event_sent_while_its_workflow_is_deleted(stores: list[Opened]) -> None:
    """It is not left behind: see `check_store`."""
    here, there = stores
    for number in range(20):
        name = f"w{number}"
        journal = here.journal()
        here.submit(journal, name)
        here.store.cancel(here.record(name).key)
        record, order = here.record(name), SendOrder(name, "key", "1", keep=True)
        at_once(partial(here.store.forget, record), partial(there.store.mailbox.send, order))
        with pytest.raises(AssertionError):
            here.record(name)


def test_one_that_is_deleted_by_two_at_once(stores: list[Opened]) -> None:
    here = stores[0]
    here.submit(here.journal(), "mine")
    here.store.cancel(here.record("mine").key)
    standing = here.standing("mine")

    def forget(one: Opened) -> str:
        try:
            one.store.forget(standing)
        except WorkflowNotFoundError:
            return "gone"
        return "deleted"

    assert sorted(at_once(*[partial(forget, one) for one in stores])) == ["deleted", "gone"]


def test_a_writer_that_stands_still_is_put_out(stores: list[Opened]) -> None:
    """Its transaction holds a lock; it is ended before whoever waits gives up."""
    here = stores[0]
    names = ["idle_in_transaction_session_timeout", "lock_timeout"]
    query = f"SELECT setting::int FROM pg_settings WHERE name IN ('{names[0]}', '{names[1]}') ORDER BY name"
    (still,), (waiting,) = here.store._database.ask(query, None)[1]
    assert 0 < still < waiting


def test_what_others_commit_is_noticed(stores: list[Opened]) -> None:
    here, there = stores
    before = here.store.changes()
    assert here.store.changes() == before
    there.submit(there.journal(), "mine")
    assert here.store.changes() != before


def test_numbers_in_metadata_are_ordered_as_numbers(url: str) -> None:
    workflow.init(storage=url, workers="threads")
    values = [-1e300, -10, -2.5, -2, -0.0, 1e-9, 3, 20, 100.5, 1e300, "", "10", "b"]
    for value in reversed(values):
        workflow.run(give.bind(1), metadata={"n": value})

    def ordered(order_by: str) -> list[object]:
        found, after = [], None
        while True:
            page = workflow.search(order_by=order_by, limit=2, after=after)
            found += [one["user_metadata"]["n"] for one in page["found"]]
            if not (after := page.get("after")):
                return found

    assert ordered("user_metadata.n") == values
    assert ordered("-user_metadata.n") == values[::-1]


def test_reads_of_tasks_are_planned_for_their_values(url: str) -> None:
    """A plan that is kept suits workflows of few tasks; of one with 200,000 it would read them all."""
    here = opened(url)
    here.submit(here.journal(), "mine")
    for _ in range(20):
        assert here.store.queries.workflow("mine") is not None
        assert here.store.queries.snapshot("mine", None, 10) is not None
        assert here.store.search.tasks(None, Order(), None, 10).listing.found
    with here.store.queries._database.read() as connection:
        kept = [row for (row,) in connection.raw.execute("SELECT statement FROM pg_prepared_statements")]
    pages = [statement for statement in kept if "FROM tasks" in statement and "unnest" not in statement]
    assert kept
    assert not pages
    here.store.close()


def test_what_needs_one_plan_is_planned_once(url: str) -> None:
    """Lists, counts, a look along an index, and the records of what a search found.

    The search itself is planned for its values.
    """
    here = opened(url)
    here.submit(here.journal(), "mine")
    by_name = Order(FieldAsked(FieldKind.TEXT, "name"))
    for _ in range(10):
        assert here.store.queries.workflows(newest_first=True, limit=50).found
        assert here.store.search.workflows(read("status = RUNNING"), Order(), None, 50).listing.found
        assert here.store.search.workflows(read("status = RUNNING"), by_name, None, 50).listing.found
        assert here.store.search.groups(None, [FieldAsked(FieldKind.STATUS, "status")], [], False)
    with here.store._database.read() as connection:
        asked = connection.raw.execute("SELECT statement FROM pg_prepared_statements WHERE generic_plans > 1")
        kept = [statement for (statement,) in asked]
    for words in ("LIMIT 50", "JOIN LATERAL", "workflows.key = any(", "FROM workflow_counts"):
        assert any(words in statement for statement in kept), words
    assert not any("ORDER BY workflows.name" in statement for statement in kept)
    here.store.close()


def test_a_page_that_is_soon_full_gathers_no_labels(url: str) -> None:
    """A server would read the labels of all workflows, to find fifty of them."""
    here = opened(url)
    many = 20_000
    with here.store._database.write() as connection:
        for table, columns, values in (
            (
                "workflows",
                "key, workflow_id, name, status, run, created_time, user_metadata, output_task,"
                " output_options, progress, end_time",
                "n, 'w-' || n, 'w', 'SUCCESSFUL', 1, n, '{}', 0, '{}', '{}', n",
            ),
            (
                "runs",
                "workflow, run, reason, status, created_time, end_time, reused, code, argv",
                "n, 1, 'start', 'SUCCESSFUL', n, n, 0, '{}', '[]'",
            ),
            (
                "workflow_labels",
                "workflow, path, place, text",
                "n, 'team', 0, CASE WHEN n % 2 = 0 THEN 'red' ELSE 'blue' END",
            ),
        ):
            rows = f"SELECT {values} FROM generate_series(1, {many}) AS n"
            connection.raw.execute(f"INSERT INTO {table} ({columns}) {rows}".encode())
        connection.raw.execute(
            "INSERT INTO workflow_counts VALUES (0, 'SUCCESSFUL', %(many)s)", {"many": many}
        )
    with psycopg.connect(plain(url), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")

    def read_so_far() -> int:
        with here.store._database.read() as connection:
            connection.raw.execute("SELECT pg_stat_force_next_flush()")
        with here.store._database.read() as connection:
            (read,) = connection.raw.execute(
                "SELECT seq_tup_read + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes AS its"
                " WHERE its.relid = of.relid) FROM pg_stat_user_tables of WHERE relname = 'workflow_labels'"
            ).fetchone()
            return int(read)

    for condition in (
        "team = red or user_metadata.n = 5",
        "team != red",
        "team contains re",
        "team = red",
        "team = red and status = SUCCESSFUL",
    ):
        wanted = read(f"user_metadata.{condition}")
        for _ in range(8):  # at last by a plan that is kept
            before = read_so_far()
            found = here.store.search.workflows(wanted, Order(), None, 50)
            assert len(found.listing.found) == 50
            assert read_so_far() - before < many // 10, condition
    here.store.close()


def test_what_is_said_twice_is_prepared(url: str) -> None:
    here = opened(url)
    here.submit(here.journal(), "mine")
    with here.store._database.read() as first, here.store._database.read() as second:
        for connection in (first, second):
            for _ in range(2):
                here.store.queries.workflow_in(connection, "mine")
            (kept,) = connection.raw.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()
            assert kept
    here.store.close()


def test_metadata_with_long_keys(url: str) -> None:
    workflow.init(storage=url, workers="threads")
    deep: dict[str, Any] = {"end": "ü" * 5000}
    for level in range(30):
        deep = {f"k{hashlib.sha512(str(level).encode()).hexdigest()}": deep}  # nothing that compresses
    workflow.run(give.bind(1), workflow_id="deep", metadata=deep)
    assert workflow.get_metadata("deep")["user_metadata"] == deep
    path = []
    while isinstance(deep, dict):
        ((key, deep),) = deep.items()
        path.append(key)
    place = ".".join(path)
    assert [one["workflow_id"] for one in workflow.search(f"user_metadata.{place} exists")["found"]]


# -- connections that end


def end_connections(url: str) -> None:
    with psycopg.connect(plain(url), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'heliograph'"
        )


def test_a_connection_that_was_ended_meanwhile_is_replaced(url: str) -> None:
    workflow.init(storage=url, workers="threads")
    for number in range(5):
        assert workflow.run(give.bind(number), workflow_id=f"{number}") == number
        end_connections(url)
        assert workflow.get_status(f"{number}") == "SUCCESSFUL"


def test_a_connection_that_ends_while_the_storage_is_opened_is_replaced(url: str) -> None:
    lock = "LOCK TABLE heliograph_schema"  # which every process reads that opens it
    with held_up(url, lock, partial(workflow.init, storage=url)) as (keeper, opening):
        end_connections(url)
        keeper.rollback()
        opening.result()
    assert workflow.list_all() == []


def test_a_search_whose_connection_ends_is_done_again(stores: list[Opened], url: str) -> None:
    here = stores[0]
    here.submit(here.journal(), "mine")
    searching = partial(here.store.search.workflows, None, Order(), None, 10)
    with held_up(url, "LOCK TABLE workflows", searching) as (keeper, search):
        end_connections(url)
        keeper.rollback()
        assert [record.workflow_id for record in search.result().listing.found] == ["mine"]


def test_a_commit_whose_connection_ends_is_done_again(stores: list[Opened], url: str) -> None:
    here = stores[0]
    journal = here.journal()
    run = here.submit(journal, "mine")
    with held_up(url, ROWS, partial(here.succeed, journal, run, 0)) as (other, commit):
        end_connections(url)
        other.rollback()
        assert commit.result().lost == frozenset()
    assert here.outputs("mine") == {0}
    assert changes_of("mine", url) == 1


def test_a_commit_that_nobody_confirmed_is_not_done_twice(
    stores: list[Opened], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection ends after the server has committed, and before it could say so."""
    here = stores[0]
    journal = here.journal()
    run = here.submit(journal, "mine")
    cut = leave_a_commit_unheard(monkeypatch)
    assert here.succeed(journal, run, 0).lost == frozenset()
    assert here.succeed(journal, run, 1).lost == frozenset()
    assert cut
    assert here.status("mine") == "SUCCESSFUL"
    assert changes_of("mine", url) == 2


def leave_a_commit_unheard(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of the next commit nobody hears whether it was done; what is given says whether that came to pass."""
    commit, cut = PostgreSQL.commit, list[bool]()

    def commit_unheard(self: PostgreSQL, connection: Any) -> None:
        commit(self, connection)
        if not cut:
            cut.append(True)
            connection.raw.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(PostgreSQL, "commit", commit_unheard)
    return cut


def test_what_was_handed_in_unheard_is_in(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    workflow.init(storage=url)
    workflow.list_all()
    cut = leave_a_commit_unheard(monkeypatch)
    workflow.run_async(give.bind(1), workflow_id="mine", detach=True)
    assert cut == [True]
    assert workflow.list_all() == [("mine", "PENDING")]
    with pytest.raises(RuntimeError, match="PENDING already"):
        workflow.run_async(give.bind(1), workflow_id="mine", detach=True)
    cut.clear()
    workflow.cancel("mine")
    assert cut == [True]
    assert workflow.get_status("mine") == "CANCELED"
    cut.clear()
    workflow.delete("mine")
    assert cut == [True]
    assert workflow.list_all() == []
    with pytest.raises(workflow.WorkflowNotFoundError):
        workflow.delete("mine")


@pytest.mark.parametrize("name", [None, "a name"])
def test_an_event_that_was_sent_unheard_is_sent_once(
    url: str, monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    workflow.init(storage=url)
    workflow.run_async(give.bind(1), workflow_id="mine", detach=True)
    cut = leave_a_commit_unheard(monkeypatch)
    workflow.send_event("mine", "key", 1, keep=True, idempotency_key=name)
    assert cut == [True]
    assert events_of("mine", url) == 1
    workflow.send_event("mine", "key", 1, keep=True)  # another one, of the same content
    assert events_of("mine", url) == 2


def events_of(workflow_id: str, url: str) -> int:
    with psycopg.connect(plain(url)) as connection:
        counted = "SELECT count(*) FROM http_events JOIN workflows ON key = workflow WHERE workflow_id = %s"
        row = connection.execute(counted, [workflow_id]).fetchone()
    assert row is not None
    return int(row[0])


def changes_of(workflow_id: str, url: str) -> int:
    with connect(url) as connection:
        found = connection.execute(
            "SELECT count(*) FROM changes JOIN workflows ON key = workflow WHERE workflow_id = %s",
            [workflow_id],
        )
        return int(found.fetchone()[0])


def test_a_commit_that_had_to_wait_for_another_one_of_the_workflow(stores: list[Opened], url: str) -> None:
    """It saw the moment before that one: so the number that it has for its change was taken meanwhile."""
    here = stores[0]
    journal = here.journal()
    run = here.submit(journal, "mine")
    here.succeed(journal, run, 0)
    with held_up(url, ROWS, partial(here.succeed, journal, run, 1)) as (other, commit):
        other.execute("INSERT INTO changes SELECT workflow, number + 1, run, time, what FROM changes")
        other.commit()
        assert commit.result().lost == frozenset()
    assert here.status("mine") == "SUCCESSFUL"
    assert changes_of("mine", url) == 3


def test_a_commit_that_had_to_wait_for_a_cancellation_is_told_so(stores: list[Opened], url: str) -> None:
    here = stores[0]
    journal = here.journal()
    run = here.submit(journal, "mine")
    cancel = "UPDATE workflows SET status = 'CANCELED'"
    with held_up(url, cancel, partial(here.succeed, journal, run, 0)) as (other, commit):
        other.commit()
        assert commit.result().lost == frozenset({(run.key, run.run)})
        assert here.outputs("mine") == set()
        other.execute("UPDATE workflows SET status = 'RUNNING'")  # it was only half of a cancellation
        other.commit()


def test_a_server_that_stays_away_is_an_error_for_who_wants_to_leave(stores: list[Opened], url: str) -> None:
    here = stores[0]
    journal = here.journal()
    run = here.submit(journal, "mine")
    with held_up(url, ROWS, partial(here.succeed, journal, run, 0)) as (_, commit):
        here.store.lose_patience()
        end_connections(url)
        with pytest.raises(StorageError, match=r"can't be reached.*then resume"):
            commit.result()
    assert here.outputs("mine") == set()


def test_a_commit_that_stood_still_for_longer_than_a_server_is_waited_for_is_tried_again(
    stores: list[Opened], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is when a process is stopped in the middle of one: the server ends its transaction meanwhile."""
    monkeypatch.setattr(database, "_PATIENCE_SECONDS", 1.0)
    here = stores[0]
    journal = here.journal()
    run = here.submit(journal, "mine")
    with held_up(url, ROWS, partial(here.succeed, journal, run, 0)) as (other, commit):
        enough = time.monotonic() + 1.0
        until(lambda: time.monotonic() > enough)
        end_connections(url)
        other.rollback()
        commit.result()
    assert here.outputs("mine") == {0}


# -- engines that end, or stand still

ENGINE = """
import sys
from pathlib import Path
from heliograph import workflow
from tests.gates import Gate
from tests.storage.test_postgresql import give, wait
workflow.init(workers="threads")
try:
    print(workflow.run(give.bind(wait.bind(Gate(Path(sys.argv[1])))), workflow_id="mine"))
except workflow.WorkflowError as error:
    print(type(error).__name__, error)
"""


def end_lease(url: str) -> None:
    """As if all engines had not been heard of for a while."""
    with psycopg.connect(plain(url), autocommit=True) as connection:
        connection.execute("UPDATE owners SET lease_until = 0")


def rows(url: str) -> list[tuple[Any, ...]]:
    """All that is stored of workflows."""
    tables = ("workflows", "runs", "tasks", "attempts", "stored_values", "changes")
    with connect(url) as connection:
        return [
            (table, *row)
            for table in tables
            for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3")
        ]


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_another_engine_takes_over(how: str, url: str, tmp_path: Path) -> None:
    """One that was stopped and goes on after its lease ran out can write nothing more."""
    gate = Gate(tmp_path / "gate")
    with scripts.start(ENGINE, url, gate.folder) as first:  # type: ignore[arg-type]
        gate.until_waiting()
        if how == "killed":
            first.kill()
            first.wait()
        else:
            first.send_signal(19)
            end_lease(url)
        workflow.init(storage=url, workers="threads")
        until(lambda: workflow.get_status("mine") == "RESUMABLE", deadline=4 * LEASE_SECONDS)
        gate.open()
        assert workflow.resume("mine") == "output"
        stored = rows(url)
        if how == "stopped":
            first.send_signal(18)
            printed, _ = first.communicate(timeout=60)
            assert printed.startswith("WorkflowTakenOverError workflow 'mine' was taken over"), printed
    assert rows(url) == stored
    succeeded = [row for row in stored if row[0] == "attempts" and "SUCCESSFUL" in row]
    assert len(succeeded) == 2


# -- doors that are shut


def refused(storage: str) -> str:
    with pytest.raises((StorageError, ValueError)) as raised:
        workflow.init(storage=storage)
    text = str(raised.value)
    assert SECRET not in text
    assert not re.search("s3(/|%2F)?cr", text), "a password"  # a folder's own random name may have an s3
    return text


def test_a_server_that_is_not_there() -> None:
    text = refused("postgresql://ann:s3%2Fcr%40t@127.0.0.1:9/flows")
    assert "storage postgresql://ann@127.0.0.1:9/flows can't be reached" in text
    assert "refused. Look whether the server runs" in text


def test_a_database_that_is_not_there(server: Server) -> None:
    text = refused(server.url("nowhere"))
    assert "there is no such database. Make it (createdb)" in text


def test_a_url_that_is_none() -> None:
    text = refused(f"postgresql://ann:{SECRET}@db:port/flows")
    assert "is no URL" in text
    assert "%2F" in text


def test_a_wrong_password(server: Server, url: str) -> None:
    rules = server.folder / "data" / "pg_hba.conf"
    before = rules.read_text()
    server.tell("CREATE ROLE ann LOGIN PASSWORD 'right'")
    try:
        rules.write_text(f"local all ann scram-sha-256\n{before}")
        server.tell("SELECT pg_reload_conf()")
        text = refused(url.replace("postgres@", "ann:s3cret@"))
        assert "the server refused user or password" in text
    finally:
        rules.write_text(before)
        server.tell("SELECT pg_reload_conf()")
        server.tell("DROP ROLE ann")


@pytest.mark.parametrize("of", ["ROLE", "DATABASE"])
def test_no_connection_left_is_no_wrong_password(server: Server, url: str, of: str) -> None:
    database = url.split("/")[3].split("?")[0]
    server.tell("CREATE ROLE ann LOGIN")
    server.tell(f"ALTER {of} {{}} CONNECTION LIMIT 0", "ann" if of == "ROLE" else database)
    try:
        with pytest.raises(StorageUnreachableError, match="the server has no connection left"):
            workflow.init(storage=url.replace("postgres@", "ann@"))
    finally:
        server.tell("DROP ROLE ann")


def test_a_user_who_may_not_connect_is_told_of_the_right(server: Server, url: str) -> None:
    server.tell("REVOKE CONNECT ON DATABASE {} FROM PUBLIC", url.split("/")[3].split("?")[0])
    server.tell("CREATE ROLE ann LOGIN")
    try:
        text = refused(url.replace("postgres@", "ann@"))
    finally:
        server.tell("DROP ROLE ann")
    assert "permission denied for database" in text
    assert "Grant the user what is missing" in text


def test_roles_that_run_and_that_read_need_what_the_documents_say(server: Server, url: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "postgresql.md").read_text()
    grants = re.search("```sql\n(.*?)```", page, re.DOTALL)
    assert grants is not None
    name = url.split("/")[3].split("?")[0]
    try:
        for statement in filter(str.strip, grants[1].split(";")):
            server.tell(statement, database=name)
        workflow.init(storage=url.replace("postgres@", "runner@"), workers="threads")
        assert workflow.run(give.bind("output"), workflow_id="mine") == "output"
        workflow.shutdown()
        workflow.init(storage=url.replace("postgres@", "reader@"), workers="threads")
        assert workflow.list_all() == [("mine", "SUCCESSFUL")]
        with pytest.raises(StorageError, match="Grant the user what is missing"):
            workflow.delete("mine")
    finally:
        workflow.shutdown()
        server.tell("DROP OWNED BY runner, reader", database=name)
        server.tell("DROP ROLE IF EXISTS runner, reader")


@pytest.mark.parametrize(
    "error",
    [
        psycopg.OperationalError("connection failed: FATAL:  unsupported startup parameter: options"),
        psycopg.errors.DuplicatePreparedStatement('prepared statement "_pg3_0" already exists'),
    ],
)
def test_a_pooler_that_is_not_set_up_for_sessions(url: str, error: psycopg.Error) -> None:
    told = PostgreSQL(locate(url)).translated(error)
    assert not isinstance(told, StorageUnreachableError)
    assert "pool_mode = session" in str(told)


def test_a_server_that_may_only_be_read(server: Server, tmp_path: Path) -> None:
    url = server.database(tmp_path, empty=True)
    server.tell("ALTER DATABASE {} SET default_transaction_read_only = on", url.split("/")[3].split("?")[0])
    assert "It is read-only: name the primary server" in refused(url)
    server.drop(url)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("statement_timeout = 1", "due to statement timeout. Raise the user's statement_timeout"),
        ("search_path = nowhere", "Set the user's search_path to one that is there"),
    ],
)
def test_a_setting_that_can_not_be_lived_with(
    server: Server, tmp_path: Path, setting: str, told: str
) -> None:
    url = server.database(tmp_path, empty=True)
    server.tell(f"ALTER DATABASE {{}} SET {setting}", url.split("/")[3].split("?")[0])
    assert told in refused(url)
    server.drop(url)


@pytest.mark.parametrize(
    "read",
    [
        lambda: workflow.get_status("mine"),
        lambda: workflow.get_metadata("mine"),
        lambda: workflow.get_metadata("mine", "only"),
        lambda: workflow.get_metadata("mine", tasks=True),
        lambda: workflow.get_tasks("mine"),
        lambda: workflow.get_downstream("mine", "only"),
        lambda: workflow.get_history("mine"),
        lambda: workflow.get_logs("mine"),
        lambda: workflow.get_metrics("mine"),
        lambda: workflow.get_output("mine"),
        lambda: workflow.get_output("mine", task_id="only"),
        lambda: workflow.list_all(),
        lambda: workflow.list_metadata(),
        lambda: workflow.search("workflow_id = mine"),
        lambda: workflow.summarize(by="status"),
        lambda: workflow.trend("tests.tasks.give"),
        lambda: workflow.timeline("mine"),
        lambda: workflow.profile("mine"),
        lambda: workflow.estimate("mine"),
        lambda: workflow.functions(),
        lambda: workflow.sql("select status from workflows"),
        lambda: workflow.over_time(),
        lambda: opening.opened().store.health(),  # which `diagnose` asks for
    ],
)
def test_who_reads_asks_again_where_the_server_went_away_meanwhile(
    server: Server, url: str, monkeypatch: pytest.MonkeyPatch, read: Callable[[], object]
) -> None:
    workflow.init(storage=url, workers="threads")
    workflow.run(give.options(**workflow.options(name="only")).bind("output"), workflow_id="mine")
    before = repr(read())
    is_good = PostgreSQL.is_good
    takes = 0

    def is_good_for_now(self: PostgreSQL, connection: Connection) -> bool:
        nonlocal takes
        good = is_good(self, connection)
        takes += 1
        if takes == at:
            server.tell(f"SELECT pg_terminate_backend({connection.raw.info.backend_pid}, 60000)")
        return good

    monkeypatch.setattr(PostgreSQL, "is_good", is_good_for_now)
    for at in count(1):
        takes = 0
        assert repr(read()) == before
        if takes < at:
            break
    assert at > 1


def test_diagnose_tells_that_the_server_went_away_amid_it(
    server: Server, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow.init(storage=url, workers="threads")
    workflow.run(give.bind("output"), workflow_id="mine")
    monkeypatch.setattr(database, "_PATIENCE_SECONDS", 0.0)
    examine, name = health.examine, url.split("/")[3].split("?")[0]

    def examine_and_lose(*given: Any) -> health.Health:
        found = examine(*given)
        server.tell("ALTER DATABASE {} ALLOW_CONNECTIONS false", name)
        server.tell(f"SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = '{name}'")
        return found

    monkeypatch.setattr(health, "examine", examine_and_lose)
    checks = {check["check"]: check for check in workflow.diagnose()}
    server.tell("ALTER DATABASE {} ALLOW_CONNECTIONS true", name)
    assert checks.keys() == {"versions", "storage", "engine"}
    assert (checks["storage"]["ok"], checks["engine"]["ok"]) == (False, True)
    assert "can't be reached" in checks["storage"]["found"]


def test_a_server_that_is_too_old(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heliograph.storage.databases.postgresql._OLDEST", 99)
    assert re.search(r"is PostgreSQL 1[678]: heliograph needs 99 or newer", refused(url))


@pytest.mark.parametrize("shift", [-60, 60])
def test_clocks_that_differ_by_a_minute(url: str, tmp_path: Path, shift: int) -> None:
    """Leases are by the server's clock: an engine whose own is slow is not taken for one that is gone."""
    gate = Gate(tmp_path / "gate")
    shifted = f"import time\nhere = time.time\ntime.time = lambda: here() + {shift}\n{ENGINE}"
    with scripts.start(shifted, url, gate.folder) as process:  # type: ignore[arg-type]
        gate.until_waiting("task", process)
        workflow.init(storage=url, workers="threads", recover=True)
        assert workflow.get_status("mine") == "RUNNING"
        with psycopg.connect(plain(url)) as connection:
            left = "SELECT lease_until - extract(epoch FROM clock_timestamp()) FROM owners WHERE pid = %s"
            row = connection.execute(left, [process.pid]).fetchone()
        assert row is not None
        assert 0 < row[0] <= LEASE_SECONDS
        gate.open()
        assert process.communicate(timeout=60)[0] == "output\n"


def test_without_the_driver() -> None:
    program = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from heliograph import workflow\n"
        "try: workflow.init(storage='postgresql://db/flows')\n"
        "except workflow.StorageError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    (line,) = done.stdout.splitlines()
    assert "pip install 'heliograph[postgres]'" in line


def test_two_processes_may_make_one_storage_at_once(server: Server, tmp_path: Path) -> None:
    url = server.database(tmp_path, empty=True)
    stores = at_once(*[lambda: opened(url)] * 4)
    for one in stores:
        assert one.store.queries.workflows().found == []
        one.store.close()
    server.drop(url)


# -- the rest of the house


def test_the_command(url: str) -> None:
    workflow.init(storage=url, workers="threads")
    workflow.run(give.bind("x" * 100_000), workflow_id="mine")
    assert [path.is_file() for path in Path(locate(url).values).glob("*/*")] == [True, True]
    given = url.replace("postgres@", "postgres:s3cret@")

    def told(*arguments: str) -> str:
        command = [sys.executable, "-m", "heliograph", "--storage", given, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "s3cret" not in done.stdout + done.stderr
        return done.stdout

    assert "mine" in told("ls")
    assert "SUCCESSFUL" in told("show", "mine")
    assert "postgresql://postgres@/" in told("doctor")
    assert "mine" in told("sql", "SELECT workflow_id FROM heliograph_workflows;")


def test_sql_gives_what_json_can_hold(url: str) -> None:
    workflow.init(storage=url, workers="threads")
    workflow.run(give.bind(1), workflow_id="mine")
    query = "select avg(run), sum(run) + 0.5, timestamp '2026-11-25', array[1.5] from heliograph_runs"
    assert workflow.sql(query).rows == [(1, 1.5, "2026-11-25 00:00:00", [1.5])]


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM workflows",
        "SELECT 1; DROP TABLE workflows",
        "WITH gone AS (DELETE FROM workflows RETURNING *) SELECT * FROM gone",
        "COPY workflows TO PROGRAM 'cat'",
        "SELECT nextval('workflows_key_seq')",
        "nonsense",
    ],
)
def test_sql_can_change_nothing(url: str, query: str) -> None:
    workflow.init(storage=url)
    with pytest.raises(ValueError, match="SQL: "):
        workflow.sql(query)
    assert workflow.sql("SELECT 1 AS a, '%' AS b").rows == [(1, "%")]

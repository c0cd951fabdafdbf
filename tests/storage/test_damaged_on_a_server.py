"""Damaged rows on PostgreSQL, which takes no value of another type: listings, and the way out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from heliograph.errors import StorageCorruptError
from heliograph.search.language import read
from heliograph.storage.searching.places import Order
from tests.storage.opened import Opened

NEWEST = Order()


@pytest.fixture(params=["UPDATE workflows SET progress = '[1]'", "UPDATE workflows SET output_options = '{'"])
def damaged(here: Opened, request: pytest.FixtureRequest) -> Iterator[Opened]:
    """Three workflows, of which the second is damaged."""
    journal = here.journal()
    for name in ("first", "second", "third"):
        run = here.submit(journal, name)
        for task in range(2):
            here.succeed(journal, run, task)
    with here.store._database.write() as connection:
        connection.raw.execute(f"{request.param} WHERE workflow_id = 'second'")
    yield here
    if here.store.standing("second") is not None:  # what is stored is looked through at the end
        here.store.forget(here.standing("second"))


def test_a_listing_goes_without_it(damaged: Opened) -> None:
    listing = damaged.store.queries.workflows()
    assert [record.workflow_id for record in listing.found] == ["first", "third"]
    assert [error.workflow_id for error in listing.damaged] == ["second"]


@pytest.mark.parametrize("condition", [None, "status = SUCCESSFUL", "runs < 100"])
def test_pages_go_on_behind_it(damaged: Opened, condition: str | None) -> None:
    found, named, last = list[str](), list[str | None](), None
    for _ in range(3):
        where = None if condition is None else read(condition)
        page, last = damaged.store.search.workflows(where, NEWEST, last, 1)
        found += [record.workflow_id for record in page.found]
        named += [error.workflow_id for error in page.damaged]
    assert last is None
    assert (found, named) == (["third", "first"], ["second"])


def test_it_can_be_deleted(damaged: Opened) -> None:
    with pytest.raises(StorageCorruptError, match="of workflow 'second'"):
        damaged.record("second")
    damaged.store.forget(damaged.standing("second"))
    assert damaged.store.queries.workflow("second") is None
    assert [record.workflow_id for record in damaged.store.queries.workflows().found] == ["first", "third"]
    [group] = damaged.store.search.groups(None, [], [], False)
    assert group.count == 2

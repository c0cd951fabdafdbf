"""What people do on the pages: search, change things, watch; with the mouse and without it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from heliograph import workflow
from tests.gates import Gate
from tests.web.browser.shown import sum_of
from tests.web.browser.test_views import settled


@workflow.task
def held(gate: Gate, name: str) -> str:
    workflow.current().progress(1, 2, "at the gate")
    gate.wait(name)
    return name


@pytest.fixture
def engine(storage: Path) -> Iterator[None]:
    workflow.init(storage=storage, workers="threads", num_workers=4)
    yield
    workflow.shutdown()


# -- searching


def test_a_search_is_completed_word_by_word(page: Page) -> None:
    page.goto("/")
    search, offered = page.locator("#search"), page.locator("#offered li")
    search.press_sequentially("sta")
    expect(offered.first).to_have_text("status")
    search.press("Tab")
    expect(search).to_have_value("status ")
    expect(offered.first).to_have_text("=")
    search.press("ArrowDown")
    search.press("Enter")
    expect(search).to_have_value("status = ")
    search.press_sequentially("FAI")
    search.press("Tab")
    expect(search).to_have_value("status = FAILED ")
    expect(offered.first).to_have_text("and")
    search.press("Escape")
    search.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(2)


def test_values_of_metadata_are_offered(page: Page) -> None:
    page.goto("/")
    page.locator("#search").press_sequentially("user_metadata.team = r")
    expect(page.locator("#offered li")).to_have_text(['"red"'])
    page.locator("#offered li").click()
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(3)


def test_times_from_now_are_offered(page: Page) -> None:
    page.goto("/")
    search, offered = page.locator("#search"), page.locator("#offered li")
    search.press_sequentially("created_time > ")
    expect(offered).to_have_text(["now - 1h", "now - 24h", "now - 7d"])
    search.press_sequentially("now")
    offered.nth(1).click()
    expect(search).to_have_value("created_time > now - 24h ")
    expect(offered).to_have_text(["and", "or"])
    search.press("Escape")
    search.press("Enter")
    expect(page).to_have_url(re.compile("now"))
    expect(page.locator("tbody tr").first).to_be_visible()
    expect(page.locator(".wrong")).to_have_count(0)


def test_an_error_points_at_the_character_and_the_cursor_is_there(page: Page) -> None:
    page.goto("/?q=runs+%3D+1+and+statsu+%3D+2")
    expect(page.locator(".wrong")).to_contain_text("did you mean status?")
    lines = page.locator(".wrong pre").inner_text().split("\n")
    assert lines[0][lines[1].index("^") :].startswith("statsu")
    assert page.evaluate("document.activeElement.selectionStart") == len("runs = 1 and ")


def test_tasks_are_searched_and_ordered_too(page: Page) -> None:
    page.goto("/workflow?id=wide")
    page.locator("#search").fill('task_id prefix "load-5"')
    page.locator("#search").press("Enter")
    expect(page.locator("#rows tbody tr")).to_have_count(11)
    page.get_by_role("link", name="slowest").click()
    expect(page.locator("#rows tbody tr")).to_have_count(50)
    page.get_by_role("link", name="Next page").click()
    expect(page.locator("#rows tbody tr")).to_have_count(11)


# -- the keyboard


def test_everything_is_reached_by_keys(page: Page) -> None:
    page.goto("/")
    settled(page)
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("good")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    for key in "jjk":
        page.keyboard.press(key)
    expect(page.locator("tbody tr.here")).to_have_count(1)
    expect(page.locator("tbody tr").first).to_have_class("here")
    page.keyboard.press("x")
    expect(page.locator("tbody input:checked")).to_have_count(1)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("bad")
    settled(page)
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    page.keyboard.press("g")
    expect(page.locator("h1")).to_have_text("Workflows")


# -- live


def test_what_happens_is_seen_without_asking(page: Page, engine: None, tmp_path: Path) -> None:
    page.goto("/?q=workflow_id+%3D+live")
    expect(page.locator("tbody")).to_contain_text("Nothing is found")
    gate = Gate(tmp_path)
    node = held.options(name="held").bind(gate, "held")
    output = workflow.run_async(node, workflow_id="live")
    expect(page.locator("tbody tr")).to_contain_text("RUNNING")
    page.get_by_role("link", name="live", exact=True).click()
    expect(page.locator("#rows")).to_contain_text("at the gate")
    page.locator("#search").fill("somebody types here")
    gate.open()
    output.result(60)
    expect(page.locator("h1 + .status")).to_have_text("SUCCESSFUL")
    expect(page.locator("#rows")).to_contain_text("SUCCESSFUL")
    expect(page.locator("#search")).to_have_value("somebody types here")
    workflow.delete("live")


def test_what_changed_last_is_shown_though_it_comes_soon_after_another_change(
    page: Page, engine: None, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    output = workflow.run_async(held.options(name="held").bind(gate, "held"), workflow_id="live")
    page.goto("/workflow?id=live")
    expect(page.locator("#rows")).to_contain_text("at the gate")
    for part, change in (
        ("/workflow/insight", "loadAll('[data-load][data-again]')"),
        ("/data/timeline", "document.dispatchEvent(new Event('heliograph:changed'))"),
    ):
        for _ in range(2):
            with page.expect_request(f"**{part}*"):
                page.evaluate(f"() => {{ {change}; }}")
    gate.open()
    output.result(60)
    expect(page.locator("[data-load]")).not_to_contain_text("Time left")
    workflow.delete("live")


# -- changing things


def test_many_are_deleted_at_once_after_a_second_question(page: Page, engine: None) -> None:
    for name in ("old-1", "old-2", "old-3"):
        workflow.run(sum_of(1), workflow_id=name)
    page.goto('/?q=workflow_id+prefix+"old-"')
    page.locator("#choose-all").check()
    page.get_by_label("Choose old-2").uncheck()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("h1")).to_have_text("Delete 2 workflows?")
    expect(page.locator(".ids")).to_have_text("old-3old-1")
    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".done .good")).to_have_count(2)
    page.get_by_text("Back to the workflows").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    workflow.delete("old-2")


def test_one_that_runs_is_cancelled_and_resumed(page: Page, engine: None, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    output = workflow.run_async(held.options(name="held").bind(gate, "once"), workflow_id="stopped")
    gate.until_waiting("once")
    page.goto("/workflow?id=stopped")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".done")).to_contain_text("cancelled")
    assert isinstance(output.exception(60), workflow.WorkflowCancellationError)
    gate.open()
    page.locator(".done a").click()
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".done")).to_contain_text("resumed, in a process of its own")
    page.locator(".done a").click()
    expect(page.locator("h1 + .status")).to_have_text("SUCCESSFUL")
    expect(page.locator("main")).to_contain_text("resume")
    workflow.delete("stopped")


def test_choosing_nothing_is_told(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("main")).to_contain_text("no workflow was chosen")

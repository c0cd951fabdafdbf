"""Each page in a browser: what it shows, that everybody can use it, and that a phone has room for it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.web.browser.shown import LONG

VIEWS = {
    "/": "good-2",
    "/?q=statsu+%3D+1": "did you mean status?",
    "/?q=user_metadata.team+%3D+%22blue%22": "good-1",
    "/workflow?id=good-0": "4 of 4 tasks",
    "/workflow?id=wide": "Critical path",
    "/workflow?id=bad": "number 7 is broken",
    "/workflow?id=gone": "No such workflow_id 'gone'",
    "/task?id=good-0&task=load-1": "loaded 1",
    "/task?id=bad&task=bad": "Traceback",
    "/graph?id=good-0": "load-2",
    "/compare": "Another",
    "/compare?a=good-0&b=wide": "Only in wide",
    "/functions": "tests.web.browser.shown.load",
    "/function?name=tests.web.browser.shown.load": "By workflow",
    "/login": "Who is there?",
}

THEMES: dict[str, dict[str, Any]] = {
    "light": {},
    # All that a theme changes is colours.
    "dark": {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}},
}

TOO_WIDE = """
    [...document.querySelectorAll(".wide")]
        .filter((part) => part.scrollWidth > part.clientWidth)
        .map((part) => part.innerText)
"""
"""Tables of which a part can only be seen by scrolling to the side."""


def settled(page: Page) -> None:
    page.wait_for_function(
        "() => [...document.querySelectorAll('[data-load]')].every((part) => !part.dataset.load"
        " || part.dataset.loaded) && [...document.querySelectorAll('canvas, #graph')]"
        ".every((part) => part.dataset.drawn)"
    )


@pytest.mark.parametrize("view", VIEWS)
def test_a_page_shows_what_it_is_for_and_has_no_serious_fault(same_page: Page, view: str) -> None:
    page = same_page
    page.goto(view)
    settled(page)
    expect(page.locator("main")).to_contain_text(VIEWS[view])
    for theme, rules in THEMES.items():
        page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
        found = Axe().run(page, options={"resultTypes": ["violations"], **rules}).response["violations"]
        serious = [
            f"{one['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
            for one in found
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]
        assert serious == [], theme


def test_on_a_phone_no_page_is_wider_than_the_screen(browser: Browser, address: str) -> None:
    context = browser.new_context(
        base_url=address, viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True
    )
    page = context.new_page()
    for view in [
        *VIEWS,
        f"/workflow?id={LONG}",
        f"/task?id={LONG}&task={LONG}",
        f"/compare?a={LONG}&b=good-0",
    ]:
        page.goto(view)
        settled(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, view
        assert page.evaluate(TOO_WIDE) == [], view
    page.goto("/")
    page.get_by_text("Columns").click()
    box = page.get_by_text("Function", exact=True).bounding_box()
    assert box is not None
    assert box["x"] >= 0
    context.close()


def test_on_the_smallest_phone_two_statuses_stand_side_by_side(page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 568})
    page.goto("/compare?a=good-0&b=wide")
    assert (
        page.evaluate(
            "[...document.querySelectorAll('.pairs td')].filter(one => one.scrollWidth > one.clientWidth)"
            ".map(one => one.innerText)"
        )
        == []
    )


def test_in_half_a_window_the_list_shows_all_its_columns(page: Page) -> None:
    page.set_viewport_size({"width": 900, "height": 800})
    for view in ("/", "/?col=tasks&col=user_metadata.path"):
        page.goto(view)
        settled(page)
        assert page.evaluate(TOO_WIDE) == [], view


def test_an_unknown_id_leads_to_those_like_it(page: Page) -> None:
    page.goto("/workflow?id=good")
    page.get_by_text("search for").click()
    expect(page.locator("tbody tr")).to_have_count(3)


def test_dark_is_chosen_once_and_stays(page: Page) -> None:
    page.goto("/")
    page.locator("#theme").click()
    page.goto("/functions")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_columns_are_chosen_and_the_address_holds_them(page: Page) -> None:
    page.goto("/")
    page.get_by_text("Columns").click()
    page.locator(".menu a", has_text="team").first.click()
    expect(page.locator("thead")).to_contain_text("team")
    page.get_by_text("Columns").click()
    page.locator(".menu a", has_text="Runs").click()
    expect(page.locator("thead")).not_to_contain_text("Runs")
    again = page.url
    page.goto("/")
    expect(page.locator("thead")).to_contain_text("Runs")
    page.goto(again)
    expect(page.locator("thead")).to_contain_text("team")
    expect(page.locator("thead")).not_to_contain_text("Runs")


def test_facets_and_bars_narrow_the_search(page: Page) -> None:
    page.goto("/")
    page.locator("aside a", has_text="FAILED").click()
    expect(page.locator("#search")).to_have_value('status = "FAILED"')
    expect(page.locator("tbody tr")).to_have_count(2)
    page.goto(f"/?q={quote('user_metadata.team exists')}")
    page.locator(".activity a").first.dispatch_event("click")
    expect(page.locator("#search")).to_have_value(
        re.compile("^user_metadata.team exists and created_time >= ")
    )


def test_errors_stand_by_kind_with_the_first_traceback(page: Page) -> None:
    page.goto("/workflow?id=bad")
    expect(page.locator("section.failed summary .mono")).to_have_text("ValueError")
    expect(page.locator("section.failed pre")).to_contain_text(
        'raise ValueError(f"number {number} is broken")'
    )


def test_a_task_leads_up_and_down(page: Page) -> None:
    page.goto("/task?id=good-0&task=load-1")
    page.locator("dd a", has_text="total").click()
    expect(page.locator("h1")).to_have_text("total")
    page.locator("dt a", has_text="load-2").click()
    expect(page.locator("h1")).to_have_text("load-2")
    expect(page.locator("figure polyline")).to_have_count(1)

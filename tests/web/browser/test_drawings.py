"""The timeline and the graph: drawn, looked at more closely, and leading to the tasks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.conditions import until
from tests.web.browser.test_views import settled


def painted(page: Page) -> None:
    """What is to be drawn, is: with the frame that comes."""
    page.evaluate("() => new Promise(requestAnimationFrame)")


def pixels(page: Page, selector: str = "#timeline") -> str:
    painted(page)
    return str(page.evaluate("(at) => document.querySelector(at).toDataURL()", selector))


def longest(drawn: dict[str, Any]) -> int:
    """Which bar is on the screen for certain: where a worker had nothing to do, there is none to point at."""
    begins, ends = drawn["started"], drawn["finished"]
    return max(range(len(begins)), key=lambda at: float(ends[at] - begins[at]))


def test_a_bar_of_the_timeline_leads_to_its_task(page: Page) -> None:
    drawn = page.request.get("/data/timeline?id=wide").json()
    bar = longest(drawn)
    page.goto("/workflow?id=wide")
    settled(page)
    canvas = page.locator("#timeline")
    assert canvas.get_attribute("data-drawn") == "61"
    canvas.scroll_into_view_if_needed()
    share = ((drawn["started"][bar] + drawn["finished"][bar]) / 2 / drawn["wall"] + 0.01) / 1.02

    def is_pointed_at() -> bool:
        """A hand moves on where what was pointed at has just moved away: as the page is scrolled, say."""
        box = canvas.bounding_box()
        assert box is not None
        tall = (box["height"] - 22 - 4) / len(drawn["lanes"])
        page.mouse.move(
            box["x"] + 118 + share * (box["width"] - 126), box["y"] + 22 + (drawn["lane"][bar] + 0.5) * tall
        )
        return page.locator("#tip").is_visible()

    until(is_pointed_at)
    assert page.locator("#tip").inner_text().split("\n")[0] == drawn["task"][bar]
    page.mouse.down()
    page.mouse.up()
    expect(page.locator("h1")).to_have_text(drawn["task"][bar])


def test_the_timeline_is_zoomed_panned_and_brushed(page: Page) -> None:
    page.goto("/workflow?id=wide")
    settled(page)
    whole = pixels(page)

    def changed(before: str) -> str:
        page.wait_for_function("(old) => document.querySelector('#timeline').toDataURL() !== old", arg=before)
        return pixels(page)

    page.get_by_role("button", name="Zoom in").click()
    near = changed(whole)
    canvas = page.locator("#timeline")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    middle = box["y"] + 60
    page.mouse.move(box["x"] + 700, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 500, middle, steps=3)
    page.mouse.up()
    panned = changed(near)
    page.keyboard.down("Shift")
    page.mouse.move(box["x"] + 400, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 600, middle, steps=3)
    page.mouse.up()
    page.keyboard.up("Shift")
    brushed = changed(panned)
    canvas.focus()
    page.keyboard.press("0")
    whole = changed(brushed)
    page.locator("#lanes").select_option("tasks")
    changed(whole)


def columns(count: int) -> dict[str, Any]:
    """A timeline of so many attempts on eight workers, as the server sends it."""
    begins = [float(number // 8) for number in range(count)]
    ends = [begin + 0.9 for begin in begins]
    return {
        "wall": begins[-1] + 1,
        "lanes": [f"worker-{number}" for number in range(8)],
        "functions": ["f"],
        "statuses": ["SUCCESSFUL", "FAILED"],
        "task": [f"task-{number}" for number in range(count)],
        "attempt": [1] * count,
        "function": [0] * count,
        "status": [int(number % 1000 == 0) for number in range(count)],
        "lane": [number % 8 for number in range(count)],
        "ready": begins,
        "started": begins,
        "loaded": begins,
        "finished": ends,
        "stored": ends,
        "critical": [0] * count,
    }


def test_a_timeline_that_goes_on_stays_where_it_was_scrolled_to(page: Page) -> None:
    page.goto("/workflow?id=wide")
    settled(page)
    page.locator("#lanes").select_option("tasks")
    canvas = page.locator("#timeline")
    canvas.scroll_into_view_if_needed()
    top = pixels(page)
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 300, box["y"] + 300)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 100, steps=3)
    page.mouse.up()
    page.wait_for_function("(old) => document.querySelector('#timeline').toDataURL() !== old", arg=top)
    scrolled = pixels(page)
    page.evaluate(
        "() => { const drawn = document.getElementById('timeline').dataset;"
        " drawn.again = 'yes'; drawn.drawn = ''; document.dispatchEvent(new Event('heliograph:changed')); }"
    )
    expect(canvas).to_have_attribute("data-drawn", "61")
    assert pixels(page) == scrolled


def test_a_timeline_without_a_length_can_be_zoomed_and_grows(page: Page) -> None:
    nothing = columns(8) | {name: [] for name, values in columns(8).items() if isinstance(values, list)}
    answers = [nothing | {"wall": 0.0, "lanes": []}, columns(8)]
    page.route("**/data/timeline*", lambda route: route.fulfill(json=answers.pop(0)))
    page.goto("/workflow?id=wide")
    expect(page.locator("#timeline")).to_have_attribute("data-drawn", "0")
    page.get_by_role("button", name="Zoom in").dblclick()
    page.evaluate(
        "() => { document.getElementById('timeline').dataset.again = 'yes';"
        " document.dispatchEvent(new Event('heliograph:changed')); }"
    )
    expect(page.locator("#timeline")).to_have_attribute("data-drawn", "8")
    grown = pixels(page)
    page.get_by_role("button", name="All").click()
    assert pixels(page) == grown


def test_a_hundred_thousand_attempts_are_drawn(page: Page) -> None:
    body = json.dumps(columns(100_000))

    def answer(route: Route) -> None:
        route.fulfill(body=body, content_type="application/json")

    page.route("**/data/timeline*", answer)
    page.goto("/workflow?id=wide")
    settled(page)
    assert page.locator("#timeline").get_attribute("data-drawn") == "100000"
    painted(page)
    failed = page.evaluate(
        """() => {
          const canvas = document.querySelector('#timeline');
          const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          let red = 0;
          for (let at = 0; at < data.length; at += 4) red += data[at] > 190 && data[at + 1] < 80;
          return red;
        }"""
    )
    assert failed > 100  # one of a thousand failed, each thinner than a pixel: seen all the same


def test_a_function_is_one_box_until_it_is_opened(page: Page) -> None:
    page.goto("/graph?id=wide")
    settled(page)
    expect(page.locator("#graph .node")).to_have_count(2)
    page.locator("#graph .node", has_text="60").click()
    expect(page.locator("#graph .node")).to_have_count(61)
    page.locator("#graph").focus()
    page.keyboard.press("Tab")
    page.locator('#graph .node[href$="load-7"]').focus()
    expect(page.locator('#graph .node[href$="load-7"]')).to_be_in_viewport()  # it was brought into sight
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("load-7")


@pytest.mark.parametrize("count", [5000])
def test_thousands_of_boxes_are_laid_out_apart(page: Page, count: int) -> None:
    node = {"function": "f", "count": 1, "statuses": {"SUCCESSFUL": 1}}
    nodes = [
        {"key": f"t:{number}", "label": f"{number}", "task": f"{number}"} | node for number in range(count)
    ]
    edges = [
        {"from": f"t:{number // 2}", "to": f"t:{number}", "count": 1, "continuation": False}
        for number in range(1, count)
    ]
    body = json.dumps({"nodes": nodes, "edges": edges, "most": 5000, "closed": []})
    page.route("**/data/graph*", lambda route: route.fulfill(body=body, content_type="application/json"))
    page.goto("/graph?id=wide")
    settled(page)
    places = page.evaluate(
        "[...document.querySelectorAll('#graph .node')].map((one) => one.getAttribute('transform'))"
    )
    assert len(places) == len(set(places)) == count
    before = page.locator("#graph svg").get_attribute("viewBox")
    page.get_by_role("button", name="All").click()
    assert page.locator("#graph svg").get_attribute("viewBox") != before

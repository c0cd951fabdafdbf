"""A workflow that means no good: in a browser nothing of it runs, hides or pretends."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from tests.web.browser.shown import HOSTILE, TURNED
from tests.web.browser.test_views import settled

ID, TASK = quote(HOSTILE), quote(HOSTILE[:200])
FUNCTION = quote("tests.web.browser.shown.hostile")
PLACES = [
    "/",
    f"/?q={ID}",
    f"/?col=user_metadata.{quote(HOSTILE)}&col={quote(HOSTILE)}&order={quote(HOSTILE)}",
    f"/workflow?id={ID}",
    f"/workflow?id={ID}&q={ID}&order={ID}",
    f"/workflow?id={ID}x",
    f"/task?id={ID}&task={TASK}",
    f"/graph?id={ID}",
    f"/graph?id={ID}&open={ID}",
    f"/compare?a={ID}&b=good-0",
    f"/functions?q={ID}",
    f"/function?name={FUNCTION}",
    f"/function?name=a.{ID}",
    f"/login?next={ID}",
]


@pytest.mark.parametrize("place", PLACES)
def test_nothing_of_it_runs_or_hides(same_page: Page, place: str) -> None:
    page, refused = same_page, []

    def note(said: ConsoleMessage) -> None:
        if "Content Security Policy" in said.text:
            refused.append(said.text)

    page.on("console", note)
    page.goto(place)
    settled(page)
    expect(page.locator("main")).to_be_visible()
    assert page.evaluate("window.hacked") is None
    page.remove_listener("console", note)
    assert refused == []  # nothing even tried: it is text, and not only stopped by the policy
    assert page.locator("main img, main script, main style, main iframe").count() == 0
    scripts = page.evaluate("[...document.scripts].map((one) => one.src)")
    assert all(
        src.startswith(page.url.split("/")[0] + "//127.0.0.1") and "/static/" in src for src in scripts
    )
    addresses = page.evaluate(
        "[...document.querySelectorAll('[href]')].map((one) => one.href?.baseVal ?? one.href)"
    )
    assert [one for one in addresses if not one.startswith(("http://127.0.0.1", "/", "#"))] == []


def test_it_is_shown_as_what_it_is(page: Page) -> None:
    page.goto(f"/task?id={ID}&task={TASK}")
    expect(page.locator("h1")).to_have_text(HOSTILE[:200])
    expect(page.locator(".log")).to_contain_text(HOSTILE)
    expect(page.locator(".log")).to_contain_text("javascript:window.hacked=1")
    expect(page.locator(".card.failed").first).to_contain_text(HOSTILE)
    expect(page.locator("figcaption").first).to_contain_text(HOSTILE[:200])
    assert TURNED not in page.content()
    expect(page.locator(".metadata").first).to_contain_text("abc\\u202egnp.exe")


def test_the_tip_of_the_timeline_is_text_too(page: Page) -> None:
    page.goto(f"/workflow?id={ID}")
    settled(page)
    page.locator("#timeline").scroll_into_view_if_needed()
    box = page.locator("#timeline").bounding_box()
    assert box is not None
    for px in range(120, int(box["width"]), 8):  # somewhere there is a bar
        page.mouse.move(box["x"] + px, box["y"] + 40)
        if page.locator("#tip").is_visible():
            break
    expect(page.locator("#tip")).to_contain_text("<script>")
    assert page.evaluate("window.hacked") is None


def test_it_can_be_chosen_and_deleted_like_any_other(page: Page) -> None:
    page.goto("/")
    page.get_by_label(f"Choose {HOSTILE}").check()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".ids")).to_contain_text(HOSTILE)
    page.get_by_text("No, go back").click()
    expect(page.locator("tbody")).to_contain_text(HOSTILE)

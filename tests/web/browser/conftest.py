"""A browser, a server of its own, and what that shows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conditions import DEADLINE
from tests.web.browser import chromium
from tests.web.browser.shown import make
from tests.web.sending import serving

_IS_MISSING = chromium.found() is None
if _IS_MISSING and "CI" in os.environ:
    raise pytest.UsageError(chromium.MISSING)
collect_ignore_glob = ["test_*.py"] if _IS_MISSING else []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _IS_MISSING:
        terminalreporter.write_line(f"LEFT OUT: the tests of the pages in a browser; {chromium.MISSING}")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=1000 * DEADLINE)
    with sync_playwright() as playwright:
        launched = chromium.launched(playwright)
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser") / "storage"
    make(folder)
    return folder


@pytest.fixture(scope="package")
def address(storage: Path) -> Iterator[str]:
    with serving(storage) as server:
        yield f"http://127.0.0.1:{server.port}"


@contextmanager
def _opened(browser: Browser, address: str) -> Iterator[tuple[Page, list[str]]]:
    """A page of the server, and what goes wrong in it."""
    context = browser.new_context(base_url=address, viewport={"width": 1200, "height": 800}, locale="en-GB")
    context.set_default_timeout(1000 * DEADLINE)
    made = context.new_page()
    wrong: list[str] = []
    made.on("pageerror", lambda error: wrong.append(str(error)))
    made.on("console", lambda said: said.type in ("error", "warning") and wrong.append(said.text))
    yield made, wrong
    context.close()


def _check(wrong: list[str]) -> None:
    assert [text for text in wrong if "status of 40" not in text] == []


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A page of the server; what goes wrong in it fails the test."""
    with _opened(browser, address) as (made, wrong):
        yield made
    _check(wrong)


@pytest.fixture(scope="package")
def _window(browser: Browser, address: str) -> Iterator[tuple[Page, list[str]]]:
    with _opened(browser, address) as opened:
        yield opened


@pytest.fixture
def same_page(_window: tuple[Page, list[str]]) -> Iterator[Page]:
    """As `page`, for tests that only look: they load, one after the other, into one and the same."""
    made, wrong = _window
    wrong.clear()
    yield made
    _check(wrong)

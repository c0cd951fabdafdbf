"""Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil

from playwright.sync_api import Browser, Playwright

MISSING = "there is no Chromium: apt-get install chromium, or name one in HELIOGRAPH_CHROMIUM"
_ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def found() -> str | None:
    """The path of Chromium, if there is one."""
    return os.environ.get("HELIOGRAPH_CHROMIUM") or shutil.which("chromium")


def launched(playwright: Playwright) -> Browser:
    """A browser."""
    path = found()
    if path is None:
        raise FileNotFoundError(MISSING)
    return playwright.chromium.launch(executable_path=path, args=list(_ARGUMENTS))

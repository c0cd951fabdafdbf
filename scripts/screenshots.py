"""Take pictures of every page, light and dark, on a desk and on a phone, for docs/pictures.md.

    .venv/bin/python scripts/screenshots.py [--store FOLDER] [VIEW ...]

The store is made by scripts/showcase/store.py where it isn't there yet. A workflow runs while the pictures
are taken. Needs Chromium (apt-get install chromium).
"""

from __future__ import annotations

import argparse
import datetime
import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts" / "showcase")]

import store  # noqa: E402

from tests.web.browser.chromium import launched  # noqa: E402

IMAGES = ROOT / "docs" / "images"
VIEWS = {
    "workflows": "/",
    "search": "/?q=user_metadata.team+%3D+%22orders%22+and+stats.duration+%3E+1min+and+statsu+%3D+FAILED",
    "running": "/workflow?id=backfill-2025",
    "workflow": "/workflow?id=orders-{yesterday}",
    "failed": "/workflow?id=orders-{failed}",
    "sweep": "/workflow?id=sweep-conv-small-2",
    "task": "/task?id=sweep-conv-small-2&task=train/rate%3D0.003/depth%3D12",
    "retried": "/task?id=orders-{yesterday}&task=fetch-coast",
    "graph": "/graph?id=orders-{yesterday}",
    "saga": "/graph?id=trip-rome",
    "compare": "/compare?a=orders-{before}&b=orders-{yesterday}",
    "functions": "/functions",
    "function": "/function?name=orders.price",
}
LONGEST = 1700
WIDE, PHONE = (1360, 850), (390, 844)
COLOURS = 200
"""What a page needs; a picture of so many takes a third of the room."""


def day(back: int) -> str:
    """The date so many days back."""
    return str(datetime.date.today() - datetime.timedelta(days=back))


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The pages, and something that goes on."""
    subprocess.run(
        [
            sys.executable,
            "-c",
            f"from heliograph import workflow; workflow.init(storage={str(folder)!r})\n"
            "if any(w == 'backfill-2025' for w, _ in workflow.list_all()): workflow.delete('backfill-2025')",
        ],
        check=True,
    )
    runs = subprocess.Popen(
        store.program(folder, "running"), env=store.environment(folder), start_new_session=True
    )
    command = [sys.executable, "-m", "heliograph", "--storage", str(folder), "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().split()[-1]
        try:
            time.sleep(8)  # something to see
            store.name_the_machine(folder)
            yield address
        finally:
            server.terminate()
            os.killpg(runs.pid, signal.SIGKILL)
            runs.wait()


def say_error(said: ConsoleMessage) -> None:
    if said.type == "error":
        print("console:", said.text)


# In every text of a page, and in those that come while it is live: the folder of the shop, on the machine
# that the store says it is of.
RENAME = """([from, to]) => {
    const rename = () => {
        const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        while (texts.nextNode())
            if (texts.currentNode.data.includes(from))
                texts.currentNode.data = texts.currentNode.data.replaceAll(from, to);
    };
    rename();
    const all = { childList: true, subtree: true, characterData: true };
    new MutationObserver(rename).observe(document.body, all);
}"""


def picture(page: Page, name: str, width: int, most: int) -> None:
    """One of them, with few colours; of a long page the beginning."""
    height = min(page.evaluate("document.documentElement.scrollHeight"), most)
    data = page.screenshot(
        full_page=True, animations="disabled", clip={"x": 0, "y": 0, "width": width, "height": height}
    )
    image = Image.open(io.BytesIO(data)).convert("RGB")
    few = image.quantize(COLOURS, kmeans=1, dither=Image.Dither.NONE)
    few.save(IMAGES / f"{name}.png", optimize=True)


def settled(page: Page) -> None:
    """All parts are there, and the canvas is drawn."""
    page.wait_for_function(
        "() => [...document.querySelectorAll('[data-load]')].every((part) => !part.dataset.load"
        " || part.dataset.loaded) && [...document.querySelectorAll('canvas, #graph')]"
        ".every((part) => part.dataset.drawn)"
    )


def take(browser: Browser, address: str, store_folder: Path, wanted: list[str]) -> None:
    """All of them."""
    dates = {"yesterday": day(1), "before": day(7), "failed": day(9)}
    for theme in ("light", "dark"):
        for device, (width, height) in (("desk", WIDE), ("phone", PHONE)):
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme=theme,
                device_scale_factor=1,
                is_mobile=device == "phone",
                has_touch=device == "phone",
                locale="en-GB",
                timezone_id="UTC",
            )
            page = context.new_page()
            page.on("pageerror", lambda error: print("error on the page:", error))
            page.on("console", say_error)
            for view in wanted:
                page.goto(address + VIEWS[view].format(**dates))
                settled(page)
                page.evaluate(RENAME, [str(store_folder), "/srv/shop"])
                picture(page, f"{view}-{device}-{theme}", width, LONGEST)
            context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("views", nargs="*", metavar="VIEW", help=f"default: all of {', '.join(VIEWS)}")
    parser.add_argument("--store", type=Path, default=Path(tempfile.gettempdir()) / "heliograph-showcase")
    given = parser.parse_args()
    made = given.store / "heliograph.db"
    if not made.exists() or datetime.date.fromtimestamp(made.stat().st_mtime) != datetime.date.today():
        shutil.rmtree(given.store, ignore_errors=True)  # else it has the dates of another day
        store.make(given.store)
    with serving(given.store) as address, sync_playwright() as playwright:
        browser = launched(playwright)
        take(browser, address, given.store, given.views or list(VIEWS))
        browser.close()


if __name__ == "__main__":
    main()

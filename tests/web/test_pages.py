"""The pages: what they show, what nobody may do through them, and that nothing on them runs."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from heliograph import web, workflow
from heliograph.insight.trend import Change
from heliograph.storage.location import locate
from heliograph.storage.questions.function_runs import EACH
from heliograph.web import actions, handling, rendering
from heliograph.web.pages.functions import LOOKED_AT
from tests.conditions import until

HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>{{7*7}}"""
TOKEN = "a token of some length"
PAGE = {"Accept": "text/html"}


class Bomb:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


@workflow.task
def give(value: Any) -> Any:
    return value


@workflow.task(max_retries=0)
def fail(what: str) -> None:
    workflow.current().log(what)
    raise ValueError(what)


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Path]:
    workflow.init(storage=tmp_path, workers="threads", num_workers=2)
    total = give.options(name="total", metadata={"unit": "m"})
    workflow.run(total.bind([give.bind(1), give.bind(2)]), workflow_id="good", metadata={"team": "blue"})
    named = fail.options(name=HOSTILE[:200], metadata={HOSTILE: HOSTILE})
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(named.bind(HOSTILE), workflow_id=HOSTILE, metadata={"k": HOSTILE})
    yield tmp_path
    workflow.shutdown()


@pytest.fixture
def client(storage: Path) -> Iterator[TestClient]:
    with TestClient(web.app(storage), base_url="http://localhost") as made:
        yield made


def csrf(page: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
    assert found is not None
    return found.group(1)


def test_an_error_that_is_cut_ends_with_an_ellipsis(client: TestClient) -> None:
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(fail.bind("the disk is full " * 20), workflow_id="long")
    for path, query in (("/", {"q": "workflow_id = long"}), ("/workflow", {"id": "long"})):
        page = client.get(path, params=query, headers=PAGE).text
        cut = [told for told in re.findall(r"ValueError: (the disk[^<]*)<", page) if len(told) < 300]
        assert cut
        assert all(len(told) <= 160 and told.endswith("…") for told in cut)


def test_an_exception_that_was_caught_stands_beside_its_task(client: TestClient) -> None:
    caught = fail.options(**workflow.options(catch_exceptions=True)).bind("no such page")
    workflow.run(give.bind(caught), workflow_id="caught")
    page = client.get("/workflow", params={"id": "caught"}, headers=PAGE).text
    assert page.count("caught ValueError: no such page") == 1
    page = client.get("/workflow", params={"id": "good"}, headers=PAGE).text
    assert "caught" not in page


def test_a_change_is_told_as_so_many_times_as_can_be_read() -> None:
    change = rendering._environment().get_template("shapes.html").module.change  # type: ignore[attr-defined]
    for ratio, said in ((1.44, "1.4 \N{MULTIPLICATION SIGN} slower"), (292_557.3, "292\u202f557 ")):
        assert said in change(Change("night-12", 1.0, ratio, ratio), "slower", "faster")


PATHS = [
    ("/", {}),
    ("/", {"q": HOSTILE}),
    ("/facets", {}),
    ("/workflow", {"id": HOSTILE}),
    ("/workflow", {"id": HOSTILE, "q": HOSTILE}),
    ("/workflow/insight", {"id": HOSTILE}),
    ("/task", {"id": HOSTILE, "task": HOSTILE[:200]}),
    ("/graph", {"id": HOSTILE}),
    ("/compare", {"a": HOSTILE, "b": "good"}),
    ("/functions", {}),
    ("/workflow", {"id": HOSTILE + "?"}),
    ("/login", {"next": HOSTILE}),
]


@pytest.mark.parametrize(("path", "query"), PATHS)
def test_nothing_of_a_tasks_own_reaches_a_page_unescaped(
    client: TestClient, path: str, query: dict[str, str]
) -> None:
    answer = client.get(path, params=query, headers=PAGE)
    assert answer.status_code in (200, 400, 404)
    assert answer.headers["content-type"].startswith("text/html")
    assert "<script>alert" not in answer.text
    assert "<img src=x" not in answer.text
    assert "49" not in re.findall(r"onerror=alert\(2\)&gt;(\S{2})", answer.text)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/workflow", {}),
        ("/workflow/insight", {}),
        ("/graph", {}),
        ("/data/graph", {}),
        ("/data/timeline", {}),
        ("/task", {"task": "sum"}),
    ],
)
@pytest.mark.parametrize("wrong", ["a\x00b", "a\nb", "x" * 513])
def test_an_id_that_nothing_can_have_is_refused(
    client: TestClient, path: str, query: dict[str, str], wrong: str
) -> None:
    assert client.get(path, params={"id": wrong} | query, headers=PAGE).status_code == 400
    if "task" in query:
        assert client.get(path, params={"id": "good", "task": wrong}, headers=PAGE).status_code == 400


def test_a_page_of_another_site_may_lead_here_and_read_nothing(client: TestClient) -> None:
    def asked(site: str, mode: str) -> int:
        headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode}
        return client.get("/api/workflows", headers=headers).status_code

    assert [asked("cross-site", mode) for mode in ("no-cors", "cors", "navigate")] == [403, 403, 200]
    assert asked("same-origin", "cors") == 200


def test_only_assets_may_be_kept_by_a_cache(client: TestClient) -> None:
    kept = {path: client.get(path).headers["cache-control"] for path in ("/", "/api/workflows", "/metrics")}
    assert set(kept.values()) == {"no-store"}, kept
    assert client.get("/static/page.js").headers["cache-control"] == "no-cache"  # asked for anew each time


def test_a_page_of_an_app_that_is_mounted_at_static_is_no_asset(storage: Path) -> None:
    mounted = Starlette(routes=[Mount("/static/flows", web.app(storage))])
    with TestClient(mounted, base_url="http://localhost") as client:
        for path, kept in (("/", "no-store"), ("/static/style.css", "no-cache")):
            assert client.get(f"/static/flows{path}", headers=PAGE).headers["cache-control"] == kept


@pytest.mark.parametrize(("path", "query"), PATHS)
def test_no_page_may_run_what_is_written_in_it(client: TestClient, path: str, query: dict[str, str]) -> None:
    answer = client.get(path, params=query, headers=PAGE)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    tags = Tags()
    tags.feed(answer.text)
    for tag, given in tags.found:
        assert not [name for name in given if name.startswith("on") or name == "style"], tag
        assert tag != "style"
        assert tag != "script" or given["src"].startswith("/static/")
        assert not given.get("href", "").startswith("javascript:")


class Tags(HTMLParser):
    """The tags of a page, each with its attributes, as a browser finds them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


def test_the_list_is_found_by_search(client: TestClient) -> None:
    assert "good" in client.get("/", params={"q": 'user_metadata.team = "blue"'}, headers=PAGE).text
    answer = client.get("/", params={"q": 'user_metadata.team = "red"'}, headers=PAGE)
    assert ">good<" not in answer.text


def test_a_key_counts_beside_the_list_if_most_of_its_values_come_back(client: TestClient) -> None:
    for number, job in enumerate(["etl", "etl", "chain", "chain", "once", "twice", "files", "files"]):
        workflow.run(give.bind(number), metadata={"job": job, "ticket": number})
    (asked,) = re.findall(r'data-load="(/facets[^"]*)"', client.get("/").text)
    assert "key=job" in asked
    assert "key=ticket" not in asked


def linked(page: str, label: str) -> list[tuple[int, int]]:
    """What links to narrower lists say that they lead to, and how many workflows those list."""
    told = []
    for href, rest in re.findall(r'<a href="([^"]*)"(.*?)</a>', page, re.DOTALL):
        query = parse_qs(urlsplit(unescape(href)).query)["q"][0]
        count = re.search(label, rest)
        assert count is not None
        told.append((int(count.group(1)), len(workflow.search(query)["found"])))
    return told


@pytest.mark.parametrize("query", ["(status = SUCCESSFUL)or(status\t= FAILED)", " \t"])
def test_a_search_is_narrowed_as_a_whole(client: TestClient, query: str) -> None:
    narrower = linked(client.get("/facets", params={"q": query}).text, r'class="num">(\d+)<')
    assert len(narrower) >= 2
    assert all(count == found for count, found in narrower)


def test_a_value_beside_the_list_reads_as_in_a_search(client: TestClient) -> None:
    workflow.run(give.bind(1), metadata={"is_new": True})
    page = client.get("/facets", params={"key": "is_new"}).text
    assert ">true</span>" in page
    assert linked(page.partition("is_new")[2], r'class="num">(\d+)<') == [(1, 1)]


def test_a_long_text_beside_the_list_leads_to_those_that_have_it(client: TestClient) -> None:
    for number in (1, 2, 2):
        workflow.run(give.bind(number), metadata={"story": f"{'long ' * 100}{number}"})
    page = client.get("/facets", params={"key": "story"}).text
    assert linked(page.partition("story")[2], r'class="num">(\d+)<') == [(2, 2), (1, 1)]


def test_beside_the_list_nothing_is_counted_by_what_is_damaged(client: TestClient, storage: Path) -> None:
    with contextlib.closing(sqlite3.connect(storage / "heliograph.db", isolation_level=None)) as database:
        assert database.execute("UPDATE workflows SET name = x'00' WHERE workflow_id = 'good'").rowcount
    page = client.get("/facets").text
    assert re.findall(r"<h2>(\w+)</h2>", page) == ["status"]


def test_a_bar_leads_to_those_that_it_counts(client: TestClient, storage: Path) -> None:
    workflow.run(give.bind(3), workflow_id="third")
    with contextlib.closing(sqlite3.connect(storage / "heliograph.db", isolation_level=None)) as database:
        for at, name in ((1000.9, "good"), (1001.95, "third"), (1003.8, HOSTILE)):
            database.execute("UPDATE workflows SET created_time = ? WHERE workflow_id = ?", (at, name))
    bars = linked(client.get("/activity").text, r'aria-label="(\d+) started')
    assert bars == [(1, 1)] * 3


def test_what_changes_while_a_page_is_made_is_told_to_it(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow.run_async(give.bind(workflow.sleep(600)), workflow_id="stopped")
    asked = workflow.get_history

    def cancelled(workflow_id: str) -> Any:
        workflow.cancel(workflow_id)
        return asked(workflow_id)

    def seen() -> str:
        page = client.get("/workflow", params={"id": "stopped"}, headers=PAGE).text
        assert (">RUNNING<" in page) == (workflow.get_history is cancelled)
        return re.findall(r'data-live="[^"]*seen=(\w+)"', page)[0]

    monkeypatch.setattr(workflow, "get_history", cancelled)
    early = seen()
    monkeypatch.undo()
    assert early != seen()


def test_a_sleep_is_left_though_nothing_has_ended_yet(client: TestClient) -> None:
    workflow.run_async(workflow.sleep(6000), workflow_id="sleeps")
    page = client.get("/workflow/insight", params={"id": "sleeps"}).text
    assert re.search(r"about 1 h \d\d min</p>", page)
    workflow.cancel("sleeps")


def test_a_run_that_was_cancelled_took_time_too(client: TestClient) -> None:
    workflow.run_async(give.bind(workflow.sleep(600)), workflow_id="stopped")
    workflow.cancel("stopped")
    page = client.get("/workflow", params={"id": "stopped"}, headers=PAGE).text
    assert re.search(r'data-name="took">\d+(\.\d+)? m?s<', page)
    assert re.search(r"<dt>took</dt><dd>\d+(\.\d+)? m?s<", page)


def test_pages_of_functions_say_how_much_is_looked_at(client: TestClient) -> None:
    each = f"at most {EACH:,} attempts"
    assert (
        f"the newest {LOOKED_AT} workflows that have it, and of one {each}"
        in client.get("/functions/rows").text
    )
    assert f"Of each {each}" in client.get("/function", params={"name": f"{__name__}.give"}).text
    assert f"{each} of each" in (workflow.trend.__doc__ or "")


def test_a_search_that_is_wrong_is_told(client: TestClient) -> None:
    answer = client.get("/", params={"q": "status ="}, headers=PAGE)
    assert "status =" in answer.text
    api = client.get("/api/workflows", params={"q": "status ="})
    assert api.status_code == 400
    assert api.json()["error"]["at"] >= len("status =") - 1


def test_a_parameter_that_there_is_not_is_told(client: TestClient) -> None:
    answer = client.get("/api/workflows", params={"where": "status = FAILED"})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == (
        "there is no parameter 'where' here; there are: q, order, limit, after"
    )


def test_a_workflow_and_its_tasks(client: TestClient) -> None:
    page = client.get("/workflow", params={"id": "good"}, headers=PAGE).text
    assert "3 of 3 tasks" in page
    assert "total" in page
    assert "blue" in page
    insight = client.get("/workflow/insight", params={"id": "good"}, headers=PAGE).text
    assert re.search(r" % of the time; \d+(\.\d+)? [mµ]?s of CPU<", insight)
    task = client.get("/task", params={"id": "good", "task": "total"}, headers=PAGE).text
    assert "list" in task
    assert "builtins" not in task


@workflow.task
def diverge() -> None:
    for loss in (0.5, float("nan"), 0.25):
        workflow.current().metric("loss", loss)
    workflow.current().metric("accuracy", float("inf"))


def test_metrics_that_are_not_finite(client: TestClient) -> None:
    workflow.run(diverge.options(name="train").bind(), workflow_id="diverged")
    page = client.get("/task?id=diverged&task=train").text
    loss, accuracy = re.findall(r"<figure>(.*?)</figure>", page, re.DOTALL)
    assert all(what in loss for what in ("<polyline", ">0.25<", "3 values, ", "1 of them not finite"))
    assert "<polyline" not in accuracy
    assert "1 value, " in accuracy
    points = client.get("/api/workflow/metrics", params={"id": "diverged"}).json()
    assert [point["value"] for point in points] == [0.5, None, 0.25, None]


def test_a_critical_path_tells_the_attempts_of_a_task_apart(client: TestClient) -> None:
    caught = fail.options(name="tried", max_retries=1, retry_exceptions=True, catch_exceptions=True)
    workflow.run(give.options(name="last").bind(caught.bind("no")), workflow_id="tried")
    page = client.get("/workflow/insight", params={"id": "tried"}, headers=PAGE).text
    links = page[page.index("Critical path") :].split("<tr>")[2:5]
    assert [re.findall(r"<small>(.*?)</small>", link) for link in links] == [
        ["attempt 1, FAILED"],
        ["attempt 2, FAILED"],
        [],
    ]


def test_functions_that_differ_are_told_apart_by_the_beginning_of_a_hash(client: TestClient) -> None:
    def first() -> int:
        return 1

    def second() -> int:
        return 2

    for number, version in enumerate((first, second)):
        version.__qualname__ = "version"
        workflow.run(workflow.task(version).options(name="only").bind(), workflow_id=f"v{number}")
    page = client.get("/compare", params={"a": "v0", "b": "v1"}, headers=PAGE).text
    whole, shown = zip(
        *re.findall(r'title="sha256 of its source: ([0-9a-f]{64})">([0-9a-f]{12})…', page), strict=True
    )
    assert len(set(shown)) == 2
    assert [one[:12] for one in whole] == [*shown]


def test_the_api_says_what_is_stored(client: TestClient) -> None:
    found = client.get("/api/workflows").json()
    assert {one["workflow_id"] for one in found["found"]} == {"good", HOSTILE}
    described = client.get("/api/openapi.json").json()
    assert described["openapi"].startswith("3.")
    for path in described["paths"]:
        assert path.startswith("/api/")
    assert 'heliograph_workflows{status="SUCCESSFUL"} 1' in client.get("/metrics").text


@pytest.mark.parametrize(("given", "tasks"), [("true", 4), ("1", 4), ("0", 2), ("", 2)])
def test_what_is_counted_is_said_by_true_or_false(client: TestClient, given: str, tasks: int) -> None:
    assert client.get("/api/summary", params={"tasks": given}).json()[0]["count"] == tasks
    refused = client.get("/api/fields", params={"tasks": "yes"})
    assert refused.status_code == 400
    assert refused.json()["error"]["message"] == "tasks must be true or false, not 'yes'"


def test_values_are_never_unpickled(storage: Path, tmp_path: Path) -> None:
    mark = tmp_path / "unpickled"
    workflow.run_async(give.options(name="bomb").bind([1]), workflow_id="other").result(30)
    workflow.run_async(make_bomb.options(name="bomb").bind(str(mark)), workflow_id="bomb")
    until(lambda: workflow.get_status("bomb") == "SUCCESSFUL")  # who asks the output itself, loads it
    with TestClient(web.app(storage), base_url="http://localhost") as client:
        for path, query in [
            ("/", {}),
            ("/workflow", {"id": "bomb"}),
            ("/workflow/insight", {"id": "bomb"}),
            ("/task", {"id": "bomb", "task": "bomb"}),
            ("/graph", {"id": "bomb"}),
            ("/compare", {"a": "bomb", "b": "good"}),
        ]:
            assert client.get(path, params=query, headers=PAGE).status_code == 200
    assert not mark.exists()


@workflow.task
def make_bomb(mark: str) -> Any:
    return Bomb(Path(mark))


@pytest.mark.parametrize("action", ["cancel", "resume", "delete"])
def test_a_change_needs_a_form_of_this_server(client: TestClient, action: str) -> None:
    form = {"do": action, "id": "good", "confirmed": "yes"}
    assert client.post("/act", data=form).status_code == 403
    assert client.post("/act", data=form | {"csrf": "0" * 64}).status_code == 403
    mine = form | {"csrf": csrf(client.get("/workflow", params={"id": "good"}, headers=PAGE).text)}
    assert client.post("/act", data=mine, headers={"Origin": "http://evil.example"}).status_code == 403
    assert workflow.get_status("good") == "SUCCESSFUL"


def test_a_delete_is_asked_once_more_and_then_done(client: TestClient) -> None:
    form = {"do": "delete", "id": "good", "csrf": csrf(client.get("/", headers=PAGE).text)}
    asked = client.post("/act", data=form, headers=PAGE)
    assert asked.status_code == 200
    assert workflow.get_status("good") == "SUCCESSFUL"
    done = client.post("/act", data=form | {"confirmed": "yes"}, headers=PAGE)
    assert "deleted" in done.text
    with pytest.raises(workflow.WorkflowNotFoundError):
        workflow.get_status("good")


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str]]]:
    """What processes would be begun: their command lines and environments."""
    begun: list[tuple[list[str], dict[str, str]]] = []

    class Ended:
        pid = returncode = 0

        def __init__(self, command: list[str], env: dict[str, str], **_: Any) -> None:
            begun.append((command, env))

        def poll(self) -> int:
            return 0

    monkeypatch.setattr(actions.subprocess, "Popen", Ended)
    return begun


def test_no_password_stands_on_the_command_line_of_a_resume(
    client: TestClient, begun: list[tuple[list[str], dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    client.app.state.site = replace(client.app.state.site, storage="postgresql://ann:s3cret@db/flows")
    monkeypatch.setattr(actions, "open_storage", lambda _: None)
    assert client.post("/api/workflow/resume", json={"id": "good"}).json()["done"][0]["ok"]
    [(command, environment)] = begun
    assert "s3cret" not in " ".join(command)
    assert environment["HELIOGRAPH_STORAGE"] == "postgresql://ann:s3cret@db/flows"


@pytest.mark.parametrize("by", ["init", "variable"])
def test_a_resume_from_an_app_without_a_storage_is_told_all_of_its_programs(
    begun: list[tuple[list[str], dict[str, str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    storage = f"sqlite:///{tmp_path / 'flows.db'}?values={tmp_path / 'elsewhere'}"
    if by == "variable":
        monkeypatch.setenv("HELIOGRAPH_STORAGE", storage)
    workflow.init(storage=storage if by == "init" else None, workers="threads", num_workers=1)
    try:
        workflow.run(give.bind(1), workflow_id="good")
        with TestClient(web.app(), base_url="http://localhost") as client:
            assert client.post("/api/workflow/resume", json={"id": "good"}).json()["done"][0]["ok"]
    finally:
        workflow.shutdown()
    [(_, environment)] = begun
    assert locate(environment["HELIOGRAPH_STORAGE"]) == locate(storage)


def test_a_program_changes_things_with_json_only(client: TestClient) -> None:
    body = json.dumps({"id": "good"})
    plain = client.post("/api/workflow/delete", content=body, headers={"Content-Type": "text/plain"})
    assert plain.status_code == 415
    refused = client.post("/api/workflow/cancel", json={"id": "nope"})
    assert refused.status_code == refused.json()["error"]["code"] == 404
    assert "No such workflow_id 'nope'" in refused.json()["error"]["message"]
    assert client.post("/api/workflow/cancel", json={"id": "good"}).status_code == 409
    assert client.post("/api/workflow/explode", json={"id": "good"}).status_code == 400
    for wrong in (
        {"id": 7, "ids": ["good"]},
        {"id": "good", "ids": []},
        {"id": None},
        {"ids": "good"},
        {},
        ["good"],
    ):
        assert client.post("/api/workflow/delete", json=wrong).status_code == 400, wrong
    both = client.post("/api/workflow/cancel", json={"id": "nope", "ids": ["neither"]}).json()["done"]
    assert [one["workflow_id"] for one in both] == ["neither", "nope"]
    assert client.post("/api/workflow/delete", json={"id": "good"}).json()["done"][0]["ok"]


def test_a_server_that_only_reads(storage: Path) -> None:
    with TestClient(web.app(storage, read_only=True), base_url="http://localhost") as client:
        page = client.get("/workflow", params={"id": "good"}, headers=PAGE).text
        assert 'action="/act"' not in page
        assert client.post("/act", data={"do": "delete", "id": "good"}).status_code == 403
        assert client.post("/api/workflow/delete", json={"id": "good"}).status_code == 403
    assert workflow.get_status("good") == "SUCCESSFUL"


def test_who_has_no_token_sees_nothing_but_the_login(storage: Path) -> None:
    with TestClient(web.app(storage, token=TOKEN), base_url="http://localhost") as client:
        away = client.get("/workflow?id=good", headers=PAGE, follow_redirects=False)
        assert away.status_code == 303
        assert away.headers["location"].startswith("/login?next=")
        assert client.get("/api/workflows").status_code == 401
        assert client.get("/metrics").status_code == 401
        wrong = client.post("/login", data={"token": "guessed", "next": "/"}, follow_redirects=False)
        assert wrong.status_code == 401
        assert "set-cookie" not in wrong.headers
        right = client.post("/login", data={"token": TOKEN, "next": "//evil.example"}, follow_redirects=False)
        assert right.headers["location"] == "/"
        cookie = right.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert TOKEN not in right.headers["set-cookie"]
        assert "good" in client.get("/", headers=PAGE).text


@pytest.mark.parametrize(
    ("path", "query"),
    [("/workflow/insight", {"id": "good"}), ("/api/compare", {"a": "good", "b": "gone"})],
)
def test_of_a_very_large_workflow_another_process_tells_the_same(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, path: str, query: dict[str, str]
) -> None:
    here = client.get(path, params=query, headers=PAGE)
    monkeypatch.setattr(handling, "LARGE", 1)
    apart = client.get(path, params=query, headers=PAGE)
    assert (apart.status_code, apart.text) == (here.status_code, here.text)
    assert apart.headers["content-type"] == here.headers["content-type"]
    assert "default-src 'none'" in apart.headers["content-security-policy"]


@pytest.mark.filterwarnings("ignore::heliograph.errors.DamagedWarning")
def test_a_damaged_workflow_is_on_the_list_and_can_be_deleted(storage: Path) -> None:
    with contextlib.closing(sqlite3.connect(storage / "heliograph.db", isolation_level=None)) as database:
        database.execute("UPDATE workflows SET progress = '[1]' WHERE workflow_id = 'good'")
    with TestClient(web.app(storage), base_url="http://localhost") as client:
        page = client.get("/", headers=PAGE).text
        assert "of workflow &#39;good&#39; can&#39;t be understood: progress is" in page
        assert 'name="id" value="good"' in page
        assert "<script>alert" not in page
        answer = client.get("/api/workflows").json()
        assert [one["workflow_id"] for one in answer["found"]] == [HOSTILE]
        assert [one["workflow_id"] for one in answer["damaged"]] == ["good"]
        form = {"do": "delete", "id": "good", "csrf": csrf(page), "confirmed": "yes"}
        assert "deleted" in client.post("/act", data=form, headers=PAGE).text
        assert "damaged" not in client.get("/api/workflows").json()


def test_blanks_are_shown_whatever_their_width() -> None:
    """A narrow one parts the thousands of a number, a wide one words in Japanese: neither is escaped."""
    template = rendering._environment().from_string("{{ count|whole }} {{ name }}")
    assert template.render(count=5001, name="\u6771\u4eac\u3000\u5e97\x1b") == (
        "5\u202f001 \u6771\u4eac\u3000\u5e97\\x1b"
    )

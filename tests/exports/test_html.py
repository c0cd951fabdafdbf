"""The report: HTML without a fault, with all that is hostile shown and none of it obeyed, and no way out."""

from __future__ import annotations

import re

import html5lib

from heliograph import workflow
from tests.exports.conftest import HOSTILE, TASK

ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "h1", "h2", "table", "tbody", "tr", "th", "td"),
    *("span", "p", "div", "ol", "li", "pre", "svg", "g", "line", "text", "rect"),
}


def page(workflow_id: str) -> str:
    return workflow.export(workflow_id, "html").text


def test_it_is_html_of_known_elements_only(workflow_id: str) -> None:
    tree = html5lib.HTMLParser(strict=True).parse(page(workflow_id))
    names = {element.tag.rpartition("}")[2] for element in tree.iter() if isinstance(element.tag, str)}
    assert names <= ALLOWED
    attributes = {name for element in tree.iter() for name in element.attrib}
    assert not {name for name in attributes if name.startswith("on") or name in ("src", "href")}


def test_it_asks_nothing_of_any_network(workflow_id: str) -> None:
    text = page(workflow_id)
    assert "default-src 'none'" in text
    shown = re.sub(r"<[^>]*>", "", text)
    assert not re.search(r"https?://|@import|url\(", text.replace(shown, ""))


def test_what_is_hostile_is_shown() -> None:
    tree = html5lib.parse(page("bad"))
    said = " ".join("".join(tree.itertext()).split())
    assert TASK in said
    assert "</script><script>alert(1)</script>" in said
    assert HOSTILE.split("\x1b")[0].strip() in said
    assert "\\x1b[31m\\u202e" in said


def test_the_timeline_has_a_bar_for_every_attempt() -> None:
    tree = html5lib.parse(page("good"))
    titles = [element for element in tree.iter() if element.tag.endswith("}g")]
    attempts = sum(len(task["attempts"]) for task in workflow.get_tasks("good"))
    assert len(titles) == attempts

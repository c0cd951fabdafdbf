#!/usr/bin/env python
"""Write docs/reference: every public name, with what its docstring says.

Run it as `make reference` after a docstring, a signature or `workflow.__all__` has changed; a test compares.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import griffe

INTERNAL: Final = ("Task.refers", "Task.check", "StorageCorruptError.of_row")
"""What is public only to other rooms of the package."""
ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / "docs" / "reference"
WIDTH: Final = 88


@dataclass(frozen=True, slots=True)
class Topic:
    """A page.

    Attributes:
        file: its name.
        title: its first line.
        about: what it is for.
        names: of what is in `heliograph.workflow`, or dotted below `heliograph`, in the order of the page.
    """

    file: str
    title: str
    about: str
    names: Sequence[str]


TOPICS: Final = tuple(
    Topic(**topic) for topic in tomllib.loads(Path(__file__).with_suffix(".toml").read_text())["topics"]
)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    pages = rendered()
    for old in set(FOLDER.iterdir()) - pages.keys():
        old.unlink()
    for path, text in pages.items():
        path.write_text(text)


def rendered() -> dict[Path, str]:
    """The pages, by their paths."""
    package = griffe.load("heliograph", search_paths=[ROOT / "src"], resolve_aliases=True)
    assert isinstance(package, griffe.Module)
    entries = {
        name: Entry.of(topic, name, package[name if "." in name else f"workflow.{name}"])
        for topic in TOPICS
        for name in topic.names
    }
    links = {entry.shown: f"{entry.topic.file}#{entry.anchor}" for entry in entries.values()}
    pages = {FOLDER / "README.md": "\n".join(_index(entries))}
    for topic in TOPICS:
        lines = [f"# {topic.title}", "", topic.about, ""]
        for name in topic.names:
            lines += _lines(entries[name])
        pages[FOLDER / topic.file] = _linked("\n".join(lines), topic, links)
    return pages


@dataclass(frozen=True, slots=True)
class Entry:
    """A public name.

    Attributes:
        topic: the page that it is on.
        shown: how programs write it.
        target: what it is.
    """

    topic: Topic
    shown: str
    target: griffe.Object

    @classmethod
    def of(cls, topic: Topic, name: str, member: griffe.Object | griffe.Alias) -> Entry:
        """What a name of a topic stands for; an answer's class goes by its own name."""
        target = member.final_target if isinstance(member, griffe.Alias) else member
        if "." in name:
            return cls(topic, target.name if target.is_class else target.path, target)
        return cls(topic, name, target)

    @property
    def title(self) -> str:
        """Its heading."""
        return f"class {self.shown}" if self.target.is_class else self.shown

    @property
    def anchor(self) -> str:
        """What leads to its heading, as forges spell it."""
        return re.sub(r"[^\w -]", "", self.title.lower()).replace(" ", "-")

    @property
    def summary(self) -> str:
        """The first sentence of its docstring."""
        text = _of(self.target).partition("\n\n")[0]
        return re.split(r"(?<=[.:]) ", " ".join(text.split()), maxsplit=1)[0].rstrip(":")


def _index(entries: dict[str, Entry]) -> Iterator[str]:
    yield "# Reference"
    yield ""
    yield "Every public name, with what its docstring says. All are in `heliograph.workflow`, but for"
    yield "`heliograph.web.app` and the classes of answers. How they go together: [guide](../guide.md)."
    yield "(`workflow.exceptions` and `workflow.event_listener` are modules that have the errors and the"
    yield "listeners too, as old programs import them. `make reference` writes these pages.)"
    for topic in TOPICS:
        yield from ("", f"## [{topic.title}]({topic.file})", "", "| name | what it is |", "| --- | --- |")
        for name in topic.names:
            entry = entries[name]
            summary = entry.summary.replace("``", "`").replace("|", "\\|")
            yield f"| [`{entry.shown}`]({topic.file}#{entry.anchor}) | {summary} |"
    yield ""


def _lines(entry: Entry) -> Iterator[str]:
    target = entry.target
    yield from (f"## {entry.title}", "")
    if isinstance(target, griffe.Class):
        yield from _of_class(entry.shown, target)
    else:
        yield from _of_function(entry.shown, target)


def _of_class(shown: str, target: griffe.Class) -> Iterator[str]:
    kinds = [str(base) for base in target.bases]
    if above := [kind for kind in kinds if kind.endswith(("Error", "Warning"))]:
        yield from (f"A kind of {', '.join(f'`{kind}`' for kind in above)}.", "")
    yield from _told(target)
    members = [
        member.final_target if isinstance(member, griffe.Alias) else member
        for name, member in target.members.items()
        if not name.startswith("_") and f"{shown}.{name}" not in INTERNAL
    ]
    values = [one for one in members if one.is_attribute and "property" not in one.labels and one.docstring]
    if values:
        yield from (_item(f"`{one.name}`", _of(one)) for one in values)
        yield ""
    for member in members:
        if member.docstring and member not in values:
            yield from (f"### {shown}.{member.name}", "")
            yield from _of_function(f"{shown}.{member.name}", member)


def _of_function(shown: str, target: griffe.Object) -> Iterator[str]:
    if isinstance(target, griffe.Function):
        forms = target.overloads or [target]
        yield from ("```py", *(line for form in forms for line in _signature(shown, form)), "```", "")
    yield from _told(target)


def _signature(shown: str, target: griffe.Function) -> list[str]:
    parts: list[str] = []
    kinds = griffe.ParameterKind
    before = None
    for parameter in target.parameters:
        if parameter.name in ("self", "cls"):
            continue
        if before is kinds.positional_only is not parameter.kind:
            parts.append("/")
        if parameter.kind is kinds.keyword_only and before not in (kinds.keyword_only, kinds.var_positional):
            parts.append("*")
        before = parameter.kind
        stars = {kinds.var_positional: "*", kinds.var_keyword: "**"}.get(before, "")
        default = "" if stars or parameter.default is None else f" = {_value(parameter.default, target)}"
        parts.append(f"{stars}{parameter.name}: {_type(parameter.annotation, target)}{default}")
    if before is kinds.positional_only:
        parts.append("/")
    line = f"{shown}({', '.join(parts)}) -> {target.returns}"
    if len(line) <= WIDTH:
        return [line]
    return [f"{shown}(", *(f"    {part}," for part in parts), f") -> {target.returns}"]


def _value(default: griffe.Expr | str, target: griffe.Object) -> str:
    """A default; of a constant of the module, what that stands for."""
    constant = target.module.members.get(str(default))
    if isinstance(constant, griffe.Alias):
        is_ours = constant.target_path.startswith("heliograph.")
        constant = constant.final_target if is_ours else None
    return str(constant.value if isinstance(constant, griffe.Attribute) else default)


def _type(annotation: griffe.Expr | str | None, target: griffe.Object) -> str:
    """A type, with what a name that the module gave to another one stands for; type variables stay."""

    def meant(found: re.Match[str]) -> str:
        value = _value(found[0], target)
        return found[0] if value.startswith(("TypeVar", "ParamSpec")) else value

    return re.sub(r"\b[A-Z]\w+\b", meant, str(annotation))


def _told(target: griffe.Object) -> Iterator[str]:
    docstring = target.docstring
    if docstring is None:
        return
    # Types of arguments are in the signature; what is returned is told in words, and in several lines.
    for section in docstring.parse("google", returns_multiple_items=False, returns_named_value=False):
        match section:
            case griffe.DocstringSectionText():
                yield from _prose(section.value)
            case griffe.DocstringSectionParameters():
                yield from ("Arguments:", "")
                yield from (_item(f"`{one.name}`", one.description) for one in section.value)
                yield ""
            case griffe.DocstringSectionAttributes():
                yield from ("Attributes:", "")
                for one in section.value:
                    kind = "" if one.annotation is None else f" (`{_type(one.annotation, target)}`)"
                    yield _item(f"`{one.name}`{kind}", one.description)
                yield ""
            case griffe.DocstringSectionRaises():
                yield from ("Raises:", "")
                yield from (_item(_names(str(one.annotation)), one.description) for one in section.value)
                yield ""
            case griffe.DocstringSectionReturns() | griffe.DocstringSectionYields():
                (what,) = section.value
                # What stands before a colon in its first line is taken for a type.
                begin = f"{what.annotation}: " if isinstance(what.annotation, str) else ""
                yield from (f"{section.kind.value.capitalize()}: {_plain(begin + what.description)}", "")
            case _:
                raise ValueError(f"{target.path}: nobody has said how {section.kind} is shown")


def _prose(text: str) -> Iterator[str]:
    """Paragraphs; those that are examples as such."""
    for paragraph in text.split("\n\n"):
        is_example = paragraph.startswith(">>>")
        yield from (("```pycon", paragraph, "```", "") if is_example else (_plain(paragraph), ""))


def _item(name: str, description: str) -> str:
    return f"- {name}: {_plain(description)}".replace("\n", "\n  ")


def _names(annotation: str) -> str:
    return ", ".join(f"`{name}`" for name in re.findall(r"[\w.]+", annotation))


def _plain(text: str) -> str:
    return text.replace("``", "`")


def _of(target: griffe.Object) -> str:
    return "" if target.docstring is None else target.docstring.value


def _linked(page: str, topic: Topic, links: dict[str, str]) -> str:
    """The page with a link wherever it names what has an entry, but for signatures and examples."""

    def link(found: re.Match[str]) -> str:
        if found[1] is None:
            return found[0]
        name = found[1].removeprefix("workflow.")
        # A plain word in lower case, such as `run`, may be a key or an attribute; the name of an item is one.
        is_word = found[1].isalpha() and found[1].islower()
        is_item = found[1].islower() and page.startswith("\n- ", found.start() - 3)
        to = None if is_word or is_item else links.get(name)
        return found[0] if to is None else f"[{found[0]}]({to.removeprefix(topic.file)})"

    return re.sub(r"^```.*?^```$|(?<!\[)`([\w.]+)`", link, page, flags=re.MULTILINE | re.DOTALL)


if __name__ == "__main__":
    main()

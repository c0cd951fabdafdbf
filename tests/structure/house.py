"""Reads the house: every import of the library, wherever it stands, and what the design says of it.

Nothing is imported here: the source is read. So imports that a function makes when it is called count, and so
do those under `TYPE_CHECKING`, which nobody makes but a type checker.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

NAME = "heliograph"

FLOORS: Sequence[Sequence[str]] = (
    ("errors", "host"),
    ("graph",),
    ("records",),
    ("search",),
    ("scheduling",),
    ("storage",),
    ("engines",),
    ("insight",),
    ("reading",),
    ("keeping",),
    ("workflow",),
    (NAME,),  # the package itself: it holds `workflow`
    ("web",),
    ("cli", "__main__"),
)
"""From the ground up. A floor imports itself and those below it."""

ROOMS: Mapping[str, Sequence[Sequence[str]]] = {
    "storage": (
        ("entries", "liveness", "location", "remembering"),
        ("tables",),
        ("statements",),
        ("engines",),
        ("rows",),
        ("databases",),
        ("values",),
        ("journal",),
        ("upkeep",),
        ("versions",),
        ("questions",),
        ("composed",),
        ("requests", "searching"),
        ("store", "rendering"),
    ),
}
"""Within a floor, from the ground up. A room imports itself and those below it."""

PURE = ("graph", "records", "scheduling", "search", "insight")
OUTSIDE_WORLD = frozenset(
    [
        *("asyncio", "concurrent", "datetime", "fsspec", "getpass", "glob", "http", "importlib", "inspect"),
        *("linecache", "logging", "multiprocessing", "os", "pathlib", "platform", "psutil", "queue"),
        *("random", "sched", "secrets", "select", "selectors", "shutil", "signal", "socket"),
        *("socketserver", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time", "tokenize"),
        *("urllib", "uuid", "_thread"),
    ]
)
"""Modules by which code reaches files, sockets, processes, threads, clocks and chance."""
REACHING_CALLS = frozenset({"open", "input", "print"})

ONLY_IN: Mapping[str, str] = {"ray": "engines/ray", "sqlalchemy": "storage", "psycopg": "storage"}
"""Libraries that one room knows and no other."""

DOORS = ("cli", "web")
PUBLIC = (NAME, f"{NAME}.workflow", f"{NAME}.errors", f"{NAME}.records.status", f"{NAME}.insight")
"""What a door may import: what a user's program would, the statuses, and what records mean."""

NO_ROOM = frozenset(
    {"base", "common", "core", "helper", "helpers", "manager", "managers", "misc", "shared", "util", "utils"}
)
MOST_LINES = 500

ALLOWED: Mapping[tuple[str, str], str] = {
    (
        "graph/function.py",
        "inspect",
    ): "hashes a function's source, so that a later run can tell that it changed",
    ("graph/function.py", "importlib"): "a worker finds the function again by its module and name",
    ("graph/task.py", "inspect"): "compares arguments with the signature when a task is bound; reads no file",
    ("insight/exports/identity.py", "datetime"): "writes a time that it is given as RFC 3339; reads no clock",
    ("cli/storage.py", f"{NAME}.storage.location"): "tells whether there is a storage without making one",
    (
        "web/actions.py",
        f"{NAME}.engines.place",
    ): "the process of a resumed workflow needs the storage with its password, which no public call tells",
    (
        "workflow.py",
        "lines",
    ): "every public function with its whole documentation; each is a few lines of code",
}
"""What breaks a rule all the same, with the reason. One that is not needed any more has to go."""


@dataclass(frozen=True)
class Import:
    """One import.

    Attributes:
        line: where.
        target: dotted name of what is imported; of the library itself: the module.
        lazy: it is not made when the module is imported.
    """

    line: int
    target: str
    lazy: bool


@dataclass
class Module:
    path: str
    name: str
    tree: ast.Module
    lines: int
    imports: list[Import] = field(default_factory=list)

    @property
    def floor(self) -> str:
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 else parts[0]


@dataclass(frozen=True)
class Problem:
    """A rule that is broken.

    Attributes:
        path: the module's, below the package.
        what: what `ALLOWED` calls it.
        story: it, in a sentence.
    """

    path: str
    what: str
    story: str

    def __str__(self) -> str:
        return f"{self.path}: {self.story}"


def read(root: Path, name: str = NAME) -> list[Module]:
    """The modules below a package's folder."""
    modules = []
    for file in sorted(root.rglob("*.py")):
        parts = file.relative_to(root).with_suffix("").parts
        text = file.read_text("utf-8")
        dotted = ".".join([name, *(part for part in parts if part != "__init__")])
        modules.append(
            Module(file.relative_to(root).as_posix(), dotted, ast.parse(text), len(text.splitlines()))
        )
    known = {module.name for module in modules}
    for module in modules:
        module.imports = sorted(set(_imports(module, known)), key=lambda found: (found.line, found.target))
    return modules


def _imports(module: Module, known: set[str]) -> Iterator[Import]:
    package = module.name if module.path.endswith("__init__.py") else module.name.rpartition(".")[0]

    def visit(node: ast.AST, lazy: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            yield from found(child, lazy)
            if isinstance(child, ast.If) and _is_type_checking(child.test):
                yield from visit(ast.Module(child.body, []), lazy=True)
                yield from visit(ast.Module(child.orelse, []), lazy)
            else:
                inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                yield from visit(child, lazy or inside)

    def found(node: ast.AST, lazy: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name, lazy)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                deeper = f"{source}.{alias.name}"
                yield Import(node.lineno, deeper if deeper in known else source, lazy)
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__"):
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield Import(node.lineno, first.value, lazy=True)

    return visit(module.tree, lazy=False)


def _is_type_checking(test: ast.expr) -> bool:
    return "TYPE_CHECKING" in (getattr(test, "id", None), getattr(test, "attr", None))


def _called(node: ast.Call) -> str | None:
    return getattr(node.func, "id", None) or getattr(node.func, "attr", None)


def problems(modules: list[Module]) -> list[Problem]:
    """Every rule that is broken, those in `ALLOWED` too."""
    return [
        *_upward(modules),
        *_upstairs(modules),
        *_cycles(modules),
        *_strangers(modules),
        *_impure(modules),
        *_doors(modules),
        *_shapes(modules),
    ]


def _upward(modules: list[Module]) -> Iterator[Problem]:
    height = {floor: number for number, floors in enumerate(FLOORS) for floor in floors}
    for module in modules:
        if module.floor not in height:
            yield Problem(module.path, "floor", f"{module.floor!r} is on no floor of the house")
            continue
        for found in module.imports:
            if _top(found.target) != NAME:
                continue
            floor = found.target.split(".")[1] if "." in found.target else NAME
            if height.get(floor, -1) > height[module.floor]:
                yield Problem(module.path, found.target, f"line {found.line} imports upwards: {found.target}")


def _upstairs(modules: list[Module]) -> Iterator[Problem]:
    """As `_upward`, among the rooms of one floor."""
    for floor, rooms in ROOMS.items():
        height = {room: number for number, level in enumerate(rooms) for room in level}
        inside = f"{NAME}.{floor}."
        for module in modules:
            if not module.name.startswith(inside):
                continue
            room = module.name.removeprefix(inside).split(".")[0]
            if room not in height:
                yield Problem(module.path, "room", f"{room!r} is no room of {floor}")
                continue
            for found in module.imports:
                other = found.target.removeprefix(inside).split(".")[0]
                if found.target.startswith(inside) and height.get(other, -1) > height[room]:
                    yield Problem(
                        module.path,
                        found.target,
                        f"line {found.line} imports from a room above: {found.target}",
                    )


def _cycles(modules: list[Module]) -> Iterator[Problem]:
    """Modules that need each other while they are imported; the shortest way round, once."""
    known = {module.name: module for module in modules}
    needs = {module.name: _needed(module, known) for module in modules}
    seen: set[frozenset[str]] = set()
    for start in sorted(needs):
        way = _way_round(start, needs)
        if way and frozenset(way) not in seen:
            seen.add(frozenset(way))
            yield Problem(known[start].path, "cycle", f"imports itself by way of {' -> '.join(way)}")


def _needed(module: Module, known: Mapping[str, Module]) -> list[str]:
    """What is imported when a module is; packages on the way too, but for those it is in itself."""
    needed = set()
    for found in module.imports:
        parts = found.target.split(".")
        if not found.lazy and parts[0] == NAME:
            on_the_way = {".".join(parts[:count]) for count in range(1, len(parts))}
            needed |= {name for name in on_the_way if not module.name.startswith(f"{name}.")}
            needed.add(found.target)
    return sorted(needed & set(known) - {module.name})


def _way_round(start: str, needs: Mapping[str, list[str]]) -> list[str] | None:
    ways = [[start]]
    passed = set()
    for way in ways:
        for name in needs[way[-1]]:
            if name == start:
                return [*way, start]
            if name not in passed:
                passed.add(name)
                ways.append([*way, name])
    return None


def _strangers(modules: list[Module]) -> Iterator[Problem]:
    for module in modules:
        for found in module.imports:
            room = ONLY_IN.get(_top(found.target))
            if room and not _is_in(module.path, room):
                yield Problem(
                    module.path,
                    _top(found.target),
                    f"line {found.line} imports {_top(found.target)}, which only {room} knows",
                )


def _is_in(path: str, room: str) -> bool:
    return path.startswith(f"{room}/") or path == f"{room}.py"


def _impure(modules: list[Module]) -> Iterator[Problem]:
    for module in modules:
        if module.floor not in PURE:
            continue
        for found in module.imports:
            if _top(found.target) in OUTSIDE_WORLD:
                yield Problem(
                    module.path,
                    _top(found.target),
                    f"line {found.line} imports {_top(found.target)}, and the floor is pure",
                )
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) in REACHING_CALLS:
                yield Problem(
                    module.path,
                    str(_called(node)),
                    f"line {node.lineno} calls {_called(node)}, and the floor is pure",
                )


def _doors(modules: list[Module]) -> Iterator[Problem]:
    for module in modules:
        if module.floor in DOORS:
            yield from closed_doors(module, (*PUBLIC, *(f"{NAME}.{door}" for door in DOORS)))


def closed_doors(module: Module, public: Sequence[str] = PUBLIC) -> Iterator[Problem]:
    """What a module imports of the library and is not public."""
    for found in module.imports:
        inside = [name for name in public if name != NAME and f"{found.target}.".startswith(f"{name}.")]
        if _top(found.target) == NAME and found.target != NAME and not inside:
            yield Problem(
                module.path,
                found.target,
                f"line {found.line} imports {found.target}; people's doors use heliograph.workflow",
            )


def _shapes(modules: list[Module]) -> Iterator[Problem]:
    for module in modules:
        if module.lines > MOST_LINES:
            yield Problem(
                module.path, "lines", f"has {module.lines} lines: split it by what changes together"
            )
        for part in Path(module.path).with_suffix("").parts:
            if part.strip("_") in NO_ROOM:
                yield Problem(module.path, "name", f"{part!r} says nothing: name it for what is in it")


def _top(target: str) -> str:
    return target.partition(".")[0]

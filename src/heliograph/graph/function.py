"""A task's function as it is stored: where it came from, what it was, and how a worker gets it back."""

from __future__ import annotations

import functools
import hashlib
import importlib
import inspect
import sys
import weakref
from collections.abc import Callable
from types import FunctionType
from typing import Any, Final

from heliograph.errors import WorkflowTaskNotRecoverableError
from heliograph.graph.foreign import function_of
from heliograph.graph.frozen import record
from heliograph.graph.identifiers import safe_name
from heliograph.graph.pickling import dumps, loads
from heliograph.graph.task import Task, found, module_of

_Origin = tuple[str | None, int | None, str | None]

_ORIGINS: Final[weakref.WeakKeyDictionary[FunctionType, _Origin]] = weakref.WeakKeyDictionary()


@record
class Function:
    """A function that a plan calls.

    Attributes:
        module: the module it was defined in.
        qualname: its dotted name there.
        file: the source file; None where there is none.
        line: the line it starts at, from 1; None where not known.
        source_hash: sha256 of its source text, or of its code where the text is not to be had.
        payload: pickled; by name where a worker can import it, else by value.
        is_async: it is awaited, beside others, instead of called; see `is_coroutine_function`.
    """

    module: str
    qualname: str
    file: str | None
    line: int | None
    source_hash: str | None
    payload: bytes
    is_async: bool = False

    @property
    def default_name(self) -> str:
        """What a task of it is called where no name is given."""
        return safe_name(f"{self.module}.{self.qualname}")


@record
class _Named:
    """A function by its name; pickled instead of the function, which its own module holds wrapped."""

    module: str
    qualname: str

    def resolve(self) -> Callable[..., Any]:
        # One that is in a plan of this process is there, and its module may be in the midst of being imported
        # by a thread that waits for the workflow: to import it here would be to wait for that thread.
        if self in _PLANNED and callable(planned := self._found()):
            return planned
        is_new = self.module not in sys.modules
        try:
            importlib.import_module(self.module)
        except ImportError as error:
            raise WorkflowTaskNotRecoverableError(
                f"function {self.qualname!r} can't be had: importing {self.module!r} fails: {error}"
            ) from error
        function = self._found()
        if not callable(function):
            raise WorkflowTaskNotRecoverableError(self._missing(is_new))
        return function

    def _found(self) -> Callable[..., Any]:
        function: Callable[..., Any] = _function_in(found(self.module, self.qualname))
        return function

    def _missing(self, is_new: bool) -> str:
        said = f"module {self.module!r} has no function {self.qualname!r} any more"
        if is_new:
            return said
        return (
            f"{said}, or had none yet when its worker imported it: new workers, as those after "
            "workflow.shutdown(), import it anew"
        )


_NAMES: Final[dict[bytes, _Named]] = {}
"""Names that were unpickled here, by their pickles: each of many small workflows brings the same one."""
_PLANNED: Final[set[_Named]] = set()
"""Names of functions that are in plans of this process: no more than it has functions."""
_REMEMBERED: Final = 1024


def describe(task: Task[..., Any]) -> Function:
    """A task's function as data.

    Raises:
        NotPicklableError: it has to go by value (it is of the main script, or a closure) and can't.
    """
    function = task.function
    module = module_of(function)
    qualname = getattr(function, "__qualname__", type(function).__name__)
    if _function_in(found(module, qualname)) is not function:
        payload = dumps(function, f"the function of task {task.default_name!r}")
        return _described(function, module, qualname, payload)
    # Of others nobody knows whether they can be told apart by their hashes.
    named = _named if isinstance(function, FunctionType) else _named.__wrapped__
    return named(function, module, qualname)


@functools.lru_cache(_REMEMBERED)  # each of many small workflows brings the same ones
def _named(function: Callable[..., Any], module: str, qualname: str) -> Function:
    name = _Named(module, qualname)
    _PLANNED.add(name)
    return _described(function, module, qualname, dumps(name, qualname))


def planned_modules() -> set[str]:
    """Modules whose functions are in plans of this process, by name."""
    return {name.module for name in _PLANNED.copy()}  # another thread may be making a plan


def _described(function: Callable[..., Any], module: str, qualname: str, payload: bytes) -> Function:
    return Function(module, qualname, *_origin(function), payload, is_coroutine_function(function))


def is_coroutine_function(function: Callable[..., Any]) -> bool:
    """Whether calling it gives something to await, as far as can be told without a call.

    A partial, and a wrapper that says what it wraps, count as what is inside of them; whether the wrapper
    awaits by itself is seen when it is called.

    >>> async def later() -> None: ...
    >>> is_coroutine_function(functools.partial(later)), is_coroutine_function(print)
    (True, False)
    """
    inner: Any = function
    while not (inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(type(inner).__call__)):
        further = inner.func if isinstance(inner, functools.partial) else getattr(inner, "__wrapped__", None)
        if further is None:
            return False
        inner = further
    return True


def load(payload: bytes) -> Callable[..., Any]:
    """The function that `describe` stored.

    Raises:
        WorkflowTaskNotRecoverableError: its module can't be imported here, or has no such function any more.
    """
    name = _NAMES.get(payload)
    if name is None:
        value = loads(payload)
        if not isinstance(value, _Named):  # by value: each workflow has its own, with globals of its own
            function: Callable[..., Any] = value
            return function
        if len(_NAMES) >= _REMEMBERED:
            _NAMES.clear()
        name = _NAMES[payload] = value
    return name.resolve()


def _function_in(value: Any) -> Any:
    """The function that a module has under a name, without what it is wrapped in there."""
    return value.function if isinstance(value, Task) else function_of(value)


def _origin(function: Callable[..., Any]) -> _Origin:
    """File, line and hash of a function's source."""
    inner = inspect.unwrap(function) if hasattr(function, "__wrapped__") else function
    inner = getattr(inner, "__func__", inner)
    if not isinstance(inner, FunctionType):
        return None, None, None
    origin = _ORIGINS.get(inner)
    if origin is None:
        origin = _ORIGINS[inner] = _read_origin(inner)
    return origin


def _read_origin(function: FunctionType) -> _Origin:
    code = function.__code__
    try:
        text = inspect.getsource(code).encode()
    except (OSError, TypeError, SyntaxError, IndentationError):  # typed at a prompt, or the file is gone
        text = code.co_code + repr(code.co_names).encode()
    return code.co_filename, code.co_firstlineno, hashlib.sha256(text).hexdigest()

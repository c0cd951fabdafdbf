"""Values as bytes, and back: cloudpickle, with a short cut for what plain pickle does the same and faster."""

from __future__ import annotations

import io
import pickle
import sys
from abc import ABCMeta
from collections.abc import Callable
from types import CodeType
from typing import Any, BinaryIO, Final

import cloudpickle

from heliograph.errors import NotPicklableError, StorageError
from heliograph.graph.script import CHILDS_MAIN

PROTOCOL: Final = 5

# Exact types that pickle alone stores by value. Anything else might refer to a class or a function of
# `__main__`, which plain pickle stores as a name that no other process can look up.
PLAIN: Final = frozenset({int, float, complex, str, bytes, bool, type(None)})

BUILT_IN: Final = PLAIN | {tuple, list, dict, set, frozenset}
"""Exact types that stand for nothing else, whatever they hold."""

COMPILER: Final = sys.implementation.cache_tag
"""Whose code this Python can run: that of another version crashes the whole process."""

_SMALL_BYTES: Final = 4_096

_SLOTTED: Final = frozenset({type, ABCMeta})
_make_class: Final = getattr(cloudpickle.cloudpickle, "_make_skeleton_class", None)
"""Cloudpickle's own, and no promise of it: with one that has it no more, classes lose their slots."""

# Types whose objects mean nothing outside of the process or cluster that made them, and how an engine that
# knows them has them pickled.
_REDUCERS: Final[dict[type, Callable[[Any], tuple[Any, ...]]]] = {}


def register_reducer(kind: type, reducer: Callable[[Any], tuple[Any, ...]]) -> None:
    """Objects of exactly this type are pickled by this reducer, wherever they are nested."""
    _REDUCERS[kind] = reducer


def dumps(value: object, what: str) -> bytes:
    """A value as bytes.

    Args:
        value: anything cloudpickle takes.
        what: what the value is called, for the error.

    Raises:
        NotPicklableError: it can't be pickled; the message names what, its type and the reason.

    >>> loads(dumps([1, 2], "a list"))
    [1, 2]
    >>> import threading
    >>> dumps(threading.Lock(), "the output of task 'f'")
    Traceback (most recent call last):
    ...
    heliograph.errors.NotPicklableError: the output of task 'f' can't be pickled: it is of type ...
    """
    target = io.BytesIO()
    dump(value, target, what)
    return target.getvalue()


def dump(value: object, file: Any, what: str) -> None:
    """As `dumps`, into a file: what is large in the value is written from where it is, without a copy.

    Args:
        value: anything cloudpickle takes.
        file: has ``write``, which gets parts of memory that may change after it returned.
        what: what the value is called, for the error.

    Raises:
        NotPicklableError: as `dumps`.
        StorageError: whatever writing raises of that kind.
    """
    try:
        if type(value) in PLAIN:
            pickle.dump(value, file, PROTOCOL)
        else:
            _CloudPickler(file, PROTOCOL).dump(value)
    except StorageError:
        raise
    except Exception as error:  # a reducer is anybody's code and may raise anything
        raise unpicklable(what, value, error) from error


def plain(value: object) -> bytes | None:
    """A value as bytes if it is of a plain type and small, at a fraction of what any other costs; else None.

    >>> loads(plain(7) or b""), plain([7])
    (7, None)
    """
    if type(value) not in PLAIN:
        return None
    if isinstance(value, int):
        is_small = value.bit_length() < _SMALL_BYTES
    else:
        is_small = not isinstance(value, str | bytes) or len(value) < _SMALL_BYTES
    return pickle.dumps(value, PROTOCOL) if is_small else None


def loads(data: bytes) -> Any:
    """The value that `dumps` made these bytes of."""
    return pickle.loads(data)


def load(file: BinaryIO) -> Any:
    """The value that `dump` made this file of; what is large in it is read to where it will be."""
    return pickle.load(file)


def dumps_plain(value: object) -> bytes:
    """A tuple or dict as bytes, in which all is of `PLAIN` types."""
    return pickle.dumps(value, PROTOCOL)


def dumps_plain_with_references(value: object, reference: Callable[[Any], Any]) -> bytes:
    """As `dumps_with_references`, for a value in which all else is of `PLAIN` types: five times as fast."""
    target = io.BytesIO()
    pickler = _PlainPickler(target, PROTOCOL)
    pickler.persistent_id = reference  # type: ignore[method-assign]
    pickler.dump(value)
    return target.getvalue()


def dumps_with_references(
    value: object, reference: Callable[[Any], Any], substitute: Callable[[Any], tuple[Any] | None]
) -> bytes:
    """A value as bytes, with some objects in it kept out or replaced, wherever they are nested.

    Args:
        value: what to pickle.
        reference: asked for every object; not None: what stands for the object in the bytes.
        substitute: asked for every object that is not built in; ``(other,)`` pickles the other in its place.
    """
    target = io.BytesIO()
    pickler = _SubstitutingPickler(target, PROTOCOL)
    pickler.persistent_id = reference
    pickler.substitute = substitute
    pickler.dump(value)
    return target.getvalue()


def load_with_references(file: BinaryIO, resolve: Callable[[Any], Any]) -> Any:
    """The value that `dumps_with_references` made this file of, each reference resolved."""
    loader = _Unpickler(file)
    loader.persistent_load = resolve  # type: ignore[method-assign]
    return loader.load()


def unpicklable(what: str, value: object, error: BaseException) -> NotPicklableError:
    """The error that says so, with a line on how to mend it."""
    kind = type(value)
    return NotPicklableError(
        f"{what} can't be pickled: it is of type {kind.__module__}.{kind.__qualname__} "
        f"({type(error).__name__}: {error}). Make it inside the task, or pass what it is made from."
    )


class _PlainPickler(pickle.Pickler):
    pass


def _file(file: io.TextIOWrapper) -> tuple[Any, ...]:
    for name in ("stdout", "stderr"):
        if file is getattr(sys, name):
            return getattr, (sys, name)
    raise TypeError(f"cannot pickle an open file: {file!r}")


def _code(code: CodeType) -> tuple[Any, ...]:
    make, given = cloudpickle.Pickler.dispatch_table[CodeType](code)
    return _in_file, (make, given, code.co_filename, COMPILER)


def _in_file(
    make: Callable[..., CodeType], given: tuple[Any, ...], file: str, compiler: str | None = COMPILER
) -> CodeType:
    if compiler != COMPILER:  # the default: it was stored before this was written down
        raise ImportError(
            f"code from {file} was stored by {compiler}, which alone can run it, and this is {COMPILER}: go "
            "on with that Python (what a module defines is found by its name, and no code of it is stored)"
        )
    return make(*given).replace(co_filename=file)


def _with_its_slots(kind: type, reduced: Any) -> Any:
    # Left to itself, cloudpickle makes a class anew without its slots. What a worker returns of it then has a
    # `__dict__`, for which the program's own class has no place: the stored output could not be loaded there.
    # Other metaclasses, and that of NamedTuple, may refuse slots; a tuple has none to lose.
    if "__slots__" not in vars(kind) or type(kind) not in _SLOTTED or issubclass(kind, tuple):
        return reduced
    if reduced is NotImplemented or reduced[0] is not _make_class:
        return reduced  # it is found by its name
    make, (metaclass, name, bases, namespace, *given), *rest = reduced
    namespace = namespace | {"__slots__": vars(kind)["__slots__"]}
    return make, (metaclass, name, bases, namespace, *given), *rest


class _CloudPickler(cloudpickle.Pickler):  # type: ignore[misc]  # it has no types
    # Left to itself, it reads a text file to its end, and puts a copy of all that in the place of the file,
    # and (from 3.1.3 on) forgets which file code is from, which tracebacks tell.
    dispatch_table = cloudpickle.Pickler.dispatch_table.new_child({io.TextIOWrapper: _file, CodeType: _code})

    def __init__(self, file: Any, protocol: int) -> None:
        # Left to itself, it takes that for a module which every process can import.
        if CHILDS_MAIN in sys.modules:
            cloudpickle.register_pickle_by_value(sys.modules[CHILDS_MAIN])
        super().__init__(file, protocol)

    def reducer_override(self, value: Any) -> Any:
        reducer = _REDUCERS.get(type(value))
        if reducer is not None:
            return reducer(value)
        reduced = super().reducer_override(value)
        return _with_its_slots(value, reduced) if isinstance(value, type) else reduced


class _SubstitutingPickler(_CloudPickler):
    substitute: Callable[[Any], tuple[Any] | None]

    def reducer_override(self, value: Any) -> Any:
        other = self.substitute(value)
        return (_same, other) if other is not None else super().reducer_override(value)


def _same(value: Any) -> Any:
    return value


class _Unpickler(pickle.Unpickler):
    pass

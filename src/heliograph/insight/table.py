"""Rows and columns, for who counts with them: as Arrow's tables and pandas' frames."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Final, get_args, get_type_hints

from heliograph.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_MISSING: Final = "{} is not installed: it comes with the extra `export`: pip install 'heliograph[export]'"
_PLAIN: Final = (bool, int, float, str)  # bool first: it is an int
_AS_IS: Final = (bool, int, float, bytes)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows and columns.

    Attributes:
        columns: the values of each column, by its name; None where there is no value.
        kinds: the type of each column, if it is known: bool, int, float or str. It is the same for all
            workflows, even if a column has no value in one of them.
    """

    columns: Mapping[str, Sequence[Any]]
    kinds: Mapping[str, type]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """The rows, each as a tuple.

        >>> Table({"a": [1, 2], "b": ["x", None]}, {}).rows
        [(1, 'x'), (2, None)]
        """
        return list(zip(*self.columns.values(), strict=True))

    def to_dict(self) -> dict[str, list[Any]]:
        """The columns as a dict that can be written as JSON."""
        return {name: list(values) for name, values in self.columns.items()}

    def to_arrow(self) -> pa.Table:
        """The table as a ``pyarrow.Table``.

        Raises:
            MissingExtraError: pyarrow is not installed.
        """
        try:
            import pyarrow as pa
        except ImportError as error:
            raise MissingExtraError(_MISSING.format("pyarrow")) from error
        types = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}
        return pa.table(
            {
                _said(name): pa.array(_clean(values, kind), type=types.get(kind))
                for name, values in self.columns.items()
                for kind in [self.kinds.get(name, object)]
            }
        )

    def to_pandas(self) -> pd.DataFrame:
        """The table as a ``pandas.DataFrame``.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingExtraError(_MISSING.format("pandas")) from error
        if self.kinds:
            return self.to_arrow().to_pandas()
        return pd.DataFrame(self.rows, columns=list(self.columns))


class Tabular:
    """What can be had as a table."""

    __slots__ = ()

    @property
    def table(self) -> Table:
        """It, as rows and columns."""
        raise NotImplementedError

    def to_arrow(self) -> pa.Table:
        """As a table of Arrow's; see `Table.to_arrow`."""
        return self.table.to_arrow()

    def to_pandas(self) -> pd.DataFrame:
        """As a frame of pandas'; see `Table.to_pandas`."""
        return self.table.to_pandas()


def table_of(record: type, items: Iterable[Any], names: Sequence[str] = ()) -> Table:
    """Records as a table: a row each, a column for each of their fields.

    Args:
        record: their type.
        items: the records.
        names: of the fields that are wanted; nothing: all.
    """
    known = [field.name for field in fields(record)] if is_dataclass(record) else list(get_type_hints(record))
    wanted = list(names) or known
    rows = [tuple(getattr(item, name) for name in wanted) for item in items]
    values: Iterable[Sequence[Any]] = zip(*rows, strict=True) if rows else [()] * len(wanted)
    hints = get_type_hints(record)
    return Table(dict(zip(wanted, values, strict=True)), {name: kind_of(hints[name]) for name in wanted})


def kind_of(hint: Any) -> type:
    """The plain type that an annotation means; text where it is none.

    >>> [kind_of(hint).__name__ for hint in (int | None, float, bool, dict[str, int])]
    ['int', 'float', 'bool', 'str']
    """
    for candidate in (hint, *get_args(hint)):
        if isinstance(candidate, type):
            for plain in _PLAIN:
                if issubclass(candidate, plain):
                    return plain
    return str


def _clean(values: Sequence[Any], kind: type) -> list[Any]:
    """What Arrow takes in a column of a type: among floats no whole number, which might be none exactly."""
    if kind is float:
        return [None if value is None else float(value) for value in values]
    return [
        value
        if value is None or type(value) in _AS_IS or (type(value) is str and value.isascii())
        else _said(value)
        for value in values
    ]


def _said(value: Any) -> str:
    r"""Text of an enum as text, what is no plain value as JSON; half a character is escaped.

    >>> _said("\ud800-\xe4"), _said({"a": 1})
    ('\\ud800-ä', '{"a": 1}')
    """
    text = str(value) if isinstance(value, str) else json.dumps(value, default=str)
    return text.encode("utf-8", "backslashreplace").decode()

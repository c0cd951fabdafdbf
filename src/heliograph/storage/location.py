"""Where a storage is: what users may write for it, and what it means."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

VARIABLE: Final = "HELIOGRAPH_STORAGE"
DATABASE_NAME: Final = "heliograph.db"
_SUFFIXES: Final = (".db", ".sqlite")


@dataclass(frozen=True, slots=True)
class Location:
    """A storage: its database and its folder for large values.

    Attributes:
        url: as SQLAlchemy takes it.
        values: URL or path of the folder for large values.
        path: the database file; None where it is not a file.
    """

    url: str
    values: str
    path: Path | None

    @property
    def name(self) -> str:
        """Text of which `locate` makes the same location, in any process of this machine.

        >>> locate(locate("/data/100% sure").name) == locate("/data/100% sure")
        True
        """
        if self.path is None:
            return self.url
        if self.path.suffix in _SUFFIXES:
            return str(self.path)
        return f"sqlite:///{quote(str(self.path))}"


def locate(storage: str | os.PathLike[str] | None = None) -> Location:
    """The storage that a user means.

    Args:
        storage: a database URL (``sqlite:///…``), a folder (``file://`` or a plain path), or a file that
            ends in ``.db`` or ``.sqlite``. None: what ``HELIOGRAPH_STORAGE`` says, or the user's data
            directory.

    Raises:
        ValueError: a URL of a kind that heliograph doesn't know.

    >>> locate("/data/flows").url
    'sqlite:////data/flows/heliograph.db'
    """
    if storage is None:
        storage = os.environ.get(VARIABLE) or _user_folder()
    text = os.fspath(storage)
    if not isinstance(text, str):
        raise TypeError(f"storage must be a str or a path, not {storage!r}")
    if "://" not in text:
        return _file(Path(text))
    parts = urlsplit(text)
    kind = parts.scheme.split("+")[0]
    if kind == "file":
        return _file(Path(unquote(parts.path)))
    if kind == "sqlite":
        return _file(Path(unquote(text.split(":///", 1)[-1].split("?")[0])), is_database=True)
    raise ValueError(
        f"storage {text!r} is of an unknown kind {kind!r}: give a folder, a file ending in .db, or sqlite:///…"
    )


def _user_folder() -> str:
    import platformdirs  # costs a few milliseconds that a given storage saves

    return platformdirs.user_data_dir("heliograph", appauthor=False)


def _file(path: Path, is_database: bool = False) -> Location:
    path = path.expanduser().absolute()
    if not is_database and path.suffix not in _SUFFIXES:
        path = path / DATABASE_NAME
    return Location(f"sqlite:///{path}", str(path.with_name(f"{path.stem}-values")), path)

"""Where a storage is: what users may write for it, and what it means."""

from __future__ import annotations

import functools
import hashlib
import os
import re
from dataclasses import field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from heliograph.graph.frozen import record

VARIABLE: Final = "HELIOGRAPH_STORAGE"
_DATABASE_NAME: Final = "heliograph.db"
_SUFFIXES: Final = (".db", ".sqlite")
_VALUES: Final = "values"
_SECRET: Final = frozenset({"password", "sslpassword"})


@record
class Location:
    """A storage: its database and its folder for large values.

    Attributes:
        url: as the database's driver takes it; it may hold a password.
        values: URL or path of the folder for large values.
        path: the database file; None where it is not a file.
    """

    url: str = field(repr=False)
    values: str
    path: Path | None

    @property
    def name(self) -> str:
        """Text of which `locate` makes the same location, in any process of this machine.

        >>> locate(locate("/data/100% sure").name) == locate("/data/100% sure")
        True
        """
        if self.path is None:
            return f"{self.url}{'&' if '?' in self.url else '?'}{urlencode({_VALUES: self.values})}"
        if self.values != _beside(self.path):
            return f"sqlite:///{quote(str(self.path))}?{urlencode({_VALUES: self.values})}"
        if self.path.suffix in _SUFFIXES:
            return str(self.path)
        return f"sqlite:///{quote(str(self.path))}"

    @property
    def is_values_named(self) -> bool:
        """Whether somebody named the folder for values: others may have been told the same one."""
        try:
            return self.values != (_server_folder(self.url) if self.path is None else _beside(self.path))
        except ValueError:  # this user has no home, and so no folder there
            return True

    @property
    def shown(self) -> str:
        """The storage as people are shown it: never with a password.

        >>> locate("postgresql://ann:s3cret@db/flows").shown
        'postgresql://ann@db/flows'
        """
        return shown(self.url) if self.path is None else str(self.path)


def locate(storage: str | os.PathLike[str] | None = None) -> Location:
    """The storage that a user means.

    Args:
        storage: a database URL (``sqlite:///…``), a folder (``file://`` or a plain path), or a file that
            ends in ``.db`` or ``.sqlite``; or ``postgresql://user:password@host:port/database``. A database
            URL may end in ``?values=`` and the folder or URL for large values. None: what
            ``HELIOGRAPH_STORAGE`` says, or the user's data directory.

    Raises:
        TypeError: neither text nor a path.
        ValueError: it is empty, or no name of a file can be so; a URL of a kind that heliograph doesn't know,
            or with an option that it doesn't; it is in the user's home, and there is none.

    >>> locate("/data/flows").url
    'sqlite:////data/flows/heliograph.db'
    """
    if storage is None:
        storage = os.environ.get(VARIABLE) or _user_folder()
    text = _checked(storage)
    if "://" not in text:
        return _file(text)
    parts = urlsplit(text)
    kind = parts.scheme.split("+")[0]
    if kind == "file":
        return _file(unquote(parts.path))
    if kind == "sqlite":
        path, _, query = text.split(":///", 1)[-1].partition("?")
        given = parse_qsl(query, keep_blank_values=True)
        if unknown := [name for name, _ in given if name != _VALUES]:
            raise ValueError(
                f"storage {shown(text)!r} has an option {unknown[0]!r}: "
                f"a SQLite database has no other than {_VALUES!r}"
            )
        values = [value for _, value in given if value]
        return _file(unquote(path), is_database=True, values=values[-1] if values else None)
    if kind in ("postgresql", "postgres"):
        return _server(text)
    raise ValueError(
        f"storage {shown(text)!r} is of an unknown kind {kind!r}: give a folder, a file ending in .db, "
        "sqlite:///… or postgresql://…"
    )


@functools.lru_cache(maxsize=16)  # each answer of `get_metadata` says it
def shown(storage: str) -> str:
    """What a user wrote for a storage, or for a folder of values, without the passwords that it may have.

    >>> shown("postgresql://ann:a/b@c@db/flows?password=s3cret&sslmode=require")
    'postgresql://ann@db/flows?sslmode=require'
    >>> shown("sqlite:////data/flows.db?values=sftp%3A%2F%2Fann%3As3cret%40files%2Fflows")
    'sqlite:////data/flows.db?values=sftp://ann@files/flows'
    """
    if "://" not in storage:
        return storage
    place, mark, query = storage.partition("?")
    place = re.sub(r"^([\w+]+://[^:/@]*):.*@", r"\1@", place)
    given = [part.partition("=") for part in query.split("&") if part]
    kept = [
        f"{name}{equals}{shown(unquote(value)) if name == _VALUES else value}"
        for name, equals, value in given
        if name.lower() not in _SECRET
    ]
    return f"{place}{mark if kept else ''}{'&'.join(kept)}"


def _checked(storage: object) -> str:
    text = os.fspath(storage) if isinstance(storage, os.PathLike) else storage
    if not isinstance(text, str):
        raise TypeError(f"storage must be a str or a path, not {storage!r}")
    if not text.strip():
        raise ValueError(
            f"storage is empty ({text!r}): name a folder, a file ending in .db, or a database URL; "
            "is a variable not set?"
        )
    if "\0" in text:
        raise ValueError(f"storage {shown(text)!r} can't be: no name holds a zero character")
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise ValueError(f"storage {shown(text)!r} can't be: it holds half a character") from None
    return text


def _absolute(path: str) -> Path:
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError:  # of pathlib
        user = Path(path).parts[0]
        raise ValueError(f"storage {path!r} can't be found: there is no home of a user {user!r}") from None
    except FileNotFoundError:  # of os.getcwd
        raise ValueError(
            f"storage {path!r} can't be found: the current folder, which it is in, was deleted"
        ) from None


def _user_folder() -> str:
    import platformdirs  # costs a few milliseconds that a given storage saves

    try:
        return platformdirs.user_data_dir("heliograph", appauthor=False)
    except RuntimeError:  # a container may run as a user that has neither
        raise ValueError(
            "storage can't be found: this user has no home, and HOME is not set. Name a storage "
            f"({VARIABLE}, storage=…, --storage); one on a server with ?values= and a folder for large values"
        ) from None


def _file(text: str, is_database: bool = False, values: str | None = None) -> Location:
    if not text:
        raise ValueError("storage names no file: a path has to follow file:// or sqlite:///")
    path = _absolute(text)
    if not is_database and path.suffix not in _SUFFIXES:
        path = path / _DATABASE_NAME
    return Location(f"sqlite:///{path}", _beside(path) if values is None else _folder(values), path)


def _beside(path: Path) -> str:
    return str(path.with_name(f"{path.stem}-values"))


def _server(text: str) -> Location:
    place, _, query = f"postgresql://{text.split('://', 1)[1]}".partition("?")
    server, _, database = place.removeprefix("postgresql://").partition("/")
    if server.count("@") > 1 or "@" in database:  # a driver would take a part of the password for the host
        raise ValueError(
            f"storage {shown(text)!r} is no URL: write special characters of the password as %-codes "
            "(a / is %2F, an @ is %40)"
        )
    given = parse_qsl(query, keep_blank_values=True)
    values = [value for name, value in given if name == _VALUES]
    rest = urlencode([pair for pair in given if pair[0] != _VALUES], quote_via=quote, safe="/:,")
    url = f"{place}?{rest}" if rest else place
    return Location(url, _folder(values[-1]) if values else _server_folder(url), None)


def _folder(values: str) -> str:
    return values if "://" in values else str(_absolute(values))


def _server_folder(url: str) -> str:
    """Where large values go if nobody says: a folder of this user, for this database."""
    place = shown(url)
    name = re.sub(r"[^\w.-]+", "-", place.partition("?")[0].rpartition("/")[2]) or "database"
    return str(Path(_user_folder()) / f"{name}-{hashlib.sha256(place.encode()).hexdigest()[:12]}-values")

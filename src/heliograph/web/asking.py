"""What a request asks for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

from heliograph.errors import WorkflowError

MOST: Final = 1000
"""Of anything, so many at most in one answer."""
LONGEST: Final = 4000
"""Characters of a parameter."""
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}


@contextmanager
def wrong_is_400() -> Iterator[None]:
    """What the public calls say of a wrong argument is said to who sent it."""
    try:
        yield
    except WorkflowError:
        raise
    except (TypeError, ValueError) as wrong:
        raise HTTPException(400, str(wrong)) from None


def check_names(request: Request, known: Collection[str]) -> None:
    """A condition under a name that nobody reads would be none: all would be answered.

    Raises:
        HTTPException: 400, a parameter is none of these.
    """
    for name in request.query_params:
        if name not in known:
            there = ", ".join(known) or "none"
            raise HTTPException(400, f"there is no parameter {name[:40]!r} here; there are: {there}")


def text(request: Request, name: str) -> str | None:
    """A parameter; None: it is not there, or empty.

    Raises:
        HTTPException: 400, it is too long.
    """
    given = request.query_params.get(name, "")
    if len(given) > LONGEST:
        raise HTTPException(400, f"{name} is longer than {LONGEST} characters")
    return given or None


def needed(request: Request, name: str) -> str:
    """A parameter that has to be there.

    Raises:
        HTTPException: 400, it isn't.
    """
    given = text(request, name)
    if given is None:
        raise HTTPException(400, f"the parameter {name!r} is missing: ?{name}=…")
    return given


def number(request: Request, name: str, *, most: int = 10**15) -> int | None:
    """A whole number, from 0 to `most`; None: it is not there.

    Raises:
        HTTPException: 400, it is anything else.
    """
    given = request.query_params.get(name)
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 17 and int(given) <= most):
        raise HTTPException(400, f"{name} must be a whole number from 0 to {most}, not {given[:40]!r}")
    return int(given)


def flag(request: Request, name: str) -> bool:
    """True or false; false, where it is not there.

    Raises:
        HTTPException: 400, it is neither.
    """
    given = text(request, name) or "false"
    known = _FLAGS.get(given.lower())
    if known is None:
        raise HTTPException(400, f"{name} must be true or false, not {given[:40]!r}")
    return known


def limit(request: Request, usual: int) -> int:
    """How many are wanted at most.

    Raises:
        HTTPException: 400, that can't be.
    """
    return counted(request, "limit", usual)


def counted(request: Request, name: str, usual: int) -> int:
    """A number from 1 to `MOST`.

    Raises:
        HTTPException: 400, that can't be.
    """
    given = number(request, name, most=MOST)
    if given == 0:
        raise HTTPException(400, f"{name} must be 1 or more")
    return usual if given is None else given

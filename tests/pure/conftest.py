"""Pure tests touch nothing outside: see `tripwire`."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.pure.tripwire import Tripwire


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """While the test's own function runs (not its fixtures, not pytest), the tripwire is up."""
    with Tripwire() as wire:
        result = yield
    if wire.tripped:
        pytest.fail(f"{pyfuncitem.name} is not pure: {'; '.join(wire.tripped)}", pytrace=False)
    return result

"""Pure tests touch nothing outside: see `tripwire`."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from tests.pure.tripwire import Tripwire

# No database: it would be a file. No deadline: it would be the clock, on a machine that others use too.
settings.register_profile(
    "pure", database=None, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("pure")


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """While the test's own function runs (not its fixtures, not pytest), the tripwire is up."""
    with Tripwire() as wire:
        result = yield
    if wire.tripped:
        pytest.fail(f"{pyfuncitem.name} is not pure: {'; '.join(wire.tripped)}", pytrace=False)
    return result

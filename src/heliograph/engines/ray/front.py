"""The coordinator's face to Ray. Workers import its class with the first report they make: so it is light."""

from __future__ import annotations

from typing import Any


class Front:
    """The actor: makes the coordinator in its process, and hands calls on.

    Args:
        *args: for `Coordinator`.
    """

    def __init__(self, *args: Any) -> None:
        from heliograph.engines.ray.coordinator import Coordinator

        self._coordinator = Coordinator(*args)

    async def ask(self, method: str, *args: Any) -> Any:
        """What the coordinator's method returns or raises."""
        return await getattr(self._coordinator, method)(*args)

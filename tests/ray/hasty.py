"""Coordinators that look often whether they are needed, and soon end if they are not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from heliograph.engines.ray import coordinators
from heliograph.engines.ray.front import Front
from tests.gates import Gate


class Hasty(Front):
    """The actor. `HASTY_GATE` names a folder: it ends once the gate there is open, and notes who is late."""

    def __init__(self, *args: Any) -> None:
        from heliograph.engines.loop.loop import Loop
        from heliograph.engines.ray import leaving

        leaving.LOOK_SECONDS, leaving.LOOKS = 0.02, 3  # type: ignore[misc]
        if folder := os.environ.get("HASTY_GATE"):
            out, close, come = Gate(Path(folder)), Loop.close, leaving.Guests.come

            def close_at_the_gate(loop: Loop) -> None:
                out.wait("leaving")
                close(loop)

            def come_or_note(guests: leaving.Guests, job: str) -> bool:
                is_in = come(guests, job)
                if not is_in:
                    (out.folder / "too late").touch()
                return is_in

            Loop.close, leaving.Guests.come = close_at_the_gate, come_or_note  # type: ignore[method-assign]
        super().__init__(*args)


def install() -> None:
    """Have this driver make such ones."""
    coordinators.Front = Hasty  # type: ignore[misc, attr-defined]

"""What all pages share."""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request

if TYPE_CHECKING:
    from heliograph.web.apart import Apart
    from heliograph.web.live import Live


@dataclass(frozen=True, slots=True)
class Site:
    """The settings of an app.

    Attributes:
        storage: what is shown; None: the storage this process has open, else the default one.
        max_body: the largest body that is read, in bytes.
        read_only: nothing can be changed through it.
        csrf: what a form has to carry to change something: only pages of this server know it.
        live: the open event streams.
        apart: answers what is asked of very large workflows; None: that is answered here.
    """

    storage: str | os.PathLike[str] | None
    max_body: int
    read_only: bool
    csrf: str
    live: Live
    apart: Apart | None

    def is_ours(self, given: str) -> bool:
        """Whether a form comes from a page of this server."""
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.csrf.encode())


def site_of(request: Request) -> Site:
    """The settings of the app that a request is for."""
    site: Site = request.app.state.site
    return site

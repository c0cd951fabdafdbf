"""The engine on Ray: a coordinator actor drives the one scheduler, and Ray's workers run the attempts.

The only package that imports Ray. Importing it says whether a Ray is there that it can work with.
"""

from __future__ import annotations

from typing import Final

from heliograph.errors import MissingExtraError

OLDEST: Final = (2, 48)

try:
    import ray
except ImportError as error:
    raise MissingExtraError("this needs Ray: pip install 'heliograph[ray]'") from error

if tuple(int(part) for part in ray.__version__.split(".")[:2]) < OLDEST:
    raise MissingExtraError(
        f"this needs Ray {OLDEST[0]}.{OLDEST[1]} or newer, and Ray {ray.__version__} is installed: "
        "pip install --upgrade 'heliograph[ray]'"
    )

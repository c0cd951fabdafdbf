"""Doctests and tests keep their hands off the storage of whoever runs them."""

from __future__ import annotations

import os
import tempfile

# Before anything of heliograph is used: the first workflow of a process decides where all are stored.
os.environ["HELIOGRAPH_STORAGE"] = tempfile.mkdtemp(prefix="heliograph-tests-")

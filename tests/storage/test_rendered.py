"""The texts that are kept in files are what SQLAlchemy makes of the tables and the statements today."""

from __future__ import annotations

import pytest

from heliograph.storage import rendering
from heliograph.storage.statements import rendered


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_files_are_up_to_date(kind: str) -> None:
    same = rendered.file(kind).read_text("utf-8") == rendering.texts(kind)
    assert same, "run `make sql`: tables or statements have changed"

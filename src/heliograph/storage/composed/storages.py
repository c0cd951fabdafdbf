"""What is said about a storage as a whole: its version, and where its values are."""

from __future__ import annotations

from sqlalchemy import Dialect, insert, select, update

from heliograph.storage.statements.composing import Composed
from heliograph.storage.tables import schema


def statements(dialect: Dialect) -> dict[str, Composed]:
    """The statements of the room, by name."""
    version = schema.schema_version
    return {
        "create": Composed(insert(version), version.c.keys()),
        "version": Composed(select(version.c.version)),
        "upgrade": Composed(update(version), ["version"]),
        "part": Composed(select(version.c.values_part)),
        "move": Composed(update(version), ["values_part"]),
    }

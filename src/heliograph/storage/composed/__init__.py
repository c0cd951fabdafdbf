"""The statements that are always the same, by the room that says them: written with SQLAlchemy Core.

Nothing here is imported by a program that only runs workflows; see `storage.statements.rendered`.
"""

"""Searches in SQL: fields become columns, conditions clauses; what is found comes in pages or groups."""

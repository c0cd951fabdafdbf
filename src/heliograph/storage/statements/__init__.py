"""Statements: said in SQLAlchemy's words once, rendered, and run as text at the driver's own speed."""

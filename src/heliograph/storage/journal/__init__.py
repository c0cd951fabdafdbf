"""The journal, the one writer of what engines do, and what it writes."""

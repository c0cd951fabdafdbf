"""Typed records of what is known about workflows, runs, tasks and attempts, and the dicts users get of them."""

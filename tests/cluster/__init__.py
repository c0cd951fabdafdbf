"""A cluster on one machine: engines and the server are killed and stopped, and then everything is checked.

`python -m tests.cluster` is the whole of it; `test_cluster.py` is a short form.
"""

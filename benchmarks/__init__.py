"""How fast heliograph is, each figure beside its floor: `make bench`, or `python -m benchmarks --help`.

A case is a function in `benchmarks.cases`: it takes a `Scale` and returns `Figure`s. What competes in a case
(heliograph, the floor) is a dict of functions that `alternate` runs in turn, round after round, in one run.
"""

"""What the records mean: profile and critical path, timeline, comparison, exports.

Pure functions over records: who calls them has loaded a `records.trace.Trace`.
"""

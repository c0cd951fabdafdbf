"""One attempt: what a worker is given, how it runs and is measured, and what comes back of it."""

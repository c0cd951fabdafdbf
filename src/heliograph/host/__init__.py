"""The machine that this process is on: how many processors it may use, and waiting for others on it."""

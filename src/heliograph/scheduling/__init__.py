"""The state machine of a run: events in, actions out.

Two rules hold in this room. Nothing here does I/O, reads a clock, starts a thread or draws a random number:
whatever a decision needs comes in on an event. And nothing here holds a value: tasks are numbers, outputs are
somebody else's business.
"""

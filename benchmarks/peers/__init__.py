"""Programs that a case starts in processes of their own: peers, and what is measured beside them.

A peer runs in its own environment, which has no heliograph: nothing that it imports from here may need one.
"""

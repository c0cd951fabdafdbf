"""What happened in a workflow, in formats that other programs read; one small module each."""

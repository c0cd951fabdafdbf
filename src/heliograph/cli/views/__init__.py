"""What the commands show on a terminal; imported by the command that shows it, as rich takes long to load."""

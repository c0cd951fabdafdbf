"""Large values: in files, by content."""

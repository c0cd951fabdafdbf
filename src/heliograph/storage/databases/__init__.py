"""What each database does in its own way, and the connections to the one at hand."""

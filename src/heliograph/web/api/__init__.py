"""JSON for programs: what the pages show, from the same public calls."""

"""What lasts: the schema, the journal that writes it, the questions that read it, and large values."""

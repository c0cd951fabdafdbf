"""What is searched for: conditions as data, the language they can be written in, the fields there are."""

"""The tables: their columns, and what a row has to hold to be one of ours."""

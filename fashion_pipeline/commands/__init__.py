"""Commands of this field: one file, one command, its name."""

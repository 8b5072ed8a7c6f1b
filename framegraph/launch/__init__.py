"""One run, from its start to its exit status."""

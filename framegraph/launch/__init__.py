"""The launch of one run, from its start to its exit status."""

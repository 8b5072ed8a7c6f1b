"""The other ways to do the same, as their users write them: `python -m benchmarks.loops.NAME FILM OUTPUT`."""

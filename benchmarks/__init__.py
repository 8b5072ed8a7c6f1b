"""`make bench`: speed of the graph, side by side with other ways to do the same. One file per row."""

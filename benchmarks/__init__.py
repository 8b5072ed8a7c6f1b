"""`make bench`: how quick the graph is, side by side with other ways to do the same. One file a row."""

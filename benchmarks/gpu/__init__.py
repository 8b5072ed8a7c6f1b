"""What a GPU does for the graph: does it see the same, how quick is it, and how does it scale?"""

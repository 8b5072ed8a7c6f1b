"""Results in Python, while the graph runs: `fashion_pipeline.run`."""

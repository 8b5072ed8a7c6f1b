"""From pipeline.yaml, or one line, to a checked, frozen graph."""

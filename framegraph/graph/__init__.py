"""Turning pipeline.yaml, or one line, into a checked, frozen graph."""

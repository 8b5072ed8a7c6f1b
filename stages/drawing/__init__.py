"""Boxes and plates drawn on frames and sheets."""

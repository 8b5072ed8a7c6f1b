"""Frames in order, written once, and acknowledged."""

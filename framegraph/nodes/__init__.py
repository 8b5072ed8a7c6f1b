"""Nodes: the loops around a stage in its process."""

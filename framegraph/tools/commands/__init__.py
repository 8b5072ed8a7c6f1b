"""The launcher's commands that need no running graph, one per module."""

"""The launcher's commands for a running graph, one per module."""

"""The launcher's commands for a running graph, one a module."""

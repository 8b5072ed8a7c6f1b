"""The graph: read from YAML with positions, checked, and frozen before anything starts."""

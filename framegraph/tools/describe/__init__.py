"""Stage types and graphs, described from their declarations."""

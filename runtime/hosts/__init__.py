"""What runs around a stage in its own process: one host for sources, one for workers, one for sinks."""

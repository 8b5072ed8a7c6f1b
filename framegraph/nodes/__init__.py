"""What runs around a stage in its process."""

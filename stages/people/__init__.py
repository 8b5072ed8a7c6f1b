"""People from frame to frame: who is who, which look at them counts, and what the looks say together."""

"""Where processes run, and what happens when they end."""

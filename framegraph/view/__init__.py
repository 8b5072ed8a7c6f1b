"""What a user sees of a run: live table, summary, listings."""

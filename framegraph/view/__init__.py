"""A run as its user sees it: live table, summary, listings."""

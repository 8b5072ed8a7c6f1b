"""What people see of a run: live table, summary, listings."""

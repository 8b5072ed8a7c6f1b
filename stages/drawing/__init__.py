"""What people see of the results: boxes and plates on frames and sheets."""

"""What works on graphs and runs from outside."""

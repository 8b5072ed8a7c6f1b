"""Tools that work on graphs and runs from outside."""

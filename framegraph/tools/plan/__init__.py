"""What a graph will reach on this machine."""

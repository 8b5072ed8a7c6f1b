"""What a graph will reach on this machine: each stage measured alone, then a sum."""

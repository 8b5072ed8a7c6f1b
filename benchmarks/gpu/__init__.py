"""Benchmarks of a GPU in the graph: agreement with the CPU, speed and scaling."""

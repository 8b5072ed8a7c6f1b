"""Forecasts of what a graph will reach on this machine."""

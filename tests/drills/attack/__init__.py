"""Hostile input of all kinds: `make attack`."""

"""Helpers for every package: texts, secrets, files, histograms."""

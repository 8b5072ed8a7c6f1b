"""Custody: the source owns a frame until every sink has committed it."""

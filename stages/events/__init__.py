"""Arrivals, garments and departures: the decisions, the state that survives a death, the way to a broker."""

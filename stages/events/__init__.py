"""Who came, what they wear, who left: the decisions, what has to survive a death, and the way to a broker."""

"""People across frames: their identities, the choice of looks, and the joint answer of all looks."""

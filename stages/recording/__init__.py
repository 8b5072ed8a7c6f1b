"""Writing films: encoding, fragments, segments, and the joining into one file."""

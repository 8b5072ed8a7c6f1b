"""Making people unrecognisable, and sinks that keep no picture in which they are not."""

BLURRED = "blurred"
"""The mark of a payload in which everybody found is unrecognisable."""

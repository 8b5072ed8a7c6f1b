"""Traces of where each frame was and when: noted by every process, merged on request."""

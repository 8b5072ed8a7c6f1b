"""Graphs of stages as processes: any of them may be killed, and no frame is lost, doubled or out of order."""

"""When a process was started, which is earlier than its first line of Python."""

import os
import time
from pathlib import Path


def process_started_at() -> float:
    """When this process was started, as time.time() counts: what whoever started it waits from."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    uptime_s = float(Path("/proc/uptime").read_text().split()[0])
    return time.time() - (uptime_s - ticks / os.sysconf("SC_CLK_TCK"))

"""Settings and facts of this process."""

import contextlib
import os
import resource
import time
from pathlib import Path


def no_core_dumps() -> None:
    """Switch off core dumps for this process and those it starts: they hold passwords and frames. The
    limit is one byte: with none at all the kernel would hand the memory to a program that collects it."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (1 if hard < 0 else min(1, hard), hard))


def process_started_at() -> float:
    """Return when this process was started, as of time.time()."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    uptime_s = float(Path("/proc/uptime").read_text().split()[0])
    return time.time() - (uptime_s - ticks / os.sysconf("SC_CLK_TCK"))

"""Processes started by a run's processes: found by a mark in their environment, or by their session, and
ended.

A stage may start programs or fork; these live on when it ends, and nothing else knows of them. Every process
of a run inherits RUN_MARK, and those of one incarnation PROCESS_MARK; each incarnation also leads a session.
A process that clears its environment and leaves the session, or runs as another user, is not found.
"""

import contextlib
import os
import signal
from collections.abc import Collection, Iterator
from pathlib import Path

RUN_MARK = "FRAMEGRAPH_RUN"
PROCESS_MARK = "FRAMEGRAPH_PROCESS"


def marked(name: str, value: str, sessions: Collection[int] = ()) -> Iterator[int]:
    """Yield the living processes, other than this one, that have a mark in their environment or belong to
    one of these sessions."""
    wanted = f"{name}={value}".encode()
    for entry in os.listdir("/proc"):
        if not entry.isdecimal() or int(entry) == os.getpid():
            continue
        # It may have ended meanwhile, or be another user's.
        with contextlib.suppress(OSError):
            is_of_session = os.getsid(int(entry)) in sessions
            if is_of_session or wanted in Path(f"/proc/{entry}/environ").read_bytes().split(b"\0"):
                yield int(entry)


def end_marked(name: str, value: str, sessions: Collection[int] = ()) -> int:
    """Kill all processes with a mark or of these sessions; return their number."""
    count = 0
    for pid in list(marked(name, value, sessions)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
            count += 1
    return count

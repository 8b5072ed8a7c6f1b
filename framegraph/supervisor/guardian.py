"""The guardian: it ends what a run leaves behind when its launcher is killed.

Started as `python -P -m framegraph.supervisor.guardian FD RUN`.

It holds one end of a pipe whose other end only the launcher has. The kernel ends the launcher's children
with it; what these have started is found by its mark, or by the sessions that the launcher has reported.
"""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

from framegraph.supervisor.descendants import RUN_MARK, end_marked

SEARCH_S = 1.5
PAUSE_S = 0.1
_PROJECT = Path(__file__).resolve().parents[2]


class Guardian:
    """The launcher's end: as long as it is open, nothing happens."""

    def __init__(self, run: str) -> None:
        reading, self._writing = os.pipe()
        environment = {"PYTHONPATH": str(_PROJECT), "PATH": os.environ.get("PATH", "")}
        command = [sys.executable, "-P", "-S", "-m", "framegraph.supervisor.guardian", str(reading), run]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=[reading],
            env=environment,
        )
        os.close(reading)

    def watch(self, pid: int) -> None:
        """Report a process that leads a session."""
        self._send_line(f"+{pid}\n")

    def forget(self, pid: int) -> None:
        """Forget a session that is empty: another process may get its number."""
        self._send_line(f"-{pid}\n")

    def _send_line(self, line: str) -> None:
        # A guardian that somebody has killed guards nothing; the run goes on.
        with contextlib.suppress(BrokenPipeError):
            os.write(self._writing, line.encode())

    def close(self) -> None:
        """End the guardian: the run has ended, and nothing of it is left."""
        os.close(self._writing)
        self._process.kill()
        self._process.wait()


def main() -> int:
    reading, run = int(sys.argv[1]), sys.argv[2]
    sessions: set[int] = set()
    with os.fdopen(reading) as lines:
        for line in lines:
            (sessions.add if line[0] == "+" else sessions.discard)(int(line[1:]))
    until_s = time.monotonic() + SEARCH_S
    while time.monotonic() < until_s:
        end_marked(RUN_MARK, run, sessions)
        time.sleep(PAUSE_S)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The first lines of every child process, which ask to end with the launcher before any large import.

`python -P -m framegraph.nodes.process STAGE.REPLICA … --launcher PID`; then `framegraph.nodes.child` goes on.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def end_with(launcher_pid: int) -> None:
    """End when the launcher ends, however it ends."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # It may have ended before this process could ask for the signal.
    if os.getppid() != launcher_pid:
        sys.exit(1)


if __name__ == "__main__":
    end_with(int(sys.argv[sys.argv.index("--launcher") + 1]))
    from framegraph.nodes.child import main

    sys.exit(main())

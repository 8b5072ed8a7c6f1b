"""Output to a terminal, pipe or file that can break: lines may be lost, but the run is not disturbed."""

import errno
import os
import select
import signal
import sys
from typing import Any

BROKEN_PIPE = 128 + signal.SIGPIPE
PATIENCE_S = 1.0
"""How long a log waits for its reader once; after that, lines are lost until the reader continues."""
PART_BYTES = 4096
"""What a pipe that reports room accepts without waiting (PIPE_BUF)."""


class Guarded:
    """A text stream that neither raises nor waits for ever when it cannot be written.

    Text is written at once, without a buffer, so that a failed write is not retried later. `error` is the
    last reason for a loss, `lost` the number of lost lines. `is_patient`: wait as long as the reader takes,
    for a command whose only result is its output.
    """

    def __init__(self, stream: Any, *, is_patient: bool) -> None:
        self._stream = stream
        self._is_patient = is_patient
        self._may_wait = True
        self.error: OSError | None = None
        self.lost = 0

    def write(self, text: str) -> int:
        rest = memoryview(text.encode(self._stream.encoding, "backslashreplace"))
        try:
            while rest:
                rest = rest[self._write_some(rest) :]
        except OSError as error:
            self.error = error
            self.lost += max(1, text.count("\n"))
        return len(text)

    def _write_some(self, data: memoryview) -> int:
        wait_s = None if self._is_patient else PATIENCE_S if self._may_wait else 0.0
        poller = select.poll()
        poller.register(self._stream.fileno(), select.POLLOUT)
        if not poller.poll(None if wait_s is None else wait_s * 1000):
            self._may_wait = False
            raise TimeoutError(errno.ETIMEDOUT, "nobody reads it")
        self._may_wait = True
        return os.write(self._stream.fileno(), data[:PART_BYTES])

    def flush(self) -> None:
        """Do nothing: there is no buffer."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def guard_streams() -> None:
    """Replace standard output and error by such streams, for the whole process.

    One that is closed becomes /dev/null: otherwise the next opened file would get its number. Characters
    missing from the terminal's encoding are escaped.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            stream = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - for as long as this runs
        setattr(sys, name, Guarded(stream, is_patient=name == "stdout"))


def status_of_output(status: int, *, is_run: bool) -> int:
    """Return the exit status after all output: that of a run stays whatever became of its output, other
    commands have failed if it is lost."""
    log: Any = sys.stderr
    if is_run and getattr(log, "lost", False):
        print(f"{log.lost} lines of the log could not be written: {log.error.strerror}")
    error = getattr(sys.stdout, "error", None)
    if error is None:
        return status
    if error.errno == errno.EPIPE:  # the reader has enough, e.g. `| head`
        return BROKEN_PIPE
    print(f"launcher: standard output cannot be written: {error.strerror}", file=sys.stderr)
    return status if is_run else status or 1

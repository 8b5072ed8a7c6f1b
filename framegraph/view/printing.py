"""What is said to a terminal, a pipe or a file that can break: words may be lost, what is done may not."""

import errno
import os
import select
import signal
import sys
from typing import Any

BROKEN_PIPE = 128 + signal.SIGPIPE
PATIENCE_S = 1.0
"""So long a log waits for its reader once; after that, words are lost until the reader goes on."""
PART_BYTES = 4096
"""What a pipe that is said to have room takes without waiting (PIPE_BUF)."""


class Guarded:
    """A text stream that neither raises nor waits for ever when it cannot be written.

    What is written leaves at once, past any buffer, so that what could not be written now is not tried again
    later. `error` is the last reason why something was lost, `lost` how many lines were. `is_patient`: wait
    as long as a reader takes, for a command whose words are all there is of it.
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
        """Nothing is kept back."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def guard_streams() -> None:
    """Make standard output and error such streams, for the whole process.

    One that is closed becomes /dev/null: the next file that is opened would have its number. A sign that the
    coding of the terminal lacks is escaped.
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
    """Return the exit status once everything is said: that of a run stays whatever became of its words, other
    commands have failed if these are lost."""
    log: Any = sys.stderr
    if is_run and getattr(log, "lost", False):
        print(f"{log.lost} lines of the log could not be written: {log.error.strerror}")
    error = getattr(sys.stdout, "error", None)
    if error is None:
        return status
    if error.errno == errno.EPIPE:  # who read it has enough, e.g. `| head`
        return BROKEN_PIPE
    print(f"launcher: standard output cannot be written: {error.strerror}", file=sys.stderr)
    return status if is_run else status or 1

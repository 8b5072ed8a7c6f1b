"""What is said to a terminal, a pipe or a file that can break: words may be lost, what is done may not."""

import errno
import os
import signal
import sys
from typing import Any

BROKEN_PIPE = 128 + signal.SIGPIPE


class Guarded:
    """A text stream that does not raise when it cannot be written: from then on it says nothing, and `error`
    says why."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.error: OSError | None = None

    def write(self, text: str) -> int:
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._try(self._stream.flush)

    def _try(self, step: Any) -> None:
        if self.error is None:
            try:
                step()
            except OSError as error:
                self.error = error
                # What waits in its buffer must not be tried again when the interpreter ends.
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())

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
        stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, Guarded(stream))


def status_of_output(status: int, *, is_run: bool) -> int:
    """Return the exit status once everything is said: that of a run stays whatever became of its words, other
    commands have failed if these are lost."""
    sys.stdout.flush()
    error = getattr(sys.stdout, "error", None)
    if error is None:
        return status
    if error.errno == errno.EPIPE:  # who read it has enough, e.g. `| head`
        return BROKEN_PIPE
    print(f"launcher: standard output cannot be written: {error.strerror}", file=sys.stderr)
    return status if is_run else status or 1

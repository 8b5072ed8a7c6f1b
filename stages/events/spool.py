"""Lines that wait for a broker: the part of the results file that it has not yet confirmed.

The file exists anyway, so the spool needs no extra disk space and survives every death. The amount that may
wait is bounded: beyond it the oldest lines are skipped, and counted.
"""

import os
from collections import OrderedDict
from pathlib import Path

MAX_IN_FLIGHT = 20
"""Lines sent and not yet confirmed; all others wait in the file."""


class Spool:
    """Offsets into a file of lines: what may be sent, was sent, was confirmed. Not thread-safe."""

    def __init__(self, location: Path, *, start: int, dropped: int, max_bytes: int) -> None:
        self._fd = os.open(location, os.O_RDONLY | os.O_CLOEXEC)
        self._sent = start
        self._end = start
        self._max_bytes = max_bytes
        self._in_flight: OrderedDict[int, int] = OrderedDict()
        self.dropped = dropped

    @property
    def place(self) -> int:
        """The offset before which everything has been confirmed or skipped."""
        return next(iter(self._in_flight.values()), self._sent)

    @property
    def is_empty(self) -> bool:
        return not self._in_flight and self._sent >= self._end

    def allow(self, end: int) -> int:
        """Allow sending lines up to `end`; return how many had to be skipped for it."""
        self._end = max(self._end, end)
        before = self.dropped
        while self._end - self._sent > self._max_bytes:
            self._sent += len(self._line()) + 1
            self.dropped += 1
        return self.dropped - before

    def next(self) -> bytes | None:
        """Return the line to send next, or None while none may be sent."""
        if self._sent >= self._end or len(self._in_flight) >= MAX_IN_FLIGHT:
            return None
        return self._line()

    def sent(self, message_id: int) -> None:
        """Note that the line returned by `next` was sent under this id."""
        self._in_flight[message_id] = self._sent
        self._sent += len(self._line()) + 1

    def confirm(self, message_id: int) -> None:
        """Note that the broker has a line."""
        self._in_flight.pop(message_id, None)

    def left(self) -> int:
        """Return the number of unconfirmed lines."""
        rest = os.pread(self._fd, self._end - self._sent, self._sent) if self._end > self._sent else b""
        return len(self._in_flight) + rest.count(b"\n")

    def _line(self) -> bytes:
        data, size = b"", 4096
        while b"\n" not in data:
            data = os.pread(self._fd, min(size, self._end - self._sent), self._sent)
            size *= 4
        return data[: data.index(b"\n")]

    def close(self) -> None:
        os.close(self._fd)

"""Pacing of frames by their time stamps, despite gaps and delays."""

NS_PER_S = 1_000_000_000
LATE_LIMIT_S = 0.5
"""A frame later than this shifts the clock; otherwise the following ones would be rushed to catch up."""


class Pace:
    """Computes how long to wait before each frame. `max_wait_s`: longer gaps in the stream are skipped."""

    def __init__(self, max_wait_s: float) -> None:
        self._max_wait_s = max_wait_s
        self._start_s: float | None = None

    def wait_s(self, running_ns: int, now_s: float) -> float:
        """Return how many seconds from `now_s` the frame of that time stamp is due; 0 for at once.

        `now_s` is of a clock that never goes back. The first frame is due at once.
        """
        running_s = running_ns / NS_PER_S
        if self._start_s is None:
            self._start_s = now_s - running_s
        wait_s = self._start_s + running_s - now_s
        if not -LATE_LIMIT_S <= wait_s <= self._max_wait_s:
            wait_s = min(max(wait_s, 0.0), self._max_wait_s)
            self._start_s = now_s + wait_s - running_s
        return max(wait_s, 0.0)

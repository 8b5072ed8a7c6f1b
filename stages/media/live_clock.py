"""Time on a live source: stamps that rise strictly, and running time that keeps up with the clock."""

from __future__ import annotations

import dataclasses

from fashion_pipeline.stages.media.timing import NS_PER_S, SMALL_STEP_NS

JUMP_NS = 2 * NS_PER_S
"""A stamp this much further on than the time that has passed is a jump, not a hole in the stream."""


@dataclasses.dataclass(frozen=True)
class Time:
    """Time of a picture; `is_broken` if the stream's own stamp jumped, repeated or went back."""

    running_ns: int
    is_broken: bool


class LiveClock:
    """Makes running time out of the stamps of one connection after another, and of none.

    `begin_ns`: running time of the first picture, e.g. later than what an earlier process came to.
    """

    def __init__(self, begin_ns: int = 0) -> None:
        self._begin_ns = begin_ns
        self._last_ns: int | None = None
        self._offset_ns: int | None = None
        self._at_ns = 0

    def connected(self) -> None:
        """Note a new connection: its stamps have another origin, and time has passed."""
        self._offset_ns = None

    def stamp(self, raw_ns: int | None, at_ns: int) -> Time:
        """Return the time of the next picture. `at_ns`: when it came, on a clock that never goes back.

        A stamp of the stream counts as long as it moves as time does. A missing one is replaced by when the
        picture came; one that repeats, goes back, or is further on than can be moves the origin.
        """
        passed_ns = max(at_ns - self._at_ns, SMALL_STEP_NS)
        is_broken = False
        if self._last_ns is None:
            running_ns = self._begin_ns
        elif raw_ns is None or self._offset_ns is None:
            running_ns = self._last_ns + passed_ns
        else:
            running_ns = raw_ns + self._offset_ns
            step_ns = running_ns - self._last_ns
            if not 0 < step_ns <= passed_ns + JUMP_NS:
                running_ns, is_broken = self._last_ns + passed_ns, True
        self._offset_ns = None if raw_ns is None else running_ns - raw_ns
        self._last_ns, self._at_ns = running_ns, at_ns
        return Time(running_ns, is_broken)

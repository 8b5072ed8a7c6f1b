"""Rules for time stamps, without decoding."""

import dataclasses
from collections.abc import Callable, Generator
from fractions import Fraction
from typing import Protocol

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]

NS_PER_S = 1_000_000_000
SMALL_STEP_NS = 1_000
"""Added to a time stamp that repeats the one before: far below any frame's duration."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shot:
    """One picture that can be had from an input: `read` decodes it, None when it is broken.

    `pts_ns` rises strictly from shot to shot. `segment` numbers the segments of a playing: a film has one, of
    still images each has its own. `damaged`: decoded after an error, before the next key frame.
    """

    pts_ns: int
    duration_ns: int
    uri: str
    read: Callable[[], Image | None]
    segment: int = 0
    damaged: bool = False
    pixel_aspect_ratio: tuple[int, int] = (1, 1)


@dataclasses.dataclass(frozen=True, slots=True)
class Mark:
    """A shot's facts known without decoding it; `is_key`: a decoder may begin there."""

    pts_ns: int
    is_key: bool
    segment: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReelPlace:
    """A place in a reel: the shot at `pts_ns`. If `count` is known, so many shots were had up to it, itself
    included, from `since_ns` or the start: an input of which some are missing is not trusted with a jump.
    """

    pts_ns: int
    since_ns: int | None = None
    count: int | None = None


class Reel(Protocol):
    """An input that ends and can be played again: the same shots each time. `open` comes first; it raises
    StageError for an input that cannot be read."""

    def open(self) -> None:
        """Read the facts below."""

    @property
    def start_ns(self) -> int:
        """Time stamp of the beginning."""

    @property
    def origin_ns(self) -> int:
        """Time stamp that is running time 0: of the beginning, or of sound that begins before it."""

    @property
    def shot_ns(self) -> int:
        """The usual duration of a shot."""

    @property
    def shot_count(self) -> int | None:
        """The number of shots, if it is known without decoding."""

    @property
    def segment_count(self) -> int:
        """How many segments a playing has, at least 1."""

    def shots(
        self, near: ReelPlace | None = None, begin_ns: int | None = None
    ) -> Generator[Shot, None, None]:
        """Play it: all shots, or, if that gives the same ones, those from a little before a place on.

        With `begin_ns`, the time stamp of a key frame, nothing before it is decoded.
        """

    def marks(self) -> list[Mark] | None:
        """Return the facts of all shots, in coding order, without decoding; None: their time stamps are
        unreliable."""


def to_ns(ticks: int, time_base: Fraction) -> int:
    """Return `ticks` of `time_base` seconds in nanoseconds, rounded to the nearest."""
    return round(ticks * time_base * NS_PER_S)


class RisingClock:
    """Makes strictly rising time stamps out of those of a stream, which may be missing, repeat or go back."""

    def __init__(
        self, shot_ns: int, begin_ns: int = 0, on_jump: Callable[[int, int], None] | None = None
    ) -> None:
        """`begin_ns` is for a stream without first stamps. `on_jump(last_ns, now_ns)` is called where its
        stamps jump back."""
        self._shot_ns = shot_ns
        self._begin_ns = begin_ns
        self._on_jump = on_jump
        self._offset_ns = 0
        self._last_ns: int | None = None

    def stamp(self, raw_ns: int | None) -> int:
        """Return the next time stamp: the stream's own wherever it rises.

        A missing one is a usual duration after the last. A repeated one, or one that is out of order by less
        than a duration, is put just after the last; one that jumps back shifts all that follow it.
        """
        if self._last_ns is None:
            stamped = raw_ns if raw_ns is not None else self._begin_ns
        elif raw_ns is None:
            stamped = self._last_ns + self._shot_ns
        else:
            stamped = raw_ns + self._offset_ns
            if stamped <= self._last_ns - self._shot_ns:
                if self._on_jump is not None:
                    self._on_jump(self._last_ns, stamped)
                stamped = self._last_ns + self._shot_ns
                self._offset_ns = stamped - raw_ns
            elif stamped <= self._last_ns:
                stamped = self._last_ns + SMALL_STEP_NS
        self._last_ns = stamped
        return stamped


class Thinner:
    """Keeps at most `max_fps` shots a second: the first in each slot of time, so the choice depends on the
    time stamps and the last kept shot only."""

    # Time stamps in milliseconds are up to half a millisecond early: a shot this share of a slot before
    # its slot counts as in it.
    EARLY = Fraction(1, 10)

    def __init__(self, max_fps: float, origin_ns: int, last_kept_ns: int | None) -> None:
        self._slots_per_ns = Fraction(max_fps) / NS_PER_S
        self._origin_ns = origin_ns
        self._last_slot = None if last_kept_ns is None else self._slot(last_kept_ns)

    def keeps(self, pts_ns: int) -> bool:
        """Return whether to keep the shot at `pts_ns`, and if so remember it."""
        slot = self._slot(pts_ns)
        if self._last_slot is not None and slot <= self._last_slot:
            return False
        self._last_slot = slot
        return True

    def _slot(self, pts_ns: int) -> int:
        return int((pts_ns - self._origin_ns) * self._slots_per_ns + self.EARLY)


class Window:
    """What is played: all that begins within `duration_s` of `begin_ns`, at most `max_fps` a second of it.

    None: no such limit. `last_kept_ns`: what an earlier process kept last, as for `Thinner`.
    """

    def __init__(
        self, begin_ns: int, duration_s: float | None, max_fps: float | None, last_kept_ns: int | None = None
    ) -> None:
        self._end_ns = None if duration_s is None else begin_ns + round(duration_s * NS_PER_S)
        self._thinner = None if max_fps is None else Thinner(max_fps, begin_ns, last_kept_ns)

    def is_over(self, pts_ns: int) -> bool:
        """Return whether `pts_ns` is at or past the end."""
        return self._end_ns is not None and pts_ns >= self._end_ns

    def keeps(self, pts_ns: int) -> bool:
        """Return whether `max_fps` keeps the shot at `pts_ns`, and if so remember it."""
        return self._thinner is None or self._thinner.keeps(pts_ns)

"""Detection of pictures that are not fresh: unchanged, black or damaged ones, and time stamps that stop."""

from __future__ import annotations

import dataclasses
from collections import deque

import numpy as np
import numpy.typing as npt

from fashion_pipeline.stages.media.timing import Image

GRID = 64
"""Rows, of the shorter side, of the sample that is looked at: some 20 kB, whatever the picture's size."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Thresholds:
    """`after_s`: how long a trouble must last, 0: never looked for; levels in 0..255; a share in 0..1."""

    after_s: float = 10.0
    frozen_level: int = 2
    black_level: int = 32
    damaged_share: float = 0.3


class PictureWatch:
    """Reports what is wrong with one connection's pictures, from samples of them. Pure: time is passed in."""

    def __init__(self, thresholds: Thresholds) -> None:
        self._limits = thresholds
        self._sample: npt.NDArray[np.int16] | None = None
        self._changed_s: float | None = None
        self._bright_s: float | None = None
        self._raw_ns: int | None = None
        self._moved_s: float | None = None
        self._units: deque[tuple[float, int, int]] = deque(maxlen=64)
        """(beginning of a slice of time, units, damaged ones)."""

    def damaged(self, now_s: float) -> None:
        """Note that a unit gave no picture."""
        self._count(now_s, is_damaged=True)

    def see(self, image_bgr: Image, raw_ns: int | None, now_s: float, *, is_damaged: bool) -> str:
        """Look at a picture, uint8 H x W x 3, and its time stamp; return the trouble, "" for none."""
        if not self._limits.after_s:
            return ""
        self._count(now_s, is_damaged)
        step = max(1, min(image_bgr.shape[:2]) // GRID)
        sample = image_bgr[::step, ::step].astype(np.int16)
        has_changed = (
            self._sample is None
            or self._sample.shape != sample.shape
            or int(np.abs(sample - self._sample).max()) > self._limits.frozen_level
        )
        if has_changed or self._changed_s is None:
            # Compared with the picture from which it has not changed, so that a slow drift is a change.
            self._sample, self._changed_s = sample, now_s
        if self._bright_s is None or int(sample.max()) > self._limits.black_level:
            self._bright_s = now_s
        if self._moved_s is None or raw_ns is None or raw_ns != self._raw_ns:
            self._raw_ns, self._moved_s = raw_ns, now_s
        return self._trouble(now_s)

    def _trouble(self, now_s: float) -> str:
        limits = self._limits
        assert self._bright_s is not None and self._changed_s is not None and self._moved_s is not None
        if now_s - self._bright_s >= limits.after_s:
            return "the picture is black"
        if now_s - self._moved_s >= limits.after_s:
            return "the time stamps stand still"
        if now_s - self._changed_s >= limits.after_s:
            return "the picture is frozen"
        if self._units and now_s - self._units[0][0] >= limits.after_s:
            units = sum(count for _since, count, _bad in self._units)
            if sum(bad for _since, _count, bad in self._units) > limits.damaged_share * units:
                return "the picture is smeared: many decode errors"
        return ""

    def _count(self, now_s: float, is_damaged: bool) -> None:
        slice_s = self._limits.after_s / 10 or 1.0
        if not self._units or now_s - self._units[-1][0] >= slice_s:
            self._units.append((now_s, 0, 0))
        since_s, count, bad = self._units[-1]
        self._units[-1] = (since_s, count + 1, bad + is_damaged)
        # One slice more than the span, so that the span is always full.
        while len(self._units) > 1 and now_s - self._units[1][0] >= self._limits.after_s:
            self._units.popleft()

"""The memory of each person who may come back: position and appearance."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

FRESH = 0.15
"""Weight of each sighting in the running mean of the appearance."""
REACH, SPEED_PER_S = 0.5, 1.2
"""A person comes back within this many body heights of the last position, and this many more per second."""
ALIKE, ALIKE_AFTER_LONG, CLEARLY = 0.15, 0.08, 1.3
"""A new person is a lost one if their appearances differ by at most this (after a long absence, by at most
the second), and those of all other known people by this many times more."""

Boxes = NDArray[np.float64]
Looks = NDArray[np.float32]


@dataclasses.dataclass
class Known:
    """One person."""

    box_xyxy: Boxes
    seen_s: float
    looks: Looks | None = None
    sights: int = 0

    def see(self, box_xyxy: Boxes, seen_s: float, looks: Looks | None) -> None:
        """Note that the person was seen in a frame."""
        self.box_xyxy, self.seen_s, self.sights = box_xyxy, seen_s, self.sights + 1
        if looks is not None:
            fresh = max(FRESH, 1 / self.sights)
            mean = looks if self.looks is None else (1 - fresh) * self.looks + fresh * looks
            self.looks = np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)

    def may_return(self, box_xyxy: Boxes, time_s: float) -> bool:
        """Return whether the person, not yet seen in this frame, can have reached this place."""
        away_s = time_s - self.seen_s
        away = float(heights_apart(self.box_xyxy[None], box_xyxy[None])[0, 0])
        return away_s > 0 and away <= REACH + SPEED_PER_S * away_s


def find_returned(
    people: dict[int, Known],
    box_xyxy: Boxes,
    looks: Looks | None,
    time_s: float,
    *,
    long_s: float,
    is_sliver: bool,
) -> int | None:
    """Return the number of the lost person whom a new one matches in place and appearance, or None.

    long_s: after a longer absence only the closest similarity counts, and never that of a sliver (too little
    of the person is inside the picture).
    """
    if looks is None:
        return None
    apart = {n: 1 - float(each.looks @ looks) for n, each in people.items() if each.looks is not None}
    lost = [number for number in apart if people[number].may_return(box_xyxy, time_s)]
    if not lost:
        return None
    best = min(lost, key=lambda number: apart[number])
    is_long = time_s - people[best].seen_s > long_s
    nearest_other = min((other for number, other in apart.items() if number != best), default=1.0)
    is_alike = apart[best] <= (ALIKE_AFTER_LONG if is_long else ALIKE)
    is_clear = nearest_other >= CLEARLY * apart[best] and not (is_long and is_sliver)
    return best if is_alike and is_clear else None


def heights_apart(boxes_xyxy: Boxes, others_xyxy: Boxes) -> Boxes:
    """Return the distances between the centres (N, M), in heights of the higher box of each pair: N x M."""
    middles, others = ((boxes[:, :2] + boxes[:, 2:]) / 2 for boxes in (boxes_xyxy, others_xyxy))
    high, other_high = (boxes[:, 3] - boxes[:, 1] for boxes in (boxes_xyxy, others_xyxy))
    away = np.linalg.norm(middles[:, None] - others[None], axis=2)
    return np.asarray(away / np.maximum(1, np.maximum(high[:, None], other_high[None])))

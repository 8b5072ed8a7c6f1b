"""What is kept of each person who may come back: where they were, and how they looked."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

FRESH = 0.15
"""How much each sight adds to the looks that are kept, a running mean."""
REACH, SPEED_PER_S = 0.5, 1.2
"""Who comes back is within so many body heights of where they were, and so many more for each second."""
ALIKE, ALIKE_AFTER_LONG, CLEARLY = 0.15, 0.08, 1.3
"""Who is new is a lost person if their looks differ by no more than this (when away for long, than that), and
those of everybody else who is known by so many times more."""

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
        """Note that the person is in a frame."""
        self.box_xyxy, self.seen_s, self.sights = box_xyxy, seen_s, self.sights + 1
        if looks is not None:
            fresh = max(FRESH, 1 / self.sights)
            mean = looks if self.looks is None else (1 - fresh) * self.looks + fresh * looks
            self.looks = np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)

    def may_return(self, box_xyxy: Boxes, time_s: float) -> bool:
        """Say whether the person, not seen in this frame so far, can have come to this place."""
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
    """Return the number of the lost person who somebody new is, by place and looks, or None.

    long_s: away for longer, only the closest likeness counts, and of a sliver (too little of the person is in
    the picture) none.
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
    """Return how far the middles (N, M) are apart, in heights of the higher one of the two: N x M."""
    middles, others = ((boxes[:, :2] + boxes[:, 2:]) / 2 for boxes in (boxes_xyxy, others_xyxy))
    high, other_high = (boxes[:, 3] - boxes[:, 1] for boxes in (boxes_xyxy, others_xyxy))
    away = np.linalg.norm(middles[:, None] - others[None], axis=2)
    return np.asarray(away / np.maximum(1, np.maximum(high[:, None], other_high[None])))

"""The region of a picture that hides a person's head, from the person's box. No picture in here."""

from __future__ import annotations

import math
from collections.abc import Sequence

Region = tuple[int, int, int, int]
"""x0, y0, x1, y1 in whole pixels inside the picture, x1 and y1 not included, never empty."""

HEAD_OF_HEIGHT = 0.24
"""A head's part of a standing person's box, chin and a nod included: a head is an eighth to a seventh."""
HEAD_OF_WIDTH = 0.5
"""The same by the box's width, for people who sit or bend: their box is lower, and not narrower."""
HEAD_OF_CUT_WIDTH = 1.0
"""By the width of somebody whom the picture's lower edge cuts off: of shoulders without arms in a bust."""
LYING = 0.95
"""From this width to height on, nobody can say at which end the head is."""
WIDEST = 0.6
"""Width of the region over the height of the box: farther out there are arms, bags and skirts."""
EDGE_PX = 2.0


def head_of(box_xyxy: Sequence[float], size_wh: tuple[float, float]) -> list[float]:
    """Return the part of a person's box that holds the head, in square pixels.

    The upper part in its whole width, up to WIDEST of the height around the middle. A box that the picture's
    left or right edge cuts has its middle elsewhere, so the width stays whole. Cut by the lower edge it is a
    near person: the part is as high as the box is wide. A box wider than high is whole.
    """
    x0, y0, x1, y1 = box_xyxy
    wide, high = x1 - x0, y1 - y0
    is_cut_below = y1 >= size_wh[1] - EDGE_PX
    is_cut_beside = x0 <= EDGE_PX or x1 >= size_wh[0] - EDGE_PX
    if wide >= LYING * high:
        return [x0, y0, x1, y1]
    by_width = HEAD_OF_CUT_WIDTH if is_cut_below else HEAD_OF_WIDTH
    head_high = min(high, max(HEAD_OF_HEIGHT * high, by_width * wide))
    spare = 0.0 if is_cut_beside or is_cut_below else max(0.0, wide - WIDEST * high) / 2
    return [x0 + spare, y0, x1 - spare, y0 + head_high]


def widened(box_xyxy: Sequence[float], margin: float, size_wh: tuple[int, int]) -> Region | None:
    """Return a box with `margin` of its sides added on every side, in whole pixels of the picture; None if
    nothing of it is inside. Raises ValueError for a box that is none."""
    if not all(map(math.isfinite, box_xyxy)) or len(box_xyxy) != 4:
        raise ValueError(f"{list(box_xyxy)} is no box")
    x0, y0, x1, y1 = box_xyxy
    add_x, add_y = margin * (x1 - x0), margin * (y1 - y0)
    left, right = max(0, math.floor(x0 - add_x)), min(size_wh[0], math.ceil(x1 + add_x))
    top, bottom = max(0, math.floor(y0 - add_y)), min(size_wh[1], math.ceil(y1 + add_y))
    return (left, top, right, bottom) if left < right and top < bottom else None

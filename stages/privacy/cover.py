"""Covering parts of a picture so that nothing of them can be read back.

A Gaussian blur keeps as many values as there are pixels, and a mild one can be undone. Here a region keeps
at most MOST_CELLS x MOST_CELLS mean colours, each of at least LEAST_CELL_PX x LEAST_CELL_PX pixels and in
16 steps a channel (or it is a single colour): any two regions with the same means become the same.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from fashion_pipeline.stages.privacy.regions import Region
from framegraph.packet import Image

MOST_CELLS = 6
"""Cells a side: a face is then two or three of them."""
LEAST_CELL_PX = 8
WHOLE_CELLS = 8
"""Cells of the longer side of a picture that is covered whole."""
STEP = 16
"""Means are rounded to multiples of this, plus half of it."""
FILL = 127


def covered(image_bgr: Image, regions: Iterable[Region], cells: int) -> Image:
    """Return a copy of a picture (uint8 H x W x 3) in which each region is a mosaic of at most `cells` x
    `cells` colours, one flowing into the next; 0: a grey rectangle. Other pixels stay as they are."""
    if not 0 <= cells <= MOST_CELLS:
        raise ValueError(f"cells is {cells}, 0 to {MOST_CELLS} are allowed")
    answer = image_bgr.copy()
    for x0, y0, x1, y1 in regions:
        part = answer[y0:y1, x0:x1]
        part[:] = _mosaic(part, cells) if cells else FILL
    return answer


def covered_whole(image_bgr: Image) -> Image:
    """Return a picture of the same size of which only a few colours are left."""
    return _mosaic(image_bgr, WHOLE_CELLS)


def _mosaic(part_bgr: Image, cells: int) -> Image:
    height, width = part_bgr.shape[:2]
    side = max(LEAST_CELL_PX, max(height, width) / cells)
    cells_wh = max(1, int(width / side)), max(1, int(height / side))
    means = cv2.resize(part_bgr, cells_wh, interpolation=cv2.INTER_AREA)
    rounded = np.asarray(means, np.uint8) // STEP * STEP + STEP // 2
    smooth = cv2.resize(rounded, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(smooth, np.uint8).reshape(part_bgr.shape)

"""People's appearance, for matching them across frames: the colours of their upper and lower half."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from framegraph.packet import Image

_SIZE_WH = (24, 48)
_ROWS = ((7, 25), (25, 43))
"""Upper and lower half, without head and feet."""
_COLUMNS = slice(5, 19)
_HUES, _SATURATIONS, _VALUES = 12, 4, 8
_SLIVER_PX, _EDGE_PX = 40.0, 2.0
LENGTH = 2 * (_HUES * _SATURATIONS + _VALUES)


def appearances(image_bgr: Image, boxes_xyxy: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the `appearance` of each person, N x LENGTH. boxes_xyxy: N x 4."""
    rows = [appearance(image_bgr, box_xyxy) for box_xyxy in boxes_xyxy.tolist()]
    return np.array(rows, np.float32).reshape(-1, LENGTH)


def slivers(boxes_xyxy: NDArray[np.float64], width_px: int) -> NDArray[np.bool_]:
    """Return for whom (N) too little is inside a picture of that width to recognise them by appearance."""
    left, right = boxes_xyxy[:, 0], boxes_xyxy[:, 2]
    is_cut = (left <= _EDGE_PX) | (right >= width_px - _EDGE_PX)
    return np.asarray(is_cut & (right - left < _SLIVER_PX))


def appearance(image_bgr: Image, box_xyxy: Sequence[float]) -> NDArray[np.float32]:
    """Return a unit vector of LENGTH numbers; the scalar product of two is their similarity, 0 to 1.

    Square roots of colour shares, hue by saturation and brightness of each half, so that the product is the
    Bhattacharyya coefficient. image_bgr: the frame. box_xyxy: the person, in its pixels. All 0 if the person
    is outside the frame.
    """
    x0, y0, x1, y1 = box_xyxy
    rows = slice(max(0, int(y0)), max(0, int(np.ceil(y1))))
    crop_bgr = image_bgr[rows, max(0, int(x0)) : max(0, int(np.ceil(x1)))]
    if not crop_bgr.size:
        return np.zeros(LENGTH, np.float32)
    # A subsample is enough for a large crop, and fast.
    crop_bgr = crop_bgr[:: max(1, crop_bgr.shape[0] // 96), :: max(1, crop_bgr.shape[1] // 48)]
    small_bgr = cv2.resize(crop_bgr, _SIZE_WH, interpolation=cv2.INTER_AREA)
    hsv = cv2.cvtColor(small_bgr, cv2.COLOR_BGR2HSV)
    parts = []
    for top, bottom in _ROWS:
        half = np.ascontiguousarray(hsv[top:bottom, _COLUMNS])
        colors = cv2.calcHist([half], [0, 1], None, [_HUES, _SATURATIONS], [0, 180, 0, 256])
        values = cv2.calcHist([half], [2], None, [_VALUES], [0, 256])
        parts += [np.sqrt(shares.ravel() / shares.sum() / 4) for shares in (colors, values)]
    return np.concatenate(parts, dtype=np.float32)
